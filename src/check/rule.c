/*
 * The few steps that all rules take.
 */
#include "check/rule.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/number.h"
#include "check/traffic/path.h"
#include "client/channel.h"
#include "client/dial.h"
#include "net/call.h"

#define CONNECT_LEAST_NS (2500 * CLOCK_NS_PER_MS)

enum rule_verdict rule_say(
	struct rule_trial *trial, enum rule_verdict verdict, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(trial->evidence, sizeof(trial->evidence), format, arguments);
	va_end(arguments);
	return verdict;
}

/* What says nothing of the service: this machine has run out of something, or forbids it. */
static bool is_local(int error)
{
	switch (-error) {
	case EADDRNOTAVAIL:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EPERM: return true;
	default: return false;
	}
}

/* A full backlog costs a client a second (RFC 6298), which is longer than the patience with a program of ours. */
static uint64_t connect_time_ns(const struct rule_trial *trial)
{
	bool is_program = trial->until_ns != CLOCK_NEVER;

	return is_program && trial->patience_ns < CONNECT_LEAST_NS ? CONNECT_LEAST_NS
								   : trial->patience_ns;
}

/* Closes the socket where there will be no TLS. */
static int secure(struct rule_trial *trial, const struct addr *target, int *fd)
{
	uint64_t until_ns = clock_after_ns(clock_now_ns(), connect_time_ns(trial));
	char why[CHANNEL_WHY_SIZE], text[ADDR_TEXT_SIZE];
	int r = channel_secure(*fd, &trial->tls, until_ns, trial->interrupt_fd, why, sizeof(why));

	if (r == 0)
		return 0;
	trial->local_trouble = is_local(r);
	rule_say(trial, RULE_FAIL, _("no TLS with '%s': %s"),
		addr_format(target, text, sizeof(text)), why);
	channel_close(TAKE_FD(*fd));
	return r;
}

static int connect_with(struct rule_trial *trial, const struct addr *target,
	const struct send_proxy *proxy, int *ret_fd)
{
	struct resolve_list one = { .count = 1, .addrs = { *target } };
	struct dial_options options = { .timeout_ns = connect_time_ns(trial), .proxy = proxy };
	struct dial_report report;
	struct addr reached;
	int r = dial(&one, &options, &report, ret_fd, &reached);

	if (r < 0) {
		char text[ADDR_TEXT_SIZE];

		trial->local_trouble = is_local(r);
		rule_say(trial, RULE_FAIL, _("cannot connect to '%s': %s"),
			addr_format(target, text, sizeof(text)), strerror(-r));
	}
	return r == 0 && target->scheme == ADDR_TLS ? secure(trial, target, ret_fd) : r;
}

int rule_connect_to(struct rule_trial *trial, const struct addr *target, int *ret_fd)
{
	return connect_with(trial, target, trial->proxy, ret_fd);
}

int rule_connect_bare(struct rule_trial *trial, int *ret_fd)
{
	return connect_with(trial, &trial->targets->addrs[0], NULL, ret_fd);
}

int rule_connect(struct rule_trial *trial, int *ret_fd)
{
	if (trial->first_fd >= 0) {
		*ret_fd = TAKE_FD(trial->first_fd);
		return 0;
	}
	return rule_connect_to(trial, &trial->targets->addrs[0], ret_fd);
}

bool rule_judge(struct rule_trial *trial, const struct exchange_plan *plan,
	const struct exchange_result *result)
{
	char text[EXCHANGE_TEXT_SIZE];

	if (result->ending.kind != ENDING_FINE) {
		rule_say(trial, RULE_FAIL, "%s",
			trial->through != NULL ? path_format(plan, result, text, sizeof(text))
					       : exchange_format(result, text, sizeof(text)));
		return false;
	}
	if (!plan->finish && plan->bytes > 0 &&
		(trial->answered_bytes == 0 || plan->bytes < trial->answered_bytes))
		trial->answered_bytes = plan->bytes;
	return true;
}

void rule_run_plan(const struct rule_trial *trial, int fd, const struct exchange_plan *plan,
	struct exchange_result *ret_result)
{
	struct exchange_plan with_source = *plan;

	with_source.source = trial->source;
	exchange_run(fd, &with_source, ret_result);
}

bool rule_exchange_on(struct rule_trial *trial, int fd, const struct exchange_plan *plan)
{
	struct exchange_result result;

	rule_run_plan(trial, fd, plan, &result);
	return rule_judge(trial, plan, &result);
}

bool rule_exchange(struct rule_trial *trial, const struct exchange_plan *plan)
{
	CLEANUP_CHANNEL int fd = -1;

	return rule_connect(trial, &fd) == 0 && rule_exchange_on(trial, fd, plan);
}

bool rule_allows_size(struct rule_trial *trial, uint64_t least_bytes)
{
	char size[NUMBER_TEXT_SIZE];

	if (trial->most_bytes >= least_bytes)
		return true;
	rule_say(trial, RULE_SKIP, _("--size is too small for this rule, which needs %s"),
		number_format_size(least_bytes, size, sizeof(size)));
	return false;
}

uint64_t rule_deadline(const struct rule_trial *trial, uint64_t ns)
{
	uint64_t end_ns = clock_after_ns(clock_now_ns(), ns);

	return end_ns < trial->until_ns ? end_ns : trial->until_ns;
}

bool rule_wait(struct rule_trial *trial, uint64_t ns)
{
	uint64_t until_ns = clock_after_ns(clock_now_ns(), ns);
	struct pollfd one = { .fd = trial->interrupt_fd, .events = POLLIN };
	int ready;

	trial->waited_ns += ns;
	do {
		ready = channel_poll(&one, 1, clock_poll_ms(clock_now_ns(), until_ns));
	} while (ready < 0 && errno == EINTR);
	return ready == 0;
}

static void set_receive_buffer(int fd, int bytes)
{
	call_setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

void rule_hold_little(int fd)
{
	/* Not less: loopback has segments of 64 KiB, and what is smaller than one is filled haltingly. */
	set_receive_buffer(fd, 64 << 10);
}

void rule_hold_much(int fd)
{
	set_receive_buffer(fd, 4 << 20);
}

/* The last of the numbers in a file of the kernel's; `fallback` where there is none. */
static uint64_t read_last(const char *path, uint64_t fallback)
{
	unsigned long long number, last = fallback;
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return fallback;
	while (fscanf(file, "%llu", &number) == 1)
		last = number;
	fclose(file);
	return last;
}

uint64_t rule_buffers_bytes(enum addr_scheme scheme)
{
	/* What a service may hold in memory of its own, and call bounded. */
	const uint64_t own = 1u << 20;

	if (scheme == ADDR_UNIX)
		return own + read_last("/proc/sys/net/core/wmem_default", 212992) +
			2 * read_last("/proc/sys/net/core/wmem_max", 212992);
	/*
	 * There: the client's send buffer, the service's receive buffer. Back: the service's send buffer; what
	 * the client would receive is held small.
	 */
	return own + 2 * read_last("/proc/sys/net/ipv4/tcp_wmem", 4u << 20) +
		read_last("/proc/sys/net/ipv4/tcp_rmem", 6u << 20);
}
