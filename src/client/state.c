/*
 * TCP_INFO from linux/tcp.h, because the C library's copy of the structure ends in 2007. An older
 * kernel fills less of it than we know: what it left out is zero and is not shown.
 */
#include "client/state.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"
#include "client/channel.h"
#include "net/call.h"
#include "net/socket.h"
#include "wire/tls.h"

typedef unsigned long long count;

struct text {
	char *at;
	size_t left;
};

static void say(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	int n = vsnprintf(text->at, text->left, format, arguments);
	va_end(arguments);
	if (n < 0)
		return;

	size_t used = (size_t)n < text->left ? (size_t)n : text->left - 1;

	text->at += used;
	text->left -= used;
}

/* The numbers of include/net/tcp_states.h, which RFC 9293 3.3.2 names. */
static const char *state_name(unsigned state)
{
	static const char *const names[] = {
		NULL,
		N_("established: both ends may send"),
		N_("connecting (SYN-SENT)"),
		N_("connecting (SYN-RECEIVED)"),
		N_("closed by us, not confirmed by the server yet (FIN-WAIT-1)"),
		N_("half-closed by us, the server may still send (FIN-WAIT-2)"),
		N_("over, waiting for stray segments (TIME-WAIT)"),
		N_("closed"),
		N_("half-closed by the server, we may still send (CLOSE-WAIT)"),
		N_("closed by both, waiting for the last acknowledgement (LAST-ACK)"),
		N_("listening"),
		N_("closed by both at once (CLOSING)"),
	};

	if (state >= sizeof(names) / sizeof(names[0]) || names[state] == NULL)
		return "?";
	return _(names[state]);
}

static const char *us(unsigned value, char *buffer)
{
	return duration_format(value * CLOCK_NS_PER_US, buffer, DURATION_TEXT_SIZE);
}

static void say_tcp(struct text *text, int fd)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);
	char one[DURATION_TEXT_SIZE], two[DURATION_TEXT_SIZE], size[NUMBER_TEXT_SIZE];
	int r = call_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);

	if (r < 0) {
		say(text, _("the kernel reports no more: %s\n"), strerror(-r));
		return;
	}
	say(text, _("state        %s\n"), state_name(info.tcpi_state));
	say(text, _("round trip   %s, varying by %s\n"), us(info.tcpi_rtt, one),
		us(info.tcpi_rttvar, two));
	if (info.tcpi_min_rtt != 0 && info.tcpi_min_rtt != UINT32_MAX)
		say(text, _("             %s at best\n"), us(info.tcpi_min_rtt, one));
	say(text, _("window       %u segments of %u bytes may be under way\n"), info.tcpi_snd_cwnd,
		info.tcpi_snd_mss);
	say(text, _("unconfirmed  %u segments\n"), info.tcpi_unacked);
	say(text, _("sent again   %u segments, %u of them just now\n"), info.tcpi_total_retrans,
		info.tcpi_retrans);
	/* Not tcpi_bytes_acked: that counts the SYN as a byte. */
	say(text, _("carried      %llu bytes there, %llu bytes back\n"),
		(count)(info.tcpi_bytes_sent - info.tcpi_bytes_retrans),
		(count)info.tcpi_bytes_received);
	if (info.tcpi_delivery_rate != 0)
		say(text, _("speed        %s a second at the last measurement\n"),
			number_format_size(info.tcpi_delivery_rate, size, sizeof(size)));
}

static void say_day(struct text *text, const char *format, int64_t when_s)
{
	time_t when = (time_t)when_s;
	struct tm parts;
	char day[32];

	if (gmtime_r(&when, &parts) == NULL ||
		strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%SZ", &parts) == 0)
		return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	say(text, format, day);
#pragma GCC diagnostic pop
}

static void say_tls(struct text *text, const struct stage *stage)
{
	struct tls_facts facts;

	tls_facts(stage, &facts);
	say(text, facts.resumed ? _("TLS          %s, %s, resumed\n") : _("TLS          %s, %s\n"),
		facts.version, facts.cipher);
	if (facts.alpn[0] != '\0')
		say(text, _("             protocol %s (ALPN)\n"), facts.alpn);
	if (facts.peer.fingerprint[0] == '\0')
		return;
	say(text, _("certificate  of %s\n"), facts.peer.subject);
	say(text, _("             signed by %s\n"), facts.peer.issuer);
	say_day(text, _("             good until %s\n"), facts.peer.until_s);
	say(text, _("             SHA-256 %s\n"), facts.peer.fingerprint);
}

static void say_queues(struct text *text, int fd)
{
	int out = 0, in = 0;

	if (ioctl(fd, SIOCOUTQ, &out) == 0 && ioctl(fd, SIOCINQ, &in) == 0)
		say(text, _("queues       %d bytes not yet confirmed, %d received but not read\n"),
			out, in);
}

static void say_peer(struct text *text, int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (call_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid > 0)
		say(text, _("server       process %d of user %u\n"), (int)peer.pid,
			(unsigned)peer.uid);
}

/* A unix socket seldom has a name on the client's side. */
static const char *name_of(const struct addr *addr, char *text, size_t size)
{
	if (addr->generic.sa_family == AF_UNIX && addr->length <= sizeof(sa_family_t))
		return _("(unnamed)");
	return addr_format(addr, text, size);
}

const char *state_describe(int fd, enum addr_scheme scheme, char *buffer, size_t size)
{
	struct text text = { .at = buffer, .left = size };
	struct addr own, peer;
	char own_text[ADDR_TEXT_SIZE], peer_text[ADDR_TEXT_SIZE];

	buffer[0] = '\0';
	if (socket_name(fd, scheme, &own) == 0 && socket_peer(fd, scheme, &peer) == 0)
		say(&text, _("between      %s and %s\n"), name_of(&own, own_text, sizeof(own_text)),
			name_of(&peer, peer_text, sizeof(peer_text)));
	if (channel_stage(fd) != NULL)
		say_tls(&text, channel_stage(fd));
	if (addr_is_tcp(scheme))
		say_tcp(&text, fd);
	if (scheme == ADDR_UNIX)
		say_peer(&text, fd);
	say_queues(&text, fd);
	return buffer;
}
