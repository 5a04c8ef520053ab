/*
 * Rates are kept as the time at which the next one is due (the "virtual scheduling" of ATM's GCRA): one
 * word, changed by compare and exchange, that needs no timer.
 *
 * Connections of a source are counted exactly, in a table under a lock, at accepting and closing only;
 * it has an entry for each source that is connected. Datagrams have no end, so theirs is a table of a fixed
 * size without a lock: a place whose rate has recovered may be taken by another source, since that
 * loses nothing; if all places that a source could have are busy, it shares one, which can only
 * make it slower. Both are hashed with a secret: no source can choose which one it shares with.
 */
#include "server/admission/limits.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "net/cidr.h"

#define SOURCE_CHAINS (1u << 16)
#define DATAGRAM_PLACES (1u << 16)
#define PLACES_A_SOURCE 4

/* An IPv6 prefix, or an IPv4 address in its mapped form. */
struct key {
	uint64_t word[2];
};

struct limits_source {
	struct key key;
	uint32_t count;
	struct limits_source *next;
};

struct place {
	_Atomic uint64_t tag; /* the source's hash; 0: free */
	_Atomic uint64_t due_ns;
};

/* As in limits_options; may change at any time. */
struct bounds {
	_Atomic uint32_t connections, memory_connections, per_source, connects_per_s,
		datagrams_per_s;
	_Atomic unsigned source_bits;
};

struct limits {
	struct bounds bounds;
	uint64_t secret[2];
	_Atomic uint32_t open_count;
	_Atomic uint64_t connect_due_ns;
	pthread_mutex_t lock; /* for the chains */
	struct limits_source **chains; /* NULL where --max-per-source is not and will not be */
	struct place *places; /* the same of --datagram-rate */
};

#define BOUND(limits, name) atomic_load_explicit(&(limits)->bounds.name, memory_order_relaxed)

/* ---- life ---- */

static void set_bounds(struct limits *limits, const struct limits_options *options)
{
#define SET(name) atomic_store_explicit(&limits->bounds.name, options->name, memory_order_relaxed)
	SET(connections);
	SET(memory_connections);
	SET(per_source);
	SET(source_bits);
	SET(connects_per_s);
	SET(datagrams_per_s);
#undef SET
}

void limits_set(struct limits *limits, const struct limits_options *options)
{
	set_bounds(limits, options);
}

int limits_new(const struct limits_options *options, struct limits **ret_limits)
{
	struct limits *limits = calloc(1, sizeof(*limits));
	/* The kernel gives no memory for a table that is not used. */
	bool per_source = options->per_source > 0 || options->adjustable;
	bool datagrams = options->datagrams_per_s > 0 || options->adjustable;
	int r = -ENOMEM;

	if (limits == NULL)
		return r;
	set_bounds(limits, options);
	if (getrandom(limits->secret, sizeof(limits->secret), 0) != sizeof(limits->secret)) {
		r = -EIO;
		goto fail_memory;
	}
	if (per_source)
		limits->chains = calloc(SOURCE_CHAINS, sizeof(struct limits_source *));
	if (datagrams)
		limits->places = calloc(DATAGRAM_PLACES, sizeof(struct place));
	if ((per_source && limits->chains == NULL) || (datagrams && limits->places == NULL))
		goto fail_memory;
	r = -pthread_mutex_init(&limits->lock, NULL);
	if (r < 0)
		goto fail_memory;
	*ret_limits = limits;
	return 0;

fail_memory:
	free(limits->chains);
	free(limits->places);
	free(limits);
	return r;
}

void limits_free(struct limits *limits)
{
	if (limits == NULL)
		return;
	for (size_t i = 0; limits->chains != NULL && i < SOURCE_CHAINS; i++) {
		while (limits->chains[i] != NULL) {
			struct limits_source *source = limits->chains[i];

			limits->chains[i] = source->next;
			free(source);
		}
	}
	pthread_mutex_destroy(&limits->lock);
	free(limits->chains);
	free(limits->places);
	free(limits);
}

/* ---- sources ---- */

/* False for what has no source. */
static bool find_key(
	const struct limits *limits, const struct sockaddr *source, struct key *ret_key)
{
	struct in6_addr in6 = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	if (source == NULL)
		return false;
	if (source->sa_family == AF_INET)
		memcpy(&in6.s6_addr[12], &((const struct sockaddr_in *)source)->sin_addr, 4);
	else if (source->sa_family == AF_INET6)
		in6 = ((const struct sockaddr_in6 *)source)->sin6_addr;
	else
		return false;
	if (!IN6_IS_ADDR_V4MAPPED(&in6))
		cidr_mask(in6.s6_addr, sizeof(in6), BOUND(limits, source_bits));
	memcpy(ret_key, &in6, sizeof(*ret_key));
	return true;
}

/* The mixing of MurmurHash3's last step, keyed; never 0. */
static uint64_t mix(uint64_t word)
{
	word = (word ^ word >> 33) * 0xff51afd7ed558ccdull;
	word = (word ^ word >> 33) * 0xc4ceb9fe1a85ec53ull;
	return word ^ word >> 33;
}

static uint64_t hash(const struct limits *limits, const struct key *key)
{
	uint64_t mixed = mix(mix(key->word[0] ^ limits->secret[0]) ^ key->word[1]);

	return mix(mixed ^ limits->secret[1]) | 1;
}

static struct limits_source **find_source(struct limits *limits, const struct key *key)
{
	struct limits_source **link = &limits->chains[hash(limits, key) >> 48];

	while (*link != NULL && memcmp(&(*link)->key, key, sizeof(*key)) != 0)
		link = &(*link)->next;
	return link;
}

static bool enter_source(
	struct limits *limits, const struct key *key, struct limits_source **ret_source)
{
	bool entered = false;

	pthread_mutex_lock(&limits->lock);
	struct limits_source **link = find_source(limits, key);

	if (*link == NULL) {
		*link = calloc(1, sizeof(**link));
		if (*link != NULL)
			(*link)->key = *key;
	}
	if (*link != NULL && (*link)->count < BOUND(limits, per_source)) {
		(*link)->count++;
		*ret_source = *link;
		entered = true;
	}
	pthread_mutex_unlock(&limits->lock);
	return entered;
}

static void leave_source(struct limits *limits, struct limits_source *source)
{
	pthread_mutex_lock(&limits->lock);
	if (--source->count == 0) {
		*find_source(limits, &source->key) = source->next;
		free(source);
	}
	pthread_mutex_unlock(&limits->lock);
}

/* ---- rates ---- */

/* Whether one more may be now, at so many a second; after a second of silence, as many at once. */
static bool take(_Atomic uint64_t *due_ns, uint32_t per_s, uint64_t now_ns)
{
	uint64_t interval_ns = CLOCK_NS_PER_S / per_s;
	uint64_t due = atomic_load_explicit(due_ns, memory_order_relaxed), next;

	do {
		next = (due > now_ns ? due : now_ns) + interval_ns;
		if (next > now_ns + CLOCK_NS_PER_S)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		due_ns, &due, next, memory_order_relaxed, memory_order_relaxed));
	return true;
}

/* ---- connections ---- */

enum limits_verdict limits_enter(struct limits *limits)
{
	uint32_t most = BOUND(limits, connections), memory_most = BOUND(limits, memory_connections);
	uint32_t count = atomic_load_explicit(&limits->open_count, memory_order_relaxed);

	do {
		if (most > 0 && count >= most)
			return LIMITS_CONNECTIONS;
		if (memory_most > 0 && count >= memory_most)
			return LIMITS_MEMORY;
	} while (!atomic_compare_exchange_weak_explicit(&limits->open_count, &count, count + 1,
		memory_order_relaxed, memory_order_relaxed));
	return LIMITS_ADMITTED;
}

enum limits_verdict limits_admit_source(struct limits *limits, const struct sockaddr *source,
	uint64_t now_ns, struct limits_source **ret_source)
{
	uint32_t connects_per_s = BOUND(limits, connects_per_s);
	struct limits_source *entered = NULL;
	struct key key;

	if (BOUND(limits, per_source) > 0 && find_key(limits, source, &key) &&
		!enter_source(limits, &key, &entered))
		return LIMITS_PER_SOURCE;
	/* Last: a connection that is refused for another reason must not use up the rate. */
	if (connects_per_s > 0 && !take(&limits->connect_due_ns, connects_per_s, now_ns)) {
		if (entered != NULL)
			leave_source(limits, entered);
		return LIMITS_CONNECT_RATE;
	}
	*ret_source = entered;
	return LIMITS_ADMITTED;
}

enum limits_verdict limits_admit(struct limits *limits, const struct sockaddr *source,
	uint64_t now_ns, struct limits_source **ret_source)
{
	enum limits_verdict verdict = limits_enter(limits);

	if (verdict != LIMITS_ADMITTED)
		return verdict;
	verdict = limits_admit_source(limits, source, now_ns, ret_source);
	if (verdict != LIMITS_ADMITTED)
		limits_release(limits, NULL);
	return verdict;
}

void limits_force(struct limits *limits)
{
	atomic_fetch_add_explicit(&limits->open_count, 1, memory_order_relaxed);
}

void limits_release(struct limits *limits, struct limits_source *source)
{
	if (source != NULL)
		leave_source(limits, source);
	atomic_fetch_sub_explicit(&limits->open_count, 1, memory_order_relaxed);
}

/* ---- datagrams ---- */

static struct place *find_place(struct limits *limits, uint64_t tag, uint64_t now_ns)
{
	struct place *places = &limits->places[tag >> 48 & ~(uint64_t)(PLACES_A_SOURCE - 1)];

	for (size_t i = 0; i < PLACES_A_SOURCE; i++) {
		if (atomic_load_explicit(&places[i].tag, memory_order_relaxed) == tag)
			return &places[i];
	}
	for (size_t i = 0; i < PLACES_A_SOURCE; i++) {
		uint64_t other = atomic_load_explicit(&places[i].tag, memory_order_relaxed);

		if (atomic_load_explicit(&places[i].due_ns, memory_order_relaxed) <= now_ns &&
			atomic_compare_exchange_strong_explicit(&places[i].tag, &other, tag,
				memory_order_relaxed, memory_order_relaxed))
			return &places[i];
	}
	return &places[tag >> 1 & (PLACES_A_SOURCE - 1)];
}

bool limits_admit_datagram(struct limits *limits, const struct sockaddr *source, uint64_t now_ns)
{
	uint32_t datagrams_per_s = BOUND(limits, datagrams_per_s);
	struct key key;

	if (datagrams_per_s == 0 || !find_key(limits, source, &key))
		return true;

	struct place *place = find_place(limits, hash(limits, &key), now_ns);

	return take(&place->due_ns, datagrams_per_s, now_ns);
}
