/*
 * `meari report FILE...`: saved results merged, compared and drawn. The arithmetic is in src/report;
 * here are the options and the messages.
 */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/outfile.h"
#include "base/quote.h"
#include "cli/cli.h"
#include "cli/expect.h"
#include "cli/take.h"
#include "report/compare.h"
#include "report/compare_json.h"
#include "report/difference.h"
#include "report/fleet/fleet.h"
#include "report/html.h"
#include "report/merge.h"
#include "report/model/model_write.h"
#include "report/runs.h"
#include "report/terminal.h"
#include "report/terminal_compare.h"
#include "report/terminal_demands.h"

/* How many files one --baseline after the other can name. */
#define MOST_BASELINES 1024

struct options {
	const char **paths;
	size_t path_count;
	const char *baselines[MOST_BASELINES];
	size_t baseline_count;
	const char *label;
	const char *tag;
	uint64_t unit_ns; /* 0: not given */
	const char *html;
	bool json;
	bool fail_if_worse;
	double margin;
	bool margin_given;
	uint64_t ranks; /* of --expect; 0: not given */
};

/* All that is printed. */
struct findings {
	struct runs now;
	struct runs baseline;
	struct model merged;
	struct model merged_baseline;
	struct difference differences[DIFFERENCE_MOST];
	int difference_count;
	struct compare compare;
	bool compared;
};

enum key {
	KEY_JSON = 0x100,
	KEY_HTML,
	KEY_LABEL,
	KEY_TAG,
	KEY_UNIT,
	KEY_MARGIN,
	KEY_FAIL,
	KEY_EXPECT
};

static const struct {
	const char *name;
	uint64_t ns;
} units[] = { { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 } };

static const char *unit_choice(size_t index)
{
	return index < sizeof(units) / sizeof(units[0]) ? units[index].name : NULL;
}

static const struct options_row rows[] = {
	{ .help = N_("Input:") },
	{ "baseline", 'b', N_("FILE"), OPTIONS_FILE,
		N_("compare with the runs in FILE; may be given again") },
	{ "tag", KEY_TAG, N_("TAG"), OPTIONS_TEXT,
		N_("of a histogram log, only the lines with this tag") },
	{ "unit", KEY_UNIT, N_("UNIT"), OPTIONS_CHOICE,
		N_("the values of a histogram log are ns, us, ms or s (default: ns)"),
		unit_choice },
	{ .help = N_("Verdict:") },
	{ "expect", KEY_EXPECT, "N", OPTIONS_NUMBER,
		N_("the results of N generators that ran at once, ranks 0 to N-1: status 3 unless "
		   "each is there once") },
	{ "margin", KEY_MARGIN, N_("PERCENT"), OPTIONS_NUMBER,
		N_("differences up to this count as none (default: 1)") },
	{ "fail-if-worse", KEY_FAIL, NULL, 0,
		N_("exit with status 3 if a figure is worse than in the baseline, with 4 if that "
		   "cannot be said") },
	{ .help = N_("Output:") },
	{ "json", KEY_JSON, NULL, 0,
		N_("write the merged result, or the comparison, as a JSON object") },
	{ "html", KEY_HTML, N_("FILE"), OPTIONS_FILE,
		N_("write a page with charts, which needs nothing but a browser ('-': to standard "
		   "output)") },
	{ "label", KEY_LABEL, N_("TEXT"), OPTIONS_TEXT, N_("a name for the merged result") },
	{ 0 },
};

static int parse_margin(const char *text, struct options *options, struct cli_state *state)
{
	char *end;

	errno = 0;
	options->margin = strtod(text, &end) / 100;
	options->margin_given = true;
	if (end == text || *end != '\0' || errno != 0 || !(options->margin >= 0) ||
		options->margin > 1)
		return cli_complain(
			state, _("--margin '%s' is not a percentage between 0 and 100"), text);
	return 0;
}

static uint64_t unit_ns(const char *text)
{
	size_t i = 0;

	while (strcmp(text, units[i].name) != 0)
		i++;
	return units[i].ns;
}

static int take(int key, const char *argument, struct cli_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'b':
		if (options->baseline_count == MOST_BASELINES)
			return cli_complain(
				state, _("--baseline is given more than %d times"), MOST_BASELINES);
		options->baselines[options->baseline_count++] = argument;
		return 0;
	case KEY_JSON: options->json = true; return 0;
	case KEY_HTML: options->html = argument; return 0;
	case KEY_LABEL: options->label = argument; return 0;
	case KEY_TAG: options->tag = argument; return 0;
	case KEY_UNIT: options->unit_ns = unit_ns(argument); return 0;
	case KEY_MARGIN: return parse_margin(argument, options, state);
	case KEY_FAIL: options->fail_if_worse = true; return 0;
	case CLI_KEY_ARGUMENT: options->paths[options->path_count++] = argument; return 0;
	case KEY_EXPECT:
		return take_count(
			state, "--expect", argument, 1, FLEET_MOST_RANKS, &options->ranks);
	case CLI_KEY_END:
		if (options->path_count == 0)
			return cli_complain(state, _("no file is given"));
		if (options->ranks > 0 &&
			(options->baseline_count > 0 || options->tag != NULL ||
				options->unit_ns > 0))
			return cli_complain(state, _("--expect and %s exclude each other"),
				options->baseline_count > 0    ? "--baseline"
					: options->tag != NULL ? "--tag"
							       : "--unit");
		if (options->baseline_count == 0 &&
			(options->fail_if_worse || options->margin_given))
			return cli_complain(state, _("'%s' needs --baseline"),
				options->fail_if_worse ? "--fail-if-worse" : "--margin");
		if (options->json && options->html != NULL && strcmp(options->html, "-") == 0)
			return cli_complain(
				state, _("--json and --html cannot both go to standard output"));
		return 0;
	default: return CLI_UNKNOWN_KEY;
	}
}

const struct options_table verb_report_options = {
	.rows = rows,
	.take = take,
	.arguments = N_("FILE..."),
	.argument_kind = OPTIONS_FILE,
	.about = N_(
		"Merges, compares and draws saved results.\n"
		"FILE is what 'meari bench --json' has written, any number of runs in it, or a "
		"histogram log (HdrHistogram, from any program); '-' is standard input. Several "
		"runs become one result with true percentiles; with --baseline they are compared."),
};

static void complain_file(const char *path, int error, const struct model_fault *fault)
{
	char name[256];
	const char *reason = error == -ENODATA ? _("it is empty")
		: error == -EFBIG              ? _("it is larger than a result can be")
					       : strerror(-error);

	quote_bytes(path, strlen(path), name, sizeof(name));
	if (error != -EBADMSG)
		log_error(_("cannot read '%s': %s"), name, reason);
	else if (fault->column > 0)
		log_error(_("cannot read '%s': line %u, column %u: %s"), name, fault->line,
			fault->column, fault->reason);
	else if (fault->line > 0)
		log_error(_("cannot read '%s': line %u: %s%s%s"), name, fault->line, fault->place,
			fault->place[0] != '\0' ? ": " : "", fault->reason);
	else
		log_error(_("cannot read '%s': %s"), name, fault->reason);
}

/* Logs a note about the figures of a file. */
static void say_note(void *context, const char *note)
{
	const char *path = context;
	char name[256];

	quote_bytes(path, strlen(path), name, sizeof(name));
	log_write(LOG_LEVEL_WARNING, "file", json_pack("{s:s}", "path", name), "'%s': %s", name,
		note);
}

static int load(
	const char *const *paths, size_t count, const struct options *options, struct runs *runs)
{
	for (size_t i = 0; i < count; i++) {
		struct runs_options how = {
			.tag = options->tag,
			.unit_ns = options->unit_ns,
			.say = say_note,
			.context = (void *)paths[i] /* only read */,
		};
		struct model_fault fault = { 0 };
		int r = runs_load(runs, paths[i], &how, &fault);

		if (r < 0) {
			complain_file(paths[i], r, &fault);
			return r;
		}
	}
	return 0;
}

/* A run that counts twice makes the figures look more certain than they are. */
static void say_twice(const struct runs *runs, bool is_baseline)
{
	for (size_t i = 1; i < runs->count; i++) {
		for (size_t k = 0; k < i; k++) {
			if (!difference_is_same_run(&runs->items[k], &runs->items[i]))
				continue;
			log_write(LOG_LEVEL_WARNING, "run-twice", NULL,
				is_baseline
					? _("run %zu of the baseline is a copy of run %zu of it")
					: _("run %zu is a copy of run %zu"),
				i + 1, k + 1);
			break;
		}
	}
}

/* Finds in what the runs differ from one another, those of the baseline too. */
static int find_differences(struct findings *findings)
{
	size_t now = findings->now.count, baseline = findings->baseline.count;
	CLEANUP_FREE const struct model **all = calloc(now + baseline, sizeof(struct model *));

	if (all == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < now; i++)
		all[i] = &findings->now.items[i];
	for (size_t i = 0; i < baseline; i++)
		all[now + i] = &findings->baseline.items[i];

	int r = difference_find(all, now + baseline, findings->differences);

	if (r < 0)
		return r;
	findings->difference_count = r;
	return 0;
}

static int find(const struct options *options, struct findings *findings)
{
	struct runs *now = &findings->now, *baseline = &findings->baseline;
	int r = merge_runs(now->items, now->count, &findings->merged);

	if (r == 0 && options->label != NULL)
		r = model_set_text(&findings->merged.label, options->label);
	if (r == 0 && baseline->count > 0)
		r = merge_runs(baseline->items, baseline->count, &findings->merged_baseline);
	if (r == 0)
		r = find_differences(findings);
	if (r == 0 && baseline->count > 0) {
		r = compare_runs(baseline->items, baseline->count, now->items, now->count,
			options->margin, &findings->compare);
		findings->compared = r == 0;
	}
	return r;
}

static void find_nothing(struct findings *findings)
{
	if (findings->compared)
		compare_fini(&findings->compare);
	model_fini(&findings->merged);
	model_fini(&findings->merged_baseline);
	runs_fini(&findings->now);
	runs_fini(&findings->baseline);
}

static int write_json(const struct findings *findings)
{
	if (!findings->compared)
		return model_write(&findings->merged, stdout);

	json_t *object = compare_json(
		&findings->compare, findings->differences, findings->difference_count);

	if (object == NULL)
		return -ENOMEM;
	json_text_write(object, JSON_COMPACT | JSON_REAL_PRECISION(12), stdout);
	putchar('\n');
	json_decref(object);
	return 0;
}

static int write_text(const struct findings *findings)
{
	struct winsize window = { 0 };
	unsigned width = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0
		? window.ws_col
		: 0;
	const struct model *merged = &findings->merged, *baseline = &findings->merged_baseline;
	int r;

	if (findings->compared) {
		r = terminal_compared(merged, findings->now.items, findings->now.count, baseline,
			findings->baseline.count, width, stdout);
		if (r == 0)
			r = terminal_compare(&findings->compare, width, stdout);
		terminal_trust(&baseline->trust, true, width, stdout);
	} else {
		r = terminal_result(
			merged, findings->now.items, findings->now.count, width, stdout);
		terminal_demands(findings->now.items, findings->now.count, stdout);
	}
	terminal_differences(findings->differences, findings->difference_count, stdout);
	return r;
}

static int write_page(const struct findings *findings, FILE *out)
{
	struct html_page page = {
		.merged = &findings->merged,
		.runs = findings->now.items,
		.run_count = findings->now.count,
		.differences = findings->differences,
		.difference_count = findings->difference_count,
	};

	if (findings->compared) {
		page.baseline = &findings->merged_baseline;
		page.compare = &findings->compare;
	}
	return html_write(&page, out);
}

static int write_html(const struct options *options, const struct findings *findings)
{
	char name[256];
	struct outfile *file;
	int r = outfile_open(options->html, &file);

	if (r == 0)
		r = outfile_commit(file, write_page(findings, outfile_stream(file)));
	if (r < 0)
		log_error(_("cannot write '%s': %s"),
			quote_bytes(options->html, strlen(options->html), name, sizeof(name)),
			strerror(-r));
	return r;
}

static enum cli_status print_findings(
	const struct options *options, const struct findings *findings)
{
	int r = 0;

	if (options->html != NULL && write_html(options, findings) < 0)
		return CLI_FAILED;
	if (options->json)
		r = write_json(findings);
	else if (options->html == NULL || strcmp(options->html, "-") != 0)
		r = write_text(findings);
	if (r < 0) {
		log_error(_("cannot write the result: %s"), strerror(-r));
		return CLI_FAILED;
	}
	if (!options->fail_if_worse)
		return CLI_OK;
	return findings->compare.worse                  ? CLI_UNMET
		: findings->compare.objection_count > 0 ? CLI_NOT_JUDGED
							: CLI_OK;
}

/* Ranks that do not know of one another look like a whole fleet. */
static void say_missing_ranks(const struct runs *runs)
{
	uint64_t size = runs->items[0].fleet.size.known ? runs->items[0].fleet.size.count : 0;

	if (runs->count < size && merge_is_fleet(runs->items, runs->count))
		log_write(LOG_LEVEL_WARNING, "ranks-missing", NULL,
			_("these are %zu of %llu ranks (--expect %llu says which are missing)"),
			runs->count, (unsigned long long)size, (unsigned long long)size);
}

/* --unit and --tag are for logs. */
static void say_ineffective(const struct options *options, const struct findings *findings)
{
	if (findings->now.log_count + findings->baseline.log_count > 0)
		return;
	if (options->unit_ns > 0 || options->tag != NULL)
		log_write(LOG_LEVEL_WARNING, "option-without-effect", NULL,
			_("%s has no effect: no file is a histogram log"),
			options->unit_ns > 0 ? "--unit" : "--tag");
}

enum cli_status verb_report(int argc, char **argv)
{
	static struct options options = { .margin = COMPARE_DEFAULT_MARGIN };
	static struct findings findings;
	enum cli_status status = CLI_FAILED;

	CLEANUP_FREE const char **paths = calloc((size_t)argc, sizeof(*paths));

	options.paths = paths;
	if (paths == NULL) {
		log_error(_("cannot read the options: %s"), strerror(ENOMEM));
		return CLI_FAILED;
	}
	if (!cli_parse(&verb_report_options, argc, argv, &options, &status))
		return status;
	if (options.html != NULL && !html_available()) {
		log_error(_("cannot write '%s': this meari was built without the charts' library "
			    "(install libjs-chart.js and build again)"),
			options.html);
		return CLI_FAILED;
	}
	if (options.ranks > 0) {
		struct expect_options expected = {
			.ranks = (uint32_t)options.ranks,
			.paths = options.paths,
			.path_count = options.path_count,
			.label = options.label,
			.html = options.html,
			.json = options.json,
		};

		return expect_report(&expected);
	}
	if (load(options.paths, options.path_count, &options, &findings.now) == 0 &&
		load(options.baselines, options.baseline_count, &options, &findings.baseline) ==
			0) {
		int r = find(&options, &findings);

		say_ineffective(&options, &findings);
		say_missing_ranks(&findings.now);
		say_twice(&findings.now, false);
		say_twice(&findings.baseline, true);

		if (r < 0)
			log_error(_("cannot merge the runs: %s"), strerror(-r));
		else
			status = print_findings(&options, &findings);
	}
	find_nothing(&findings);
	return status;
}
