/*
 * First what a person asks: are all ranks there, did they begin together, which was slow. Then why not.
 */
#include "report/fleet/fleet_text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/quote.h"
#include "report/model/reason.h"
#include "report/plain.h"
#include "report/table.h"

#define NAME_SIZE 256
#define P99_FIGURE 3
/* Ranges of ranks on one line. */
#define MOST_RANGES 12

/* ---- pieces ---- */

static unsigned long long rank_of(const struct fleet_member *member)
{
	return (unsigned long long)member->run.fleet.rank.count;
}

/* "3" or "3 (host)". */
static const char *name_rank(const struct fleet_member *member, char *buffer, size_t size)
{
	char host[TABLE_CELL_SIZE];

	if (member->run.fleet.host == NULL) {
		snprintf(buffer, size, "%llu", rank_of(member));
	} else {
		plain_text(member->run.fleet.host, host, sizeof(host));
		snprintf(buffer, size, "%llu (%s)", rank_of(member), host);
	}
	return buffer;
}

static const char *name_file(const char *path, char *buffer, size_t size)
{
	return quote_bytes(path, strlen(path), buffer, size);
}

/* "1, 4-7, 9"; ends with a word on those that found no place. */
static void print_missing(const struct fleet *fleet, FILE *out)
{
	uint32_t first = fleet_next_missing(fleet, 0), left = 0;
	unsigned ranges = 0;

	while (first != FLEET_MOST_RANKS) {
		uint32_t last = first, next = fleet_next_missing(fleet, first + 1);

		while (next == last + 1) {
			last = next;
			next = fleet_next_missing(fleet, next + 1);
		}
		if (ranges == MOST_RANGES)
			left += last - first + 1;
		else if (first == last)
			fprintf(out, "%s%u", ranges > 0 ? ", " : "", first);
		else
			fprintf(out, "%s%u-%u", ranges > 0 ? ", " : "", first, last);
		ranges += ranges < MOST_RANGES;
		first = next;
	}
	if (left > 0)
		fprintf(out, ngettext(", and %u more", ", and %u more", left), left);
	fputc('\n', out);
}

/* ---- ranks side by side ---- */

static void print_summary(const struct fleet *fleet, FILE *out)
{
	char text[DURATION_TEXT_SIZE], name[NAME_SIZE], p99[FIGURE_TEXT_SIZE];

	fprintf(out, _("\n  fleet       %zu of %u ranks\n"), fleet->counted, fleet->expected);
	if (fleet->counted > 1)
		fprintf(out, _("  start       all within %s of one another\n"),
			duration_format(fleet->skew_ns, text, sizeof(text)));
	if (fleet->slowest != FLEET_NONE) {
		const struct fleet_member *slowest = &fleet->members[fleet->slowest];

		fprintf(out, _("  slowest     rank %s, p99 %s\n"),
			name_rank(slowest, name, sizeof(name)),
			figure_format(FIGURE_NS, slowest->figures[P99_FIGURE], p99, sizeof(p99)));
	}
}

static int compare_slowness(const void *a, const void *b)
{
	const struct fleet_member *const *x = a, *const *y = b;
	double x_p99 = (*x)->figures[P99_FIGURE], y_p99 = (*y)->figures[P99_FIGURE];

	if (isnan(x_p99) || isnan(y_p99))
		return isnan(y_p99) - isnan(x_p99);
	if (x_p99 != y_p99)
		return x_p99 > y_p99 ? -1 : 1;
	return (rank_of(*x) > rank_of(*y)) - (rank_of(*x) < rank_of(*y));
}

static void add_row(struct table *table, const struct fleet_member *member, uint64_t first_unix_ns)
{
	char text[NAME_SIZE];

	name_rank(member, text, sizeof(text) - 4);
	if (member->run.trust.doubted)
		strcat(text, " !");
	table_add(table, text);
	if (member->begun_unix_ns == 0)
		snprintf(text, sizeof(text), "-");
	else
		snprintf(text, sizeof(text), "+%s",
			duration_format(member->begun_unix_ns - first_unix_ns,
				(char[DURATION_TEXT_SIZE]){ 0 }, DURATION_TEXT_SIZE));
	table_add(table, text);
	for (size_t i = 0; i < FIGURE_COUNT; i++)
		table_add(table,
			figure_format(
				figure_table[i].unit, member->figures[i], text, sizeof(text)));
}

static int print_table(const struct fleet *fleet, unsigned width, FILE *out)
{
	CLEANUP_FREE const struct fleet_member **rows = calloc(fleet->counted, sizeof(*rows));
	struct table *table = table_new(2 + FIGURE_COUNT);
	uint64_t first_unix_ns = UINT64_MAX;
	size_t count = fleet->counted;
	int r = table != NULL && rows != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < fleet->counted; i++) {
		uint64_t begun_unix_ns = fleet->members[i].begun_unix_ns;

		rows[i] = &fleet->members[i];
		if (begun_unix_ns > 0 && begun_unix_ns < first_unix_ns)
			first_unix_ns = begun_unix_ns;
	}
	if (r == 0 && count > FLEET_TEXT_MOST_ROWS) {
		qsort(rows, count, sizeof(*rows), compare_slowness);
		count = FLEET_TEXT_MOST_ROWS;
	}
	if (r == 0) {
		table_add(table, _("rank"));
		table_add(table, _("began"));
		for (size_t i = 0; i < FIGURE_COUNT; i++)
			table_add(table, _(figure_table[i].title));
		for (size_t i = 0; i < count; i++)
			add_row(table, rows[i], first_unix_ns);
		fputc('\n', out);
		r = table_print(table, width, out);
	}
	if (r == 0 && count < fleet->counted)
		fprintf(out, _("  These are the slowest %zu of %zu; --json and --html have all.\n"),
			count, fleet->counted);
	table_free(table);
	return r;
}

int fleet_text_ranks(const struct fleet *fleet, unsigned width, FILE *out)
{
	print_summary(fleet, out);
	return fleet->counted > 0 ? print_table(fleet, width, out) : 0;
}

/* ---- notes ---- */

/* Lines of one kind: the first of them, then how many more there are. */
struct notes {
	FILE *out;
	unsigned count;
};

/* True: this one is to be written. */
static bool next_note(struct notes *notes)
{
	return notes->count++ < FLEET_TEXT_MOST_LINES;
}

static void end_notes(const struct notes *notes)
{
	unsigned more = notes->count > FLEET_TEXT_MOST_LINES ? notes->count - FLEET_TEXT_MOST_LINES
							     : 0;

	if (more > 0)
		fprintf(notes->out,
			ngettext("  and %u more (--json has all)\n",
				"  and %u more (--json has all)\n", more),
			more);
}

static void print_broken(const struct fleet *fleet, FILE *out)
{
	struct notes notes = { .out = out };

	for (size_t i = 0; i < fleet->broken_count; i++) {
		const struct fleet_broken *broken = &fleet->broken[i];
		char name[NAME_SIZE];

		if (!next_note(&notes))
			continue;
		name_file(broken->path, name, sizeof(name));
		if (broken->error == -ENODATA)
			fprintf(out, _("  '%s' is empty\n"), name);
		else if (broken->error != -EBADMSG)
			fprintf(out, _("  '%s' cannot be read: %s\n"), name,
				strerror(-broken->error));
		else if (broken->fault.line > 0)
			fprintf(out, _("  '%s', line %u: %s%s%s\n"), name, broken->fault.line,
				broken->fault.place, broken->fault.place[0] != '\0' ? ": " : "",
				broken->fault.reason);
		else
			fprintf(out, "  '%s': %s\n", name, broken->fault.reason);
	}
	end_notes(&notes);
}

static void print_left_out(const struct fleet_member *member, uint32_t expected, FILE *out)
{
	unsigned long long rank = rank_of(member);
	char name[NAME_SIZE];

	name_file(member->path, name, sizeof(name));
	switch (member->place) {
	case FLEET_COUNTED: return;
	case FLEET_DOUBLED:
		fprintf(out,
			_("  '%s': rank %llu is there twice; the one that came first counts\n"),
			name, rank);
		return;
	case FLEET_SURPLUS:
		fprintf(out, _("  '%s': rank %llu is surplus, %u are expected (0 to %u)\n"), name,
			rank, expected, expected - 1);
		return;
	case FLEET_UNRANKED:
		fprintf(out,
			_("  '%s': a result without a rank (meari bench --rank I/N says it)\n"),
			name);
		return;
	case FLEET_OTHER_KIND:
		fprintf(out, _("  '%s': rank %llu ran another kind of load than the others\n"),
			name, rank);
		return;
	case FLEET_OTHER_TIME:
		fprintf(out,
			_("  '%s': rank %llu ran at another time than the others (a file of an "
			  "earlier run?)\n"),
			name, rank);
		return;
	case FLEET_NOTHING:
		fprintf(out, _("  '%s': rank %llu was stopped before it measured anything\n"), name,
			rank);
		return;
	}
}

static void print_all_left_out(const struct fleet *fleet, FILE *out)
{
	struct notes notes = { .out = out };

	for (size_t i = fleet->counted; i < fleet->member_count; i++) {
		if (next_note(&notes))
			print_left_out(&fleet->members[i], fleet->expected, out);
	}
	end_notes(&notes);
}

static void print_interrupted(const struct fleet *fleet, FILE *out)
{
	struct notes notes = { .out = out };

	for (size_t i = 0; i < fleet->counted; i++) {
		char name[NAME_SIZE], text[DURATION_TEXT_SIZE];

		if (fleet->members[i].run.interrupted && next_note(&notes))
			fprintf(out, _("  rank %s was interrupted after %s\n"),
				name_rank(&fleet->members[i], name, sizeof(name)),
				duration_format(
					fleet->members[i].run.duration_ns, text, sizeof(text)));
	}
	end_notes(&notes);
}

static void print_incomplete(const struct fleet *fleet, FILE *out)
{
	if (fleet_is_complete(fleet))
		return;
	fputs(_("\n! The fleet is not as expected:\n"), out);
	if (fleet->counted < fleet->expected) {
		uint32_t missing = fleet->expected - (uint32_t)fleet->counted;

		fprintf(out, ngettext("  missing: rank ", "  missing: ranks ", missing));
		print_missing(fleet, out);
	}
	print_broken(fleet, out);
	print_all_left_out(fleet, out);
	print_interrupted(fleet, out);
}

static void print_late(const struct fleet *fleet, FILE *out)
{
	struct notes notes = { .out = out };

	if (fleet->late_count > 0)
		fputs(_("\n! Not all began together:\n"), out);
	for (size_t i = 0; i < fleet->counted; i++) {
		const struct fleet_member *member = &fleet->members[i];
		char name[NAME_SIZE], text[DURATION_TEXT_SIZE];

		if ((!member->late && !member->early) || !next_note(&notes))
			continue;
		name_rank(member, name, sizeof(name));
		duration_format(member->apart_ns, text, sizeof(text));
		fprintf(out,
			member->late ? _("  rank %s began %s late\n")
				     : _("  rank %s began %s before most\n"),
			name, text);
	}
	end_notes(&notes);
}

static void print_reasons(const struct fleet_member *member, struct notes *notes)
{
	const struct model_reason *reasons = member->run.trust.reasons.items;
	size_t count = member->run.trust.reasons.count;
	char name[NAME_SIZE], text[REASON_TEXT_SIZE], plain[REASON_TEXT_SIZE];

	name_rank(member, name, sizeof(name));
	if (count == 0 && next_note(notes))
		fprintf(notes->out, _("  rank %s: the file does not say why\n"), name);
	for (size_t i = 0; i < count; i++) {
		if (!next_note(notes))
			continue;
		plain_text(
			reason_format(&reasons[i], true, text, sizeof(text)), plain, sizeof(plain));
		fprintf(notes->out, _("  rank %s: %s\n"), name, plain);
	}
}

static void print_limited(const struct fleet *fleet, FILE *out)
{
	struct notes notes = { .out = out };

	if (fleet->limited_count > 0)
		fputs(_("\n! The figures of some ranks cannot be trusted:\n"), out);
	for (size_t i = 0; i < fleet->counted; i++) {
		if (fleet->members[i].run.trust.doubted)
			print_reasons(&fleet->members[i], &notes);
	}
	end_notes(&notes);
}

/* What the ranks themselves say of the fleet. */
static void print_sizes(const struct fleet *fleet, FILE *out)
{
	for (size_t i = 0; i < fleet->counted; i++) {
		const struct model_known *size = &fleet->members[i].run.fleet.size;

		if (!size->known || size->count == fleet->expected)
			continue;
		fprintf(out, _("\n! Rank %llu says that it is one of %llu, not of %u.\n"),
			rank_of(&fleet->members[i]), (unsigned long long)size->count,
			fleet->expected);
		return; /* what one says, the others say as well */
	}
}

static void print_search(const struct fleet *fleet, FILE *out)
{
	if (fleet->counted > 1 && fleet->members[0].run.find_max.end != MODEL_NOT_SEARCHED)
		fputs(_("\n! The ranks searched each by itself (--find-max): what they found does not "
			"add up.\n"),
			out);
}

void fleet_text_notes(const struct fleet *fleet, FILE *out)
{
	print_incomplete(fleet, out);
	print_sizes(fleet, out);
	print_late(fleet, out);
	print_limited(fleet, out);
	print_search(fleet, out);
}
