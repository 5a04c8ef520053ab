/*
 * The table is in the order of precedence. A variable that is empty counts as not there.
 */
#include "bench/fleet/launcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/number.h"

#define MOST_SIZE_VARIABLES 2

static const struct {
	const char *rank;
	const char *sizes[MOST_SIZE_VARIABLES]; /* the first that is there */
	uint32_t first; /* what the launcher counts from */
} launchers[] = {
	{ "OMPI_COMM_WORLD_RANK", { "OMPI_COMM_WORLD_SIZE" }, 0 },
	{ "PMI_RANK", { "PMI_SIZE" }, 0 },
	{ "PMIX_RANK", { "PMIX_SIZE" }, 0 },
	{ "PARALLEL_SEQ", { NULL }, 1 },
	/* Of an allocation and of the step in it, this program belongs to the step. */
	{ "SLURM_PROCID", { "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS" }, 0 },
	{ "JOB_COMPLETION_INDEX", { NULL }, 0 },
};

#define LAUNCHER_COUNT (sizeof(launchers) / sizeof(launchers[0]))

int launcher_parse(const char *text, struct launcher_rank *ret_rank, const char **ret_why)
{
	const char *slash = strchr(text, '/');
	char first[16];
	uint64_t rank, size;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(first)) {
		*ret_why = _("a rank and how many there are is expected, such as 0/4");
		return -EINVAL;
	}
	memcpy(first, text, (size_t)(slash - text));
	first[slash - text] = '\0';
	if (number_parse(slash + 1, 1, LAUNCHER_MOST_RANKS, &size) < 0 ||
		number_parse(first, 0, UINT32_MAX, &rank) < 0) {
		*ret_why = _("a rank and how many there are is expected, such as 0/4");
		return -EINVAL;
	}
	if (rank >= size) {
		*ret_why = _("ranks are counted from 0, so the last one is one less than how many "
			     "there are");
		return -EINVAL;
	}
	*ret_rank = (struct launcher_rank){ true, (uint32_t)rank, (uint32_t)size, "--rank" };
	return 0;
}

/* NULL: not there. */
static const char *look(const char *name)
{
	const char *value = name != NULL ? getenv(name) : NULL;

	return value != NULL && *value != '\0' ? value : NULL;
}

static int fail(
	struct launcher_fault *ret_fault, const char *variable, const char *value, const char *why)
{
	*ret_fault = (struct launcher_fault){ variable, value, why };
	return -EINVAL;
}

static int read_launcher(
	size_t which, struct launcher_rank *ret_rank, struct launcher_fault *ret_fault)
{
	const char *name = launchers[which].rank, *value = look(name);
	uint32_t first = launchers[which].first;
	uint64_t rank, size = 0;

	if (number_parse(value, first, LAUNCHER_MOST_RANKS, &rank) < 0)
		return fail(ret_fault, name, value, _("this is no rank"));
	rank -= first;
	for (size_t i = 0; i < MOST_SIZE_VARIABLES && size == 0; i++) {
		const char *variable = launchers[which].sizes[i], *text = look(variable);

		if (text == NULL)
			continue;
		if (number_parse(text, 1, LAUNCHER_MOST_RANKS, &size) < 0)
			return fail(ret_fault, variable, text, _("this is no number of ranks"));
		if (rank >= size)
			return fail(ret_fault, variable, text,
				_("there is a rank beyond the last one"));
	}
	*ret_rank = (struct launcher_rank){ true, (uint32_t)rank, (uint32_t)size, name };
	return 0;
}

int launcher_find(struct launcher_rank *ret_rank, struct launcher_fault *ret_fault)
{
	for (size_t i = 0; i < LAUNCHER_COUNT; i++) {
		if (look(launchers[i].rank) != NULL)
			return read_launcher(i, ret_rank, ret_fault);
	}
	*ret_rank = (struct launcher_rank){ 0 };
	return 0;
}
