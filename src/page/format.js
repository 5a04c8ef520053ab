/*
 * Numbers for people: three significant digits, with units that are the same in both languages.
 */
"use strict";

/* The language of the page, "en" or "ko"; page.js sets it. */
let language = "en";

function t(key, ...values) {
	const text = WORDS[language][key] ?? key;
	return text.replace(/\{(\d)\}/g, (whole, index) => values[index] ?? "");
}

function significant(value) {
	const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
	return value.toLocaleString(language, {
		minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: value >= 9999.5,
	});
}

/* [number, unit]; the unit is the largest that leaves at least 1. */
function scaled(value, steps) {
	let best = steps[0];
	for (const step of steps)
		if (value >= step[0] * 0.9995)
			best = step;
	return [value / best[0], best[1]];
}

const TIMES = [[1, "ns"], [1e3, "µs"], [1e6, "ms"], [1e9, "s"]];
const COUNTS = [[1, ""], [1e3, "k"], [1e6, "M"], [1e9, "G"]];
const SIZES = [[1, "B"], [1024, "KiB"], [1024 ** 2, "MiB"], [1024 ** 3, "GiB"], [1024 ** 4, "TiB"]];

function timeParts(ns) {
	const [value, unit] = scaled(ns, TIMES);
	return [unit === "ns" ? Math.round(value).toLocaleString(language) : significant(value), unit];
}

function time(ns) {
	return ns === null || ns === undefined ? "–" : timeParts(ns).join(" ");
}

/* A tick's value: a round number needs no fraction. */
function timeTick(ns) {
	const [value, unit] = scaled(ns, TIMES);
	return Number(value.toPrecision(3)).toLocaleString(language) + " " + unit;
}

function rateParts(perSecond) {
	if (perSecond >= 999.5 && perSecond < 99999.5)
		return [count(Math.round(perSecond)), t("per_s")];
	const [value, unit] = scaled(perSecond, COUNTS);
	const text = unit === "" && Number.isInteger(value) ? String(value) : significant(value);
	return [text + unit, t("per_s")];
}

function rate(perSecond) {
	return perSecond === null || perSecond === undefined ? "–" : rateParts(perSecond).join("");
}

function short(value) {
	const [scaledValue, unit] = scaled(value, COUNTS);
	return Number(scaledValue.toPrecision(3)).toLocaleString(language) + unit;
}

function count(value) {
	return value.toLocaleString(language);
}

function bytes(value) {
	const [number, unit] = scaled(value, SIZES);
	return (unit === "B" ? count(number) : significant(number)) + " " + unit;
}

/* "999", "1.23k": three significant digits, as the terminal has them. */
function thousands(value) {
	const [number, unit] = scaled(value, COUNTS);
	return (unit === "" && Number.isInteger(number) ? String(number) : significant(number)) + unit;
}

/* "+2.1%", "×12.0"; a change of nothing has no sign. report/terminal_compare.c writes the same. */
function percent(factor) {
	const value = (factor - 1) * 100;
	if (factor >= 9.995)
		return "×" + (factor >= 99.95 ? Math.round(factor) : factor.toFixed(1));
	return (Math.abs(value) < 0.05 ? "" : value > 0 ? "+" : "-") + Math.abs(value).toFixed(1) + "%";
}

function signed(value) {
	return (value > 0 ? "+" : value < 0 ? "-" : "") + thousands(Math.abs(value));
}

/* A moment, with its time zone. */
function moment(ms) {
	return new Date(ms).toLocaleString(language, {
		year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit",
		second: "2-digit", timeZoneName: "short",
	});
}

/* A figure of the comparison or of a run, by its unit. */
function figureText(name, value) {
	if (value === null || value === undefined)
		return "–";
	return name === "rate" ? rate(value) : name === "errors" ? thousands(value) : time(value);
}
