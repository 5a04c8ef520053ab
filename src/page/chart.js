/*
 * What all charts have in common, for Chart.js: looks, axes, options.
 */
"use strict";

function colour(name) {
	return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

/* Colour, dash and width of each series. Both colour and dash distinguish them. */
const LOOKS = {
	intended: { colour: "first", dash: [], width: 2.5 },
	sent: { colour: "second", dash: [6, 4], width: 2 },
	connect: { colour: "third", dash: [2, 3], width: 2 },
	baseline: { colour: "past", dash: [8, 4], width: 2 },
	p50: { colour: "second", dash: [], width: 2 },
	p99: { colour: "first", dash: [6, 3], width: 2 },
	max: { colour: "fourth", dash: [2, 2], width: 1.5 },
	asked: { colour: "past", dash: [6, 4], width: 2 },
	reached: { colour: "second", dash: [], width: 2.5 },
	ideal: { colour: "past", dash: [3, 4], width: 1.5 },
	errors: { colour: "first", dash: [], width: 2 },
	limit: { colour: "fourth", dash: [6, 4], width: 2 },
	answer: { colour: "third", dash: [2, 3], width: 2 },
	untrusted: { colour: "past", dash: [], width: 2 },
};

function series(look, label, points, more = {}) {
	const { colour: name, dash, width } = LOOKS[look];
	return {
		label, data: points, look,
		borderColor: colour(name), backgroundColor: colour(name),
		borderDash: dash, borderWidth: width,
		pointRadius: 0, pointHitRadius: 12, pointHoverRadius: 4, tension: 0,
		...more,
	};
}

function axis(more = {}) {
	const { ticks, title, ...rest } = more;
	return {
		grid: { color: colour("grid"), borderColor: colour("line"), tickLength: 4 },
		ticks: {
			color: colour("quiet"), font: { size: 12 }, maxRotation: 0, autoSkipPadding: 14,
			...ticks,
		},
		title: title ? { display: true, text: title, color: colour("quiet"), font: { size: 12 } }
			: { display: false },
		...rest,
	};
}

/* Round numbers on a logarithmic axis: powers of ten, with 2 and 5 where there is room for them. */
function roundTicks(low, high) {
	const few = Math.log10(high / low) < 2.2;
	const ticks = [];
	for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
		for (const step of few ? [1, 2, 5] : [1])
			ticks.push(step * 10 ** power);
	return ticks;
}

/* A logarithmic axis from the round number below `low` to the one above `high`. */
function logAxis(low, high, format, more = {}) {
	const steps = [1, 2, 5, 10];
	const below = (value) => {
		const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
		return power * Math.max(...steps.filter((step) => step * power <= value * 1.0001));
	};
	const above = (value) => {
		const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
		return power * Math.min(...steps.filter((step) => step * power >= value * 0.9999));
	};
	const min = below(Math.max(low, 1e-3)), max = Math.max(above(high), min * 2);
	return axis({
		type: "logarithmic", min, max,
		afterBuildTicks: (scale) => {
			scale.ticks = roundTicks(scale.min, scale.max).filter((value) =>
				value >= scale.min * 0.999 && value <= scale.max * 1.001)
				.map((value) => ({ value }));
		},
		...more,
		ticks: { callback: (value) => format(value), ...more.ticks },
	});
}

function options(scales, tooltip, more = {}) {
	return {
		responsive: true, maintainAspectRatio: false, animation: false, normalized: true,
		interaction: { mode: "index", intersect: false },
		scales,
		plugins: {
			legend: { display: false },
			tooltip: {
				backgroundColor: colour("text"), titleColor: colour("card"),
				bodyColor: colour("card"), padding: 10, cornerRadius: 8, boxPadding: 4,
				usePointStyle: true, ...tooltip,
			},
		},
		...more,
	};
}

function extremes(datasets, key) {
	let low = Infinity, high = -Infinity;
	for (const dataset of datasets)
		for (const point of dataset.data)
			if (point[key] > 0) {
				low = Math.min(low, point[key]);
				high = Math.max(high, point[key]);
			}
	return low <= high ? [low, high] : [1, 10];
}
