/*
 * Builds the page from its data. Everything that comes from a result goes in as text, never as markup.
 * The whole is built anew when the language or the colour scheme changes; nothing is kept but those.
 */
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const LATENCIES = ["intended", "sent", "connect"];
let chosenRun = 0;

/* ---- sections ---- */

function heading() {
	const { result } = DATA.merged;
	const title = result.label ?? result.target?.address ?? t("result");
	document.getElementById("title").textContent = title;
	document.title = `${title} · meari`;
	const started = result.started_unix_ns > 0
		? moment(result.started_unix_ns / 1e6) : null;
	document.getElementById("subtitle").textContent = [
		result.program, result.label ? result.target?.address : null,
		DATA.runs.length > 1 ? t("runs_of", DATA.runs.length) : null,
		DATA.fleet ? t("fleet_counted", count(DATA.fleet.counted), count(DATA.fleet.expected)) : null, started,
	].filter(Boolean).join(" · ");
	document.getElementById("footer").textContent = t("written", DATA.version,
		moment(DATA.written_unix_ms));
}

/* What is known of a code, with its figures where there are any (report/reason.c does the same). */
function reasonText({ code, text, figures = [] }) {
	const known = WORDS[language]["reason-" + code];
	const value = Object.fromEntries(figures.map((figure) => [figure.name, figure.value]));
	const share = (part) => Math.round(Math.min(part, 1) * 100) + "%";
	if (!known)
		return text ?? code ?? "";
	if ("running_share" in value && "waiting_share" in value)
		return `${known} ${t("figures-" + code, share(value.running_share), share(value.waiting_share))}`;
	if ("late_ns" in value)
		return `${known} ${t("figures-" + code, time(value.late_ns))}`;
	if ("connected" in value && "connections" in value)
		return `${known} ${t("figures-" + code, count(value.connected), count(value.connections))}`;
	/* From before there were figures: the text is English and has them. */
	if (language === "en")
		return text ?? known;
	return text && figures.length === 0 && code !== "latency-out-of-range" ? `${known} (${text})` : known;
}

/* What speaks against a verdict (report/objection.c does the same). */
function objectionText({ code, text, what, count: some, of }) {
	const known = WORDS[language]["objection-" + code];
	return known ? t("objection-" + code, count(some), count(of), what ?? "") : text;
}

/* The figures that are shown: in a comparison the medians of the runs, as its table has them. */
function shownFigures() {
	const shown = { ...DATA.merged.figures };
	for (const figure of DATA.comparison?.figures ?? [])
		shown[figure.figure] = figure.median;
	return shown;
}

function notes() {
	const { trust, interrupted } = DATA.merged.result;
	const made = [];
	const note = (id, title, items) => made.push(element("div", { className: "note", id, role: "note" },
		element("strong", {}, title),
		items.length ? element("ul", {}, ...items.map((item) => element("li", {}, item))) : null));
	for (const each of fleetNotes())
		note(...each);
	if (!trust.trusted && !DATA.fleet)
		note("untrusted", t("untrusted"), trust.reasons.map(reasonText));
	const before = DATA.baseline?.result.trust;
	if (before && !before.trusted)
		note("baseline-untrusted", t("baseline_untrusted"), before.reasons.map(reasonText));
	const objections = DATA.comparison?.objections ?? [];
	if (objections.length)
		note("objections", t("objections"), objections.map(objectionText));
	const broken = DATA.runs.length > 1 ? DATA.runs.flatMap((run, index) =>
		run.broken.map((demand) => `${t("run")} ${runName(run, index)}: ${demand}`)) : [];
	if (broken.length)
		note("broken", t("run_broken"), broken);
	if (interrupted && !DATA.fleet)
		note("interrupted", t("interrupted"), []);
	if (DATA.differences.length)
		note("differences", t("differ"), DATA.differences.map(([field, first, other]) =>
			`${field}: ${first || "–"} → ${other || "–"}`));
	return made;
}

/* How a figure changed, under its tile. */
function changeOf(name) {
	const figure = DATA.comparison?.figures.find((each) => each.figure === name);
	if (!figure || figure.change === null)
		return null;
	const change = figure.effect === "factor" ? percent(figure.change) : signed(figure.change);
	return element("dd", { className: "more " + figure.verdict },
		`${change} · ${t(figure.verdict)}`);
}

function tile(name, title, [number, unit], value, more = null) {
	return element("div", { className: "tile", data: { figure: name, value: String(value) } },
		element("dt", {}, title),
		element("dd", {}, number, element("small", {}, unit)),
		more ? element("dd", { className: "more" }, more) : null,
		changeOf(name));
}

/* As report/figure.c has them. */
const ERROR_COUNTS = ["unsent", "lost", "damaged", "duplicates", "resets", "connect_errors", "silent", "stalled",
	"overruns", "faults", "strays"];

function tiles() {
	const { result } = DATA.merged;
	const figures = shownFigures();
	const made = [];
	if (figures.rate !== null)
		made.push(tile("rate", t("rate"), rateParts(figures.rate), figures.rate,
			result.rate.asked_per_s > 0 ? t("of_asked", rate(result.rate.asked_per_s)) : null));
	for (const name of ["p50", "p99", "p99.9", "max"])
		if (figures[name] !== null)
			made.push(tile(name, t(name), timeParts(figures[name]), figures[name]));
	if (figures.p50 === null && figures.connect_p99 !== null)
		for (const name of ["connect_p50", "connect_p99"])
			made.push(tile(name, t(name), timeParts(figures[name]), figures[name]));
	if (figures.errors !== null) {
		const { sent, unsent, connects } = result.counts;
		const errors = ERROR_COUNTS.reduce((sum, name) => sum + result.counts[name], 0);
		if (DATA.comparison)
			made.push(tile("errors", t("errors"), [thousands(figures.errors), t("per_million")],
				figures.errors));
		else made.push(tile("errors", t("errors"), [count(errors), ""], errors,
			t("errors_of", short(Math.max(sent + unsent, connects)))));
	}
	return element("dl", { className: "tiles", id: "tiles" }, ...made);
}

/* The datasets of one kind of picture: each latency, and the baseline's main one. */
function pictureSeries(kind, points, more = {}) {
	const datasets = [];
	for (const name of LATENCIES)
		if (DATA.merged[kind][name]?.length)
			datasets.push(series(name, t(name), points(DATA.merged[kind][name]), more));
	/* The only one of its kind needs no dashes. */
	if (datasets.length === 1)
		datasets[0].borderDash = [];
	const before = DATA.baseline?.[kind];
	const main = before && (before.intended ?? before.sent);
	if (main?.length)
		datasets.push(series("baseline", t("baseline"), points(main), more));
	return datasets;
}

function latencyCard() {
	const datasets = pictureSeries("percentiles", percentilePoints);
	if (!datasets.length)
		return null;
	const { latency } = DATA.merged.result;
	const known = LATENCIES.filter((name) => latency[name]?.count > 0);
	const rows = [["min", "min_ns"], ["mean", "mean_ns"], ["deviation", "stddev_ns"]];
	const row = (title, value) => [title, ...known.map((name) =>
		exact(time(value(latency[name])), value(latency[name])))];
	/* A percentile that not even one value lies beyond is the maximum under another name. */
	const rowOf = (key) => {
		const made = row("p" + key, (each) => each.percentiles_ns[key]);
		known.forEach((name, index) => {
			if (latency[name].count * (100 - key) / 100 < 1)
				made[index + 1].className = "few";
		});
		return made;
	};
	const both = latency.intended && latency.sent;
	const few = known.some((name) => latency[name].count < 1e5);
	/* Percentiles of all messages together are others than the medians of the runs. */
	if (DATA.comparison)
		return card("latency", t("latency"), t("latency_explain")
			+ (both ? " " + t("both_explain") : "") + " " + t("together_explain"),
		...chartBox("chart-percentiles", t("latency"), percentileChart(datasets), "chart high"));
	return card("latency", t("latency"), t("latency_explain") + (both ? " " + t("both_explain") : "")
		+ (few ? " " + t("few_explain") : ""),
		beside(chartBox("chart-percentiles", t("latency"), percentileChart(datasets), "chart high"),
			table("percentiles", [t("percentiles"), ...known.map((name) => t(name))], [
			row(t("min"), (each) => each.min_ns),
			...Object.keys(latency[known[0]].percentiles_ns).map(rowOf),
			row(t("max"), (each) => each.max_ns),
			...rows.slice(1).map(([key, field]) => row(t(key), (each) => each[field])),
			[t("count"), ...known.map((name) => exact(count(latency[name].count),
				latency[name].count))],
		])));
}

function shapeCard() {
	const datasets = pictureSeries("shape", shapePoints, { stepped: "after", fill: "start" });
	if (!datasets.length)
		return null;
	for (const dataset of datasets)
		dataset.backgroundColor = dataset.borderColor + "26"; /* 15% */
	return card("shape", t("shape"), t("shape_explain"),
		...chartBox("chart-shape", t("shape"), shapeChart(datasets)));
}

function runName(run, index) {
	return `${index + 1}${run.label ? " " + run.label : ""}`;
}

function runChooser() {
	const drawn = DATA.runs.filter((run) => run.course.length);
	if (drawn.length < 2)
		return null;
	const select = element("select", { id: "run", "aria-label": t("choose_run") },
		...DATA.runs.map((run, index) => element("option",
			{ value: String(index), selected: index === chosenRun, disabled: !run.course.length },
			`${t("run")} ${runName(run, index)}`)));
	select.addEventListener("change", () => {
		chosenRun = Number(select.value);
		render();
		document.getElementById("run").focus();
	});
	return select;
}

function courseCards() {
	const { course } = DATA.runs[chosenRun];
	if (course.length < 2)
		return null;
	/* A generator far beyond its limit may have sent nothing of its window, which has no latency then. */
	const latency = course.some((point) => point[6] > 0)
		? card("course", t("over_time"), t("over_time_explain"),
			...chartBox("chart-course", t("over_time"), courseChart(course), "chart low"))
		: null;
	const rates = card("rate-course", t("rate_over_time"), t("rate_explain"),
		...chartBox("chart-rate-course", t("rate_over_time"), rateCourseChart(course), "chart low"));
	const chooser = runChooser();
	if (chooser)
		(latency ?? rates).querySelector(".head").append(chooser);
	const errors = course.some((point) => point[7] > 0)
		? card("error-course", t("errors_over_time"), t("errors_explain"),
			...chartBox("chart-error-course", t("errors_over_time"), errorCourseChart(course),
				"chart low"))
		: null;
	return element("div", { className: "pair" }, ...[latency, rates, errors].filter(Boolean));
}

/* Runs that were asked for different rates. */
function ratePoints() {
	const asked = DATA.runs.filter((run) => run.asked_per_s > 0 && run.figures.rate !== null);
	if (new Set(asked.map((run) => run.asked_per_s)).size < 2)
		return [];
	return asked.map((run) => ({
		x: run.asked_per_s, y: run.figures.rate, good: run.figures.rate >= run.asked_per_s * 0.98,
		text: `${rate(run.asked_per_s)} → ${rate(run.figures.rate)}, p99 ${time(run.figures.p99)}`,
	}));
}

/* The value of a promise: a time where its figure is one. */
function figureValue(figure, value) {
	if (value === null)
		return "–";
	if (isTime(figure))
		return time(value);
	return /^loss/.test(figure ?? "") ? Number((value * 100).toPrecision(3)) + "%" : short(value);
}

function isTime(figure) {
	return /^(p\d|max|min|mean|stddev|sent\.|connect\.)/.test(figure ?? "");
}

function stepKind(step) {
	return step.kept ? "kept" : step.trusted ? "broken" : "untrusted";
}

function stepVerdict(step) {
	const kind = stepKind(step);
	if (kind === "untrusted")
		return { text: t("not_trusted"), className: "few" };
	return { text: t(kind) + (step.trusted ? "" : ", " + t("not_trusted")),
		className: kind === "kept" ? "better" : "worse" };
}

/* What came of the search, in one sentence. */
function searchAnswer({ promise, end, rate_per_s: found }) {
	return end === "not-searched" || !promise ? null
		: element("p", { id: "find-max", className: "answer", data: { end, value: String(found) } },
			t("find-" + end, promise, rate(found)));
}

function searchCard() {
	const { search, find_max: found } = DATA.merged.result;
	if (!search.length)
		return null;
	const figure = search[0].figure ?? "";
	const points = search.map((step) => ({
		x: step.rate_per_s, y: step.value, kind: stepKind(step),
		text: `${rate(step.rate_per_s)} → ${rate(step.reached_per_s)}, ${figure} `
			+ figureValue(figure, step.value),
	}));
	const times = isTime(figure);
	const made = card("rates", t("search"), t("search_explain", figure),
		...chartBox("chart-rates", t("search"), searchChart(points, {
			limit: found.promise ? found.limit : null, answer: found.rate_per_s,
			format: times ? timeTick : (value) => figureValue(figure, value), logarithmic: times,
		})),
		table("search", [t("asked"), t("reached"), figure, t("verdict")], search.map((step) => [
			exact(rate(step.rate_per_s), step.rate_per_s),
			exact(rate(step.reached_per_s), step.reached_per_s),
			exact(figureValue(figure, step.value), step.value), stepVerdict(step),
		]), "stack"));
	const answer = searchAnswer(found);
	if (answer)
		made.querySelector(".head").after(answer);
	return made;
}

function ratesCard() {
	if (DATA.merged.result.search.length)
		return searchCard();
	const points = ratePoints();
	if (!points.length)
		return null;
	return card("rates", t("rates"), t("rates_explain"),
		...chartBox("chart-rates", t("rates"), ratesChart(points, t("kept_up"), t("fell_behind"))));
}

function comparisonCard() {
	const { comparison } = DATA;
	if (!comparison)
		return null;
	const interval = (figure, value) => figure.effect === "factor" ? percent(value) : signed(value);
	const few = comparison.verdict === "not-enough-runs";
	const made = card("comparison", t("comparison"), few
		? t("too_few", comparison.runs, comparison.baseline_runs, 5) : t("comparison_explain"));
	made.querySelector(".head").append(element("span", { className: "verdict " + comparison.verdict,
		id: "verdict", data: { value: comparison.verdict } },
	`${t("over_all")}: ${t(comparison.verdict)}`));
	if (!few)
		made.append(...chartBox("chart-change", t("comparison"), changeChart(comparison.figures)));
	made.append(table("changes", ["figure", "baseline", "now", "change", "interval", "verdict"].map(
		(key) => t(key)), comparison.figures.map((figure) => [
		t(figure.figure),
		exact(figureText(figure.figure, figure.baseline_median), figure.baseline_median),
		exact(figureText(figure.figure, figure.median), figure.median),
		exact(figure.change === null ? "–" : interval(figure, figure.change), figure.change),
		figure.low === null ? "–" : `${interval(figure, figure.low)} … ${interval(figure, figure.high)}`,
		{ text: t(figure.verdict), className: figure.verdict },
	]), "stack"));
	return made;
}

function runsCard() {
	if (DATA.runs.length < 2)
		return null;
	const names = Object.keys(DATA.runs[0].figures).filter((name) =>
		DATA.runs.some((run) => run.figures[name] !== null));
	return card("runs", t("runs"), null, table("run-table", [t("run"), ...names.map((name) => t(name))],
		DATA.runs.map((run, index) => [runName(run, index) + (run.trusted ? "" : " !"),
			...names.map((name) => exact(figureText(name, run.figures[name]), run.figures[name]))]),
	"stack"));
}

function assertsCard() {
	const { asserts } = DATA.merged.result;
	if (!asserts.length)
		return null;
	return card("asserts", t("asserts"), null, table("assert-table", [t("demand"), t("value"), t("verdict")],
		asserts.map((each) => [element("code", {}, each.text ?? "").textContent,
			exact(figureValue(each.text, each.value), each.value),
			{ text: t(each.holds ? "holds" : "fails"), className: each.holds ? "better" : "worse" }]),
	"stack"));
}

/* ---- counts and circumstances ---- */

function countsCard() {
	const { counts } = DATA.merged.result;
	const facts = Object.entries(counts).filter(([, value]) => value > 0).map(([name, value]) => [
		name, t("c_" + name), name.startsWith("bytes") ? bytes(value) : count(value), value]);
	return facts.length ? card("counts", t("counts"), null, factList("count-list", facts)) : null;
}

function sizesText(sizes) {
	return sizes.map((size) => bytes(size.bytes)
		+ (sizes.length > 1 ? ` ×${size.weight}` : "")).join(", ");
}

function circumstancesCard() {
	const { environment, load, target, ...result } = DATA.merged.result;
	const known = load.connections > 0 || load.sizes.length > 0;
	const facts = [
		["target", target.address],
		["mode", known ? t(load.mode) : null],
		["rate", load.rate_per_s > 0 ? `${rate(load.rate_per_s)}, ${t(load.arrivals)}` : null],
		["profile", load.profile],
		["connections", load.connections ? count(load.connections) : null],
		["pipeline", load.pipeline > 1 ? count(load.pipeline) : null],
		["sizes", sizesText(load.sizes)],
		["threads", load.threads ? count(load.threads) : null],
		["verify", known ? t(load.verify ? "yes" : "no") : null],
		["busy_poll", load.busy_poll_ns ? time(load.busy_poll_ns) : null],
		["duration", result.duration_ns ? time(result.duration_ns) : null],
		["warm_up", result.warm_up_ns ? time(result.warm_up_ns) : null],
		["kernel", environment.kernel], ["machine", environment.machine], ["cpu", environment.cpu],
		["cpus", environment.cpus ? count(environment.cpus) : null], ["engine", environment.engine],
		["options", Object.entries(environment.options).map((pair) => pair.join("=")).join(", ")],
		["program", result.program],
		["command", result.command.join(" ")],
	];
	return card("circumstances", t("circumstances"), null, factList("fact-list",
		facts.filter(([, value]) => value).map(([key, value]) => [key, t(key), value])));
}

/* ---- the whole ---- */

function render() {
	beginPage();
	heading();
	const pieces = [...notes(), tiles(), fleetCard(), comparisonCard(), latencyCard(), shapeCard(), courseCards(),
		ratesCard(), assertsCard(), runsCard(), countsCard(), circumstancesCard()];
	document.getElementById("main").replaceChildren(...pieces.filter((piece) => piece !== null));
	drawCharts();
}

chosenRun = Math.max(0, DATA.runs.findIndex((run) => run.course.length));
addEventListener("beforeprint", () => Object.values(Chart.instances).forEach((c) => c.resize()));
startPage(render);
