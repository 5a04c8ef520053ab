/*
 * handover_message.c: what is written is read back, at its largest too, and whatever else is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "server/upgrade/handover_message.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int read_text(const char *text, struct handover_message *ret_message)
{
	return handover_message_read(text, strlen(text), ret_message);
}

static void assert_same(const struct handover_message *one, const struct handover_message *other)
{
	assert_int_equal(one->kind, other->kind);
	assert_int_equal(one->pid, other->pid);
	assert_int_equal(one->total, other->total);
	assert_int_equal(one->watchdog_ns, other->watchdog_ns);
	assert_int_equal(one->socket_count, other->socket_count);
	for (unsigned i = 0; i < one->socket_count; i++) {
		assert_int_equal(one->sockets[i].role, other->sockets[i].role);
		assert_int_equal(one->sockets[i].file_device, other->sockets[i].file_device);
		assert_int_equal(one->sockets[i].file_inode, other->sockets[i].file_inode);
	}
}

static void what_is_written_is_read(void **state)
{
	static char text[HANDOVER_MESSAGE_MOST_BYTES];

	for (int kind = HANDOVER_MESSAGE_ASK; kind <= HANDOVER_MESSAGE_UNKNOWN; kind++) {
		struct handover_message message = { .kind = (enum handover_message_kind)kind };
		struct handover_message back;

		if (kind == HANDOVER_MESSAGE_HERE || kind == HANDOVER_MESSAGE_SOCKETS) {
			message.pid = 1234;
			message.total = 3;
		}
		if (kind == HANDOVER_MESSAGE_SOCKETS) {
			message.socket_count = 3;
			message.sockets[1] = (struct handover_message_socket){
				HANDOVER_MESSAGE_ACTIVATED, 0, 7
			};
			message.sockets[2] = (struct handover_message_socket){
				HANDOVER_MESSAGE_CONTROL, 2049, 99
			};
		}
		size_t length = handover_message_write(&message, text);

		assert_int_equal(handover_message_read(text, length, &back), 0);
		assert_same(&message, &back);
	}
}

static void the_largest_message_fits(void **state)
{
	static char text[HANDOVER_MESSAGE_MOST_BYTES];
	struct handover_message back,
		message = {
			.kind = HANDOVER_MESSAGE_SOCKETS,
			.pid = INT32_MAX,
			.total = HANDOVER_MESSAGE_MOST_TOTAL,
			.watchdog_ns = UINT64_MAX,
			.socket_count = HANDOVER_MESSAGE_MOST_SOCKETS,
		};

	for (unsigned i = 0; i < HANDOVER_MESSAGE_MOST_SOCKETS; i++)
		message.sockets[i] = (struct handover_message_socket){ HANDOVER_MESSAGE_ACTIVATED,
			UINT64_MAX, UINT64_MAX };
	size_t length = handover_message_write(&message, text);

	assert_in_range(length, 1, sizeof(text) - 1);
	assert_int_equal(handover_message_read(text, length, &back), 0);
	assert_same(&message, &back);
	/* One socket more than there is room for. */
	static const char more[] = "socket opened -\n";

	memcpy(text + length, more, sizeof(more) - 1);
	assert_int_equal(handover_message_read(text, length + sizeof(more) - 1, &back), -EPROTO);
}

static void the_text_is_what_is_documented(void **state)
{
	char text[HANDOVER_MESSAGE_MOST_BYTES];
	struct handover_message message = {
		.kind = HANDOVER_MESSAGE_SOCKETS,
		.pid = 12,
		.total = 2,
		.socket_count = 2,
		.sockets[1] = { HANDOVER_MESSAGE_CONTROL, 5, 6 },
	};

	text[handover_message_write(&message, text)] = '\0';
	assert_string_equal(text,
		"meari-upgrade 1 sockets\npid 12\ntotal 2\nwatchdog_ns 0\n"
		"socket opened -\nsocket control 5:6\n");
}

#define HEAD "meari-upgrade 1 sockets\npid 12\ntotal 2\nwatchdog_ns 0\n"

static void everything_else_is_refused(void **state)
{
	static const char *const wrong[] = { "", "\n", "meari-upgrade", "meari-upgrade 1",
		"meari-upgrade 1 take", "meari-upgrade 1 take\n\n", "meari-upgrade 1 take \n",
		"meari-upgrade  1 take\n", "meari-upgrade 01 take\n", "meari-upgrade 1 taken\n",
		"meari-upgrade 1 TAKE\n", "meari-upgrade 1 take\npid 1\n",
		"meari-upgrade 99999999999999999999999 take\n", " meari-upgrade 1 take\n",
		"meari-upgrade 1 here\n", "meari-upgrade 1 here\npid 1\ntotal 1\n",
		"meari-upgrade 1 here\npid 0\ntotal 1\nwatchdog_ns 0\n",
		"meari-upgrade 1 here\npid 4294967296\ntotal 1\nwatchdog_ns 0\n",
		"meari-upgrade 1 here\npid 1\ntotal 8193\nwatchdog_ns 0\n",
		"meari-upgrade 1 here\npid -1\ntotal 1\nwatchdog_ns 0\n",
		"meari-upgrade 1 here\npid 1\ntotal 1\nwatchdog_ns 0\nsocket opened -\n",
		"meari-upgrade 1 here\ntotal 1\npid 1\nwatchdog_ns 0\n", HEAD,
		HEAD "socket opened\n", HEAD "socket opened \n", HEAD "socket closed -\n",
		HEAD "socket opened -", HEAD "socket opened --\n", HEAD "socket opened 1:0\n",
		HEAD "socket opened 1:\n", HEAD "socket opened :1\n", HEAD "socket opened 1:1:1\n",
		HEAD "socket opened 18446744073709551616:1\n",
		HEAD "socket opened -\nsocket opened -\nsocket opened -\n" };
	struct handover_message message = { .pid = 77 };

	for (size_t i = 0; i < COUNT(wrong); i++) {
		if (read_text(wrong[i], &message) != -EPROTO)
			fail_msg("'%s' was taken", wrong[i]);
	}
	assert_int_equal(message.pid, 77); /* untouched */
	assert_int_equal(handover_message_read("meari-upgrade 1 take\n\0", 22, &message), -EPROTO);
}

static void another_version_is_told_apart(void **state)
{
	struct handover_message message;

	assert_int_equal(read_text("meari-upgrade 2 take\n", &message), -EPROTONOSUPPORT);
	assert_int_equal(read_text("meari-upgrade 0 anything at all", &message), -EPROTONOSUPPORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(the_largest_message_fits),
		cmocka_unit_test(the_text_is_what_is_documented),
		cmocka_unit_test(everything_else_is_refused),
		cmocka_unit_test(another_version_is_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
