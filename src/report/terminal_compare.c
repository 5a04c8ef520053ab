/*
 * The comparison as a table: what changed by how much, how sure that is, and one sentence at the end.
 */
#include "report/terminal_compare.h"

#include <errno.h>
#include <math.h>

#include "base/i18n.h"
#include "report/table.h"

const char *terminal_compare_verdict(enum compare_verdict verdict)
{
	static const char *const names[] = {
		[COMPARE_TOO_FEW] = N_("not enough runs"),
		[COMPARE_SAME] = N_("same"),
		[COMPARE_UNCLEAR] = N_("no clear difference"),
		[COMPARE_BETTER] = N_("better"),
		[COMPARE_WORSE] = N_("worse"),
		[COMPARE_MIXED] = N_("some better, some worse"),
		[COMPARE_NOT_JUDGED] = N_("cannot be judged"),
	};

	return _(names[verdict]);
}

/* "+2.1%" for a factor, "×12.0" for a large one, "+12" for a difference. The page writes the same. */
static const char *format_effect(
	const struct compare_figure *one, double effect, char *buffer, size_t size)
{
	double percent = (effect - 1) * 100;

	char number[FIGURE_TEXT_SIZE];

	if (isnan(effect))
		snprintf(buffer, size, "-");
	else if (!compare_is_factor(one))
		snprintf(buffer, size, "%s%s",
			effect > 0           ? "+"
				: effect < 0 ? "-"
					     : "",
			figure_format(one->figure->unit, fabs(effect), number, sizeof(number)));
	else if (effect >= 9.995)
		snprintf(buffer, size, "×%.*f", effect >= 99.95 ? 0 : 1, effect);
	else if (fabs(percent) < 0.05)
		snprintf(buffer, size, "0.0%%"); /* a change of nothing has no sign */
	else
		snprintf(buffer, size, "%+.1f%%", percent);
	return buffer;
}

static void add_figure(struct table *table, const struct compare_figure *one)
{
	char text[FIGURE_TEXT_SIZE], low[FIGURE_TEXT_SIZE], high[FIGURE_TEXT_SIZE], both[80];

	table_add(table, _(one->figure->title));
	table_add(
		table, figure_format(one->figure->unit, one->baseline_median, text, sizeof(text)));
	table_add(table, figure_format(one->figure->unit, one->median, text, sizeof(text)));
	table_add(table, format_effect(one, one->effect, text, sizeof(text)));
	snprintf(both, sizeof(both), "%s … %s", format_effect(one, one->low, low, sizeof(low)),
		format_effect(one, one->high, high, sizeof(high)));
	table_add(table, isnan(one->low) ? "-" : both);
	table_add(table, terminal_compare_verdict(one->verdict));
}

/* What stands against a verdict, a line each; too few runs have a sentence of their own. */
static void print_objections(const struct compare *compare, FILE *out)
{
	bool begun = false;

	for (size_t i = 0; i < compare->objection_count; i++) {
		const struct objection *objection = &compare->objections[i];
		char text[OBJECTION_TEXT_SIZE];

		if (objection->kind == OBJECTION_TOO_FEW)
			continue;
		if (!begun)
			fputs(_("\n! Objections to a verdict:\n"), out);
		begun = true;
		fprintf(out, "  %s\n", objection_format(objection, true, text, sizeof(text)));
	}
}

int terminal_compare(const struct compare *compare, unsigned width, FILE *out)
{
	struct table *table = table_new(6);

	if (table == NULL)
		return -ENOMEM;
	fputc('\n', out);
	table_add(table, _("figure"));
	table_add(table, _("baseline"));
	table_add(table, _("now"));
	table_add(table, _("change"));
	/* xgettext:no-c-format */
	table_add(table, _("99% sure"));
	table_add(table, _("verdict"));
	for (size_t i = 0; i < compare->figure_count; i++)
		add_figure(table, &compare->figures[i]);

	int r = table_print(table, width, out);

	table_free(table);
	if (compare->verdict == COMPARE_TOO_FEW && compare->objection_count > 0 &&
		compare->objections[0].kind == OBJECTION_TOO_FEW)
		fprintf(out,
			_("\nNot enough runs for a verdict: %zu here and %zu in the baseline, %d of each "
			  "are needed.\n"),
			compare->runs, compare->baseline_runs, COMPARE_LEAST_RUNS);
	else
		fprintf(out, _("\nOver all: %s.\n"), terminal_compare_verdict(compare->verdict));
	print_objections(compare, out);
	return r;
}
