/*
 * Whether a service listens is read from /proc (observation.h), again and again: connecting would be simpler, but
 * a service for one client would be used up by it.
 */
#include "check/program/service.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "check/program/observation.h"
#include "net/call.h"

#define TRIES 200
#define QUICK_NS (2 * CLOCK_NS_PER_MS)
#define SLOW_NS (100 * CLOCK_NS_PER_MS)
/* A service that listens elsewhere may still come to the right port. */
#define ELSEWHERE_NS (500 * CLOCK_NS_PER_MS)

uint16_t service_swap_port(uint16_t port)
{
	return (uint16_t)(port << 8 | port >> 8);
}

static bool is_free(uint16_t port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	CLEANUP_FD int fd = call_socket(AF_INET, SOCK_STREAM, 0);
	int one = 1;

	/* As services do it; a listener still refuses it. */
	if (fd >= 0)
		call_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return fd >= 0 && call_bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0 &&
		!observation_find_listener(port, NULL);
}

/*
 * Both bytes are from 4 to 127: the port and its swapped one are above 1023, and below those that the kernel
 * gives to clients.
 */
uint16_t service_choose_port(void)
{
	uint64_t random = clock_now_ns();

	for (int i = 0; i < TRIES; i++) {
		unsigned high, low;

		random = random * 6364136223846793005u + 1442695040888963407u;
		high = 4 + (unsigned)(random >> 33) % 124;
		low = 4 + (unsigned)(random >> 49) % 124;
		if (high != low && is_free((uint16_t)(high << 8 | low)) &&
			is_free((uint16_t)(low << 8 | high)))
			return (uint16_t)(high << 8 | low);
	}
	return 0;
}

static void note_wrong_place(
	const struct service *service, const struct addr *listener, struct cause_found *found)
{
	char text[ADDR_TEXT_SIZE];
	uint16_t port = addr_port(listener);

	if (port == service_swap_port(service->port)) {
		cause_note(found, CAUSE_NO_HTONS,
			_("port %u is closed; it listens on port %u, whose two bytes are swapped"),
			service->port, port);
	} else {
		cause_note(found, CAUSE_WRONG_ADDRESS,
			_("it listens at '%s', and not on port %u of 127.0.0.1"),
			addr_format(listener, text, sizeof(text)), service->port);
	}
	cause_add_fact(found, "port", service->port);
	cause_add_fact(found, "open_port", port);
}

/* Whether a client on this machine can connect there, and `ret_addr` is where. */
static bool is_local(const struct addr *listener, struct addr *ret_addr)
{
	struct addr addr = *listener;

	addr_unmap(&addr);
	if (addr.generic.sa_family == AF_INET) {
		if (addr.in.sin_addr.s_addr == htonl(INADDR_ANY))
			addr.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		*ret_addr = addr;
		return ntohl(addr.in.sin_addr.s_addr) >> 24 == 127;
	}
	if (IN6_IS_ADDR_UNSPECIFIED(&addr.in6.sin6_addr)) {
		*ret_addr = (struct addr){ .scheme = ADDR_TCP, .length = sizeof(addr.in) };
		ret_addr->in.sin_family = AF_INET;
		ret_addr->in.sin_port = addr.in6.sin6_port;
		ret_addr->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return true;
	}
	*ret_addr = addr;
	return IN6_IS_ADDR_LOOPBACK(&addr.in6.sin6_addr);
}

static void note_end(struct service *service, struct cause_found *found)
{
	char end[128], line[256];

	program_format_end(&service->program, end, sizeof(end));
	program_end(&service->program);
	program_last_line(&service->program, line, sizeof(line));
	if (strstr(service->program.tail, "Cannot assign requested address") != NULL ||
		strstr(service->program.tail, strerror(EADDRNOTAVAIL)) != NULL)
		cause_note(found, CAUSE_WRONG_ADDRESS,
			_("bind() failed, because this machine has no such address: it %s ('%s')"),
			end, line);
	else if (line[0] != '\0')
		cause_note(
			found, CAUSE_NOT_STARTED, _("before it listened, it %s ('%s')"), end, line);
	else
		cause_note(found, CAUSE_NOT_STARTED,
			_("before it listened, it %s, without a message"), end);
	cause_add_fact(found, "port", service->port);
}

/* 0: go on waiting; 1: it listens, or never will. */
static int check_again(
	struct service *service, bool thoroughly, uint64_t *elsewhere_ns, struct cause_found *found)
{
	struct addr listener;

	if (observation_find_listener(service->port, &listener)) {
		if (!is_local(&listener, &service->addr))
			note_wrong_place(service, &listener, found);
		return 1;
	}
	if (program_has_ended(&service->program) &&
		!observation_find_listener_of(service->program.pid, &listener)) {
		note_end(service, found);
		return 1;
	}
	if (!thoroughly || !observation_find_listener_of(service->program.pid, &listener))
		return 0;
	if (*elsewhere_ns == 0)
		*elsewhere_ns = clock_now_ns();
	if (addr_port(&listener) != service_swap_port(service->port) &&
		clock_now_ns() - *elsewhere_ns < ELSEWHERE_NS)
		return 0;
	note_wrong_place(service, &listener, found);
	return 1;
}

/* All its life it was ready to run for so long, and had no processor, that its time is not over yet. */
static bool is_starved(const struct service *service, uint64_t began_ns)
{
	uint64_t delay_ns = observation_of(service->program.pid).delay_ns;

	if (delay_ns > SERVICE_STARVED_NS)
		delay_ns = SERVICE_STARVED_NS;
	return clock_now_ns() - began_ns < SERVICE_LISTEN_NS + delay_ns;
}

static int wait_for_it(struct service *service, int interrupt_fd, struct cause_found *found)
{
	uint64_t began_ns = clock_now_ns(), thorough_ns = began_ns, elsewhere_ns = 0;
	struct pollfd interrupt = { .fd = interrupt_fd, .events = POLLIN };

	while (clock_now_ns() - began_ns < SERVICE_LISTEN_NS || is_starved(service, began_ns)) {
		bool thoroughly = clock_now_ns() >= thorough_ns;

		if (thoroughly)
			thorough_ns = clock_now_ns() + SLOW_NS;
		if (check_again(service, thoroughly, &elsewhere_ns, found) > 0)
			return found->cause != NULL;
		if (poll(&interrupt, 1, clock_poll_ms(0, QUICK_NS)) > 0)
			return -EINTR;
	}
	cause_note(found, CAUSE_NOT_STARTED, _("after 5 s it runs, but listens on no port"));
	cause_add_fact(found, "port", service->port);
	return 1;
}

static int begin(struct service *service, struct cause_found *found)
{
	struct program_place place = { .port = service->port };
	int r = program_start(&service->program, service->options->command, &place,
		&service->options->limits, CLOCK_NEVER, -1);

	if (r != -ENOENT && r != -EACCES && r != -ENOEXEC && r != -ENOTDIR)
		return r;
	cause_note(found, CAUSE_CANNOT_RUN, _("'%s' cannot be run: %s"), service->options->command,
		strerror(-r));
	return 1;
}

bool service_look(const void *subject, uint64_t *ret_processor_ns)
{
	const struct service *service = subject;
	struct observation seen = observation_of(service->program.pid);

	*ret_processor_ns = seen.processor_ns;
	return seen.ready;
}

int service_start(struct service *service, bool anew, uint64_t life_ns, uint64_t spare_ns,
	int interrupt_fd, struct cause_found *reterr_found)
{
	uint16_t fixed_port = service->options->fixed_port;
	bool runs = service->program.pid > 0 && !program_has_ended(&service->program) &&
		!atomic_load(&service->program.overdue);
	int r = 0;

	*reterr_found = (struct cause_found){ 0 };
	if (!runs || (anew && fixed_port == 0)) {
		service_end(service);
		service->port = fixed_port > 0 ? fixed_port : service_choose_port();
		if (service->port == 0)
			return -EADDRNOTAVAIL;
		if (fixed_port > 0 && !is_free(fixed_port))
			return -EADDRINUSE;
		r = begin(service, reterr_found);
		if (r == 0)
			r = wait_for_it(service, interrupt_fd, reterr_found);
	}
	if (r == 1 && fixed_port > 0 && observation_is_held(fixed_port))
		r = -EADDRINUSE;
	if (r != 0)
		service_end(service);
	else
		program_set_deadline(&service->program, life_ns, spare_ns);
	return r;
}

void service_end(struct service *service)
{
	program_end(&service->program);
}
