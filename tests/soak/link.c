/*
 * A bad link: makes two network namespaces with a TUN interface called "link" in each, and carries
 * packets from one to the other, of which it loses, repeats, delays, overtakes and damages some.
 *
 *	link SEED          tells "ready FD FD" (the namespaces, as /proc/PID/fd/FD), then obeys lines:
 *	set NAME=N...      from now on; loss, duplicate, reorder and damage are shares in a million,
 *	                   delay_us and jitter_us times; what is not named is 0
 *	count              tells all that it did, as NAME=N pairs
 *
 * The namespaces have no names: they are gone with their last process and this one, however it ends;
 * it ends by itself with its standard input. Addresses are whoever started it to give.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define MOST_HELD 8192 /* packets under way; more are dropped, as a router with full memory does */
#define MOST_BYTES 2048 /* of a packet; the interfaces' MTU is 1500 */
#define AT_ONCE 64
#define MILLION 1000000u

/* What the weather does to a packet: names of `set`. */
struct weather {
	uint64_t loss, duplicate, reorder, damage, delay_us, jitter_us;
};

struct counts {
	uint64_t came, delivered, lost, duplicated, duplicated_udp, reordered, damaged, overflowed,
		refused, held_most;
};

struct packet {
	uint64_t due_ns, number;
	unsigned to;
	size_t length;
	unsigned char *bytes;
};

struct link {
	int tun[2];
	uint64_t last_due_ns[2]; /* by where it goes to: what is not reordered does not overtake */
	uint64_t random, numbers;
	struct weather weather;
	struct counts counts;
	struct packet *held[MOST_HELD]; /* a heap: the next one due is the first */
	size_t held_count;
};

static void fail(const char *what)
{
	fprintf(stderr, "link: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* splitmix64. */
static uint64_t roll(struct link *link)
{
	uint64_t z = link->random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t roll_below(struct link *link, uint64_t bound)
{
	return bound == 0 ? 0 : roll(link) % bound;
}

static bool happens(struct link *link, uint64_t share)
{
	return roll_below(link, MILLION) < share;
}

static bool is_before(const struct packet *one, const struct packet *other)
{
	if (one->due_ns != other->due_ns)
		return one->due_ns < other->due_ns;
	return one->number < other->number;
}

static void hold(struct link *link, struct packet *packet)
{
	size_t at = link->held_count++;

	for (size_t above; at > 0; at = above) {
		above = (at - 1) / 2;
		if (!is_before(packet, link->held[above]))
			break;
		link->held[at] = link->held[above];
	}
	link->held[at] = packet;
	if (link->held_count > link->counts.held_most)
		link->counts.held_most = link->held_count;
}

static struct packet *take_first(struct link *link)
{
	struct packet *first = link->held[0], *last = link->held[--link->held_count];
	size_t at = 0;

	for (size_t below; (below = 2 * at + 1) < link->held_count; at = below) {
		if (below + 1 < link->held_count &&
			is_before(link->held[below + 1], link->held[below]))
			below++;
		if (!is_before(link->held[below], last))
			break;
		link->held[at] = link->held[below];
	}
	link->held[at] = last;
	return first;
}

/* Where the packet's TCP or UDP header begins, and which it is; false for anything else, and fragments. */
static bool find_transport(
	const unsigned char *bytes, size_t length, size_t *ret_at, unsigned *ret_protocol)
{
	size_t at;
	unsigned protocol;

	if (length >= 20 && bytes[0] >> 4 == 4) {
		if ((bytes[6] & 0x3f) != 0 || bytes[7] != 0)
			return false;
		at = (size_t)(bytes[0] & 15) * 4;
		protocol = bytes[9];
	} else if (length >= 40 && bytes[0] >> 4 == 6) {
		at = 40;
		protocol = bytes[6];
	} else {
		return false;
	}
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return false;
	if (at + (protocol == IPPROTO_TCP ? 20 : 8) > length)
		return false;
	*ret_at = at;
	*ret_protocol = protocol;
	return true;
}

/*
 * Damage that no receiver can miss. Checksums of 16 bits let one in 65,536 of random changes pass, and
 * such a byte would look like the server's fault. They are sums of 16-bit words modulo 65,535 (RFC
 * 1071), so one word that changes to any other is always seen, except 0000 to ffff and back; and the
 * word must not be one that says how far a sum goes: IPv4's first one, UDP's length, and IPv6's length and
 * next header. (What is left of IPv6's first 8 bytes is in no sum at all.) UDP's checksum itself is left alone,
 * since 0 there means that there is none.
 */
static bool damage(struct link *link, unsigned char *bytes, size_t length)
{
	size_t at, word;
	unsigned protocol, mask;

	if (!find_transport(bytes, length, &at, &protocol))
		return false;
	do {
		size_t first = bytes[0] >> 4 == 4 ? 2 : 8;

		word = first + 2 * roll_below(link, (length - first) / 2);
	} while (protocol == IPPROTO_UDP && (word == at + 4 || word == at + 6));
	do {
		mask = (unsigned)roll(link) & 0xffff;
	} while (mask == 0 || mask == 0xffff);
	bytes[word] ^= mask >> 8;
	bytes[word + 1] ^= mask & 0xff;
	return true;
}

static void send_later(struct link *link, const unsigned char *bytes, size_t length, unsigned to)
{
	const struct weather *weather = &link->weather;
	uint64_t due_ns = now_ns() + 1000 * weather->delay_us +
		roll_below(link, 1000 * weather->jitter_us + 1);
	struct packet *packet;

	if (link->held_count == MOST_HELD) {
		link->counts.overflowed++;
		return;
	}
	packet = malloc(sizeof(*packet) + length);
	if (packet == NULL)
		fail("no memory");
	packet->bytes = (unsigned char *)(packet + 1);
	memcpy(packet->bytes, bytes, length);
	if (happens(link, weather->damage) && damage(link, packet->bytes, length))
		link->counts.damaged++;
	if (happens(link, weather->reorder)) {
		due_ns += 1000000 + roll_below(link, 10000000); /* others overtake it */
		link->counts.reordered++;
	} else {
		if (due_ns < link->last_due_ns[to])
			due_ns = link->last_due_ns[to];
		link->last_due_ns[to] = due_ns;
	}
	packet->due_ns = due_ns;
	packet->number = link->numbers++;
	packet->to = to;
	packet->length = length;
	hold(link, packet);
}

static void carry(struct link *link, unsigned from)
{
	unsigned char bytes[MOST_BYTES];

	for (unsigned i = 0; i < AT_ONCE; i++) {
		ssize_t length = read(link->tun[from], bytes, sizeof(bytes));
		size_t at;
		unsigned protocol;

		if (length < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (length < 0)
			fail("cannot read from the interface");
		link->counts.came++;
		if (happens(link, link->weather.loss)) {
			link->counts.lost++;
			continue;
		}
		send_later(link, bytes, (size_t)length, !from);
		if (happens(link, link->weather.duplicate)) {
			send_later(link, bytes, (size_t)length, !from);
			link->counts.duplicated++;
			if (find_transport(bytes, (size_t)length, &at, &protocol) &&
				protocol == IPPROTO_UDP)
				link->counts.duplicated_udp++;
		}
	}
}

/* Gives the nanoseconds until the next one, or UINT64_MAX. */
static uint64_t deliver(struct link *link)
{
	uint64_t now = now_ns();

	while (link->held_count > 0) {
		struct packet *packet;

		if (link->held[0]->due_ns > now)
			return link->held[0]->due_ns - now;
		packet = take_first(link);
		/* A damaged one may be refused here already, such as by its version or length. */
		if (write(link->tun[packet->to], packet->bytes, packet->length) < 0)
			link->counts.refused++;
		else
			link->counts.delivered++;
		free(packet);
	}
	return UINT64_MAX;
}

static bool set(struct link *link, char *words)
{
	struct weather weather = { 0 };
	const struct {
		const char *name;
		uint64_t *value;
	} known[] = {
		{ "loss", &weather.loss },
		{ "duplicate", &weather.duplicate },
		{ "reorder", &weather.reorder },
		{ "damage", &weather.damage },
		{ "delay_us", &weather.delay_us },
		{ "jitter_us", &weather.jitter_us },
	};

	for (char *word; (word = strsep(&words, " ")) != NULL;) {
		char *name = strsep(&word, "=");
		size_t i = 0;

		while (i < sizeof(known) / sizeof(known[0]) && strcmp(known[i].name, name) != 0)
			i++;
		if (word == NULL || i == sizeof(known) / sizeof(known[0]))
			return false;
		*known[i].value = strtoull(word, NULL, 10);
	}
	link->weather = weather;
	return true;
}

static void obey(struct link *link)
{
	const struct counts *counts = &link->counts;
	char line[512], *words = line;
	ssize_t length = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (length < 0)
		fail("cannot read standard input");
	if (length == 0)
		exit(0);
	/* Whoever writes waits for the answer, so there is one whole line at a time. */
	line[length] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "count") == 0) {
		printf("came=%" PRIu64 " delivered=%" PRIu64 " lost=%" PRIu64 " duplicated=%" PRIu64
		       " duplicated_udp=%" PRIu64 " reordered=%" PRIu64 " damaged=%" PRIu64
		       " overflowed=%" PRIu64 " refused=%" PRIu64 " held_most=%" PRIu64 "\n",
			counts->came, counts->delivered, counts->lost, counts->duplicated,
			counts->duplicated_udp, counts->reordered, counts->damaged,
			counts->overflowed, counts->refused, counts->held_most);
	} else if (strcmp(strsep(&words, " "), "set") == 0 && words != NULL && set(link, words)) {
		puts("done");
	} else {
		fprintf(stderr, "link: cannot understand '%s'\n", line);
		exit(2);
	}
	fflush(stdout);
}

/*
 * A new namespace with its interface; this process is in it afterwards. Neither IFF_VNET_HDR nor TUNSETOFFLOAD:
 * the kernel then computes every checksum before a packet comes here, and verifies it when it comes out.
 */
static int new_end(int *ret_tun)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int namespace, tun;

	if (unshare(CLONE_NEWNET) < 0)
		fail("cannot have a network namespace");
	namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (namespace < 0)
		fail("/proc/self/ns/net");
	tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (tun < 0)
		fail("/dev/net/tun");
	strcpy(request.ifr_name, "link");
	if (ioctl(tun, TUNSETIFF, &request) < 0)
		fail("cannot have a TUN interface");
	*ret_tun = tun;
	return namespace;
}

int main(int argc, char **argv)
{
	static struct link link;
	int ends[2];

	if (argc != 2) {
		fputs("link: how it is used is told at the head of link.c\n", stderr);
		return 2;
	}
	prctl(PR_SET_TIMERSLACK, 1ul);
	link.random = strtoull(argv[1], NULL, 10);
	for (unsigned i = 0; i < 2; i++)
		ends[i] = new_end(&link.tun[i]);
	printf("ready %d %d\n", ends[0], ends[1]);
	fflush(stdout);

	for (;;) {
		uint64_t wait_ns = deliver(&link);
		struct timespec timeout = { .tv_sec = (time_t)(wait_ns / 1000000000u),
			.tv_nsec = (long)(wait_ns % 1000000000u) };
		struct pollfd wait_for[] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = link.tun[0], .events = POLLIN },
			{ .fd = link.tun[1], .events = POLLIN },
		};

		if (ppoll(wait_for, 3, wait_ns == UINT64_MAX ? NULL : &timeout, NULL) < 0) {
			if (errno == EINTR)
				continue;
			fail("cannot wait");
		}
		if (wait_for[0].revents != 0)
			obey(&link);
		for (unsigned i = 0; i < 2; i++)
			if (wait_for[1 + i].revents != 0)
				carry(&link, i);
	}
}
