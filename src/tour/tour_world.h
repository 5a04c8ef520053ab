/*
 * What one stop works with: its sockets, its port, its other process. The worker that makes a call changes
 * it during the call; the main thread reads and changes it only while no call is being made, except for the
 * descriptors of calls that wait.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tour/stops/tour_stop.h"

/* Descriptors of the tour's own are moved up here, so that sockets have the numbers of the chapter. */
#define TOUR_WORLD_HIGH_FD 64

struct tour_world {
	int fds[TOUR_SLOTS]; /* -1: none */
	uint16_t client_ports[TOUR_SLOTS]; /* of the client slots; kept when closed, 0: unknown */
	uint16_t port; /* the server's */
	int backlog; /* as it was given to listen() */
	bool isolated; /* in a network of our own */
	bool may_act; /* stop 9 may write into the current folder and run programs */
	int packets; /* tour_packets_open(), -1: inferred */
	int tcp_table; /* /proc/net/tcp */
	pid_t child; /* 0: none */
	long saved_limit; /* of descriptors, before TOUR_OP_LIMIT; 0: it was not changed */
	atomic_bool drain_ends; /* told to TOUR_OP_DRAIN: the other side's call has returned */
};

/* Counts SIGPIPE instead of dying of it, from here on. */
void tour_world_catch_sigpipe(void);
long tour_world_sigpipes(void);
void tour_world_forget_sigpipes(void);

/* No sockets yet. Chooses the port: 5000, or where somebody has it, a free one. -errno. */
int tour_world_init(struct tour_world *world, bool isolated, int packets);
/* Closes all, ends the other process: ready for the stop to begin again. No worker may be in a call. */
void tour_world_clear(struct tour_world *world);
void tour_world_fini(struct tour_world *world);

/* The port of a call, in host order and as it must be written for this meaning, see enum tour_port. */
uint16_t tour_world_port(const struct tour_world *world, long number);
uint16_t tour_world_swap(uint16_t port);

/* `fd` with a number that no socket of the tour will have. -errno; `fd` is closed then, too. */
int tour_world_move_up(int fd);

/* Of a packet that comes from it: the server's, or one of those that mistakes lead to. */
bool tour_world_is_server_port(const struct tour_world *world, uint16_t port);
