/*
 * The load generator of compare/run: closed loops on one thread, every byte compared.
 *
 *	load tcp:PORT | unix:PATH | udp:PORT [--connections N] [--size BYTES] [--depth N] [--churn]
 *	     [--spin] [--idle] [--trains] [--warm-ms MS] [--window-ms MS]
 *
 * It opens the connections, prints "open", warms up, prints "begin", runs the measured window, prints
 * "end", keeps the load up for a moment (so that samples of the server
 * taken at these words are of a busy one; SIGINT ends the window before its time), waits for what is still under way, and prints one line of JSON. The rate is
 * echoes over the wall clock of the window and nothing else. A datagram that does not come back is
 * lost and replaced; a byte of a stream that does not is an error of its connection.
 *
 * It is no latency tool: the loop is closed, so a slow server is asked less often.
 */
#include "load.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void report(void)
{
	const struct load_window *window = &load_window;
	double seconds = (double)(window->end_ns - window->begin_ns) / 1e9;
	uint64_t echoes = window->at_end.echoes - window->at_begin.echoes;

	printf("{\"echoes\": %llu, \"seconds\": %.9f, \"bytes\": %llu, \"errors\": %llu, "
	       "\"mismatches\": %llu, \"lost\": %llu, \"connections\": %ld, \"size\": %zu, "
	       "\"depth\": %ld, \"rtt_p50_ns\": %llu, \"rtt_p99_ns\": %llu}\n",
		(unsigned long long)echoes, seconds,
		(unsigned long long)(window->at_end.bytes - window->at_begin.bytes),
		(unsigned long long)load_totals.errors, (unsigned long long)load_totals.mismatches,
		(unsigned long long)load_totals.lost, load_options.connections, load_options.size,
		load_options.depth, (unsigned long long)load_rtt_quantile_ns(0.50),
		(unsigned long long)load_rtt_quantile_ns(0.99));
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
	signal(SIGINT, load_end_window);
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
