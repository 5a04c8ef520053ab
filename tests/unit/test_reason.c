/*
 * reason.c: sentences from codes and figures, whatever a file holds instead of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "report/model/reason.h"

static struct model model;

static struct model_reason *reason(const char *code, const char *text)
{
	struct model_reason *made = model_append(&model.trust.reasons, sizeof(*made));

	assert_int_equal(model_set_text(&made->code, code), 0);
	assert_int_equal(model_set_text(&made->text, text), 0);
	return made;
}

static void tells(const struct model_reason *reason, const char *part)
{
	char text[REASON_TEXT_SIZE];

	reason_format(reason, false, text, sizeof(text));
	if (strstr(text, part) == NULL)
		fail_msg("'%s' is not in '%s'", part, text);
}

static void figures_become_a_sentence(void **state)
{
	struct model_reason *cpu = reason("generator-cpu", "as it was");

	reason_add_figure(cpu, "running_share", 0.751);
	reason_add_figure(cpu, "waiting_share", 0.25);
	tells(cpu, "(busiest thread: 75% running, 25% waiting to run)");

	struct model_reason *late = reason("behind-schedule", NULL);

	reason_add_figure(late, "late_ns", 1090000);
	tells(late, "handed out 1.09ms late");
	reason_add_figure(late, "latency_ns", 4360000);
	tells(late, "can explain up to 25% of the p99 of 4.36ms");
	tells(late, "--busy-poll");

	struct model_reason *missing = reason("connections-missing", NULL);

	reason_add_figure(missing, "connected", 9);
	reason_add_figure(missing, "connections", 10);
	tells(missing, "only 9 of 10 connections could be made (?)");
	reason_add_figure(missing, "errno", EADDRNOTAVAIL);
	tells(missing, "only 9 of 10 connections could be made (Cannot assign requested address)");
	tells(missing, "--source takes several");
	tells(reason("latency-out-of-range", NULL), "longer than the hour");

	struct model_reason *unsent = reason("messages-unsent", NULL);

	tells(unsent, "were never sent");
	reason_add_figure(unsent, "unsent", 504);
	reason_add_figure(unsent, "due", 600);
	tells(unsent, "504 of 600 messages that were due were never sent");

	struct model_reason *silent = reason("connections-silent", NULL);

	tells(silent, "stopped answering");
	reason_add_figure(silent, "silent", 5);
	reason_add_figure(silent, "connections", 10);
	reason_add_figure(silent, "stalled", 0);
	tells(silent, "5 of 10 connections brought nothing back");
	model_fini(&model);
}

static void without_figures_the_text_is_told(void **state)
{
	struct model_reason *half = reason("generator-cpu", "no CPU was left");

	tells(half, "no CPU was left");
	reason_add_figure(half, "running_share", 1);
	tells(half, "no CPU was left");
	tells(reason("generator-cpu", NULL), "out of processor time: this is its limit");
	tells(reason("moon-phase", "it was full"), "it was full");
	tells(reason("moon-phase", NULL), "moon-phase");
	tells(reason(NULL, "it was full"), "it was full");
	tells(reason(NULL, NULL), "?");
	model_fini(&model);
}

static void absurd_figures_do_no_harm(void **state)
{
	struct model_reason *cpu = reason("generator-cpu", NULL);

	reason_add_figure(cpu, "running_share", 1e308);
	reason_add_figure(cpu, "waiting_share", 0);
	tells(cpu, "100% running, 0% waiting");

	struct model_reason *late = reason("behind-schedule", NULL);

	reason_add_figure(late, "late_ns", 1e308);
	tells(late, "late or more");

	struct model_reason *missing = reason("connections-missing", NULL);

	reason_add_figure(missing, "connected", 1e308);
	reason_add_figure(missing, "connections", 1e10);
	reason_add_figure(missing, "errno", 1e308);
	tells(missing, "only 4294967295 of 4294967295 connections could be made (?)");
	model_fini(&model);
}

static void which_are_the_same(void **state)
{
	/* All before the first is used: a list moves as it grows. */
	reason("behind-schedule", "one");
	reason("behind-schedule", "two");
	reason("behind-schedule", "one");
	reason("moon-phase", "one");
	reason("moon-phase", "two");
	reason("generator-cpu", "one");

	struct model_reason *all = model.trust.reasons.items;

	assert_true(reason_is_same(&all[0], &all[2]));
	assert_false(reason_is_same(&all[0], &all[1]));
	assert_false(reason_is_same(&all[0], &all[5]));
	reason_add_figure(&all[0], "late_ns", 1);
	assert_false(reason_is_same(&all[0], &all[1]));
	reason_add_figure(&all[1], "late_ns", 2);
	assert_true(reason_is_same(&all[0], &all[1]));
	assert_true(reason_is_graver(&all[1], &all[0]));
	assert_false(reason_is_graver(&all[0], &all[1]));
	/* What is not known is told as it was written. */
	reason_add_figure(&all[3], "x", 1);
	reason_add_figure(&all[4], "x", 1);
	assert_false(reason_is_same(&all[3], &all[4]));
	model_fini(&model);
}

static void fewer_connections_are_graver(void **state)
{
	reason("connections-missing", NULL);
	reason("connections-missing", NULL);

	struct model_reason *all = model.trust.reasons.items;

	reason_add_figure(&all[0], "connected", 5);
	reason_add_figure(&all[1], "connected", 3);
	assert_true(reason_is_graver(&all[1], &all[0]));
	assert_false(reason_is_graver(&all[0], &all[1]));
	model_fini(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_become_a_sentence),
		cmocka_unit_test(without_figures_the_text_is_told),
		cmocka_unit_test(absurd_figures_do_no_harm),
		cmocka_unit_test(which_are_the_same),
		cmocka_unit_test(fewer_connections_are_graver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
