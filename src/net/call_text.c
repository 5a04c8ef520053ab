/*
 * Socket calls in words: the names of the constants as the man pages write them, addresses in
 * meari's own form, the first bytes of what was sent. Close to strace(1), so that it
 * reads the same.
 */
#include "net/call_text.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "base/errno_name.h"
#include "base/text.h"
#include "net/addr.h"
#include "net/passrights.h"

struct name {
	int value;
	const char *text;
};

#define NAME(constant)                                                                             \
	{                                                                                          \
		constant, #constant                                                                \
	}

static const struct name domain_names[] = {
	NAME(AF_INET),
	NAME(AF_INET6),
	NAME(AF_UNIX),
	{ 0, NULL },
};

static const struct name type_names[] = {
	NAME(SOCK_STREAM),
	NAME(SOCK_DGRAM),
	NAME(SOCK_SEQPACKET),
	{ 0, NULL },
};

static const struct name flag_names[] = {
	NAME(MSG_OOB),
	NAME(MSG_PEEK),
	NAME(MSG_DONTROUTE),
	NAME(MSG_NOSIGNAL),
	NAME(MSG_DONTWAIT),
	NAME(MSG_TRUNC),
	NAME(MSG_MORE),
	NAME(MSG_WAITALL),
	{ 0, NULL },
};

#define OPTION(level, option)                                                                      \
	{                                                                                          \
		level, option, #level ", " #option                                                 \
	}

/* Every option that is named in src/ (a house test compares). */
static const struct option_name {
	int level, option;
	const char *text;
} option_names[] = {
	OPTION(SOL_SOCKET, SO_REUSEADDR),
	OPTION(SOL_SOCKET, SO_REUSEPORT),
	OPTION(SOL_SOCKET, SO_OOBINLINE),
	OPTION(SOL_SOCKET, SO_KEEPALIVE),
	OPTION(SOL_SOCKET, SO_DOMAIN),
	OPTION(SOL_SOCKET, SO_TYPE),
	OPTION(SOL_SOCKET, SO_PROTOCOL),
	OPTION(SOL_SOCKET, SO_ACCEPTCONN),
	OPTION(SOL_SOCKET, SO_PEERCRED),
	OPTION(SOL_SOCKET, SO_PASSCRED),
	OPTION(SOL_SOCKET, SO_PASSRIGHTS),
	OPTION(SOL_SOCKET, SO_BINDTODEVICE),
	OPTION(SOL_SOCKET, SO_TIMESTAMPNS),
	OPTION(SOL_SOCKET, SO_RCVTIMEO),
	OPTION(SOL_SOCKET, SO_SNDTIMEO),
	OPTION(SOL_SOCKET, SO_BUSY_POLL),
	OPTION(SOL_SOCKET, SO_INCOMING_CPU),
	OPTION(SOL_SOCKET, SO_RCVBUF),
	OPTION(SOL_SOCKET, SO_SNDBUF),
	OPTION(SOL_SOCKET, SO_LINGER),
	OPTION(SOL_SOCKET, SO_ERROR),
	OPTION(IPPROTO_TCP, TCP_NODELAY),
	OPTION(IPPROTO_TCP, TCP_QUICKACK),
	OPTION(IPPROTO_TCP, TCP_INFO),
	OPTION(IPPROTO_UDP, UDP_GRO),
	OPTION(IPPROTO_UDP, UDP_SEGMENT),
	OPTION(IPPROTO_IP, IP_PKTINFO),
	OPTION(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT),
	OPTION(IPPROTO_IPV6, IPV6_RECVPKTINFO),
	OPTION(IPPROTO_IPV6, IPV6_PKTINFO),
	OPTION(IPPROTO_IPV6, IPV6_V6ONLY),
};

static const char *name_of(const struct name *names, int value, char *buffer, size_t size)
{
	for (; names->text != NULL; names++) {
		if (names->value == value)
			return names->text;
	}
	snprintf(buffer, size, "%d", value);
	return buffer;
}

/* "MSG_OOB|MSG_NOSIGNAL", "0", and what has no name as a number. */
static void flags_text(int flags, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (const struct name *name = flag_names; name->text != NULL; name++) {
		if ((flags & name->value) == 0)
			continue;
		used += (size_t)snprintf(
			text + used, size - used, "%s%s", used > 0 ? "|" : "", name->text);
		flags &= ~name->value;
	}
	if (flags != 0 || used == 0)
		snprintf(text + used, size - used, used > 0 ? "|%#x" : "%d", flags);
}

static void sockaddr_text(const struct sockaddr *address, socklen_t length, char *text, size_t size)
{
	struct addr addr = { .length = length };
	char whole[ADDR_TEXT_SIZE];

	if (address == NULL || length < sizeof(address->sa_family) ||
		length > sizeof(addr.storage)) {
		snprintf(text, size, "NULL");
		return;
	}
	memcpy(&addr.storage, address, length);
	addr.scheme = address->sa_family == AF_UNIX ? ADDR_UNIX : ADDR_TCP;
	addr_format(&addr, whole, sizeof(whole));

	/* A call has no scheme: the trace shows only what the structure holds. */
	const char *shown = addr.scheme == ADDR_TCP ? strstr(whole, "//") : NULL;

	snprintf(text, size, "%s", shown != NULL ? shown + 2 : whole);
}

/* The first bytes between quotes, the rest as dots; UTF-8 stays legible where it is whole. */
static void bytes_text(const unsigned char *bytes, size_t length, char *text, size_t size)
{
	size_t used = 0;
	size_t shown = length < CALL_TEXT_SHOWN_BYTES ? length : CALL_TEXT_SHOWN_BYTES;

	used += (size_t)snprintf(text, size, "\"");
	for (size_t i = 0; i < shown && used + 8 < size; i++) {
		unsigned char byte = bytes[i];

		uint32_t code;
		int taken = text_decode(bytes + i, shown - i, &code);

		if (taken > 1 && !text_is_unsafe(code)) {
			memcpy(text + used, bytes + i, (size_t)taken);
			used += (size_t)taken;
			i += (size_t)taken - 1;
		} else if (byte == '\n')
			used += (size_t)snprintf(text + used, size - used, "\\n");
		else if (byte == '"' || byte == '\\')
			used += (size_t)snprintf(text + used, size - used, "\\%c", byte);
		else if (byte >= 0x20 && byte < 0x7f)
			text[used++] = (char)byte;
		else
			used += (size_t)snprintf(text + used, size - used, "\\x%02x", byte);
	}
	snprintf(text + used, size - used, "\"%s", shown < length ? "..." : "");
}

void call_text_socket(int domain, int type, int protocol, char *text, size_t size)
{
	char domain_buffer[16], type_buffer[16];

	snprintf(text, size, "%s, %s%s, %d",
		name_of(domain_names, domain, domain_buffer, sizeof(domain_buffer)),
		name_of(type_names, type & 0xf, type_buffer, sizeof(type_buffer)),
		type & SOCK_NONBLOCK ? "|SOCK_NONBLOCK" : "", protocol);
}

void call_text_address(
	int fd, const struct sockaddr *address, socklen_t length, char *text, size_t size)
{
	char where[ADDR_TEXT_SIZE];

	sockaddr_text(address, length, where, sizeof(where));
	snprintf(text, size, "%d, %s, %u", fd, where, (unsigned)length);
}

void call_text_bytes(int fd, const void *bytes, size_t shown, size_t capacity, int flags,
	char *text, size_t size)
{
	char content[CALL_TEXT_SHOWN_BYTES * 4 + 16], flag_text[128];

	bytes_text(bytes, shown, content, sizeof(content));
	flags_text(flags, flag_text, sizeof(flag_text));
	snprintf(text, size, "%d, %s, %zu, %s", fd, content, capacity, flag_text);
}

/* `{name=127.0.0.1:5000, iov="hello"}`: the first bytes, `shown` at most, and the address. */
static void message_text(const struct msghdr *message, size_t shown, char *text, size_t size)
{
	char peer[ADDR_TEXT_SIZE], content[CALL_TEXT_SHOWN_BYTES * 4 + 16];
	const struct iovec *first = message->msg_iov;

	if (message->msg_iovlen == 0) {
		snprintf(text, size, "{}");
		return;
	}
	sockaddr_text(message->msg_name, message->msg_namelen, peer, sizeof(peer));
	bytes_text(first->iov_base, shown < first->iov_len ? shown : first->iov_len, content,
		sizeof(content));
	snprintf(text, size, "{name=%s, iov=%s}", peer, content);
}

void call_text_message(
	int fd, const struct msghdr *message, size_t shown, int flags, char *text, size_t size)
{
	char content[CALL_TEXT_SIZE] = "{}", flag_text[128];

	flags_text(flags, flag_text, sizeof(flag_text));
	if (message != NULL)
		message_text(message, shown, content, sizeof(content));
	snprintf(text, size, "%d, %s, %s", fd, content, flag_text);
}

void call_text_messages(int fd, const struct mmsghdr *messages, unsigned moved, bool filled,
	unsigned count, int flags, char *text, size_t size)
{
	char list[CALL_TEXT_SIZE] = "", flag_text[128];
	size_t used = 0;

	flags_text(flags, flag_text, sizeof(flag_text));
	for (unsigned i = 0; i < moved && i < CALL_TEXT_SHOWN_MESSAGES; i++) {
		char content[CALL_TEXT_SIZE];

		message_text(&messages[i].msg_hdr, filled ? messages[i].msg_len : SIZE_MAX, content,
			sizeof(content));
		used += (size_t)snprintf(
			list + used, sizeof(list) - used, "%s%.240s", i > 0 ? ", " : "", content);
	}
	snprintf(text, size, "%d, [%s%s], %u, %s", fd, list,
		moved > CALL_TEXT_SHOWN_MESSAGES ? ", ..." : "", count, flag_text);
}

/* What the number stands for, where it is not simply a number. */
static const char *number_option_text(int option, int number, char *buffer, size_t size)
{
	if (option == SO_DOMAIN)
		return name_of(domain_names, number, buffer, size);
	if (option == SO_TYPE)
		return name_of(type_names, number, buffer, size);
	if (option == SO_ERROR && number != 0)
		return errno_name(number);
	return NULL;
}

/* `value` has `length` bytes, 0 of them after a getsockopt() that failed. */
static void option_value_text(
	int level, int option, const void *value, socklen_t length, char *text, size_t size)
{
	if (level == SOL_SOCKET && option == SO_LINGER && length == sizeof(struct linger)) {
		struct linger linger;

		memcpy(&linger, value, sizeof(linger));
		snprintf(text, size, "{l_onoff=%d, l_linger=%d}", linger.l_onoff, linger.l_linger);
	} else if (level == SOL_SOCKET && option == SO_PEERCRED && length == sizeof(struct ucred)) {
		struct ucred who;

		memcpy(&who, value, sizeof(who));
		snprintf(text, size, "{pid=%d, uid=%u, gid=%u}", (int)who.pid, (unsigned)who.uid,
			(unsigned)who.gid);
	} else if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO) &&
		length == sizeof(struct timeval)) {
		struct timeval limit;

		memcpy(&limit, value, sizeof(limit));
		snprintf(text, size, "{tv_sec=%lld, tv_usec=%lld}", (long long)limit.tv_sec,
			(long long)limit.tv_usec);
	} else if (level == SOL_SOCKET && option == SO_BINDTODEVICE) {
		bytes_text(value, strnlen(value, length), text, size);
	} else if (length == sizeof(int)) {
		int number;

		memcpy(&number, value, sizeof(number));

		const char *name = level == SOL_SOCKET
			? number_option_text(option, number, text, size)
			: NULL;

		if (name == NULL)
			snprintf(text, size, "%d", number);
		else if (name != text)
			snprintf(text, size, "%s", name);
	} else {
		snprintf(text, size, "{%u bytes}", (unsigned)length);
	}
}

void call_text_option(
	int fd, int level, int option, const void *value, socklen_t length, char *text, size_t size)
{
	const char *name = NULL;
	char number[32], content[CALL_TEXT_SHOWN_BYTES * 4 + 16];

	for (size_t i = 0; i < sizeof(option_names) / sizeof(option_names[0]); i++) {
		if (option_names[i].level == level && option_names[i].option == option)
			name = option_names[i].text;
	}
	if (name == NULL) {
		snprintf(number, sizeof(number), "%d, %d", level, option);
		name = number;
	}
	option_value_text(level, option, value, length, content, sizeof(content));
	snprintf(text, size, "%d, %s, %s", fd, name, content);
}

/*
 * libc has no name for errors that are newer than libc, or that are internal to the kernel.
 */
static const char *error_name(int error)
{
	const char *name = errno_name(error);

	return name != NULL ? name : "errno";
}

int call_text_line(const char *name, const char *arguments, int64_t result, char *line, size_t size)
{
	int length;

	if (result >= 0)
		length = snprintf(
			line, size, "%s(%s) = %lld\n", name, arguments, (long long)result);
	else
		length = snprintf(line, size, "%s(%s) = -1 %s (%s)\n", name, arguments,
			error_name((int)-result), strerror((int)-result));
	if ((size_t)length >= size) {
		length = (int)size - 1;
		line[length - 1] = '\n';
	}
	return length;
}
