/*
 * A fleet on the page: its ranks side by side, and what is not as expected (report/fleet/fleet_text.c says the same).
 */
"use strict";

function rankName({ rank: number, host }) {
	return host ? `${number} (${host})` : String(number);
}

/* "1, 4–7, 9" */
function ranges(numbers) {
	const made = [];
	for (const number of numbers) {
		const last = made.at(-1);
		if (last && last[1] === number - 1)
			last[1] = number;
		else
			made.push([number, number]);
	}
	return made.map(([first, last]) => first === last ? String(first) : `${first}–${last}`).join(", ");
}

/* [id, title, items] of each note. */
function fleetNotes() {
	const { fleet } = DATA;
	if (!fleet)
		return [];
	const of = (numbers) => fleet.ranks.filter((each) => numbers.includes(each.rank));
	const wrong = [
		...fleet.missing.length ? [`${t("missing")}: ${ranges(fleet.missing)}`] : [],
		...fleet.left_out.map(({ file, rank: number, reason, text }) => [file,
			number === null ? null : `${t("rank")} ${number}`, t("left-" + reason), text]
			.filter((part) => part !== null && part !== undefined).join(" · ")),
		...of(fleet.interrupted).map((each) => `${t("rank")} ${rankName(each)}: ${t("interrupted")}`),
	];
	const apart = of(fleet.late).map((each) => `${t("rank")} ${rankName(each)}`);
	const limited = of(fleet.limited).map((each) => `${t("rank")} ${rankName(each)}: `
		+ each.reasons.map((code) => WORDS[language]["reason-" + code] ?? code).join(" "));
	return [["fleet-incomplete", t("fleet_incomplete"), wrong], ["fleet-late", t("fleet_late"), apart],
		["fleet-limited", t("fleet_limited"), limited]].filter(([, , items]) => items.length);
}

function fleetChart(datasets, format, y) {
	const last = Math.max(1, DATA.fleet.expected - 1);
	return {
		type: "line", data: { datasets },
		options: options({
			x: axis({ type: "linear", min: -0.5, max: last + 0.5, title: t("rank"),
				ticks: { precision: 0, callback: (value) => Number.isInteger(value) ? value : "" } }),
			y,
		}, {
			callbacks: {
				title: (items) => items.length ? `${t("rank")} ${items[0].raw.name}` : "",
				label: (item) => ` ${item.dataset.label}: ${format(item.raw.y)}`,
			},
		}, { interaction: { mode: "nearest", axis: "x", intersect: false } }),
	};
}

/* Points without lines: ranks are no course. */
function rankSeries(look, label, value) {
	return series(look, label, DATA.fleet.ranks.map((each) =>
		({ x: each.rank, y: value(each) || null, name: rankName(each) })),
	{ showLine: false, pointRadius: DATA.fleet.ranks.length > 100 ? 2 : 4, pointStyle: "circle" });
}

function fleetCard() {
	const { fleet } = DATA;
	if (!fleet || !fleet.ranks.length)
		return null;
	const first = Math.min(...fleet.ranks.map((each) => each.begun_unix_ns).filter((ns) => ns > 0));
	const latencies = ["p50", "p99", "max"].map((name) =>
		rankSeries(name, t(name), (each) => each.figures[name]));
	const [low, high] = extremes(latencies, "y");
	const rates = [rankSeries("reached", t("rate"), (each) => each.figures.rate)];
	const names = Object.keys(fleet.ranks[0].figures).filter((name) =>
		fleet.ranks.some((each) => each.figures[name] !== null));
	const slowest = fleet.ranks.find((each) => each.rank === fleet.slowest);
	const summary = [t("fleet_counted", count(fleet.counted), count(fleet.expected)),
		t("fleet_skew", time(fleet.start_skew_ns)),
		slowest ? t("fleet_slowest", rankName(slowest), time(slowest.figures.p99)) : null];
	return card("fleet", t("fleet"), summary.filter(Boolean).join(" "),
		...chartBox("chart-fleet", t("latency"), fleetChart(latencies, time, logAxis(low, high, timeTick))),
		...chartBox("chart-fleet-rate", t("rate"), fleetChart(rates, rate,
			axis({ beginAtZero: true, grace: "8%", ticks: { callback: short } })), "chart low"),
		table("fleet-table", [t("rank"), t("began"), ...names.map((name) => t(name))],
			fleet.ranks.map((each) => [rankName(each) + (each.trusted ? "" : " !"),
				exact(each.begun_unix_ns > 0 ? "+" + time(each.begun_unix_ns - first) : "–",
					each.begun_unix_ns - first),
				...names.map((name) => exact(figureText(name, each.figures[name]), each.figures[name]))]),
			"stack"));
}
