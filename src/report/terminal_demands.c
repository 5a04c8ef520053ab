/*
 * A demand is text from a file: it is made plain, and its value is printed in the unit of its figure.
 */
#include "report/terminal_demands.h"

#include <math.h>
#include <string.h>

#include "base/i18n.h"
#include "base/number.h"
#include "report/figure.h"
#include "report/plain.h"

/* Holds a demand; longer ones are cut. */
#define DEMAND_SIZE 128

/* Whether the figure at the start of a demand is a time. */
static bool is_time(const char *demand)
{
	static const char *const times[] = { "min", "mean", "stddev", "max", "sent.", "connect." };

	if (demand[0] == 'p' && demand[1] >= '0' && demand[1] <= '9')
		return true;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (strncmp(demand, times[i], strlen(times[i])) == 0)
			return true;
	}
	return false;
}

static const char *format_value(const char *demand, double value, char *buffer, size_t size)
{
	if (isnan(value))
		snprintf(buffer, size, "-");
	else if (is_time(demand))
		figure_format(FIGURE_NS, value, buffer, size);
	else if (strncmp(demand, "loss", strlen("loss")) == 0)
		snprintf(buffer, size, "%.3g%%", value * 100);
	else if (strncmp(demand, "rate", strlen("rate")) == 0)
		figure_format(FIGURE_PER_S, value, buffer, size);
	else
		figure_format(FIGURE_PER_MILLION, value, buffer, size);
	return buffer;
}

void terminal_demands_print(const struct model_assert *demand, bool doubted, FILE *out)
{
	const char *text = demand->text != NULL ? demand->text : "?";
	char plain[DEMAND_SIZE], value[FIGURE_TEXT_SIZE];

	plain_text(text, plain, sizeof(plain));
	format_value(text, demand->value, value, sizeof(value));
	fprintf(out, "%s: %s (%s)%s%s\n", demand->holds ? _("kept") : _("broken"), plain, value,
		doubted ? ", " : "", doubted ? _("not to be trusted") : "");
}

static void print_asserts(const struct model *run, size_t number, FILE *out)
{
	const struct model_assert *asserts = run->asserts.items;

	for (size_t i = 0; i < run->asserts.count; i++) {
		if (number > 0 && asserts[i].holds)
			continue;
		if (number > 0)
			fprintf(out, _("run %zu: "), number);
		terminal_demands_print(&asserts[i], run->trust.doubted, out);
	}
}

static void print_search(const struct model_find_max *found, size_t number, FILE *out)
{
	char demand[DEMAND_SIZE], rate[NUMBER_TEXT_SIZE];

	if (found->end == MODEL_NOT_SEARCHED)
		return;
	if (number > 0)
		fprintf(out, _("run %zu: "), number);
	plain_text(found->promise != NULL ? found->promise : "?", demand, sizeof(demand));
	number_format_rate(found->rate_per_s, rate, sizeof(rate));
	switch (found->end) {
	case MODEL_FOUND: fprintf(out, _("highest rate with %s: %s/s\n"), demand, rate); break;
	case MODEL_AT_LEAST:
		fprintf(out,
			_("highest rate with %s: %s/s at least; more could not be generated "
			  "here\n"),
			demand, rate);
		break;
	case MODEL_WHOLE_RANGE:
		fprintf(out, _("%s holds up to %s/s, where the search ends\n"), demand, rate);
		break;
	case MODEL_NO_RATE: fprintf(out, _("no rate keeps %s\n"), demand); break;
	case MODEL_INTERRUPTED:
	case MODEL_NOT_SEARCHED: fprintf(out, _("the search was interrupted\n")); break;
	}
}

void terminal_demands(const struct model *runs, size_t count, FILE *out)
{
	for (size_t i = 0; i < count; i++) {
		size_t number = count > 1 ? i + 1 : 0;

		print_search(&runs[i].find_max, number, out);
		print_asserts(&runs[i], number, out);
	}
}
