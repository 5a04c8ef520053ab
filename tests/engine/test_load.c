/*
 * The load generator on a real engine, against the real echo on another of the same kind.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "protocol/echo.h"
#include "protocol/load.h"

/* ---- the service ---- */

struct service {
	struct counters counters;
	struct echo echo;
	struct harness harness;
	struct addr addr;
};

struct listening {
	int fd;
	enum addr_scheme scheme;
};

static void listen_on(struct engine *engine, void *data)
{
	struct listening *listening = data;

	assert_int_equal(engine_listen(engine, listening->fd, listening->scheme, 0), 0);
}

static void service_start(struct service *service, const struct engine_ops *ops, const char *text)
{
	struct socket_listen_options options = { .backlog = 1000 };
	struct listening listening;
	struct addr_spec spec;
	struct resolve_list list;
	char own[64];

	*service = (struct service){ 0 };
	echo_init(&service->echo, &service->counters, ECHO_DEFAULT_CAP_BYTES, false);
	harness_start(&service->harness, ops, &service->echo.protocol, NULL);
	/* Abstract names are the whole machine's: two runs side by side must not meet. */
	snprintf(own, sizeof(own), "%s", text);
	if (strchr(text, '@') != NULL)
		snprintf(own, sizeof(own), "%s-%d", text, (int)getpid());
	assert_int_equal(addr_parse(own, &spec, NULL), 0);
	assert_int_equal(resolve(&spec, RESOLVE_LISTEN, &list), 0);
	assert_int_equal(
		socket_open_server(&list.addrs[0], &options, &listening.fd, &service->addr, NULL),
		0);
	listening.scheme = service->addr.scheme;
	harness_do(&service->harness, listen_on, &listening);
}

/* ---- the load ---- */

#define MOST 300

struct driver {
	struct load *load;
	struct engine *engine;
	struct load_options options;
	const struct addr *to;
	uint64_t names[MOST];
	uint64_t wanted; /* stop when so many have come back */
	uint64_t interval_ns, next_ns; /* open loop */
	struct load_record *record; /* the load's own, to look at */
	unsigned closed;
	bool stopped;
};

static void call(struct driver *driver, uint32_t index)
{
	struct engine_connect_options options = {
		.to = driver->to,
		.segment_bytes = load_segment_bytes(&driver->options),
		.memory = load_connecting(driver->load, index, 0),
	};

	assert_int_equal(engine_connect(driver->engine, &options, &driver->names[index]), 0);
}

static void on_closed(
	void *context, const struct engine_conn *conn, enum engine_close_reason reason, int error)
{
	struct driver *driver = context;

	driver->closed++;
	if (driver->options.echoes != 0 && !driver->stopped)
		call(driver, load_index(conn->protocol));
}

static void stop(struct driver *driver)
{
	driver->stopped = true;
	load_stop(driver->load);
	for (uint32_t i = 0; i < driver->options.connections; i++)
		engine_nudge(driver->engine, driver->names[i]);
	engine_drain(driver->engine);
}

static uint64_t pace(void *context, struct engine *engine, uint64_t now_ns)
{
	struct driver *driver = context;

	if (driver->stopped)
		return CLOCK_NEVER;
	if (driver->record->counts.received >= driver->wanted) {
		stop(driver);
		return CLOCK_NEVER;
	}
	if (driver->interval_ns == 0)
		return CLOCK_NEVER;
	if (driver->next_ns == 0)
		driver->next_ns = now_ns;
	while (driver->next_ns <= now_ns) {
		uint32_t index = load_offer(driver->load, driver->next_ns, now_ns);

		if (index != LOAD_NO_CONN)
			engine_nudge(engine, driver->names[index]);
		driver->next_ns += driver->interval_ns;
	}
	return driver->next_ns;
}

static const struct engine_host host = { .closed = on_closed, .pace = pace };

/* Runs a load until `wanted` messages have come back; the record is the caller's. */
static struct load_record *run(void **state, const char *text, const struct load_options *options,
	uint64_t wanted, uint64_t interval_ns)
{
	struct engine_options engine_options = { .pool_bytes = ENGINE_DEFAULT_POOL_BYTES };
	struct driver driver = {
		.options = *options, .wanted = wanted, .interval_ns = interval_ns
	};
	struct service service;
	struct load_record *record, *fresh;

	service_start(&service, *state, text);
	driver.to = &service.addr;
	assert_int_equal(load_new(options, &driver.load), 0);
	assert_int_equal(load_record_new(&driver.record), 0);
	load_record_free(load_exchange(driver.load, driver.record));
	load_set_window(driver.load, 0, CLOCK_NEVER);
	assert_int_equal(engine_new(*state, &engine_options, load_protocol(driver.load), &host,
				 &driver, &driver.engine),
		0);
	for (uint32_t i = 0; i < options->connections; i++)
		call(&driver, i);
	assert_int_equal(engine_run(driver.engine), 0);
	engine_free(driver.engine);
	assert_true(load_is_idle(driver.load));
	load_conclude(driver.load);
	assert_int_equal(load_record_new(&fresh), 0);
	record = load_exchange(driver.load, fresh);
	load_free(driver.load);
	harness_stop(&service.harness);
	assert_true(record->counts.received >= wanted);
	assert_int_equal(record->counts.sent, record->counts.received);
	assert_int_equal(record->counts.offered, record->counts.sent);
	assert_int_equal(record->counts.damaged, 0);
	assert_int_equal(record->counts.connect_errors, 0);
	assert_int_equal(record->counts.resets, 0);
	assert_int_equal(histogram_count(record->sent), record->counts.received);
	return record;
}

static struct load_options simple(uint32_t connections, uint32_t depth, uint32_t bytes)
{
	return (struct load_options){
		.connections = connections,
		.depth = depth,
		.verify = true,
		.size_count = 1,
		.sizes = { { .bytes = bytes, .weight = 1 } },
		.waiting_most = LOAD_DEFAULT_WAITING,
		.timeout_ns = 5 * CLOCK_NS_PER_S,
		.clock = clock_now_ns,
	};
}

static void closed_loop(void **state)
{
	struct load_options options = simple(50, 4, 64);

	load_record_free(run(state, "tcp://127.0.0.1:0", &options, 20000, 0));
	load_record_free(run(state, "unix:@meari-test-load", &options, 20000, 0));
}

static void mixed_sizes(void **state)
{
	struct load_options options = simple(3, 7, 64);

	options.size_count = 3;
	options.sizes[1] = (struct load_size){ .bytes = 70000, .weight = 1 };
	options.sizes[2] = (struct load_size){ .bytes = 1, .weight = 3 };
	load_record_free(run(state, "tcp://127.0.0.1:0", &options, 2000, 0));
}

static void bulk(void **state)
{
	struct load_options options = simple(2, 2, 1 << 20);

	load_record_free(run(state, "tcp://127.0.0.1:0", &options, 60, 0));
	load_record_free(run(state, "unix:@meari-test-load", &options, 60, 0));
}

static void open_loop(void **state)
{
	struct load_options options = simple(20, 1, 64);

	options.open_loop = true;

	struct load_record *record = run(
		state, "tcp://127.0.0.1:0", &options, 2000, 100 * CLOCK_NS_PER_US);

	assert_int_equal(histogram_count(record->intended), record->counts.received);
	assert_true(histogram_min(record->intended) >= histogram_min(record->sent));
	load_record_free(record);
}

static void churn(void **state)
{
	struct load_options options = simple(10, 1, 64);

	options.echoes = 3;
	options.end_by_reset = true;

	struct load_record *record = run(state, "tcp://127.0.0.1:0", &options, 1500, 0);

	assert_true(record->counts.connects >= 500);
	assert_int_equal(histogram_count(record->connect), record->counts.connects);
	load_record_free(record);
	load_record_free(run(state, "unix:@meari-test-load", &options, 1500, 0));
}

static void datagrams(void **state)
{
	struct load_options options = simple(10, 4, 64);
	struct load_record *record;

	options.flows = true;
	record = run(state, "udp://127.0.0.1:0", &options, 5000, 0);
	assert_int_equal(record->counts.duplicates + record->counts.late, 0);
	assert_int_equal(record->counts.strays + record->counts.faults, 0);
	load_record_free(record);
	load_record_free(run(state, "unixgram:@meari-test-load", &options, 5000, 0));
	/* One at a time: the receive buffer of the service holds few of these. */
	options = simple(1, 1, 60000);
	options.flows = true;
	load_record_free(run(state, "udp://127.0.0.1:0", &options, 500, 0));
}

static void datagrams_in_trains(void **state)
{
	struct load_options options = simple(4, 64, 64);
	struct load_record *record;

	options.flows = true;
	options.train = 32;
	record = run(state, "udp://127.0.0.1:0", &options, 10000, 0);
	assert_int_equal(record->counts.duplicates + record->counts.late, 0);
	assert_int_equal(record->counts.strays + record->counts.faults, 0);
	assert_int_equal(record->counts.bytes_sent, record->counts.sent * 64);
	load_record_free(record);
	/* The longest train that there is, from a length that is no power of two. */
	options = simple(1, 47, 1393);
	options.flows = true;
	options.train = 47;
	load_record_free(run(state, "udp://[::1]:0", &options, 2000, 0));
}

static void hundreds_of_connections(void **state)
{
	struct load_options options = simple(MOST, 1, 100);

	load_record_free(run(state, "tcp://127.0.0.1:0", &options, 10000, 0));
}

int main(void)
{
	const struct harness_test tests[] = {
		HARNESS_TEST(closed_loop),
		HARNESS_TEST(mixed_sizes),
		HARNESS_TEST(bulk),
		HARNESS_TEST(open_loop),
		HARNESS_TEST(churn),
		HARNESS_TEST(datagrams),
		HARNESS_TEST(datagrams_in_trains),
		HARNESS_TEST(hundreds_of_connections),
	};

	return harness_main(tests, sizeof(tests) / sizeof(tests[0]));
}
