/*
 * The live page: listens to /events, keeps five minutes of figures, and changes what has changed. The page is built anew
 * only when its language, its colours, or what stands on it change.
 */
"use strict";

const KEPT_S = 300, LEAST_S = 60;
const MOST_ROWS = 50;

/* What is being received, what is shown, and what was shown before it. */
let coming = null, shown = null, before = null;
let connection = "waiting";
let past = [];
/* Changes a part of the page to what `shown` is. */
let updates = [];
let shape = "";

/* ---- events ---- */

function receive(source) {
	const data = (event) => JSON.parse(event.data);
	source.addEventListener("tick", (event) => {
		coming = { ...data(event), listenerRows: [], threadRows: [], slowest: [], busiest: [] };
	});
	const rows = (name, key) => source.addEventListener(name, (event) => {
		if (coming)
			coming[key].push(...data(event).rows);
	});
	rows("listeners", "listenerRows");
	rows("threads", "threadRows");
	rows("slowest", "slowest");
	rows("busiest", "busiest");
	source.addEventListener("end", () => {
		if (coming)
			show(coming);
		coming = null;
	});
	source.addEventListener("error", () => {
		coming = null;
		connection = "lost";
		/* A browser gives up where the answer was no stream of events. */
		if (source.readyState === EventSource.CLOSED)
			setTimeout(() => receive(new EventSource("events")), 2000);
		update();
	});
}

/* Of a server that has started anew nothing can be compared with what was before. */
function show(tick) {
	before = shown && shown.started_unix_ms === tick.started_unix_ms ? shown : null;
	shown = tick;
	connection = tick.ready ? "live" : "ending";
	if (!before)
		past.push({ at: tick.taken_ns / 1e9, gap: true });
	else
		past.push(point());
	while (past.length && past[0].at < tick.taken_ns / 1e9 - KEPT_S)
		past.shift();
	/* Its clock may have started anew, too. */
	past = past.filter((each) => each.at <= tick.taken_ns / 1e9);
	if (shapeOf(tick) !== shape)
		render();
	else
		update();
}

function shapeOf(tick) {
	return [tick.listenerRows.length, tick.threadRows.length, tick.slowest.length, tick.busiest.length,
		Object.values(tick.limits).map((limit) => limit > 0)].join();
}

/* ---- figures ---- */

function perSecond(now, then) {
	return before ? (now - then) / ((shown.taken_ns - before.taken_ns) / 1e9) : 0;
}

function rateOf(...names) {
	return names.reduce((sum, name) => sum + (before
		? perSecond(shown.sums[name], before.sums[name]) : 0), 0);
}

const REFUSED = ["refused_by_access", "refused_by_count", "refused_by_memory", "refused_by_source",
	"refused_by_rate", "refused_by_proxy", "datagrams_refused", "datagrams_limited"];

function faultNames() {
	return Object.keys(shown.sums).filter((name) => name.startsWith("faults_"));
}

function total(names) {
	return names.reduce((sum, name) => sum + shown.sums[name], 0);
}

function point() {
	return {
		at: shown.taken_ns / 1e9,
		received: rateOf("bytes_received"), sent: rateOf("bytes_sent"),
		open: shown.sums.connections_open, accepted: rateOf("connections_accepted"),
		refused: rateOf(...REFUSED), faults: rateOf(...faultNames()),
	};
}

function byteParts(value) {
	const [number, unit] = scaled(value, SIZES);
	return [unit === "B" ? count(Math.round(number)) : significant(number), unit];
}

function span(ns) {
	const s = Math.floor(ns / 1e9);
	if (s < 60)
		return s + " s";
	if (s < 3600)
		return `${Math.floor(s / 60)} min ${s % 60} s`;
	if (s < 86400)
		return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
	return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

/* ---- pieces ---- */

/* parts(): [number, unit, exact value]; more(): a line below it. */
function liveTile(name, parts, more) {
	const number = document.createTextNode(""), unit = element("small");
	const below = element("dd", { className: "more" });
	const made = element("div", { className: "tile", data: { figure: name } },
		element("dt", {}, t(name)), element("dd", {}, number, unit), below);
	updates.push(() => {
		const [text, unitText, value] = parts();
		number.data = text;
		unit.textContent = unitText;
		made.dataset.value = String(value);
		below.textContent = more ? more() : "";
	});
	return made;
}

function tiles() {
	const bytesRate = (name) => () => {
		const value = rateOf(name), [number, unit] = byteParts(value);
		return [number, unit + t("per_s"), value];
	};
	const eventRate = (names) => () => {
		const value = rateOf(...names()), [number, unit] = rateParts(value);
		return [number, unit, value];
	};
	const since = (names) => () => t("since_start", short(total(names())));
	return element("dl", { className: "tiles", id: "tiles" },
		liveTile("sent", bytesRate("bytes_sent"), () => t("in_all", bytes(shown.sums.bytes_sent))),
		liveTile("open", () => [count(shown.sums.connections_open), "", shown.sums.connections_open]),
		liveTile("accepted", eventRate(() => ["connections_accepted"]),
			since(() => ["connections_accepted"])),
		liveTile("datagrams", eventRate(() => ["datagrams_sent"]), since(() => ["datagrams_sent"])),
		liveTile("pending", () => [...byteParts(shown.sums.bytes_pending), shown.sums.bytes_pending]),
		liveTile("refused", eventRate(() => REFUSED), since(() => REFUSED)),
		liveTile("faults", eventRate(faultNames), since(faultNames)),
		liveTile("cpu", () => {
			const value = before ? perSecond(shown.cpu_ns, before.cpu_ns) / 1e9 * 100 : 0;
			return [significant(value), "%", value];
		}, () => t("of_cpu")));
}

/* lines: [[look, title, key], ...] */
function historyChart(id, title, explain, lines, format, ticks = {}) {
	if (typeof Chart === "undefined")
		return null;
	const datasets = lines.map(([look, key, name]) => series(look, t(key), [], { key: name }));
	if (datasets.length === 1)
		datasets[0].borderDash = [];
	const fill = () => {
		const now = shown.taken_ns / 1e9;
		for (const dataset of datasets)
			dataset.data = past.map((each) => ({
				x: each.at - now, y: each.gap ? null : each[dataset.key],
			}));
	};
	const configuration = {
		type: "line", data: { datasets },
		options: options({
			x: axis({ type: "linear", min: -LEAST_S, max: 0, ticks: {
				callback: (value) => value === 0 ? t("now") : t("ago", -value), maxTicksLimit: 6,
			} }),
			y: axis({ beginAtZero: true, grace: "8%", suggestedMax: 1,
				ticks: { callback: (value) => format(value), maxTicksLimit: 6, ...ticks } }),
		}, {
			callbacks: {
				title: (items) => items.length ? t("ago", Math.round(-items[0].parsed.x)) : "",
				label: (item) => ` ${item.dataset.label}: ${format(item.parsed.y)}`,
			},
		}),
	};
	fill();
	const boxes = chartBox("chart-" + id, title, configuration, "chart low");
	const canvas = boxes.at(-1).querySelector("canvas");
	updates.push(() => {
		const chart = Chart.getChart(canvas);
		fill();
		if (!chart)
			return;
		/* From one minute to all that is kept, in whole minutes. */
		chart.options.scales.x.min = -Math.min(KEPT_S, LEAST_S * Math.ceil(
			(shown.taken_ns / 1e9 - past[0].at) / LEAST_S || 1));
		chart.update("none");
	});
	return card(id, title, explain, ...boxes);
}

function historyCharts() {
	const bytesRate = (value) => bytes(Math.round(value)) + t("per_s");
	return element("div", { className: "trio" }, ...[
		historyChart("traffic", t("traffic"), t("traffic_explain"),
			[["max", "received", "received"], ["reached", "sent_line", "sent"]], bytesRate),
		historyChart("connections", t("connections"), t("connections_explain"),
			[["connect", "open", "open"]], short, { precision: 0 }),
		historyChart("events", t("events"), t("events_explain"),
			[["reached", "accepted_line", "accepted"], ["p99", "refused_line", "refused"],
				["max", "faults_line", "faults"]], rate),
	].filter(Boolean));
}

/* A table whose rows are the same from second to second: cells(row, index) gives what they hold. */
function liveTable(id, head, rows, cells) {
	const made = table(id, head, rows().slice(0, MOST_ROWS).map((row, index) => cells(row, index)), "stack");
	const lines = made.querySelectorAll("tbody tr");
	updates.push(() => rows().slice(0, lines.length).forEach((row, index) => {
		cells(row, index).forEach((content, column) => {
			const cell = lines[index].cells[column];
			const text = content instanceof Object ? content.text : content;
			if (cell.textContent !== text)
				cell.textContent = text;
			if (content.data)
				cell.dataset.value = content.data.value;
		});
	}));
	const more = rows().length - MOST_ROWS;
	return [made, more > 0 ? element("p", { className: "more" }, t("more_rows", count(more))) : null];
}

/* The busiest first, where there are more than are shown. */
function listenerRows() {
	const rows = shown.listenerRows;
	return rows.length <= MOST_ROWS ? rows : [...rows].sort((a, b) => b[3] + b[5] - a[3] - a[5]);
}

function listenersCard() {
	const head = ["listener", "open", "accepted", "total_received", "total_sent", "pending",
		"total_datagrams", "refused", "faults"].map((key) => t(key));
	return card("listeners", t("listeners"), null, ...liveTable("listener-table", head, listenerRows,
		([name, ...figures]) => [name, ...figures.map((value, index) =>
			exact([2, 3, 4].includes(index) ? bytes(value) : count(value), value))]));
}

function connectionsCard(id) {
	const head = ["peer", "listener", "rtt", "retransmits", "pending", "total_received", "rate", "age"]
		.map((key) => t(key));
	const rows = () => shown[id];
	const cells = (row) => [
		row.peer, shown.listenerRows[row.listener]?.[0] ?? "",
		exact(row.rtt_us === null ? "–" : time(row.rtt_us * 1000), row.rtt_us),
		exact(row.retransmits === null ? "–" : count(row.retransmits), row.retransmits),
		exact(bytes(row.pending_bytes), row.pending_bytes),
		exact(bytes(row.received_bytes), row.received_bytes),
		exact(bytes(Math.round(row.bytes_per_s)) + t("per_s"), row.bytes_per_s), span(row.age_ns),
	];
	return card(id, t(id), t(id + "_explain"), ...(rows().length
		? liveTable(id + "-table", head, rows, cells)
		: [element("p", { className: "more" }, t("none"))]));
}

function limitsCard() {
	const used = {
		connections: () => shown.sums.connections_open,
		memory_connections: () => shown.sums.connections_open,
		pending_bytes: () => shown.sums.bytes_pending,
		descriptors: () => shown.sums.connections_open,
	};
	const list = element("dl", { className: "meters", id: "limit-list" });
	for (const [name, value] of Object.entries(used)) {
		const limit = shown.limits[name];
		if (!(limit > 0) || limit > 2 ** 52)
			continue;
		const text = document.createTextNode(""), bar = element("i");
		const format = name.endsWith("bytes") ? bytes : count;
		list.append(element("div", { data: { limit: name } }, element("dt", {}, t("limit_" + name)),
			element("dd", {}, text, element("div", { className: "meter" }, bar))));
		updates.push(() => {
			const share = Math.min(1, value() / shown.limits[name]);
			text.data = t("of", format(value()), format(shown.limits[name]));
			bar.style.width = share * 100 + "%";
			bar.className = share >= 0.8 ? "near" : "";
		});
	}
	return list.children.length ? card("limits", t("limits"), t("limits_explain"), list) : null;
}

function threadsCard() {
	const head = ["thread", "busy", "sleeps", "answers"].map((key) => t(key));
	return card("threads", t("threads"), null, ...liveTable("thread-table", head, () => shown.threadRows,
		([user, system, sleeps, answers], index) => {
			const then = before?.threadRows[index];
			const share = then ? perSecond(user + system, then[0] + then[1]) / 1e9 * 100 : 0;
			return [String(index + 1), exact(significant(share) + "%", share),
				exact(rate(then ? perSecond(sleeps, then[2]) : 0), sleeps), t(answers ? "yes" : "no")];
		}));
}

/* ---- the whole ---- */

function heading() {
	const title = t("title") + (location.host ? ` · ${location.host}` : "");
	document.getElementById("title").textContent = title;
	document.title = `${title} · meari`;
	document.getElementById("footer").textContent = shown ? t("footer", shown.version) : "";
	const state = element("span", { className: "state", id: "state" });
	const rest = document.createTextNode("");
	document.getElementById("subtitle").replaceChildren(state, rest);
	updates.push(() => {
		state.dataset.state = connection;
		state.textContent = t("state_" + connection);
		rest.data = shown ? " · " + [t("running", span(shown.up_ns)), t("engine_of", shown.engine),
			t("threads_of", shown.threads)].join(" · ") : "";
	});
}

function update() {
	for (const change of updates)
		change();
}

function render() {
	beginPage();
	updates = [];
	heading();
	shape = shown ? shapeOf(shown) : "";
	const pieces = shown ? [tiles(), historyCharts(), listenersCard(), connectionsCard("slowest"),
		connectionsCard("busiest"), limitsCard(), threadsCard()] : [];
	document.getElementById("main").replaceChildren(...pieces.filter((piece) => piece !== null));
	drawCharts();
	update();
}

startPage(render);
receive(new EventSource("events"));
