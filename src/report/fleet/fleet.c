/*
 * Each result joins a group as it comes, by the group's first one. Which group is the fleet shows at the end.
 */
#include "report/fleet/fleet.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "report/merge.h"

/* Beginning apart by this, or by this part of the measuring, is told of a rank; less is noise of a busy machine. */
#define APART_LEAST_NS (10 * CLOCK_NS_PER_MS)
#define APART_SHARE 100

enum { RATE = 0, P99 = 3 };

void fleet_init(struct fleet *fleet, uint32_t expected)
{
	*fleet = (struct fleet){
		.expected = expected,
		.chosen = FLEET_NONE,
		.slowest = FLEET_NONE,
	};
}

void fleet_fini(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->member_count; i++) {
		model_fini(&fleet->members[i].run);
		free(fleet->members[i].path);
	}
	for (size_t i = 0; i < fleet->broken_count; i++)
		free(fleet->broken[i].path);
	for (size_t i = 0; i < fleet->group_count; i++) {
		model_fini(&fleet->groups[i].merged);
		free(fleet->groups[i].taken);
	}
	free(fleet->members);
	free(fleet->broken);
	memset(fleet, 0, sizeof(*fleet));
}

/* Room for one more item behind `count`; grows by doubling. */
static void *grow(void *items, size_t count, size_t size)
{
	if (count > 0 && (count & (count - 1)) != 0)
		return items;
	return reallocarray(items, count > 0 ? 2 * count : 1, size);
}

/* ---- groups ---- */

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_same_kind(const struct model *a, const struct model *b)
{
	return is_same_text(a->program, b->program) &&
		is_same_text(a->target.scheme, b->target.scheme) && a->load.mode == b->load.mode &&
		(a->find_max.end == MODEL_NOT_SEARCHED) == (b->find_max.end == MODEL_NOT_SEARCHED);
}

static bool is_taken(const struct fleet_group *group, uint64_t rank)
{
	return (group->taken[rank / 8] >> rank % 8 & 1) != 0;
}

/* Takes the histograms of `run` into a new group. -ENOMEM. */
static int begin_group(struct fleet *fleet, size_t member, const struct model *run)
{
	struct fleet_group *group = &fleet->groups[fleet->group_count];
	unsigned char *taken = calloc(1, (fleet->expected + 7) / 8);
	int r = taken != NULL ? merge_begin(run, &group->merged) : -ENOMEM;

	if (r < 0) {
		free(taken);
		return r;
	}
	group->first = member;
	group->count = 0;
	group->taken = taken;
	fleet->group_count++;
	return 0;
}

static int join_group(struct fleet *fleet, struct fleet_member *member, size_t which)
{
	struct fleet_group *group = &fleet->groups[which];
	uint64_t rank = member->run.fleet.rank.count;
	bool is_first = group->count == 0;

	member->group = which;
	if (is_taken(group, rank)) {
		member->place = FLEET_DOUBLED;
		return 0;
	}
	group->taken[rank / 8] |= (unsigned char)(1u << rank % 8);
	group->count++;
	return is_first ? 0 : merge_add(&group->merged, &member->run);
}

static int find_group(struct fleet *fleet, struct fleet_member *member)
{
	for (size_t i = 0; i < fleet->group_count; i++) {
		const struct model *first = &fleet->members[fleet->groups[i].first].run;

		if (is_same_kind(first, &member->run) && merge_run_together(first, &member->run))
			return join_group(fleet, member, i);
	}
	if (fleet->group_count == FLEET_MOST_GROUPS) {
		member->place = FLEET_OTHER_TIME;
		return 0;
	}

	int r = begin_group(fleet, (size_t)(member - fleet->members), &member->run);

	return r < 0 ? r : join_group(fleet, member, fleet->group_count - 1);
}

/* ---- members ---- */

static uint64_t begun_unix_ns(const struct model *run)
{
	const struct model_fleet *fleet = &run->fleet;

	/* Both are foreign, and at most INT64_MAX. */
	if (fleet->start_unix_ns.known && fleet->late_ns.known &&
		fleet->late_ns.count <= INT64_MAX - fleet->start_unix_ns.count)
		return fleet->start_unix_ns.count + fleet->late_ns.count;
	return run->started_unix_ns > run->warm_up_ns ? run->started_unix_ns - run->warm_up_ns : 0;
}

/* Gives back what has been added up, or will not be. */
static void lighten(struct model *run)
{
	struct model heavy = { .latency = run->latency, .intervals = run->intervals };

	memset(&run->latency, 0, sizeof(run->latency));
	memset(&run->intervals, 0, sizeof(run->intervals));
	model_fini(&heavy);
}

static bool has_measured(const struct model *run)
{
	return run->duration_ns > 0 || figure_has_tried(&run->counts);
}

int fleet_add(struct fleet *fleet, const char *path, struct model *run)
{
	struct fleet_member *members = grow(fleet->members, fleet->member_count, sizeof(*members)),
			    *member;
	int r = 0;

	if (members == NULL) {
		model_fini(run);
		return -ENOMEM;
	}
	fleet->members = members;
	member = &members[fleet->member_count++];
	*member = (struct fleet_member){
		.run = *run,
		.path = strdup(path),
		.group = FLEET_NONE,
		.begun_unix_ns = begun_unix_ns(run),
	};
	for (size_t i = 0; i < FIGURE_COUNT; i++)
		member->figures[i] = figure_value(&figure_table[i], run);
	if (member->path == NULL)
		r = -ENOMEM;
	else if (!run->fleet.rank.known)
		member->place = FLEET_UNRANKED;
	else if (run->fleet.rank.count >= fleet->expected)
		member->place = FLEET_SURPLUS;
	else if (!has_measured(run))
		member->place = FLEET_NOTHING;
	else
		r = find_group(fleet, member);
	lighten(&member->run);
	return r;
}

int fleet_add_broken(
	struct fleet *fleet, const char *path, int error, const struct model_fault *fault)
{
	struct fleet_broken *broken = grow(fleet->broken, fleet->broken_count, sizeof(*broken));
	char *copy = strdup(path);

	if (broken != NULL)
		fleet->broken = broken;
	if (broken == NULL || copy == NULL) {
		free(copy);
		return -ENOMEM;
	}
	broken += fleet->broken_count++;
	*broken = (struct fleet_broken){ .path = copy, .error = error };
	if (fault != NULL)
		broken->fault = *fault;
	return 0;
}

/* ---- at the end ---- */

static void choose_group(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->group_count; i++) {
		const struct fleet_group *group = &fleet->groups[i], *best;

		if (fleet->chosen == FLEET_NONE) {
			fleet->chosen = i;
			continue;
		}
		best = &fleet->groups[fleet->chosen];
		if (group->count > best->count ||
			(group->count == best->count &&
				group->merged.started_unix_ns > best->merged.started_unix_ns))
			fleet->chosen = i;
	}
}

static void place_members(struct fleet *fleet)
{
	const struct model *first = fleet->chosen != FLEET_NONE
		? &fleet->members[fleet->groups[fleet->chosen].first].run
		: NULL;

	for (size_t i = 0; i < fleet->member_count; i++) {
		struct fleet_member *member = &fleet->members[i];

		if (member->group == FLEET_NONE)
			continue;
		if (member->group != fleet->chosen)
			member->place = is_same_kind(&member->run, first) ? FLEET_OTHER_TIME
									  : FLEET_OTHER_KIND;
		else if (member->place == FLEET_COUNTED)
			fleet->counted++;
	}
}

/* Those that count first, each sort by rank; what is alike stays in the order of its coming. */
static int compare_members(const void *a, const void *b)
{
	const struct fleet_member *x = a, *y = b;
	bool x_counts = x->place == FLEET_COUNTED, y_counts = y->place == FLEET_COUNTED;
	uint64_t x_rank = x->run.fleet.rank.known ? x->run.fleet.rank.count : UINT64_MAX;
	uint64_t y_rank = y->run.fleet.rank.known ? y->run.fleet.rank.count : UINT64_MAX;

	if (x_counts != y_counts)
		return x_counts ? -1 : 1;
	if (x_rank != y_rank)
		return x_rank < y_rank ? -1 : 1;
	return strcmp(x->path, y->path);
}

static int compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void note_apart(struct fleet *fleet, struct fleet_member *member, uint64_t middle_ns)
{
	uint64_t begun_ns = member->begun_unix_ns;
	uint64_t after_ns = begun_ns > middle_ns ? begun_ns - middle_ns : 0;
	uint64_t before_ns = begun_ns < middle_ns ? middle_ns - begun_ns : 0;
	uint64_t allowed_ns = member->run.duration_ns / APART_SHARE;

	if (allowed_ns < APART_LEAST_NS)
		allowed_ns = APART_LEAST_NS;
	if (member->run.fleet.late_ns.known && member->run.fleet.late_ns.count > after_ns)
		after_ns = member->run.fleet.late_ns.count;
	member->late = after_ns > allowed_ns;
	member->early = !member->late && before_ns > allowed_ns;
	member->apart_ns = member->early ? before_ns : after_ns;
	fleet->late_count += member->late || member->early;
}

/* How far apart those that count have begun. -ENOMEM. */
static int find_skew(struct fleet *fleet)
{
	uint64_t *times = calloc(fleet->counted, sizeof(*times));
	size_t known = 0;

	if (times == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < fleet->counted; i++) {
		if (fleet->members[i].begun_unix_ns > 0)
			times[known++] = fleet->members[i].begun_unix_ns;
	}
	qsort(times, known, sizeof(*times), compare_times);
	if (known > 0)
		fleet->skew_ns = times[known - 1] - times[0];
	for (size_t i = 0; known > 0 && i < fleet->counted; i++) {
		if (fleet->members[i].begun_unix_ns > 0)
			note_apart(fleet, &fleet->members[i], times[(known - 1) / 2]);
	}
	free(times);
	return 0;
}

/* A greater latency, or where none is known, a lower rate. */
static bool is_slower(const struct fleet_member *member, const struct fleet_member *than)
{
	double p99 = member->figures[P99], than_p99 = than->figures[P99];

	if (isnan(p99) && isnan(than_p99))
		return member->figures[RATE] < than->figures[RATE];
	/* One that got nothing back is slower than any that did. */
	if (isnan(p99) || isnan(than_p99))
		return isnan(p99);
	return p99 > than_p99;
}

static void count_members(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->counted; i++) {
		const struct fleet_member *member = &fleet->members[i];

		fleet->interrupted_count += member->run.interrupted;
		fleet->limited_count += member->run.trust.doubted;
		if (fleet->counted > 1 &&
			(fleet->slowest == FLEET_NONE ||
				is_slower(member, &fleet->members[fleet->slowest])))
			fleet->slowest = i;
	}
}

int fleet_settle(struct fleet *fleet)
{
	int r = 0;

	choose_group(fleet);
	place_members(fleet);
	if (fleet->member_count > 0)
		qsort(fleet->members, fleet->member_count, sizeof(*fleet->members),
			compare_members);
	if (fleet->counted > 0)
		r = find_skew(fleet);
	count_members(fleet);
	return r;
}

const struct model *fleet_merged(const struct fleet *fleet)
{
	return fleet->chosen != FLEET_NONE ? &fleet->groups[fleet->chosen].merged : NULL;
}

bool fleet_is_complete(const struct fleet *fleet)
{
	return fleet->counted == fleet->expected && fleet->member_count == fleet->counted &&
		fleet->broken_count == 0 && fleet->interrupted_count == 0;
}

uint32_t fleet_next_missing(const struct fleet *fleet, uint32_t rank)
{
	const struct fleet_group *group = fleet->chosen != FLEET_NONE
		? &fleet->groups[fleet->chosen]
		: NULL;

	for (; rank < fleet->expected; rank++) {
		if (group == NULL || !is_taken(group, rank))
			return rank;
	}
	return FLEET_MOST_RANKS;
}

const char *fleet_place_name(enum fleet_place place)
{
	static const char *const names[] = {
		[FLEET_COUNTED] = "counted",
		[FLEET_DOUBLED] = "doubled",
		[FLEET_SURPLUS] = "surplus",
		[FLEET_UNRANKED] = "unranked",
		[FLEET_OTHER_KIND] = "other-kind",
		[FLEET_OTHER_TIME] = "other-time",
		[FLEET_NOTHING] = "nothing-measured",
	};

	return names[place];
}
