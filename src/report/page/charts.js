/*
 * The configurations of the charts for Chart.js, one maker each; page.js owns the canvases.
 */
"use strict";

/* ---- latency by percentile ---- */

/* 0%, 90%, 99% lie at 1, 10, 100; the last value at twice the place of the one before. */
function percentilePoints(curve) {
	let last = 1;
	return curve.map(([percentile, ns]) => {
		last = percentile < 100 ? 100 / (100 - percentile) : last * 2;
		return { x: last, y: ns, percentile };
	});
}

function percentileName(place) {
	const digits = Math.max(0, Math.round(Math.log10(place)) - 2);
	return place === 1 ? "0%" : place === 2 ? "50%" : (100 - 100 / place).toFixed(digits) + "%";
}

function percentileChart(datasets) {
	const [low, high] = extremes(datasets, "y");
	const furthest = extremes(datasets, "x")[1];
	return {
		type: "line", data: { datasets },
		options: options({
			x: axis({
				type: "logarithmic", min: 1, max: Math.max(furthest, 10),
				afterBuildTicks: (scale) => {
					scale.ticks = [1, 2];
					for (let place = 10; place <= furthest; place *= 10)
						scale.ticks.push(place);
					scale.ticks = scale.ticks.map((value) => ({ value }));
				},
				ticks: { callback: percentileName },
			}),
			y: logAxis(low, high, timeTick),
		}, {
			callbacks: {
				title: (items) => items.length
					? Number(items[0].raw.percentile.toFixed(6)) + "%" : "",
				label: (item) => ` ${item.dataset.label}: ${time(item.raw.y)}`,
			},
		}, { interaction: { mode: "nearest", axis: "x", intersect: false } }),
	};
}

/* ---- the shape ---- */

function shapePoints(bars) {
	const points = bars.map(([from, to, messages]) => ({ x: from, y: messages || null, to }));
	if (bars.length)
		points.push({ x: bars.at(-1)[1], y: bars.at(-1)[2] || null, to: bars.at(-1)[1] });
	return points;
}

function shapeChart(datasets) {
	const [low, high] = extremes(datasets, "x");
	const most = extremes(datasets, "y")[1];
	return {
		type: "line", data: { datasets },
		options: options({
			x: logAxis(low, high, timeTick, { min: low, max: high }),
			y: logAxis(1, most, short, { min: 0.6 }),
		}, {
			callbacks: {
				title: (items) => items.length
					? `${time(items[0].raw.x)} – ${time(items[0].raw.to)}` : "",
				label: (item) => ` ${item.dataset.label}: ${count(item.raw.y ?? 0)}`,
			},
		}, { interaction: { mode: "nearest", axis: "x", intersect: false } }),
	};
}

/* ---- over time ---- */

function secondsAxis(course) {
	const end = course.length ? course.at(-1)[0] + course.at(-1)[1] : 1;
	return axis({
		type: "linear", min: 0, max: end,
		ticks: { callback: (value) => `${Number(value.toPrecision(4)).toLocaleString(language)} s` },
	});
}

/* Points stand in the middle of their interval. Where nothing came back there is no latency. */
function coursePoints(course, column) {
	return course.map((row) => ({ x: row[0] + row[1] / 2, y: row[column] || null }));
}

/* A rate of nothing is 0, and not a hole in the line. */
function courseCounts(course, column) {
	return course.map((row) => ({ x: row[0] + row[1] / 2, y: row[column] }));
}

const secondsTitle = (items) => items.length ? items[0].parsed.x.toFixed(1) + " s" : "";

function courseChart(course) {
	const datasets = [
		series("max", t("max"), coursePoints(course, 6)),
		series("p99", "p99", coursePoints(course, 5)),
		series("p50", "p50", coursePoints(course, 4)),
	];
	const [low, high] = extremes(datasets, "y");
	return {
		type: "line", data: { datasets },
		options: options({ x: secondsAxis(course), y: logAxis(low, high, timeTick) }, {
			callbacks: {
				title: secondsTitle,
				label: (item) => ` ${item.dataset.label}: ${time(item.raw.y)}`,
			},
		}),
	};
}

function rateCourseChart(course) {
	const datasets = [series("reached", t("reached"), courseCounts(course, 3))];
	/* The first is drawn on top. */
	if (course.some((row) => row[2] > 0))
		datasets.unshift(series("asked", t("asked"), courseCounts(course, 2)));
	return {
		type: "line", data: { datasets },
		options: options({
			x: secondsAxis(course),
			y: axis({ beginAtZero: true, grace: "8%", ticks: { callback: short } }),
		}, {
			callbacks: {
				title: secondsTitle,
				label: (item) => ` ${item.dataset.label}: ${rate(item.raw.y)}`,
			},
		}),
	};
}

function errorCourseChart(course) {
	const datasets = [series("errors", t("errors"), courseCounts(course, 7), { stepped: "middle" })];
	return {
		type: "line", data: { datasets },
		options: options({
			x: secondsAxis(course),
			y: axis({ beginAtZero: true, grace: "8%", ticks: { callback: short, precision: 0 } }),
		}, {
			callbacks: {
				title: secondsTitle,
				label: (item) => ` ${item.dataset.label}: ${count(item.raw.y)}`,
			},
		}),
	};
}

/* ---- a search ---- */

/* Points of one kind, which a legend distinguishes by shape and colour. */
function dots(look, label, points, shape, size) {
	const shown = colour(LOOKS[look].colour);
	return {
		type: "scatter", label, data: points, look, pointStyle: shape, pointRadius: size,
		borderWidth: 2.5, pointHoverRadius: 8, borderColor: shown, backgroundColor: shown,
	};
}

/*
 * The promised figure over the rate asked for. points: { x, y, kind, text }, kind "kept", "broken" or
 * "untrusted"; y null: nothing was measured, which stands at the upper edge.
 */
function searchChart(points, { limit, answer, format, logarithmic }) {
	const known = [...points.map((point) => point.y), limit].filter((y) => y !== null && y > 0);
	const low = Math.min(...known), high = Math.max(...known);
	const top = known.length ? high * (logarithmic ? 2.5 : 1.2) : 1;
	const bottom = logarithmic && known.length ? low / 2 : 0;
	const rates = points.map((point) => point.x);
	const first = Math.min(...rates) / 1.2, last = Math.max(...rates) * 1.2;
	const placed = points.map((point) => ({
		...point, y: point.y === null ? top / 1.1 : Math.max(point.y, bottom),
	}));
	const of = (kind) => placed.filter((point) => point.kind === kind);
	const datasets = [
		dots("reached", t("kept"), of("kept"), "circle", 5),
		dots("p99", t("broken"), of("broken"), "crossRot", 7),
		dots("untrusted", t("not_trusted"), of("untrusted"), "triangle", 6),
	].filter((dataset) => dataset.data.length);
	const line = (look, label, from, to) => datasets.push(series(look, label, [from, to],
		{ pointHitRadius: 0, pointHoverRadius: 0 }));
	if (limit !== null)
		line("limit", t("limit"), { x: first, y: limit }, { x: last, y: limit });
	if (answer > 0)
		line("answer", t("answer"), { x: answer, y: bottom }, { x: answer, y: top });
	const scale = { min: bottom, max: top, title: null };
	return {
		type: "line", data: { datasets },
		options: options({
			x: logAxis(first, last, short, { min: first, max: last, title: t("asked") + t("per_s") }),
			y: logarithmic ? logAxis(bottom, top, format, scale)
				: axis({ type: "linear", ...scale, ticks: { callback: (value) => format(value) } }),
		}, {
			filter: (item) => item.raw.text !== undefined,
			callbacks: { title: () => "", label: (item) => ` ${item.raw.text}` },
		}, { interaction: { mode: "nearest", intersect: true } }),
	};
}

/* ---- asked against reached ---- */

/* points: { x: asked, y: reached, good, text } */
function ratesChart(points, good, bad) {
	const most = Math.max(...points.map((point) => Math.max(point.x, point.y))) * 1.02;
	const power = 10 ** Math.floor(Math.log10(most));
	const step = power * (most < 2 * power ? 0.2 : most < 5 * power ? 0.5 : 1);
	const furthest = Math.ceil(most / step) * step;
	const of = (isGood) => points.filter((point) => point.good === isGood);
	const datasets = [dots("reached", good, of(true), "circle", 5), dots("p99", bad, of(false),
		"crossRot", 7)].filter((dataset) => dataset.data.length);
	datasets.push(series("ideal", t("ideal"), [{ x: 0, y: 0 }, { x: furthest, y: furthest }],
		{ pointHitRadius: 0, pointHoverRadius: 0 }));
	const scale = (title) => axis({
		type: "linear", min: 0, max: furthest, title, ticks: { callback: short },
	});
	return {
		type: "line", data: { datasets },
		options: options({ x: scale(t("asked") + t("per_s")), y: scale(t("reached") + t("per_s")) }, {
			filter: (item) => item.raw.text !== undefined,
			callbacks: { title: () => "", label: (item) => ` ${item.raw.text}` },
		}, { interaction: { mode: "nearest", intersect: true } }),
	};
}

/* ---- the comparison ---- */

/* One bar for each figure whose change is a factor: the interval, in percent. */
function changeChart(figures) {
	const shown = figures.filter((figure) => figure.effect === "factor" && figure.low !== null);
	const tone = (figure) => colour({ better: "good", worse: "bad" }[figure.verdict] ?? "past");
	const inPercent = (factor) => (factor - 1) * 100;
	return {
		type: "bar",
		data: {
			labels: shown.map((figure) => t(figure.figure)),
			datasets: [{
				label: t("interval"), look: "reached",
				data: shown.map((figure) => [inPercent(figure.low), inPercent(figure.high)]),
				backgroundColor: shown.map(tone), borderRadius: 5, borderSkipped: false,
				barThickness: 14, minBarLength: 4,
			}],
		},
		options: options({
			x: axis({
				/* No factor is less than none. */
				grace: "10%", suggestedMin: -5, suggestedMax: 5,
				afterDataLimits: (scale) => {
					scale.min = Math.max(scale.min, -100);
				},
				grid: {
					color: (context) => colour(context.tick?.value === 0 ? "quiet" : "grid"),
					borderColor: colour("line"),
				},
				ticks: {
					callback: (value) => value >= 900 ? percent(value / 100 + 1)
						: (value > 0 ? "+" : "") + value + "%",
				},
			}),
			y: axis({ grid: { display: false }, ticks: { color: colour("text"), autoSkip: false } }),
		}, {
			callbacks: {
				label: (item) => {
					const figure = shown[item.dataIndex];
					return ` ${percent(figure.low)} … ${percent(figure.high)}`;
				},
			},
		}, { indexAxis: "y", interaction: { mode: "nearest", axis: "y", intersect: false } }),
	};
}
