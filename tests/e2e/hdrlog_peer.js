// The counterpart of hdrlog_peer.c, which tells what both do: the same with hdr-histogram-js, the
// published implementation for JavaScript.
//
//	node hdrlog_peer.js FOLDER write|read     FOLDER: where the package is installed
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const [folder, what] = process.argv.slice(2);
const hdr = createRequire(path.join(path.resolve(folder), "here.js"))("hdr-histogram-js");
const input = fs.readFileSync(0, "utf8");
// Float64 counters, so that large counts are exact up to 2^53.
const BITS = 64;

function writeLog() {
	const writer = new hdr.HistogramLogWriter((text) => fs.writeSync(1, text));
	let histogram = null;
	const flush = () => {
		if (histogram)
			writer.outputIntervalHistogram(histogram, undefined, undefined, 1000000);
	};

	writer.outputLogFormatVersion();
	writer.outputStartTime(1700000000000);
	writer.outputComment("[BaseTime: 1700000000.000 (seconds since epoch)]");
	writer.baseTime = 1700000000000;
	writer.outputLegend();
	for (const line of input.split("\n")) {
		const fields = line.split(" ");
		if (fields[0] === "interval") {
			flush();
			const [start, length, lowest, highest, digits] = fields.slice(2).map(Number);
			histogram = hdr.build({
				bitBucketSize: BITS,
				lowestDiscernibleValue: lowest,
				highestTrackableValue: highest,
				numberOfSignificantValueDigits: digits,
			});
			histogram.startTimeStampMsec = writer.baseTime + start;
			histogram.endTimeStampMsec = histogram.startTimeStampMsec + length;
			if (fields[1] !== "-")
				histogram.tag = fields[1];
		} else if (fields[0] === "value") {
			histogram.recordValueWithCount(Number(fields[1]), Number(fields[2]));
		}
	}
	flush();
}

function tell(histogram) {
	const lines = [];
	const start = Math.round(histogram.startTimeStampMsec);
	const length = Math.round(histogram.endTimeStampMsec - histogram.startTimeStampMsec);
	const tag = histogram.tag === "NO TAG" || !histogram.tag ? "-" : histogram.tag;

	lines.push(["interval", tag, start, length, histogram.lowestDiscernibleValue,
		histogram.highestTrackableValue, histogram.numberOfSignificantValueDigits].join(" "));
	lines.push(`count ${histogram.totalCount}`);
	lines.push(`mean ${histogram.mean.toFixed(6)}`);
	lines.push(`stddev ${histogram.stdDeviation.toFixed(6)}`);
	// Not its maxValue: where the finest step is not 1, 3.0.1 adds where the reference has an "or".
	for (const percentile of [0, 1, 10, 50, 75, 90, 99, 99.9, 99.99, 99.999, 100])
		lines.push(`percentile ${percentile} ${histogram.getValueAtPercentile(percentile)}`);
	for (let i = 0; i < histogram.countsArrayLength; i++) {
		const count = histogram.getCountAtIndex(i);
		if (count > 0) {
			const value = histogram.valueFromIndex(i);
			lines.push(["step", histogram.lowestEquivalentValue(value),
				histogram.highestEquivalentValue(value), count].join(" "));
		}
	}
	fs.writeSync(1, lines.join("\n") + "\n");
}

function readLog() {
	const reader = new hdr.HistogramLogReader(input, BITS);
	for (;;) {
		const histogram = reader.nextIntervalHistogram();
		if (!histogram)
			break;
		tell(histogram);
	}
}

if (what === "write")
	writeLog();
else
	readLog();
