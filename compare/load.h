/* What the files of the load generator share; see load.c. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	LOAD_PERIOD = 65521, /* a prime, so that no power of two hides a shift */
	LOAD_CHUNK = 256 * 1024, /* the most that one call sends or receives */
	LOAD_TAIL_MS = 30,
	LOAD_DRAIN_MS = 3000,
	LOAD_EVENTS = 256,
};

enum load_phase { LOAD_WARM, LOAD_WINDOW, LOAD_TAIL, LOAD_DRAIN, LOAD_OVER };

struct load_options {
	const char *address;
	long connections;
	size_t size; /* bytes of one message */
	long depth; /* messages of one connection under way */
	bool churn, spin, idle, trains;
	uint64_t warm_ms, window_ms;
};

struct load_totals {
	uint64_t echoes, bytes; /* that came back */
	uint64_t errors; /* connections that failed, or did not give everything back */
	uint64_t mismatches; /* receives whose bytes are not those that were sent */
	uint64_t lost; /* datagrams */
};

/* The measured part of a run. */
struct load_window {
	uint64_t begin_ns, end_ns;
	struct load_totals at_begin, at_end;
};

/* ---- load_window ---- */

/* The bytes of every stream: of stream number k, byte i is load_pattern[(i + k * step) % PERIOD]. */
extern unsigned char load_pattern[LOAD_PERIOD + LOAD_CHUNK];
extern struct load_options load_options;
extern struct load_totals load_totals;
extern enum load_phase load_phase;
extern struct load_window load_window;

uint64_t load_now_ns(void);
__attribute__((noreturn)) void load_fatal(const char *what);
void load_say(const char *word);
void load_rtt(uint64_t rtt_ns);
uint64_t load_rtt_quantile_ns(double quantile);
void load_begin(void);
/* A signal handler: the window ends at the next tick. */
void load_end_window(int signal);
/* Moves on to the next phase when its time has come; called once a round. */
void load_tick(uint64_t now_ns);

/* ---- load_stream, and load_datagram above it ---- */

/* A connected socket; `number` chooses the loopback address that it comes from, so that ports do
 * not run out. Blocking. */
int load_connect(unsigned long number);

void load_streams(void);
void load_churn(void);
void load_datagrams(void);

#endif
