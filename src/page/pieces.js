/*
 * The pieces that pages are built of: elements, cards, tables, boxes for charts, and what begins a page. Everything that
 * comes from outside goes in as text, never as markup.
 */
"use strict";

/* What draws the charts of the page, once their canvases are in it. */
let charts = [];

function element(name, properties = {}, ...children) {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(properties))
		if (key === "data")
			Object.assign(made.dataset, value);
		else if (key in made)
			made[key] = value;
		else
			made.setAttribute(key, value);
	made.append(...children.filter((child) => child !== null && child !== undefined));
	return made;
}

/* ---- pieces ---- */

function drawing(name, attributes, ...children) {
	const made = document.createElementNS("http://www.w3.org/2000/svg", name);
	for (const [key, value] of Object.entries(attributes))
		made.setAttribute(key, value);
	made.append(...children);
	return made;
}

/* What the series looks like: a piece of its line, or one of its points. */
function sample(dataset) {
	const look = LOOKS[dataset.look], stroke = colour(look.colour);
	if (dataset.pointStyle === "circle")
		return drawing("circle", { cx: 13, cy: 4, r: 4, fill: stroke });
	if (dataset.pointStyle === "triangle")
		return drawing("path", { d: "M13 0L18 8H8Z", fill: stroke });
	return drawing("path", dataset.pointStyle
		? { d: "M9 0L17 8M17 0L9 8", stroke, "stroke-width": 2 }
		: { d: "M0 4H26", stroke, "stroke-width": look.width,
			"stroke-dasharray": (dataset.borderDash ?? look.dash).join(" ") });
}

function legend(datasets) {
	return element("ul", { className: "legend" }, ...datasets.map((dataset) => element("li", {},
		drawing("svg", { viewBox: "0 0 26 8", "aria-hidden": "true" }, sample(dataset)),
		dataset.label)));
}

function chartBox(id, label, configuration, className = "chart") {
	const canvas = element("canvas", { id, role: "img", "aria-label": label });
	charts.push(() => new Chart(canvas, configuration));
	const shown = configuration.data.datasets;
	return [
		shown.length > 1 || configuration.type === "line" ? legend(shown) : null,
		element("div", { className }, canvas),
	].filter((piece) => piece !== null);
}

function card(id, title, explain, ...children) {
	return element("section", { className: "card", id, "aria-label": title },
		element("div", { className: "head" }, element("h2", {}, title)),
		explain ? element("p", { className: "explain" }, explain) : null, ...children);
}

/* Of class "stack" each row of it becomes a block where there is no room for the columns. */
function table(id, head, rows, className = "") {
	const cell = (name, content) => {
		if (!(content instanceof Object))
			return element(name, {}, content);
		return element(name, { className: content.className ?? "", data: content.data ?? {} },
			content.text);
	};
	const named = (made, name) => Object.assign(made, { title: name ?? "" });
	return element("div", { className: "wide", tabIndex: 0 }, element("table", { id, className },
		head ? element("thead", {}, element("tr", {}, ...head.map((text) => cell("th", text)))) : null,
		element("tbody", {}, ...rows.map(([first, ...others]) => element("tr", {},
			cell("th", first),
			...others.map((content, index) => named(cell("td", content), head?.[index + 1])))))));
}

/* Pieces on the left, a table on the right, where there is room for both. */
function beside(pieces, right) {
	return element("div", { className: "beside" }, element("div", {}, ...pieces), right);
}

function exact(text, value) {
	return { text, data: { value: String(value) } };
}

/* Names and values in as many columns as there is room for. */
function factList(id, facts) {
	return element("dl", { className: "facts", id }, ...facts.map(([key, title, text, value]) =>
		element("div", { className: key === "command" ? "all" : "" }, element("dt", {}, title),
			element("dd", { data: { fact: key, value: String(value ?? text) } }, text))));
}

/* ---- the page ---- */

/* Before its pieces are made anew. */
function beginPage() {
	if (typeof Chart !== "undefined")
		for (const chart of Object.values(Chart.instances))
			chart.destroy();
	charts = [];
	document.documentElement.lang = language;
	for (const button of document.querySelectorAll("[data-language]"))
		button.setAttribute("aria-pressed", String(button.dataset.language === language));
}

/* Once they are in the page. */
function drawCharts() {
	for (const draw of charts)
		draw();
}

/* Renders it in the reader's language, and again when that or the colours change. */
function startPage(render) {
	const preferred = navigator.languages?.[0] ?? navigator.language ?? "en";
	language = preferred.toLowerCase().startsWith("ko") ? "ko" : "en";
	if (typeof Chart !== "undefined")
		Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
	for (const button of document.querySelectorAll("[data-language]"))
		button.addEventListener("click", () => {
			language = button.dataset.language;
			render();
		});
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", render);
	render();
}
