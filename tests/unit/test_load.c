/*
 * The load generator by itself, with a clock that the test moves and an echo that the test is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/load.h"
#include "protocol/pattern.h"

#define MS 1000000ull
#define MOST_UNDER_WAY (1u << 20)

static uint64_t now_ns;

static uint64_t fake_clock(void)
{
	return now_ns;
}

/* A load, and what it has sent and not got back, by connection. */
struct fixture {
	struct load *load;
	struct protocol_conn conns[64];
	unsigned char *sent[64];
	size_t sent_length[64], back_length[64];
	enum protocol_end_kind end[64];
};

static struct load_options simple(uint32_t connections, uint32_t depth, uint32_t bytes)
{
	return (struct load_options){
		.connections = connections,
		.depth = depth,
		.verify = true,
		.size_count = 1,
		.sizes = { { .bytes = bytes, .weight = 1 } },
		.waiting_most = LOAD_DEFAULT_WAITING,
		.clock = fake_clock,
	};
}

/* What is under way at the end is lost, so that nothing is missing in the sums. */
static struct load_record *record_of(struct fixture *f)
{
	struct load_record *fresh, *record;
	const struct load_record_counts *counts;

	load_conclude(f->load);
	assert_int_equal(load_record_new(&fresh), 0);
	record = load_exchange(f->load, fresh);
	counts = &record->counts;
	assert_int_equal(counts->sent, counts->received + counts->damaged + counts->lost);
	assert_int_equal(counts->offered, counts->sent + counts->unsent);
	assert_int_equal(histogram_count(record->sent), counts->sent);
	assert_int_equal(histogram_count(record->unsent), counts->unsent);
	return record;
}

static void setup(struct fixture *f, const struct load_options *options)
{
	memset(f, 0, sizeof(*f));
	now_ns = 1000 * MS;
	assert_int_equal(load_new(options, &f->load), 0);
	for (uint32_t i = 0; i < options->connections; i++)
		f->sent[i] = malloc(MOST_UNDER_WAY);
	load_set_window(f->load, 0, UINT64_MAX - 1);
}

static void teardown(struct fixture *f)
{
	for (size_t i = 0; i < 64; i++)
		free(f->sent[i]);
	load_free(f->load);
}

/* Reports an event, and all that comes of it while the kernel takes everything. */
static void report(struct fixture *f, uint32_t index, struct protocol_event event)
{
	struct protocol *protocol = load_protocol(f->load);

	for (;;) {
		struct protocol_answer answer = { 0 };

		protocol->handle(protocol, &f->conns[index], &event, &answer);
		if (answer.end != PROTOCOL_GO_ON)
			f->end[index] = answer.end;
		if (answer.send.length == 0)
			return;
		assert_true(f->sent_length[index] + answer.send.length <= MOST_UNDER_WAY);
		memcpy(f->sent[index] + f->sent_length[index], answer.send.bytes,
			answer.send.length);
		f->sent_length[index] += answer.send.length;
		event = (struct protocol_event){ .kind = PROTOCOL_SENT,
			.count = answer.send.length };
	}
}

static void report_kind(struct fixture *f, uint32_t index, enum protocol_event_kind kind)
{
	report(f, index, (struct protocol_event){ .kind = kind });
}

static void open_conn(struct fixture *f, uint32_t index)
{
	f->conns[index] = load_connecting(f->load, index, 0);
	f->sent_length[index] = f->back_length[index] = 0;
	assert_int_equal(load_index(&f->conns[index]), index);
	report_kind(f, index, PROTOCOL_OPENED);
}

static void report_bytes(
	struct fixture *f, uint32_t index, const unsigned char *bytes, size_t length)
{
	/* As an engine's buffer: not where they were sent from. */
	unsigned char *copy = malloc(length);

	memcpy(copy, bytes, length);
	f->back_length[index] += length;
	report(f, index,
		(struct protocol_event){ .kind = PROTOCOL_BYTES,
			.span = { .bytes = copy, .length = (uint32_t)length } });
	free(copy);
}

/* Echoes so many bytes. */
static void echo(struct fixture *f, uint32_t index, size_t length)
{
	report_bytes(f, index, f->sent[index] + f->back_length[index], length);
}

static size_t waiting_echo(const struct fixture *f, uint32_t index)
{
	return f->sent_length[index] - f->back_length[index];
}

/* ---- closed loop ---- */

/* A load that is to begin later: connections are made, and carry nothing. */
static void nothing_is_sent_while_it_is_held(void **state)
{
	struct load_options options = simple(2, 4, 64);
	struct fixture f;

	options.held = true;
	setup(&f, &options);
	open_conn(&f, 0);
	report_kind(&f, 0, PROTOCOL_NUDGED);
	assert_int_equal(f.sent_length[0], 0);
	assert_true(load_release(f.load));
	report_kind(&f, 0, PROTOCOL_NUDGED);
	assert_int_equal(f.sent_length[0], 4 * 64);
	open_conn(&f, 1);
	assert_int_equal(f.sent_length[1], 4 * 64);
	assert_false(load_release(f.load));
	teardown(&f);

	/* In the open loop the schedule begins later. */
	options.open_loop = true;
	setup(&f, &options);
	assert_false(load_release(f.load));
	teardown(&f);
}

/* Whatever the depth: the times of a message are found again when it comes back. */
static void each_message_keeps_its_own_time(void **state)
{
	struct load_options options = simple(1, 16, 64);
	struct load_record *record;
	struct fixture f;

	options.open_loop = true;
	setup(&f, &options);
	open_conn(&f, 0);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(load_offer(f.load, now_ns, now_ns), 0);
		report_kind(&f, 0, PROTOCOL_NUDGED);
		now_ns += 5 * MS;
		echo(&f, 0, 64);
		now_ns += 20 * MS;
	}
	record = record_of(&f);
	assert_int_equal(record->counts.received, 100);
	assert_int_equal(histogram_min(record->sent), 5 * MS);
	assert_int_equal(histogram_max(record->sent), 5 * MS);
	assert_int_equal(histogram_max(record->intended), 5 * MS);
	load_record_free(record);
	teardown(&f);
}

static void depth_messages_are_under_way(void **state)
{
	struct load_options options = simple(2, 3, 100);
	struct fixture f;

	setup(&f, &options);
	open_conn(&f, 0);
	assert_int_equal(f.sent_length[0], 300);
	echo(&f, 0, 99);
	assert_int_equal(f.sent_length[0], 300);
	now_ns += 5 * MS;
	echo(&f, 0, 1);
	assert_int_equal(f.sent_length[0], 400);
	echo(&f, 0, 250);
	assert_int_equal(f.sent_length[0], 600);

	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.sent, 6);
	assert_int_equal(record->counts.received, 3);
	assert_int_equal(record->counts.lost, 3);
	assert_int_equal(record->counts.bytes_received, 350);
	assert_int_equal(histogram_count(record->sent), 6);
	assert_int_equal(histogram_max(record->sent), 5 * MS);
	assert_int_equal(histogram_count(record->intended), 0);
	load_record_free(record);
	teardown(&f);
}

static void a_stall_delays_one_message_in_the_closed_loop(void **state)
{
	struct load_options options = simple(1, 1, 64);
	struct fixture f;

	setup(&f, &options);
	open_conn(&f, 0);
	for (int i = 0; i < 2000; i++) {
		now_ns += i == 1000 ? 1000 * MS : MS;
		echo(&f, 0, 64);
	}
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.received, 2000);
	assert_int_equal(histogram_count_between(record->sent, 10 * MS, 2000 * MS), 1);
	load_record_free(record);
	teardown(&f);
}

/* ---- open loop ---- */

static void offer(struct fixture *f, uint64_t intended_ns)
{
	uint32_t index = load_offer(f->load, intended_ns, now_ns);

	if (index != LOAD_NO_CONN)
		report_kind(f, index, PROTOCOL_NUDGED);
}

static void a_stall_delays_all_that_were_meant_in_the_open_loop(void **state)
{
	struct load_options options = simple(1, 1, 64);
	struct fixture f;

	options.open_loop = true;
	setup(&f, &options);
	open_conn(&f, 0);
	assert_int_equal(f.sent_length[0], 0);
	/* 1,000 a second for 3 s; from 1 s on the echo stops for a second. */
	for (int i = 0; i < 3000; i++) {
		now_ns += MS;
		offer(&f, now_ns);
		while (waiting_echo(&f, 0) > 0 && (i < 1000 || i >= 2000))
			echo(&f, 0, 64);
	}
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.offered, 3000);
	assert_int_equal(record->counts.sent, 3000);
	assert_int_equal(record->counts.received, 3000);
	assert_int_equal(histogram_count_between(record->intended, MS, 2000 * MS), 1000);
	assert_int_equal(histogram_max(record->intended), 1000 * MS);
	assert_int_equal(histogram_count_between(record->sent, MS, 2000 * MS), 1);
	load_record_free(record);
	teardown(&f);
}

static void what_waits_without_end_was_never_sent(void **state)
{
	struct load_options options = simple(2, 1, 64);
	struct fixture f;

	options.open_loop = true;
	options.waiting_most = 5;
	setup(&f, &options);
	open_conn(&f, 0); /* the other one never opens */
	for (int i = 0; i < 20; i++)
		offer(&f, now_ns);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.offered, 20);
	assert_int_equal(record->counts.sent, 1);
	assert_int_equal(record->counts.unsent, 19);
	load_record_free(record);
	teardown(&f);
}

/* The service stops: what was due waits, and that is its latency at least. */
static void what_never_came_has_waited_until_the_end(void **state)
{
	struct load_options options = simple(1, 2, 64);
	struct load_record *record;
	struct fixture f;

	options.open_loop = true;
	setup(&f, &options);
	open_conn(&f, 0);
	for (int i = 0; i < 100; i++) {
		now_ns += MS;
		offer(&f, now_ns);
		if (i < 90)
			echo(&f, 0, waiting_echo(&f, 0));
	}
	now_ns += 1000 * MS;
	record = record_of(&f);
	assert_int_equal(record->counts.offered, 100);
	assert_int_equal(record->counts.received, 90);
	assert_int_equal(record->counts.lost, 2);
	assert_int_equal(record->counts.unsent, 8);
	assert_int_equal(record->counts.stalled, 1);
	assert_int_equal(record->counts.silent, 0);
	assert_int_equal(histogram_count(record->intended), 100);
	assert_int_equal(histogram_count_between(record->intended, 999 * MS, 1010 * MS), 10);
	assert_int_equal(histogram_count_between(record->unsent, 999 * MS, 1008 * MS), 8);
	assert_int_equal(histogram_count_between(record->sent, 999 * MS, 1010 * MS), 2);
	load_record_free(record);
	teardown(&f);
}

/* Far more than are kept one by one: joined, none is lost, and none is reported as longer than it has waited. */
static void so_many_that_they_are_joined(void **state)
{
	struct load_options options = simple(1, 1, 64);
	struct load_record *record;
	struct fixture f;

	options.open_loop = true;
	setup(&f, &options);
	for (int i = 0; i < 100000; i++)
		load_give_up(f.load, now_ns + i * MS, 3);
	load_give_up(f.load, UINT64_MAX, 7); /* beyond the window */
	now_ns += 100000 * MS;
	record = record_of(&f);
	assert_int_equal(record->counts.unsent, 300000);
	assert_int_equal(histogram_count(record->intended), 300000);
	assert_true(histogram_max(record->intended) <= 100000 * MS);
	assert_in_range(histogram_percentile(record->intended, 50), 49800 * MS, 50100 * MS);
	assert_in_range(histogram_min(record->intended), 1, MS);
	load_record_free(record);
	teardown(&f);
}

static void connections_that_are_silent_are_counted(void **state)
{
	struct load_options options = simple(4, 1, 64);
	struct load_record *record;
	struct fixture f;

	setup(&f, &options);
	load_set_window(f.load, now_ns + 100 * MS, now_ns + 1100 * MS);
	for (uint32_t i = 0; i < 3; i++) /* the fourth is never made, which is no silence */
		open_conn(&f, i);
	for (int i = 0; i < 110; i++) {
		now_ns += 10 * MS;
		echo(&f, 0, waiting_echo(&f, 0));
		if (i < 50) /* stops in the middle */
			echo(&f, 1, waiting_echo(&f, 1));
		if (i < 5) /* ... and this one before it is looked at */
			echo(&f, 2, waiting_echo(&f, 2));
	}
	now_ns += 1000 * MS;
	load_stop(f.load);
	echo(&f, 0, waiting_echo(&f, 0));
	record = record_of(&f);
	assert_int_equal(record->counts.silent, 1);
	assert_int_equal(record->counts.stalled, 1);
	/* What was waited for in the window is lost in it. */
	assert_int_equal(record->counts.lost, 2);
	assert_in_range(histogram_max(record->sent), 2000 * MS, 2100 * MS);
	load_record_free(record);
	teardown(&f);
}

/* Silence is asked for in the window only: not before it, not behind it, and an answer within it is none. */
static void only_what_was_asked_in_the_window_is_silence(void **state)
{
	struct load_options options = simple(4, 1, 64);
	struct load_record *record;
	struct fixture f;

	setup(&f, &options);
	load_set_window(f.load, now_ns + 100 * MS, now_ns + 1100 * MS);
	open_conn(&f, 0);
	open_conn(&f, 1);
	now_ns += 50 * MS;
	report_kind(&f, 0, PROTOCOL_LOST); /* nothing came back, and that was before */
	now_ns += 100 * MS;
	echo(&f, 1, 64); /* what left before; what leaves now never comes back */
	now_ns += 950 * MS;
	open_conn(&f, 2); /* at its very end, which is no part of it */
	now_ns += 1 * MS;
	open_conn(&f, 3);
	now_ns += 2000 * MS;
	record = record_of(&f);
	assert_int_equal(record->counts.silent, 0);
	assert_int_equal(record->counts.lost, 1);
	assert_true(record->counts.stalled >= 1);
	load_record_free(record);
	teardown(&f);
}

/* A message is counted when it leaves: the window may be set a little late. */
static void what_left_before_the_window_was_known_is_not_counted(void **state)
{
	struct load_options options = simple(1, 1, 64);
	struct load_record *record;
	struct fixture f;

	setup(&f, &options);
	load_set_window(f.load, UINT64_MAX, UINT64_MAX);
	open_conn(&f, 0);
	now_ns += 3 * MS;
	load_set_window(f.load, now_ns - 5 * MS, now_ns + 1000 * MS);
	echo(&f, 0, 64);
	record = record_of(&f);
	assert_int_equal(record->counts.sent, 1);
	assert_int_equal(record->counts.received, 0);
	load_record_free(record);
	teardown(&f);
}

static void offers_take_turns(void **state)
{
	struct load_options options = simple(3, 1, 10);
	struct fixture f;

	options.open_loop = true;
	setup(&f, &options);
	for (uint32_t i = 0; i < 3; i++)
		open_conn(&f, i);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(load_offer(f.load, now_ns, now_ns), i);
	for (uint32_t i = 0; i < 3; i++) {
		report_kind(&f, i, PROTOCOL_NUDGED);
		assert_int_equal(f.sent_length[i], 10);
	}
	/* Busy: it waits, and no nudge is needed. */
	assert_int_equal(load_offer(f.load, now_ns, now_ns), LOAD_NO_CONN);
	echo(&f, 0, 10);
	assert_int_equal(f.sent_length[0], 20);
	load_record_free(record_of(&f));
	teardown(&f);
}

static void what_waits_at_the_end_is_still_sent(void **state)
{
	struct load_options options = simple(1, 1, 10);
	struct fixture f;

	options.open_loop = true;
	setup(&f, &options);
	open_conn(&f, 0);
	for (int i = 0; i < 3; i++)
		offer(&f, now_ns);
	load_stop(f.load);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(f.end[0], PROTOCOL_GO_ON);
		echo(&f, 0, 10);
	}
	assert_int_equal(f.end[0], PROTOCOL_CLOSE);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.received, 3);
	load_record_free(record);
	teardown(&f);
}

static void churn_on_a_schedule_counts_from_when_it_was_meant_to_call(void **state)
{
	struct load_options options = simple(1, 1, 10);
	struct fixture f;

	options.open_loop = true;
	options.echoes = 2;
	setup(&f, &options);
	f.conns[0] = load_connecting(f.load, 0, now_ns - 9 * MS);
	now_ns += MS;
	report_kind(&f, 0, PROTOCOL_OPENED);
	now_ns += MS;
	echo(&f, 0, 10);
	now_ns += MS;
	echo(&f, 0, 10);
	assert_int_equal(f.end[0], PROTOCOL_CLOSE);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.received, 2);
	assert_int_equal(histogram_max(record->intended), 11 * MS);
	assert_int_equal(histogram_min(record->intended), MS);
	assert_int_equal(histogram_max(record->sent), MS);
	load_record_free(record);
	teardown(&f);
}

static void churn_that_was_due_and_never_called_is_unsent(void **state)
{
	struct load_options options = simple(3, 1, 10);
	struct load_record *record;
	struct fixture f;

	options.open_loop = true;
	options.echoes = 4;
	setup(&f, &options);
	f.conns[0] = load_connecting(f.load, 0, now_ns - MS);
	load_not_connected(f.load, 0);
	f.conns[1] = load_connecting(f.load, 1, now_ns - MS);
	report(&f, 1, (struct protocol_event){ .kind = PROTOCOL_LOST, .error = -1 });
	f.conns[2] = load_connecting(f.load, 2, now_ns - MS);
	report_kind(&f, 2, PROTOCOL_OPENED);
	echo(&f, 2, 10);
	report(&f, 2, (struct protocol_event){ .kind = PROTOCOL_LOST, .error = -1 });
	now_ns += 49 * MS;
	record = record_of(&f);
	assert_int_equal(record->counts.sent, 2);
	assert_int_equal(record->counts.lost, 1);
	assert_int_equal(record->counts.unsent, 4 + 4 + 2);
	assert_int_equal(record->counts.connect_errors, 2);
	assert_int_equal(histogram_count_between(record->unsent, 49 * MS, 51 * MS), 10);
	load_record_free(record);
	teardown(&f);
}

/* The end comes while it is being connected: it was due, so its first message leaves, and no other. */
static void churn_that_was_due_is_still_begun_at_the_end(void **state)
{
	struct load_options options = simple(1, 1, 10);
	struct load_record *record;
	struct fixture f;

	options.open_loop = true;
	options.echoes = 4;
	setup(&f, &options);
	f.conns[0] = load_connecting(f.load, 0, now_ns);
	load_stop(f.load);
	report_kind(&f, 0, PROTOCOL_OPENED);
	assert_int_equal(f.sent_length[0], 10);
	assert_int_equal(f.end[0], PROTOCOL_GO_ON);
	echo(&f, 0, 10);
	assert_int_equal(f.end[0], PROTOCOL_CLOSE);
	record = record_of(&f);
	assert_int_equal(record->counts.received, 1);
	assert_int_equal(record->counts.unsent, 0);
	load_record_free(record);
	teardown(&f);
}

/* A connection that is refused at once waits for nothing: there is no message under way in the end. */
static void a_connection_that_could_not_be_made_again_has_stalled(void **state)
{
	struct load_options options = simple(2, 1, 10);
	struct load_record *record;
	struct fixture f;

	options.timeout_ns = 200 * MS;
	setup(&f, &options);
	for (uint32_t i = 0; i < 2; i++) {
		open_conn(&f, i);
		echo(&f, i, 10);
	}
	report(&f, 0, (struct protocol_event){ .kind = PROTOCOL_LOST, .error = -1 });
	for (int i = 0; i < 10; i++) {
		now_ns += 100 * MS;
		echo(&f, 1, 10);
		f.conns[0] = load_connecting(f.load, 0, 0);
		report(&f, 0, (struct protocol_event){ .kind = PROTOCOL_LOST, .error = -1 });
	}
	record = record_of(&f);
	assert_int_equal(record->counts.stalled, 1);
	assert_int_equal(record->counts.silent, 0);
	assert_int_equal(record->counts.connect_errors, 10);
	load_record_free(record);
	teardown(&f);
}

static void records_add_up(void **state)
{
	struct load_record *into, *from;

	assert_int_equal(load_record_new(&into), 0);
	assert_int_equal(load_record_new(&from), 0);
	from->counts.sent = 3;
	from->lag_sum_ns = from->lag_most_ns = 7;
	from->damage = (struct load_record_damage){ .found = true, .when_ns = 5, .offset = 1 };
	histogram_record(from->sent, 100);
	load_record_merge(into, from);
	from->lag_most_ns = 4;
	from->damage.when_ns = 4;
	from->damage.offset = 2;
	load_record_merge(into, from);
	assert_int_equal(into->counts.sent, 6);
	assert_int_equal(into->lag_sum_ns, 14);
	assert_int_equal(into->lag_most_ns, 7);
	assert_int_equal(into->damage.offset, 2); /* the earlier one */
	assert_int_equal(histogram_count(into->sent), 2);
	load_record_reset(into);
	assert_int_equal(into->counts.sent, 0);
	assert_int_equal(into->lag_most_ns, 0);
	assert_false(into->damage.found);
	assert_int_equal(histogram_count(into->sent), 0);
	load_record_free(into);
	load_record_free(from);
}

/* ---- damage ---- */

static void bytes_of_an_earlier_life_are_damage(void **state)
{
	struct load_options options = simple(1, 1, 64);
	unsigned char before[64];
	struct fixture f;

	setup(&f, &options);
	open_conn(&f, 0);
	memcpy(before, f.sent[0], sizeof(before));
	report(&f, 0, (struct protocol_event){ .kind = PROTOCOL_LOST, .error = -1 });
	open_conn(&f, 0);
	report_bytes(&f, 0, before, sizeof(before));
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.damaged, 1);
	load_record_free(record);
	teardown(&f);
}

/* A service of another kind: its banner is no echo, and too short for a message. */
static void damage_of_a_part_is_damage(void **state)
{
	static const unsigned char banner[] = "SSH-2.0-OpenSSH_9.2\r\n";
	struct load_options options = simple(1, 2, 64);
	struct load_record *record;
	struct fixture f;

	setup(&f, &options);
	open_conn(&f, 0);
	report_bytes(&f, 0, banner, sizeof(banner) - 1);
	report_kind(&f, 0, PROTOCOL_END);
	record = record_of(&f);
	assert_int_equal(record->counts.damaged, 1);
	assert_int_equal(record->counts.lost, 1);
	load_record_free(record);
	teardown(&f);
}

static void damage_far_inside_is_found_in_its_place(void **state)
{
	struct load_options options = simple(1, 1, 500000);
	struct fixture f;

	setup(&f, &options);
	open_conn(&f, 0);
	f.sent[0][PATTERN_CHUNK_BYTES + 5] ^= 1;
	echo(&f, 0, 500000);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.damaged, 1);
	assert_int_equal(record->damage.offset, PATTERN_CHUNK_BYTES + 5);
	load_record_free(record);
	teardown(&f);
}

static void damage_is_reported_with_its_place(void **state)
{
	struct load_options options = simple(1, 4, 50);
	struct fixture f;

	options.first_number = 17;
	setup(&f, &options);
	open_conn(&f, 0);

	unsigned char right = f.sent[0][123];

	f.sent[0][123] ^= 0x40;
	echo(&f, 0, 200);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.received, 3);
	assert_int_equal(record->counts.completed, 3);
	assert_int_equal(record->counts.damaged, 1);
	assert_int_equal(record->counts.lost, 4);
	assert_true(record->damage.found);
	assert_int_equal(record->damage.connection, 17);
	assert_int_equal(record->damage.offset, 123);
	assert_int_equal(record->damage.expected, right);
	assert_int_equal(record->damage.got, right ^ 0x40);
	load_record_free(record);
	teardown(&f);
}

static void bytes_of_another_place_or_connection_are_damage(void **state)
{
	struct load_options options = simple(2, 2, 64);
	struct fixture f;

	setup(&f, &options);
	open_conn(&f, 0);
	open_conn(&f, 1);
	report_bytes(&f, 0, f.sent[1], 64);
	report_bytes(&f, 1, f.sent[1] + 64, 64);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.damaged, 2);
	assert_int_equal(record->counts.received, 0);
	load_record_free(record);
	teardown(&f);
}

static void more_than_was_sent_ends_the_connection(void **state)
{
	struct load_options options = simple(1, 1, 64);
	struct fixture f;

	options.echoes = 1;
	setup(&f, &options);
	open_conn(&f, 0);
	report_bytes(&f, 0, f.sent[0], 65);
	assert_int_equal(f.end[0], PROTOCOL_RESET);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.received, 1);
	assert_int_equal(record->counts.surplus_bytes, 1);
	assert_int_equal(record->counts.overruns, 1);
	load_record_free(record);
	teardown(&f);
}

/* ---- ends ---- */

static void churn_ends_after_its_echoes(void **state)
{
	struct load_options options = simple(1, 1, 10);
	struct fixture f;

	options.echoes = 3;
	setup(&f, &options);
	f.conns[0] = load_connecting(f.load, 0, 0);
	now_ns += 7 * MS;
	report_kind(&f, 0, PROTOCOL_OPENED);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(f.end[0], PROTOCOL_GO_ON);
		echo(&f, 0, 10);
	}
	assert_int_equal(f.end[0], PROTOCOL_CLOSE);
	assert_int_equal(f.sent_length[0], 30);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.connects, 1);
	assert_int_equal(histogram_max(record->connect), 7 * MS);
	assert_int_equal(record->counts.received, 3);
	load_record_free(record);
	teardown(&f);
}

static void stopping_lets_what_is_under_way_come_back(void **state)
{
	struct load_options options = simple(2, 2, 10);
	struct fixture f;

	setup(&f, &options);
	open_conn(&f, 0);
	open_conn(&f, 1);
	echo(&f, 1, 0);
	load_stop(f.load);
	echo(&f, 0, 10);
	assert_int_equal(f.end[0], PROTOCOL_GO_ON);
	assert_false(load_is_idle(f.load));
	echo(&f, 0, 10);
	assert_int_equal(f.end[0], PROTOCOL_CLOSE);
	echo(&f, 1, 20);
	assert_int_equal(f.end[1], PROTOCOL_CLOSE);
	assert_true(load_is_idle(f.load));
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.sent, 4);
	assert_int_equal(record->counts.lost, 0);
	load_record_free(record);
	teardown(&f);
}

static void a_lost_connection_loses_what_was_under_way(void **state)
{
	struct load_options options = simple(3, 2, 10);
	struct fixture f;

	setup(&f, &options);
	open_conn(&f, 0);
	report(&f, 0, (struct protocol_event){ .kind = PROTOCOL_LOST, .error = -1 });
	open_conn(&f, 0);
	open_conn(&f, 1);
	report_kind(&f, 1, PROTOCOL_END);
	assert_int_equal(f.end[1], PROTOCOL_CLOSE);
	f.conns[2] = load_connecting(f.load, 2, 0);
	report(&f, 2, (struct protocol_event){ .kind = PROTOCOL_LOST, .error = -1 });
	echo(&f, 0, 20);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.resets, 1);
	assert_int_equal(record->counts.ended, 1);
	assert_int_equal(record->counts.connect_errors, 1);
	assert_int_equal(record->counts.received, 2);
	assert_int_equal(record->counts.lost, 2 + 2 + 2);
	load_record_free(record);
	teardown(&f);
}

/* ---- the window, sizes ---- */

static void only_the_window_counts(void **state)
{
	struct load_options options = simple(1, 1, 10);
	struct fixture f;

	setup(&f, &options);
	load_set_window(f.load, now_ns + 10 * MS, now_ns + 20 * MS);
	open_conn(&f, 0);
	for (int i = 0; i < 30; i++) {
		now_ns += MS;
		echo(&f, 0, 10);
	}
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.sent, 10);
	assert_int_equal(record->counts.received, 10);
	assert_int_equal(record->counts.completed, 10);
	assert_int_equal(record->counts.bytes_received, 100);
	load_record_free(record);
	teardown(&f);
}

static void long_messages_leave_in_pieces(void **state)
{
	struct load_options options = simple(1, 1, 1000000);
	struct protocol_event opened = { .kind = PROTOCOL_OPENED };
	struct protocol_answer answer = { 0 };
	struct fixture f;

	setup(&f, &options);
	f.conns[0] = load_connecting(f.load, 0, 0);
	load_protocol(f.load)->handle(load_protocol(f.load), &f.conns[0], &opened, &answer);
	assert_int_equal(answer.send.length, PATTERN_CHUNK_BYTES);
	/* Nothing more until the kernel has taken it. */
	answer.send.length = 0;
	report(&f, 0, (struct protocol_event){ .kind = PROTOCOL_SENT, .count = 1 });
	assert_int_equal(f.sent_length[0], 0);
	report(&f, 0,
		(struct protocol_event){ .kind = PROTOCOL_SENT, .count = PATTERN_CHUNK_BYTES - 1 });
	assert_int_equal(f.sent_length[0], 1000000 - PATTERN_CHUNK_BYTES);
	load_record_free(record_of(&f));
	teardown(&f);
}

static void mixed_sizes_come_by_their_weights(void **state)
{
	struct load_options options = simple(1, 1, 10);
	struct fixture f;
	unsigned large = 0, count = 0;

	options.size_count = 2;
	options.sizes[0].weight = 9;
	options.sizes[1] = (struct load_size){ .bytes = 300, .weight = 1 };
	setup(&f, &options);
	open_conn(&f, 0);
	while (f.sent_length[0] < MOST_UNDER_WAY - 1000) {
		size_t length = waiting_echo(&f, 0);

		assert_true(length == 10 || length == 300);
		large += length == 300;
		count++;
		echo(&f, 0, length);
	}
	assert_in_range(large * 100 / count, 8, 12);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.received, count);
	assert_int_equal(record->counts.damaged, 0);
	load_record_free(record);
	teardown(&f);
}

/* ---- flows ---- */

#define TIMEOUT_NS (100 * MS)

static struct load_options flows(uint32_t connections, uint32_t depth, uint32_t bytes)
{
	struct load_options options = simple(connections, depth, bytes);

	options.flows = true;
	options.timeout_ns = TIMEOUT_NS;
	return options;
}

/* The message number `message` of those that were sent comes back. */
static void echo_message(struct fixture *f, uint32_t index, size_t message, uint32_t bytes)
{
	report_bytes(f, index, f->sent[index] + message * bytes, bytes);
}

static void expire(struct fixture *f, uint32_t index)
{
	now_ns += TIMEOUT_NS;
	report_kind(f, index, PROTOCOL_DEADLINE);
}

static void losses_duplicates_and_order_are_counted(void **state)
{
	struct load_options options = flows(1, 4, 32);
	struct fixture f;

	setup(&f, &options);
	open_conn(&f, 0);
	assert_int_equal(f.sent_length[0], 4 * 32);
	echo_message(&f, 0, 1, 32);
	echo_message(&f, 0, 0, 32); /* after one that was sent later */
	echo_message(&f, 0, 1, 32); /* once more */
	echo_message(&f, 0, 0, 32); /* once more */
	echo_message(&f, 0, 3, 32); /* 2 is lost, or so it seems */
	assert_int_equal(f.sent_length[0], 7 * 32);
	expire(&f, 0); /* 2, 4, 5 and 6 */
	assert_int_equal(f.sent_length[0], 11 * 32);
	echo_message(&f, 0, 2, 32); /* late */
	echo_message(&f, 0, 2, 32); /* and once more */
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.sent, 11);
	assert_int_equal(record->counts.received, 3);
	assert_int_equal(record->counts.reordered, 1);
	assert_int_equal(record->counts.duplicates, 3);
	assert_int_equal(record->counts.late, 1);
	assert_int_equal(record->counts.lost, 4 + 4);
	assert_int_equal(record->counts.damaged, 0);
	assert_int_equal(record->counts.strays, 0);
	load_record_free(record);
	teardown(&f);
}

static void a_train_is_handed_over_whole_and_counted_one_by_one(void **state)
{
	struct load_options options = flows(2, 5, 32);
	struct protocol_event opened = { .kind = PROTOCOL_OPENED },
			      sent = { .kind = PROTOCOL_SENT, .count = 3 * 32 };
	struct protocol_answer answer = { 0 };
	struct protocol *protocol;
	struct fixture f;

	options.train = 3;
	setup(&f, &options);
	protocol = load_protocol(f.load);
	f.conns[0] = load_connecting(f.load, 0, 0);
	protocol->handle(protocol, &f.conns[0], &opened, &answer);
	assert_int_equal(answer.credit, 33);
	assert_int_equal(answer.send.length, 3 * 32);
	memcpy(f.sent[0], answer.send.bytes, answer.send.length);
	f.sent_length[0] = answer.send.length;
	answer = (struct protocol_answer){ 0 };
	protocol->handle(protocol, &f.conns[0], &sent, &answer);
	assert_int_equal(
		answer.send.length, 0); /* two more may be under way: no room for a train */
	open_conn(&f, 1);
	assert_memory_not_equal(f.sent[0], f.sent[1], 32);
	now_ns += MS;
	echo_message(&f, 0, 2, 32); /* in any order, each of them a message */
	assert_int_equal(f.sent_length[0], 6 * 32);
	echo_message(&f, 0, 0, 32);
	echo_message(&f, 0, 0, 32);
	assert_int_equal(f.sent_length[0], 6 * 32);
	expire(&f, 0); /* 1, and the second train */
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.sent, 9 + 3);
	assert_int_equal(record->counts.received, 2);
	assert_int_equal(record->counts.reordered, 1);
	assert_int_equal(record->counts.duplicates, 1);
	assert_int_equal(record->counts.lost, 10);
	assert_int_equal(record->counts.bytes_sent, 12 * 32);
	load_record_free(record);
	teardown(&f);
}

static void a_train_that_does_not_leave_is_lost_message_by_message(void **state)
{
	struct load_options options = flows(1, 4, 32);
	struct protocol_event opened = { .kind = PROTOCOL_OPENED };
	struct protocol_event fault = { .kind = PROTOCOL_FAULT, .count = 4 * 32, .error = -5 };
	struct protocol_answer answer = { 0 };
	struct fixture f;
	struct load_record *record;

	options.train = 4;
	setup(&f, &options);
	f.conns[0] = load_connecting(f.load, 0, 0);
	load_protocol(f.load)->handle(load_protocol(f.load), &f.conns[0], &opened, &answer);
	assert_int_equal(answer.send.length, 4 * 32);
	answer = (struct protocol_answer){ 0 };
	load_protocol(f.load)->handle(load_protocol(f.load), &f.conns[0], &fault, &answer);
	assert_int_equal(answer.send.length, 0); /* not at once, and not for ever */
	load_stop(f.load);
	expire(&f, 0);
	assert_true(load_is_idle(f.load));
	record = record_of(&f);
	assert_int_equal(record->counts.sent, 4);
	assert_int_equal(record->counts.lost, 4);
	assert_int_equal(record->counts.faults, 1);
	load_record_free(record);
	teardown(&f);
}

static void only_what_has_waited_its_time_is_lost(void **state)
{
	struct load_options options = flows(1, 2, 32);
	struct protocol *protocol;
	struct protocol_event opened = { .kind = PROTOCOL_OPENED },
			      sent = { .kind = PROTOCOL_SENT, .count = 32 },
			      deadline = { .kind = PROTOCOL_DEADLINE };
	struct protocol_answer answer = { 0 };
	struct fixture f;
	uint64_t first_ns;

	setup(&f, &options);
	protocol = load_protocol(f.load);
	f.conns[0] = load_connecting(f.load, 0, 0);
	first_ns = now_ns;
	protocol->handle(protocol, &f.conns[0], &opened, &answer);
	assert_int_equal(answer.credit, 33);
	assert_int_equal(answer.wake_ns, first_ns + TIMEOUT_NS);
	answer = (struct protocol_answer){ 0 };
	now_ns += 30 * MS;
	protocol->handle(protocol, &f.conns[0], &sent, &answer);
	assert_int_equal(answer.send.length, 32);
	assert_int_equal(answer.wake_ns, 0); /* the first is the next to be lost */
	answer = (struct protocol_answer){ 0 };
	protocol->handle(protocol, &f.conns[0], &sent, &answer);
	now_ns = first_ns + TIMEOUT_NS;
	answer = (struct protocol_answer){ 0 };
	protocol->handle(protocol, &f.conns[0], &deadline, &answer);
	assert_int_equal(answer.wake_ns, first_ns + 30 * MS + TIMEOUT_NS);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.sent, 3);
	load_record_free(record);
	teardown(&f);
}

static void damage_of_a_message_is_its_own(void **state)
{
	struct load_options options = flows(2, 3, 40);
	struct fixture f;

	options.first_number = 100;
	setup(&f, &options);
	open_conn(&f, 0);
	open_conn(&f, 1);
	f.sent[1][40 + 39] ^= 1; /* the last byte */
	echo_message(&f, 1, 1, 40);
	f.sent[1][5] ^= 1; /* in the mark */
	echo_message(&f, 1, 0, 40);
	report_bytes(&f, 1, f.sent[1] + 80, 39); /* too short */
	report_bytes(&f, 0, f.sent[0], 41); /* too long */
	report_bytes(&f, 0, f.sent[1] + 120, 40); /* another's: whose it was is lost */
	report_bytes(&f, 0, f.sent[0], 0);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.sent, 10);
	assert_int_equal(record->counts.damaged, 4);
	assert_int_equal(record->counts.reordered, 1);
	assert_int_equal(record->counts.strays, 2);
	assert_int_equal(record->damage.connection, 101);
	assert_int_equal(record->damage.message, 1);
	assert_int_equal(record->damage.offset, 39);
	load_record_free(record);
	teardown(&f);
}

static void short_messages_are_known_by_their_bytes(void **state)
{
	struct load_options options = flows(1, 3, 8);
	struct fixture f;

	setup(&f, &options);
	open_conn(&f, 0);
	echo_message(&f, 0, 2, 8);
	echo_message(&f, 0, 0, 8);
	echo_message(&f, 0, 0, 8);
	f.sent[0][8] ^= 1;
	echo_message(&f, 0, 1, 8);
	f.sent[0][8] ^= 1;
	expire(&f, 0); /* 3, 4 and 5 */
	echo_message(&f, 0, 3, 8);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.received, 2);
	assert_int_equal(record->counts.reordered, 2);
	assert_int_equal(record->counts.duplicates, 1);
	assert_int_equal(record->counts.damaged, 1);
	assert_int_equal(record->counts.late, 1);
	load_record_free(record);
	teardown(&f);
}

/* Many pass while one is still waited for: its slot stays its own, and its time, too. */
static void one_that_is_slow_does_not_stop_the_others(void **state)
{
	struct load_options options = flows(1, 2, 16);
	struct fixture f;

	setup(&f, &options);
	open_conn(&f, 0);
	for (size_t i = 1; i <= 3000; i++)
		echo_message(&f, 0, i, 16);
	now_ns += 50 * MS;
	echo_message(&f, 0, 0, 16);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.received, 3001);
	assert_int_equal(record->counts.reordered, 1);
	assert_int_equal(
		histogram_count_between(record->sent, MS, 1000 * MS), 2); /* and a lost one */
	load_record_free(record);
	teardown(&f);
}

/* What has come is forgotten with its number, not with its place in the table. */
static void late_ones_are_no_duplicates_of_older_ones(void **state)
{
	struct load_options options = flows(1, 1, 16);
	struct fixture f;

	setup(&f, &options);
	open_conn(&f, 0);
	for (size_t i = 0; i < 1024; i++)
		echo_message(&f, 0, i, 16);
	expire(&f, 0); /* number 1024 */
	echo_message(&f, 0, 1024, 16);
	echo_message(&f, 0, 1024, 16);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.late, 1);
	assert_int_equal(record->counts.duplicates, 1);
	load_record_free(record);
	teardown(&f);
}

/* Of the last 1,024 that were sent it is known whether they have come, and of no older one. */
static void duplicates_are_known_of_the_last_1024(void **state)
{
	struct load_options options = flows(1, 1, 16);
	struct fixture f;

	setup(&f, &options);
	open_conn(&f, 0);
	for (size_t i = 0; i < 1024; i++)
		echo_message(&f, 0, i, 16);
	assert_int_equal(f.sent_length[0], 1025 * 16);
	echo_message(&f, 0, 1, 16); /* the last but 1023 */
	echo_message(&f, 0, 0, 16); /* one more, and it may have been lost as well */
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.duplicates, 1);
	assert_int_equal(record->counts.late, 1);
	load_record_free(record);
	teardown(&f);
}

/* Without comparing bytes, the mark alone says whose a message is. */
static void marks_distinguish_connections_and_lives(void **state)
{
	struct load_options options = flows(2, 2, 64);
	unsigned char before[64];
	struct fixture f;

	options.verify = false;
	setup(&f, &options);
	open_conn(&f, 0);
	open_conn(&f, 1);
	report_bytes(&f, 0, f.sent[1], 64);
	memcpy(before, f.sent[1], sizeof(before));
	report(&f, 1, (struct protocol_event){ .kind = PROTOCOL_LOST, .error = -1 });
	open_conn(&f, 1);
	report_bytes(&f, 1, before, sizeof(before));
	f.sent[1][40] ^= 1; /* nothing compares it */
	echo_message(&f, 1, 0, 64);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.strays, 2);
	assert_int_equal(record->counts.received, 1);
	assert_int_equal(record->counts.damaged, 0);
	load_record_free(record);
	teardown(&f);
}

/* Its bytes are not compared, but their number is known: what is longer or shorter is no echo. */
static void a_length_is_compared_without_comparing_bytes(void **state)
{
	struct load_options options = flows(1, 2, 64);
	unsigned char longer[65] = { 0 };
	struct fixture f;

	options.verify = false;
	setup(&f, &options);
	open_conn(&f, 0);
	memcpy(longer, f.sent[0], 64);
	report_bytes(&f, 0, longer, sizeof(longer));
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.damaged, 1);
	assert_int_equal(record->counts.received, 0);
	assert_true(record->damage.found);
	assert_int_equal(record->damage.offset, 64);
	assert_int_equal(record->damage.expected, -1);
	load_record_free(record);
	teardown(&f);
}

static void a_message_that_did_not_leave_is_not_sent_in_a_circle(void **state)
{
	struct load_options options = flows(1, 1, 16);
	struct protocol_event fault = { .kind = PROTOCOL_FAULT, .error = -111, .count = 16 };
	struct fixture f;

	setup(&f, &options);
	open_conn(&f, 0);
	report(&f, 0, fault);
	assert_int_equal(f.sent_length[0], 16);
	expire(&f, 0);
	assert_int_equal(f.sent_length[0], 32);
	struct load_record *record = record_of(&f);

	assert_int_equal(record->counts.faults, 1);
	assert_int_equal(record->counts.lost, 2);
	load_record_free(record);
	teardown(&f);
}

/* Of datagrams some are lost; a service that is gone loses all that follow. */
static void a_flow_that_stops_differs_from_one_that_loses(void **state)
{
	struct load_options options = flows(2, 1, 16);
	struct load_record *record;
	struct fixture f;
	uint64_t start_ns;

	setup(&f, &options);
	start_ns = now_ns;
	load_set_window(f.load, start_ns, start_ns + 2000 * MS);
	open_conn(&f, 0);
	open_conn(&f, 1);
	for (size_t i = 0; i < 10; i++) {
		echo_message(&f, 0, i, 16);
		echo_message(&f, 1, i, 16);
		now_ns += MS;
	}
	while (now_ns < start_ns + 1500 * MS) {
		expire(&f, 0);
		report_kind(&f, 1, PROTOCOL_DEADLINE);
	}
	now_ns += MS;
	report_bytes(&f, 1, f.sent[1] + f.sent_length[1] - 16, 16);
	load_stop(f.load);
	now_ns = start_ns + 3000 * MS;
	record = record_of(&f);
	assert_int_equal(record->counts.stalled, 1);
	assert_int_equal(record->counts.silent, 0);
	/* Given up after their timeout: that long they have waited. */
	assert_true(histogram_count_between(record->sent, 99 * MS, 102 * MS) >= 28);
	load_record_free(record);
	teardown(&f);
}

static void senseless_options_are_refused(void **state)
{
	struct load_options options = simple(1, 1, 10);
	struct load *load;

	options.depth = 0;
	assert_int_equal(load_new(&options, &load), -22);
	options = simple(0, 1, 10);
	assert_int_equal(load_new(&options, &load), -22);
	options = simple(1, 1, 0);
	assert_int_equal(load_new(&options, &load), -22);
}

static void senseless_trains_are_refused(void **state)
{
	const struct load_options good = { .train = 46 }; /* 46 x 1400 bytes fit */
	struct load_options options;
	struct load *load;

	for (int i = 0; i < 7; i++) {
		options = flows(1, 64, 1400);
		options.train = good.train;
		switch (i) {
		case 0: options.train = 47; break;
		case 1: options.depth = 45; break;
		case 2: options.flows = false; break;
		case 3: options.open_loop = true; break;
		case 4:
			options.size_count = 2;
			options.sizes[1] = options.sizes[0];
			break;
		case 5:
			options.sizes[0].bytes = 8;
			options.train = 65;
			options.depth = 65;
			break;
		default: break;
		}
		assert_int_equal(load_new(&options, &load), i < 6 ? -22 : 0);
	}
	load_free(load);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_sent_while_it_is_held),
		cmocka_unit_test(each_message_keeps_its_own_time),
		cmocka_unit_test(depth_messages_are_under_way),
		cmocka_unit_test(a_stall_delays_one_message_in_the_closed_loop),
		cmocka_unit_test(a_stall_delays_all_that_were_meant_in_the_open_loop),
		cmocka_unit_test(what_waits_without_end_was_never_sent),
		cmocka_unit_test(what_never_came_has_waited_until_the_end),
		cmocka_unit_test(so_many_that_they_are_joined),
		cmocka_unit_test(connections_that_are_silent_are_counted),
		cmocka_unit_test(only_what_was_asked_in_the_window_is_silence),
		cmocka_unit_test(what_left_before_the_window_was_known_is_not_counted),
		cmocka_unit_test(churn_that_was_due_and_never_called_is_unsent),
		cmocka_unit_test(damage_of_a_part_is_damage),
		cmocka_unit_test(a_train_is_handed_over_whole_and_counted_one_by_one),
		cmocka_unit_test(a_train_that_does_not_leave_is_lost_message_by_message),
		cmocka_unit_test(senseless_trains_are_refused),
		cmocka_unit_test(a_flow_that_stops_differs_from_one_that_loses),
		cmocka_unit_test(offers_take_turns),
		cmocka_unit_test(what_waits_at_the_end_is_still_sent),
		cmocka_unit_test(churn_on_a_schedule_counts_from_when_it_was_meant_to_call),
		cmocka_unit_test(churn_that_was_due_is_still_begun_at_the_end),
		cmocka_unit_test(a_connection_that_could_not_be_made_again_has_stalled),
		cmocka_unit_test(records_add_up),
		cmocka_unit_test(bytes_of_an_earlier_life_are_damage),
		cmocka_unit_test(damage_far_inside_is_found_in_its_place),
		cmocka_unit_test(damage_is_reported_with_its_place),
		cmocka_unit_test(bytes_of_another_place_or_connection_are_damage),
		cmocka_unit_test(more_than_was_sent_ends_the_connection),
		cmocka_unit_test(churn_ends_after_its_echoes),
		cmocka_unit_test(stopping_lets_what_is_under_way_come_back),
		cmocka_unit_test(a_lost_connection_loses_what_was_under_way),
		cmocka_unit_test(only_the_window_counts),
		cmocka_unit_test(long_messages_leave_in_pieces),
		cmocka_unit_test(mixed_sizes_come_by_their_weights),
		cmocka_unit_test(losses_duplicates_and_order_are_counted),
		cmocka_unit_test(only_what_has_waited_its_time_is_lost),
		cmocka_unit_test(damage_of_a_message_is_its_own),
		cmocka_unit_test(short_messages_are_known_by_their_bytes),
		cmocka_unit_test(one_that_is_slow_does_not_stop_the_others),
		cmocka_unit_test(late_ones_are_no_duplicates_of_older_ones),
		cmocka_unit_test(duplicates_are_known_of_the_last_1024),
		cmocka_unit_test(marks_distinguish_connections_and_lives),
		cmocka_unit_test(a_length_is_compared_without_comparing_bytes),
		cmocka_unit_test(a_message_that_did_not_leave_is_not_sent_in_a_circle),
		cmocka_unit_test(senseless_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
