/*
 * The arguments of socket calls as text, for the trace of call.c only. Each writes at most `size`
 * bytes with the final 0 and cuts what does not fit. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define CALL_TEXT_SIZE 768
/* So many bytes of a message are shown. */
#define CALL_TEXT_SHOWN_BYTES 32

void call_text_socket(int domain, int type, int protocol, char *text, size_t size);
void call_text_address(
	int fd, const struct sockaddr *address, socklen_t length, char *text, size_t size);
void call_text_bytes(int fd, const void *bytes, size_t shown, size_t capacity, int flags,
	char *text, size_t size);
void call_text_message(
	int fd, const struct msghdr *message, size_t shown, int flags, char *text, size_t size);
/* So many messages of one call are shown. */
#define CALL_TEXT_SHOWN_MESSAGES 3
/*
 * For recvmmsg and sendmmsg: the first of the `moved` messages. `filled`: msg_len is how much of
 * each is to be shown; otherwise all of it.
 */
void call_text_messages(int fd, const struct mmsghdr *messages, unsigned moved, bool filled,
	unsigned count, int flags, char *text, size_t size);
void call_text_option(int fd, int level, int option, const void *value, socklen_t length,
	char *text, size_t size);

/* The whole line with its newline; returns its length. */
int call_text_line(
	const char *name, const char *arguments, int64_t result, char *line, size_t size);
