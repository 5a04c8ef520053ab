/*
 * The table of mistakes: each is one line of what it means, and where to read. A new one needs its rule, the rules
 * that would fail for the same reason, an experiment (examination.c, rehearsal.c) and a student who makes it
 * (tests/e2e/students).
 */
#include "check/program/cause.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"

/* What needs a second connection, or several of them in turn. */
#define SECOND                                                                                     \
	" two-clients exact half-close no-bytes reset stuck abandoned thousand families descriptors "
/* What sends bytes of any value and compares what comes back. */
#define BYTES                                                                                      \
	" byte-by-byte small-writes order slow-reader garbage urgent bounded-memory half-close "   \
	"half-close-slow-reader no-bytes reset stuck abandoned thousand silence families line-at-once "
#define FULL_BUFFERS                                                                               \
	" exact small-writes order bounded-memory half-close half-close-slow-reader stuck thousand "

static const struct cause causes[CAUSES] = {
	[CAUSE_NOT_STARTED] = { "not-started", "starts", "*",
		N_("it never came to accept(): socket(), bind() and listen() must all succeed; check the result "
		   "of each and print strerror(errno)"),
		"ex12-06, bind(2), listen(2)" },
	[CAUSE_CANNOT_RUN] = { "not-started", "starts", "*",
		N_("the command itself did not start, so no line of the program was run: check its path ('./' "
		   "stands for this folder), that it was compiled without an error, and that it may be executed "
		   "(chmod +x)"),
		"execve(2), chmod(1)" },
	[CAUSE_NO_HTONS] = { "no-htons", "starts", "*",
		N_("the two bytes of the port are swapped: sin_port is in network byte order, so it is "
		   "htons(port)"),
		"ex12-01, ex12-04, byteorder(3)" },
	[CAUSE_WRONG_ADDRESS] = { "wrong-address", "starts", "*",
		N_("bind() was given another address or port than was asked for: take the port of the command "
		   "line, and htonl(INADDR_LOOPBACK) or htonl(INADDR_ANY)"),
		"ex12-05, ex12-06, ip(7)" },
	[CAUSE_WAITS_FOR_NEWLINE] = { "waits-for-newline", "one-byte", BYTES " exact ",
		N_("a stream has no lines: what recv() returned is to be sent back at once, not when a line "
		   "is complete (fgets, getline, readline wait for it)"),
		"ex12-10s, recv(2)" },
	[CAUSE_SENDS_WHOLE_BUFFER] = { "sends-whole-buffer", "exact", BYTES " one-byte ",
		N_("the length given to send() is the number that recv() returned, not the size of the "
		   "buffer"),
		"ex12-08, recv(2)" },
	[CAUSE_STOPS_AT_NUL] = { "stops-at-nul", "garbage",
		" byte-by-byte exact small-writes order slow-reader urgent bounded-memory half-close "
		"half-close-slow-reader no-bytes reset stuck abandoned thousand silence families ",
		N_("the bytes were taken for a string: strlen() ends at the first NUL byte; use the number "
		   "that recv() returned"),
		"ex12-08, recv(2), strlen(3)" },
	[CAUSE_ONE_BYTE_SENDS] = { "one-byte-sends", "line-at-once", " thousand ",
		N_("each byte is sent by a call of its own: the second waits until the first is acknowledged "
		   "(Nagle's algorithm), and the client delays that by 40 ms; use a buffer"),
		"ex12-10s, tcp(7)" },
	[CAUSE_NO_EOF] = { "no-eof", "half-close-at-once",
		SECOND " half-close-slow-reader next-client line-at-once ",
		N_("recv() returns 0 when the client has finished (EOF); the loop must end there, and close "
		   "the socket"),
		"ex12-08, ex12-10s, recv(2)" },
	[CAUSE_NEVER_CLOSES] = { "never-closes", "half-close-at-once",
		" half-close half-close-slow-reader descriptors abandoned ",
		N_("when recv() has returned 0, close() must follow: without it the client waits for the end for "
		   "ever, and the descriptor stays open"),
		"ex12-10s, close(2)" },
	[CAUSE_EXITS_AFTER_ONE] = { "exits-after-one", "next-client", SECOND,
		N_("after a client has left, the service must go back to accept(): the loop around accept() "
		   "is missing, or the listening socket was closed"),
		"ex12-10s, accept(2)" },
	[CAUSE_ONE_CLIENT_ONLY] = { "one-client-only", "two-clients",
		" reset stuck thousand half-close ",
		N_("while one client is served, nothing else is: use a thread or a process for each, or wait for "
		   "all of them with select() or poll()"),
		"ex12-10s, select(2), pthread_create(3)" },
	[CAUSE_DIES_OF_SIGPIPE] = { "dies-of-sigpipe", "reset", " stuck abandoned ",
		N_("sending to a client that is gone raises SIGPIPE, which ends the process, or fails with EPIPE: use "
		   "MSG_NOSIGNAL, look at the result, and end only this connection"),
		"dying-client, send-flags, send(2), signal(7)" },
	[CAUSE_DIES_WITH_CLIENT] = { "dies-with-client", "reset", " stuck abandoned ",
		N_("an error of one connection (ECONNRESET, EPIPE) ended the whole service: close this "
		   "connection, and go on with the others"),
		"dying-client, ex12-10s, recv(2)" },
	[CAUSE_SHORT_SEND] = { "short-send", "slow-reader", FULL_BUFFERS,
		N_("send() may take fewer bytes than it was given: the rest is still to be sent; loop until all "
		   "are taken, and look at the result"),
		"ex12-08, ex12-10s, send(2)" },
	[CAUSE_DROPS_ON_HALF_CLOSE] = { "drops-on-half-close", "half-close",
		" half-close-slow-reader ",
		N_("the client has finished sending, but it still reads: everything received before must be sent "
		   "back before close()"),
		"ex12-09s, shutdown(2)" },
	[CAUSE_LEAKS_DESCRIPTORS] = { "leaks-descriptors", "descriptors", " abandoned thousand ",
		N_("each client leaves an open descriptor behind, and at the limit (ulimit -n) accept() fails: "
		   "close() what accept() and open() returned, on every path"),
		"ex12-06, close(2), fork(2)" },
	[CAUSE_LEAKS_IN_PARENT] = { "leaks-descriptors", "descriptors",
		" abandoned thousand half-close-at-once half-close half-close-slow-reader ",
		N_("after fork() the parent has the connection's descriptor, too: it must close its copy, or the "
		   "client never sees the end, and the parent runs out of descriptors"),
		"fork(2), close(2)" },
	[CAUSE_SMALL_BACKLOG] = { "small-backlog", "backlog",
		" thousand reset stuck abandoned no-bytes half-close ",
		N_("the second argument of listen() is small: clients that come at the same moment are not "
		   "answered, and try again after a second; use SOMAXCONN"),
		"backlog, listen(2)" },
	[CAUSE_CLIENT_CANNOT_RUN] = { "not-started", "client-connects", "*",
		N_("the command itself did not start, so no line of the program was run: check its path ('./' "
		   "stands for this folder), that it was compiled without an error, and that it may be executed "
		   "(chmod +x)"),
		"execve(2), chmod(1)" },
	[CAUSE_CLIENT_NOT_CONNECTED] = { "wrong-address", "client-connects", "*",
		N_("connect() was never made to the address of the command line: check its arguments and its "
		   "result"),
		"ex12-07, connect(2)" },
	[CAUSE_CLIENT_NO_HTONS] = { "no-htons", "client-connects", "*",
		N_("the two bytes of the port are swapped: sin_port is in network byte order, so it is "
		   "htons(port)"),
		"ex12-01, ex12-07, byteorder(3)" },
	[CAUSE_CLIENT_SENDS_WHOLE_BUFFER] = { "sends-whole-buffer", "client-line",
		" client-letter ",
		N_("the length given to send() is that of the text, not the size of the buffer"),
		"ex12-09c, send(2)" },
	[CAUSE_CLIENT_CUTS_REPLIES] = { "cuts-replies", "client-letter", "",
		N_("one recv() need not return all of a reply: a stream has no messages, and a letter of several "
		   "bytes may come in two parts; receive until all of it is there"),
		"ex12-10c, recv(2), utf-8(7)" },
	[CAUSE_CLIENT_IGNORES_INPUT_END] = { "ignores-end-of-input", "client-end", "",
		N_("at the end of the input (Ctrl-D) fgets() returns NULL and read() 0: then the client must "
		   "close its connection and end"),
		"ex12-10c, fgets(3)" },
	[CAUSE_CLIENT_NO_EOF] = { "no-eof", "client-server-gone", "",
		N_("recv() returns 0 when the server has ended the connection: the client must notice it, say so "
		   "and end"),
		"ex12-10c, recv(2)" },
	[CAUSE_CLIENT_DIES_OF_SIGPIPE] = { "dies-of-sigpipe", "client-server-gone", "",
		N_("sending to a server that is gone raises SIGPIPE, which ends the client without a word: use "
		   "MSG_NOSIGNAL and look at the result of send()"),
		"ex12-10c, send-flags, send(2)" },
};

const struct cause *cause_of(enum cause_number number)
{
	return &causes[number];
}

bool cause_explains(const struct cause *cause, const char *rule)
{
	size_t length = strlen(rule);

	if (strcmp(cause->rule, rule) == 0)
		return false;
	if (strcmp(cause->explains, "*") == 0)
		return true;
	for (const char *at = cause->explains; (at = strstr(at, rule)) != NULL; at += length) {
		if (at > cause->explains && at[-1] == ' ' && at[length] == ' ')
			return true;
	}
	return false;
}

void cause_note(struct cause_found *found, enum cause_number number, const char *seen, ...)
{
	va_list arguments;

	*found = (struct cause_found){ .cause = &causes[number] };
	va_start(arguments, seen);
	vsnprintf(found->seen, sizeof(found->seen), seen, arguments);
	va_end(arguments);
	/* What did not fit may have been cut inside a character. */
	for (size_t length = strlen(found->seen); !text_is_utf8(found->seen, length); length--)
		found->seen[length - 1] = '\0';
}

void cause_add_fact(struct cause_found *found, const char *name, int64_t value)
{
	for (int i = 0; i < CAUSE_MOST_FACTS; i++) {
		if (found->facts[i].name == NULL) {
			found->facts[i] = (struct cause_fact){ name, value };
			return;
		}
	}
}
