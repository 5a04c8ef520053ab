/*
 * launcher.c: what --rank takes, what launchers say, and who of them is believed.
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

#include "bench/fleet/launcher.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* All that the program looks at. */
static const char *const names[] = { "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "PMI_RANK",
	"PMI_SIZE", "PMIX_RANK", "PMIX_SIZE", "PARALLEL_SEQ", "SLURM_PROCID",
	"SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "JOB_COMPLETION_INDEX" };

/* "NAME=VALUE NAME=VALUE" and nothing else. */
static void set_environment(const char *text)
{
	char copy[400], *rest = NULL;

	for (size_t i = 0; i < COUNT(names); i++)
		unsetenv(names[i]);
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &rest); word != NULL;
		word = strtok_r(NULL, " ", &rest)) {
		char *sign = strchr(word, '=');

		*sign = '\0';
		setenv(word, sign + 1, 1);
	}
}

static void assert_rank(const char *environment, uint32_t rank, uint32_t size, const char *from)
{
	struct launcher_rank found;
	struct launcher_fault fault;

	set_environment(environment);
	assert_int_equal(launcher_find(&found, &fault), 0);
	assert_true(found.known);
	assert_int_equal(found.rank, rank);
	assert_int_equal(found.size, size);
	assert_string_equal(found.from, from);
}

static void assert_no_rank(const char *environment, const char *variable)
{
	struct launcher_rank found;
	struct launcher_fault fault = { 0 };

	set_environment(environment);
	assert_int_equal(launcher_find(&found, &fault), -EINVAL);
	assert_string_equal(fault.variable, variable);
	assert_non_null(fault.why);
}

static void each_launcher_is_known(void **state)
{
	assert_rank("OMPI_COMM_WORLD_RANK=2 OMPI_COMM_WORLD_SIZE=4", 2, 4, "OMPI_COMM_WORLD_RANK");
	assert_rank("PMI_RANK=0 PMI_SIZE=1", 0, 1, "PMI_RANK");
	assert_rank("PMIX_RANK=3", 3, 0, "PMIX_RANK");
	assert_rank("PMIX_RANK=3 PMIX_SIZE=4", 3, 4, "PMIX_RANK");
	assert_rank("PARALLEL_SEQ=1", 0, 0, "PARALLEL_SEQ");
	assert_rank("SLURM_PROCID=5 SLURM_NTASKS=6", 5, 6, "SLURM_PROCID");
	assert_rank("SLURM_PROCID=1 SLURM_NTASKS=6 SLURM_STEP_NUM_TASKS=2", 1, 2, "SLURM_PROCID");
	assert_rank("JOB_COMPLETION_INDEX=7", 7, 0, "JOB_COMPLETION_INDEX");
}

static void the_inner_launcher_counts(void **state)
{
	assert_rank(
		"SLURM_PROCID=0 SLURM_NTASKS=4 OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=8 PMIX_RANK=3",
		3, 8, "OMPI_COMM_WORLD_RANK");
	assert_rank("SLURM_PROCID=0 SLURM_NTASKS=4 PMI_RANK=1 PMI_SIZE=2", 1, 2, "PMI_RANK");
	assert_rank("SLURM_PROCID=0 SLURM_NTASKS=4 PARALLEL_SEQ=9", 8, 0, "PARALLEL_SEQ");
	assert_rank("JOB_COMPLETION_INDEX=2 SLURM_PROCID=0 SLURM_NTASKS=4", 0, 4, "SLURM_PROCID");
	/* One that is empty has said nothing; a size without a rank neither. */
	assert_rank("PMI_RANK= PMI_SIZE=7 JOB_COMPLETION_INDEX=2", 2, 0, "JOB_COMPLETION_INDEX");
}

static void nobody_has_spoken(void **state)
{
	struct launcher_rank found = { .known = true };
	struct launcher_fault fault;

	set_environment("SLURM_NTASKS=4 OMPI_COMM_WORLD_SIZE=3");
	assert_int_equal(launcher_find(&found, &fault), 0);
	assert_false(found.known);
	assert_null(found.from);
}

static void what_is_no_rank_is_refused(void **state)
{
	assert_no_rank("OMPI_COMM_WORLD_RANK=x", "OMPI_COMM_WORLD_RANK");
	assert_no_rank("PMI_RANK=-1 PMI_SIZE=2", "PMI_RANK");
	assert_no_rank("PARALLEL_SEQ=0", "PARALLEL_SEQ");
	assert_no_rank("PMI_RANK=2 PMI_SIZE=2", "PMI_SIZE");
	assert_no_rank("PMI_RANK=2 PMI_SIZE=many", "PMI_SIZE");
	assert_no_rank("PMI_RANK=2 PMI_SIZE=0", "PMI_SIZE");
	assert_no_rank("SLURM_PROCID=99999999999", "SLURM_PROCID");
	/* The first that speaks is not passed over for one that makes sense. */
	assert_no_rank("PMI_RANK=1.5 SLURM_PROCID=1", "PMI_RANK");
	set_environment("");
}

static void the_option(void **state)
{
	static const char *const wrong[] = { "", "/", "1", "1/", "/4", "4/4", "5/4", "-1/4", "1/0",
		"a/b", "1/4/4", "1 /4", "1/4 ", "99999999999999999999/4", "0/16777217", "1.0/2" };
	struct launcher_rank found;
	const char *why;

	assert_int_equal(launcher_parse("0/1", &found, &why), 0);
	assert_int_equal(launcher_parse("16777215/16777216", &found, &why), 0);
	assert_int_equal(found.rank, 16777215);
	assert_int_equal(found.size, LAUNCHER_MOST_RANKS);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		why = NULL;
		assert_int_equal(launcher_parse(wrong[i], &found, &why), -EINVAL);
		assert_non_null(why);
	}
	assert_int_equal(found.rank, 16777215);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_launcher_is_known),
		cmocka_unit_test(the_inner_launcher_counts),
		cmocka_unit_test(nobody_has_spoken),
		cmocka_unit_test(what_is_no_rank_is_refused),
		cmocka_unit_test(the_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
