/*
 * The load generator of compare/run: closed loops on one thread, every byte compared.
 *
 *	load tcp:PORT | unix:PATH | udp:PORT [--connections N] [--size BYTES] [--depth N] [--churn]
 *	     [--spin] [--idle] [--trains] [--warm-ms MS] [--window-ms MS]
 *
 * It opens the connections, prints "open", warms up, prints "begin", runs the measured window, prints
 * "end", keeps the load up for a moment (so that whoever samples the server at these words
 * samples a busy one), waits for what is still under way, and prints one line of JSON. The rate is
 * echoes over the wall clock of the window and nothing else. A datagram that does not come back is
 * lost and replaced; a byte of a stream that does not is an error of its connection.
 *
 * It is no latency tool: the loop is closed, so a slow server is asked less often.
 */
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SUB_BITS = 7, SUBS = 1 << SUB_BITS, BUCKETS = 64 * SUBS };

unsigned char load_pattern[LOAD_PERIOD + LOAD_CHUNK];
struct load_options load_options = {
	.connections = 1,
	.size = 64,
	.depth = 1,
	.warm_ms = 200,
	.window_ms = 1000,
};
struct load_totals load_totals;

static uint64_t rtt_counts[BUCKETS];
static uint64_t begin_ns, end_ns;
static struct load_totals at_begin, at_end;

uint64_t load_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void load_fatal(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

void load_say(const char *word)
{
	printf("%s\n", word);
	fflush(stdout);
}

/* Buckets of less than one percent: seven bits behind the leading one. */
void load_rtt(uint64_t rtt_ns)
{
	int exponent;

	if (load_phase != LOAD_WINDOW)
		return;
	if (rtt_ns < SUBS) {
		rtt_counts[rtt_ns]++;
		return;
	}
	exponent = 63 - __builtin_clzll(rtt_ns) - SUB_BITS;
	rtt_counts[(exponent + 1) * SUBS + (int)((rtt_ns >> exponent) & (SUBS - 1))]++;
}

static uint64_t rtt_quantile_ns(double quantile)
{
	uint64_t total = 0, wanted, seen = 0;

	for (int i = 0; i < BUCKETS; i++)
		total += rtt_counts[i];
	wanted = (uint64_t)((double)total * quantile);
	for (int i = 0; i < BUCKETS && total > 0; i++) {
		seen += rtt_counts[i];
		if (seen > wanted)
			return i < SUBS ? (uint64_t)i
					: (uint64_t)(SUBS + i % SUBS) << (i / SUBS - 1);
	}
	return 0;
}

enum load_phase load_phase = LOAD_WARM;
static uint64_t phase_until_ns;

void load_begin(void)
{
	load_say("open");
	phase_until_ns = load_now_ns() + load_options.warm_ms * 1000000u;
}

/* Moves on to the next phase when its time has come; called once a round. */
void load_tick(uint64_t now_ns)
{
	if (now_ns < phase_until_ns)
		return;
	switch (load_phase) {
	case LOAD_WARM:
		load_phase = LOAD_WINDOW;
		load_say("begin");
		at_begin = load_totals;
		begin_ns = load_now_ns();
		phase_until_ns = begin_ns + load_options.window_ms * 1000000u;
		break;
	case LOAD_WINDOW:
		end_ns = now_ns;
		at_end = load_totals;
		load_phase = LOAD_TAIL;
		load_say("end");
		phase_until_ns = load_now_ns() + LOAD_TAIL_MS * 1000000u;
		break;
	case LOAD_TAIL:
		load_phase = LOAD_DRAIN;
		phase_until_ns = now_ns + LOAD_DRAIN_MS * 1000000u;
		break;
	case LOAD_DRAIN: load_phase = LOAD_OVER; break;
	case LOAD_OVER: break;
	}
}

static void report(void)
{
	double seconds = (double)(end_ns - begin_ns) / 1e9;
	uint64_t echoes = at_end.echoes - at_begin.echoes;

	printf("{\"echoes\": %llu, \"seconds\": %.9f, \"bytes\": %llu, \"errors\": %llu, "
	       "\"mismatches\": %llu, \"lost\": %llu, \"connections\": %ld, \"size\": %zu, "
	       "\"depth\": %ld, \"rtt_p50_ns\": %llu, \"rtt_p99_ns\": %llu}\n",
		(unsigned long long)echoes, seconds,
		(unsigned long long)(at_end.bytes - at_begin.bytes),
		(unsigned long long)load_totals.errors, (unsigned long long)load_totals.mismatches,
		(unsigned long long)load_totals.lost, load_options.connections, load_options.size,
		load_options.depth, (unsigned long long)rtt_quantile_ns(0.50),
		(unsigned long long)rtt_quantile_ns(0.99));
	fflush(stdout);
}

static void usage(void)
{
	fputs("usage: load tcp:PORT|unix:PATH|udp:PORT [--connections N] [--size BYTES]\n"
	      "            [--depth N] [--churn] [--spin] [--idle] [--trains]\n"
	      "            [--warm-ms MS] [--window-ms MS]\n",
		stderr);
	exit(2);
}

static long number(const char *text, long least)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end != '\0' || value < least)
		usage();
	return value;
}

static void read_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "connections", required_argument, NULL, 'n' },
		{ "size", required_argument, NULL, 's' },
		{ "depth", required_argument, NULL, 'd' },
		{ "churn", no_argument, NULL, 'c' },
		{ "spin", no_argument, NULL, 'p' },
		{ "idle", no_argument, NULL, 'i' },
		{ "trains", no_argument, NULL, 't' },
		{ "warm-ms", required_argument, NULL, 'w' },
		{ "window-ms", required_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'n': load_options.connections = number(optarg, 1); break;
		case 's': load_options.size = (size_t)number(optarg, 1); break;
		case 'd': load_options.depth = number(optarg, 1); break;
		case 'c': load_options.churn = true; break;
		case 'p': load_options.spin = true; break;
		case 'i': load_options.idle = true; break;
		case 't': load_options.trains = true; break;
		case 'w': load_options.warm_ms = (uint64_t)number(optarg, 0); break;
		case 'm': load_options.window_ms = (uint64_t)number(optarg, 1); break;
		default: usage();
		}
	}
	if (optind != argc - 1)
		usage();
	load_options.address = argv[optind];
}

int main(int argc, char **argv)
{
	uint32_t state = 2463534242u;

	read_options(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < LOAD_PERIOD; i++) { /* xorshift: no short period hides a shift */
		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		load_pattern[i] = (unsigned char)state;
	}
	for (size_t i = LOAD_PERIOD; i < sizeof(load_pattern); i++)
		load_pattern[i] = load_pattern[i - LOAD_PERIOD];

	if (strncmp(load_options.address, "udp:", 4) == 0)
		load_datagrams();
	else if (load_options.churn)
		load_churn();
	else
		load_streams();
	report();
	return 0;
}
