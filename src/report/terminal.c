/*
 * What a person wants to know of a result, in that order: what was measured, under which load,
 * where; how much came through; how long it took; and whether to believe it.
 */
#include "report/terminal.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"
#include "base/text.h"
#include "report/figure.h"
#include "report/model/reason.h"
#include "report/plain.h"
#include "report/table.h"

/* A line is put together piece by piece, and broken between pieces where the terminal ends. */
struct line {
	FILE *out;
	unsigned width;
	unsigned indent; /* of what follows the title */
	unsigned column;
	bool begun;
};

#define TITLE_WIDTH 12
/* What is always the same is broken for a page, too. */
#define PAGE_WIDTH 96

static void begin(struct line *line, const char *title)
{
	unsigned used = (unsigned)text_width(title);
	int blanks = used < TITLE_WIDTH ? (int)(TITLE_WIDTH - used) : 1;

	fprintf(line->out, "  %s%*s", title, blanks, "");
	line->indent = line->column = 2 + used + (unsigned)blanks;
	line->begun = false;
}

/* One piece; a comma stands before all but the first. */
__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
	char text[MODEL_MOST_TEXT_BYTES + 64], plain[MODEL_MOST_TEXT_BYTES + 64];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	plain_text(text, plain, sizeof(plain));

	unsigned wanted = (unsigned)text_width(plain);

	if (line->begun && line->width > 0 && line->column + 2 + wanted + 1 > line->width) {
		fprintf(line->out, ",\n%*s", (int)line->indent, "");
		line->column = line->indent;
	} else if (line->begun) {
		fputs(", ", line->out);
		line->column += 2;
	}
	fputs(plain, line->out);
	line->column += wanted;
	line->begun = true;
}

static void end(struct line *line)
{
	fputs(line->begun ? "\n" : "-\n", line->out);
}

static void add_known(struct line *line, const char *text)
{
	if (text != NULL)
		add(line, "%s", text);
}

static void print_subject(struct line *line, const char *title, const struct model *run)
{
	begin(line, title);
	add_known(line, run->label);
	add_known(line, run->program);
	add_known(line, run->target.address);
	end(line);
}

static void add_sizes(struct line *line, const struct model_list *sizes)
{
	const struct model_size *size = sizes->items;

	for (size_t i = 0; i < sizes->count; i++) {
		char text[NUMBER_TEXT_SIZE];

		number_format_size(size[i].bytes, text, sizeof(text));
		if (sizes->count == 1)
			add(line, "%s", text);
		else
			add(line, "%s ×%llu", text, (unsigned long long)size[i].weight);
	}
}

static void print_load(struct line *line, const struct model_load *load)
{
	static const char *const modes[] = { N_("closed loop"), N_("open loop"), N_("churn") };
	char text[FIGURE_TEXT_SIZE];

	if (load->connections == 0 && load->sizes.count == 0)
		return; /* a log, which does not know */
	begin(line, _("load"));
	add(line, "%s", _(modes[load->mode]));
	if (load->rate_per_s > 0)
		add(line, "%s", figure_format(FIGURE_PER_S, load->rate_per_s, text, sizeof(text)));
	add_known(line, load->profile);
	if (load->mode != MODEL_CLOSED && load->arrivals == MODEL_POISSON)
		add(line, "%s", _("Poisson arrivals"));
	add(line, ngettext("%llu connection", "%llu connections", load->connections),
		(unsigned long long)load->connections);
	if (load->pipeline > 1)
		add(line, _("%llu under way on each"), (unsigned long long)load->pipeline);
	add_sizes(line, &load->sizes);
	if (load->threads > 0)
		add(line, ngettext("%llu thread", "%llu threads", load->threads),
			(unsigned long long)load->threads);
	add(line, "%s", load->verify ? _("verified") : _("not verified"));
	end(line);
}

static void print_environment(struct line *line, const struct model_environment *environment)
{
	const struct model_option *options = environment->options.items;

	if (environment->kernel == NULL && environment->cpu == NULL)
		return;
	begin(line, _("where"));
	add_known(line, environment->kernel);
	add_known(line, environment->machine);
	add_known(line, environment->cpu);
	if (environment->cpus > 0)
		add(line, ngettext("%llu CPU", "%llu CPUs", environment->cpus),
			(unsigned long long)environment->cpus);
	if (environment->engine != NULL)
		add(line, _("engine %s"), environment->engine);
	for (size_t i = 0; i < environment->options.count; i++)
		add(line, "%s=%s", options[i].name, options[i].value);
	end(line);
}

static void print_time(struct line *line, const struct model *run, size_t count)
{
	time_t started = (time_t)(run->started_unix_ns / CLOCK_NS_PER_S);
	char text[DURATION_TEXT_SIZE], date[64];
	struct tm parts;

	begin(line, _("when"));
	if (started != 0 && gmtime_r(&started, &parts) != NULL &&
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &parts) > 0)
		add(line, "%s", date);
	add(line, "%s", duration_format(run->duration_ns, text, sizeof(text)));
	if (count > 1)
		add(line, ngettext("%zu run", "%zu runs", count), count);
	if (run->interrupted)
		add(line, "%s", _("interrupted"));
	end(line);
}

/* Which of many generators it was, and how it kept the time at which it was to begin. */
static void print_fleet(struct line *line, const struct model_fleet *fleet)
{
	char text[DURATION_TEXT_SIZE];

	if (!fleet->rank.known && !fleet->start_unix_ns.known)
		return;
	begin(line, _("generator"));
	if (fleet->rank.known && fleet->size.known)
		add(line, _("rank %llu of %llu"), (unsigned long long)fleet->rank.count,
			(unsigned long long)fleet->size.count);
	else if (fleet->rank.known)
		add(line, _("rank %llu"), (unsigned long long)fleet->rank.count);
	add_known(line, fleet->host);
	if (fleet->late_ns.known)
		add(line, _("began %s after the time asked for"),
			duration_format(fleet->late_ns.count, text, sizeof(text)));
	else if (fleet->start_unix_ns.known)
		add(line, "%s", _("did not begin"));
	end(line);
}

static void print_rate(struct line *line, const struct model *run)
{
	const struct model_rate *rate = &run->rate;
	char text[FIGURE_TEXT_SIZE];

	bool is_known = !isnan(figure_value(&figure_table[0], run));

	begin(line, _("rate"));
	if (rate->asked_per_s > 0)
		add(line, _("asked %s"),
			figure_format(FIGURE_PER_S, rate->asked_per_s, text, sizeof(text)));
	if (is_known)
		add(line, _("reached %s"),
			figure_format(FIGURE_PER_S, rate->reached_per_s, text, sizeof(text)));
	if (run->load.mode == MODEL_CHURN && run->duration_ns > 0)
		add(line, _("connections %s"),
			figure_format(FIGURE_PER_S,
				(double)run->counts.connects /
					((double)run->duration_ns / (double)CLOCK_NS_PER_S),
				text, sizeof(text)));
	if (rate->bytes_per_s > 0) {
		number_format_size(number_from_double(rate->bytes_per_s), text, sizeof(text));
		add(line, _("%s a second"), text);
	}
	end(line);
}

static void print_counts(struct line *line, const struct model *run)
{
	const struct model_counts *counts = &run->counts;
	bool is_known = figure_has_tried(counts) || run->load.connections > 0;
	const struct {
		uint64_t count;
		const char *format;
		bool always;
	} pieces[] = {
		{ counts->unsent, N_("%llu never sent"), false },
		{ counts->sent, N_("%llu sent"), false },
		{ counts->received, N_("%llu received"), is_known },
		{ counts->lost, N_("%llu lost"), false },
		{ counts->late, N_("%llu late"), false },
		{ counts->duplicates, N_("%llu twice"), false },
		{ counts->reordered, N_("%llu out of order"), false },
		{ counts->damaged, N_("%llu damaged"), false },
		{ counts->connect_errors, N_("%llu connects failed"), false },
		{ counts->resets, N_("%llu connections reset"), false },
		{ counts->silent, N_("%llu connections silent"), false },
		{ counts->stalled, N_("%llu connections stalled"), false },
		{ counts->overruns, N_("%llu connections with more bytes than were sent"), false },
		{ counts->faults, N_("%llu datagrams refused"), false },
		{ counts->strays, N_("%llu unknown datagrams"), false },
		{ counts->handshakes_full, N_("%llu full handshakes"), false },
		{ counts->handshakes_resumed, N_("%llu resumed handshakes"), false },
	};

	begin(line, _("messages"));
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		char text[96];

		if (pieces[i].count == 0 && !pieces[i].always)
			continue;
		snprintf(text, sizeof(text), _(pieces[i].format),
			(unsigned long long)pieces[i].count);
		add(line, "%s", text);
	}
	/* A log knows nothing of errors, and that is not none. */
	if (figure_errors(counts) == 0 && figure_has_tried(counts))
		add(line, "%s", _("no errors"));
	end(line);
}

/* A sentence, broken between words where the terminal ends; 0: it has no end. */
static void print_sentence(const char *text, unsigned width, FILE *out)
{
	unsigned column = 1;
	char copy[REASON_TEXT_SIZE];

	snprintf(copy, sizeof(copy), "%s", text);

	putc(' ', out);
	for (char *rest, *word = strtok_r(copy, " ", &rest); word != NULL;
		word = strtok_r(NULL, " ", &rest)) {
		unsigned wanted = (unsigned)text_width(word);

		if (width > 0 && column > 1 && column + 1 + wanted >= width) {
			fputs("\n ", out);
			column = 1;
		}
		fprintf(out, " %s", word);
		column += 1 + wanted;
	}
	putc('\n', out);
}

static void add_time(struct table *table, uint64_t ns)
{
	char text[DURATION_TEXT_SIZE];

	table_add(table, duration_format(ns, text, sizeof(text)));
}

static void add_percentiles(
	struct table *table, const struct histogram *const *columns, size_t column_count)
{
	for (size_t i = 0; i < MODEL_PERCENTILE_COUNT; i++) {
		char title[16];

		snprintf(title, sizeof(title), "p%g", model_percentiles[i]);
		table_add(table, title);
		for (size_t c = 0; c < column_count; c++)
			add_time(table, histogram_percentile(columns[c], model_percentiles[i]));
	}
}

/* One row of the same figure of each histogram. */
#define ADD_ROW(table, title, value)                                                               \
	do {                                                                                       \
		table_add(table, title);                                                           \
		for (size_t c = 0; c < count; c++)                                                 \
			add_time(table, (uint64_t)(value));                                        \
	} while (0)

static int print_latency(const struct model_latency *latency, unsigned width, FILE *out)
{
	const struct histogram *const all[] = { latency->intended, latency->sent,
		latency->connect };
	static const char *const titles[] = { N_("intended"), N_("sent"), N_("connect") };
	const struct histogram *columns[3];
	const char *column_titles[3];
	size_t count = 0;

	for (size_t i = 0; i < 3; i++) {
		if (all[i] != NULL && histogram_count(all[i]) > 0) {
			columns[count] = all[i];
			column_titles[count++] = titles[i];
		}
	}
	if (count == 0)
		return 0;

	struct table *table = table_new(1 + (unsigned)count);

	if (table == NULL)
		return -ENOMEM;
	table_add(table, _("latency"));
	for (size_t c = 0; c < count; c++)
		table_add(table, _(column_titles[c]));
	ADD_ROW(table, _("min"), histogram_min(columns[c]));
	add_percentiles(table, columns, count);
	ADD_ROW(table, _("max"), histogram_max(columns[c]));
	ADD_ROW(table, _("mean"), number_from_double(histogram_mean(columns[c])));
	ADD_ROW(table, _("stddev"), number_from_double(histogram_stddev(columns[c])));
	fputc('\n', out);

	int r = table_print(table, width, out);

	table_free(table);
	if (latency->intended != NULL && latency->sent != NULL)
		print_sentence(_("'intended' counts from when a message was due, 'sent' from when "
				 "it left: what it had to wait for others before it is in the "
				 "first only."),
			width > 0 ? width : PAGE_WIDTH, out);
	return r;
}

static bool any_has(const struct figure *figure, const struct model *runs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!isnan(figure_value(figure, &runs[i])))
			return true;
	}
	return false;
}

static int print_runs(const struct model *runs, size_t count, unsigned width, FILE *out)
{
	const struct figure *columns[FIGURE_COUNT];
	unsigned column_count = 0;

	for (size_t i = 0; i < FIGURE_COUNT; i++) {
		if (any_has(&figure_table[i], runs, count))
			columns[column_count++] = &figure_table[i];
	}

	struct table *table = table_new(1 + column_count);

	if (table == NULL)
		return -ENOMEM;
	table_add(table, _("run"));
	for (unsigned c = 0; c < column_count; c++)
		table_add(table, _(columns[c]->title));
	for (size_t i = 0; i < count; i++) {
		char text[FIGURE_TEXT_SIZE + 48];

		snprintf(text, sizeof(text), "%zu%s%.48s%s", i + 1,
			runs[i].label != NULL ? " " : "",
			runs[i].label != NULL ? runs[i].label : "",
			runs[i].trust.doubted ? " !" : "");
		table_add(table, text);
		for (unsigned c = 0; c < column_count; c++)
			table_add(table,
				figure_format(columns[c]->unit, figure_value(columns[c], &runs[i]),
					text, sizeof(text)));
	}
	fputc('\n', out);

	int r = table_print(table, width, out);

	table_free(table);
	return r;
}

void terminal_trust(const struct model_trust *trust, bool is_baseline, unsigned width, FILE *out)
{
	const struct model_reason *reasons = trust->reasons.items;

	if (!trust->doubted)
		return;
	fputs(is_baseline ? _("\n! The figures of the baseline cannot be trusted:\n")
			  : _("\n! These figures cannot be trusted:\n"),
		out);
	if (trust->reasons.count == 0)
		print_sentence(_("the file does not say why"), width, out);
	for (size_t i = 0; i < trust->reasons.count; i++) {
		char text[REASON_TEXT_SIZE], plain[REASON_TEXT_SIZE];

		reason_format(&reasons[i], true, text, sizeof(text));
		plain_text(text, plain, sizeof(plain));
		print_sentence(plain, width, out);
	}
}

int terminal_result(const struct model *merged, const struct model *runs, size_t count,
	unsigned width, FILE *out)
{
	struct line line = { .out = out, .width = width };

	print_subject(&line, _("what"), merged);
	print_load(&line, &merged->load);
	print_environment(&line, &merged->environment);
	print_time(&line, merged, count);
	print_fleet(&line, &merged->fleet);
	print_rate(&line, merged);
	print_counts(&line, merged);

	int r = print_latency(&merged->latency, width, out);

	if (r == 0 && count > 1)
		r = print_runs(runs, count, width, out);
	terminal_trust(&merged->trust, false, width, out);
	return r;
}

int terminal_merged(const struct model *merged, size_t count, unsigned width, FILE *out)
{
	struct line line = { .out = out, .width = width };

	print_subject(&line, _("what"), merged);
	print_load(&line, &merged->load);
	print_environment(&line, &merged->environment);
	print_time(&line, merged, count);
	print_rate(&line, merged);
	print_counts(&line, merged);
	return print_latency(&merged->latency, width, out);
}

int terminal_compared(const struct model *merged, const struct model *runs, size_t count,
	const struct model *baseline, size_t baseline_count, unsigned width, FILE *out)
{
	struct line line = { .out = out, .width = width };
	int r = 0;

	print_subject(&line, _("what"), merged);
	print_load(&line, &merged->load);
	print_environment(&line, &merged->environment);
	print_time(&line, merged, count);
	print_subject(&line, _("baseline"), baseline);
	print_time(&line, baseline, baseline_count);
	if (count > 1)
		r = print_runs(runs, count, width, out);
	terminal_trust(&merged->trust, false, width, out);
	return r;
}

void terminal_differences(const struct difference *differences, int count, FILE *out)
{
	if (count > 0)
		fputs(_("\n! The runs differ in their circumstances:\n"), out);
	for (int i = 0; i < count; i++)
		fprintf(out, "  %s: %s, %s\n", differences[i].field,
			differences[i].first[0] != '\0' ? differences[i].first : "-",
			differences[i].other[0] != '\0' ? differences[i].other : "-");
}
