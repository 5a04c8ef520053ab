/*
 * tour: what is read of the kernel, and that a claim which does not hold is found: a tour that agreed with
 * everything would test nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tour/tour_claim.h"
#include "tour/tour_facts.h"
#include "tour/tour_packets.h"
#include "tour/tour_play.h"
#include "tour/stops/tour_table.h"

static struct tour_play play;

static const uint8_t syn[] = { 0x45, 0, 0, 44, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1,
	0xa8, 0x2e, 0x13, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0x60, 0x02, 0xff, 0xd7, 0, 0, 0, 0, 2, 4, 5,
	0xb4 };

static void test_packets(void **state)
{
	uint8_t bytes[sizeof(syn)];
	struct tour_packet packet;

	assert_true(tour_packets_parse(syn, sizeof(syn), &packet));
	assert_int_equal(packet.from_port, 43054);
	assert_int_equal(packet.to_port, 5000);
	assert_int_equal(packet.flags, TOUR_SYN);
	assert_int_equal(packet.length, 0);
	assert_int_equal(packet.window, 65495);
	for (size_t length = 0; length < 40; length++)
		assert_false(tour_packets_parse(syn, length, &packet));
	memcpy(bytes, syn, sizeof(syn));
	bytes[9] = 17; /* UDP */
	assert_false(tour_packets_parse(bytes, sizeof(bytes), &packet));
	memcpy(bytes, syn, sizeof(syn));
	bytes[3] = 39; /* shorter than its headers */
	assert_false(tour_packets_parse(bytes, sizeof(bytes), &packet));
	memcpy(bytes, syn, sizeof(syn));
	bytes[0] = 0x44; /* a header of 16 bytes */
	assert_false(tour_packets_parse(bytes, sizeof(bytes), &packet));
}

static void test_rows(void **state)
{
	struct tour_facts_row row;

	assert_true(tour_facts_parse_row(
		"   0: 0100007F:1388 0100007F:A82E 08 0000000A:00000002 00:00000000", &row));
	assert_int_equal(row.local_port, 5000);
	assert_int_equal(row.remote_port, 43054);
	assert_int_equal(row.state, TCP_CLOSE_WAIT);
	assert_int_equal(row.to_send, 10);
	assert_int_equal(row.to_read, 2);
	assert_false(tour_facts_parse_row("  sl  local_address rem_address   st tx_queue", &row));
	assert_false(tour_facts_parse_row("", &row));
	assert_string_equal(tour_facts_state_name(TCP_LISTEN), "LISTEN");
	assert_string_equal(tour_facts_state_name(0), "-");
	assert_string_equal(tour_facts_state_name(99), "?");
}

static void test_matches(void **state)
{
	struct tour_world world = { .port = 5000 };
	struct tour_packet data = {
		.from_port = 43054, .flags = TOUR_ACK, .length = 3, .window = 1
	};
	struct tour_packet fin = { .from_port = 5000, .flags = TOUR_FIN | TOUR_ACK, .window = 1 };
	struct tour_packet full = { .from_port = 5000, .flags = TOUR_ACK };
	struct tour_packet answer = { .from_port = 5000, .flags = TOUR_SYN_ACK, .window = 1 };

	assert_true(tour_claim_matches(&world, TOUR_DATA | TOUR_FLAG_SENT_BY_CLIENT, &data));
	assert_false(tour_claim_matches(&world, TOUR_DATA | TOUR_FLAG_SENT_BY_SERVER, &data));
	assert_false(tour_claim_matches(&world, TOUR_FIN, &data));
	assert_true(tour_claim_matches(&world, TOUR_FIN | TOUR_FLAG_SENT_BY_SERVER, &fin));
	assert_false(tour_claim_matches(&world, TOUR_DATA, &fin));
	assert_false(tour_claim_matches(&world, TOUR_RST, &fin));
	assert_true(tour_claim_matches(&world, TOUR_WINDOW_0, &full));
	assert_false(tour_claim_matches(&world, TOUR_WINDOW_0, &fin));
	assert_true(tour_claim_matches(&world, TOUR_SYN_ACK, &answer));
	assert_false(tour_claim_matches(&world, TOUR_SYN, &answer));
}

static const struct tour_step prelude[] = { CONNECTED_PAIR };

static const struct tour_step steps[] = {
	{ CLIENT(SEND, ON(CLI), .bytes = "hi"),
		.claims = { IS(2), TO_READ(CONN, 2), STATE(CONN, ESTABLISHED), QUEUE(0),
			SIGPIPES(0) } },
	{ CLIENT(RECV, ON(CLI), .number = 9), .claims = { WAITS(CLIENT), AT_LEAST(1) } },
	{ SERVER(SEND, ON(CONN), .bytes = "ho"),
		.claims = { IS(3), RETURNS(CLIENT, 1), TO_READ(CONN, 3), STATE(CLI, CLOSE_WAIT),
			QUEUE(1) } },
	{ SERVER(RECV, ON(CONN), .number = 9),
		.claims = { AT_LEAST(3), AT_MOST(1), WAITS(SERVER), SIGPIPES(1), SLOW(1000) } },
	{ SERVER(SEND, ON(CONN), .bytes = "ho"),
		.claims = { IS(-EPIPE), RETURNS(CLIENT, 2), TO_SEND(CONN, 100), WAITS(CLIENT),
			SLOW(1000) } },
};

static const struct tour_stop stop = { .name = "test",
	.title = { "", "" },
	.prelude = prelude,
	.prelude_count = TOUR_COUNT(prelude),
	.steps = steps,
	.count = TOUR_COUNT(steps) };

static int start(void **state)
{
	return tour_play_init(&play, false, -1);
}

static int end(void **state)
{
	tour_play_fini(&play);
	return 0;
}

static void test_claims(void **state)
{
	char text[128];

	assert_true(tour_play_start(&play, &stop, NULL, 0));
	tour_play_next(&play);
	assert_true(play.agrees);
	/* From here on all is wrong, but that the client waits. */
	tour_play_next(&play);
	assert_false(play.agrees);
	assert_int_equal(play.verdicts[0], TOUR_HOLDS);
	assert_int_equal(play.verdicts[1], TOUR_DISAGREES);
	while (tour_play_step(&play, play.made) != NULL) {
		tour_play_next(&play);
		assert_false(play.agrees);
		for (size_t i = 0; i < TOUR_CLAIMS_MOST; i++) {
			assert_int_equal(play.verdicts[i], TOUR_DISAGREES);
			for (unsigned korean = 0; korean < 2; korean++) {
				const struct tour_claim *claim = &steps[play.made - 1].claims[i];

				assert_string_not_equal(
					tour_claim_describe(claim, korean, text, sizeof(text)), "");
				assert_string_not_equal(
					tour_claim_actual(&play, claim, korean, text, sizeof(text)),
					"");
			}
		}
	}
}

/* Many other connections in the table before and behind the one that is looked for. */
static void test_a_long_table(void **state)
{
	char path[] = "/tmp/meari-test-XXXXXX";
	struct tour_world world = { .port = 5000, .packets = -1 };
	struct tour_facts facts;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	dprintf(fd, "  sl  local_address rem_address   st tx_queue rx_queue\n");
	for (int i = 0; i < 3000; i++)
		dprintf(fd,
			"%4d: 0100007F:%04X 0100007F:%s %s 00000000:00000007 00:00000000 00000000 0 0 0 1\n",
			i, i == 1999 ? 5000 : 6000, "A82E", i == 1999 ? "08" : "01");
	for (size_t i = 0; i < TOUR_SLOTS; i++)
		world.fds[i] = -1;
	world.client_ports[TOUR_CLI] = 43054;
	world.tcp_table = fd;
	tour_facts_take(&world, &facts);
	assert_int_equal(facts.sockets[TOUR_CONN].state, TCP_CLOSE_WAIT);
	assert_int_equal(facts.sockets[TOUR_CONN].to_read, 7);
	assert_int_equal(facts.sockets[TOUR_CLI].state, 0);
	close(fd);
}

static void test_from_the_beginning_again(void **state)
{
	/* With a call that waits, and up to the same place twice. */
	for (int i = 0; i < 2; i++) {
		assert_true(tour_play_start(&play, &stop, NULL, 1));
		assert_int_equal(play.made, 1);
		assert_true(play.agrees);
		assert_int_equal(play.facts.sockets[TOUR_CONN].to_read, 2);
		tour_runner_make(play.runner,
			&(struct tour_call){
				.who = TOUR_SERVER_2, .op = TOUR_OP_ACCEPT, .slot = TOUR_CONN_2 },
			20);
		assert_true(tour_runner_is_busy(play.runner, TOUR_SERVER_2));
	}
	tour_runner_call_off(play.runner);
	assert_false(tour_runner_is_busy(play.runner, TOUR_SERVER_2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_a_long_table),
		cmocka_unit_test_setup_teardown(test_claims, start, end),
		cmocka_unit_test_setup_teardown(test_from_the_beginning_again, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
