/*
 * An option is logged by the name that it has on the command line. What is logged again at each reload is
 * still so: the file and the server differ.
 */
#include "server/reload.h"

#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"

static void log_needs_restart(const char *option)
{
	LOG_EVENT(LOG_LEVEL_WARNING, "needs_restart", json_pack("{s:s}", "option", option),
		_("'%s' needs a restart"), option);
}

static bool is_same_text(const char *one, const char *other)
{
	return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

static bool is_same_list(
	const char *const *one, size_t one_count, const char *const *other, size_t other_count)
{
	size_t same = 0;

	while (one_count == other_count && same < one_count && strcmp(one[same], other[same]) == 0)
		same++;
	return one_count == other_count && same == one_count;
}

static bool are_same_specs(const struct addr_spec *one, size_t one_count,
	const struct addr_spec *other, size_t other_count)
{
	char text[ADDR_TEXT_SIZE], other_text[ADDR_TEXT_SIZE];
	size_t same = 0;

	while (one_count == other_count && same < one_count &&
		strcmp(addr_spec_format(&one[same], text, sizeof(text)),
			addr_spec_format(&other[same], other_text, sizeof(other_text))) == 0)
		same++;
	return one_count == other_count && same == one_count;
}

static bool has_same_addresses(const struct server_options *one, const struct server_options *other)
{
	size_t same = 0;

	if (!are_same_specs(one->specs, one->spec_count, other->specs, other->spec_count))
		return false;
	while (same < one->spec_count && one->spec_proxies[same] == other->spec_proxies[same])
		same++;
	return same == one->spec_count;
}

static bool has_same_pages(const struct server_options *one, const struct server_options *other)
{
	return are_same_specs(one->web_specs, one->web_spec_count, other->web_specs,
		       other->web_spec_count) &&
		is_same_list(one->web_activated, one->web_activated_count, other->web_activated,
			other->web_activated_count);
}

static bool is_same_place(const struct addr *one, const struct addr *other)
{
	return one == other || (one != NULL && other != NULL && addr_equal(one, other));
}

static void log_what_cannot_change(
	const struct server_options *current, const struct server_options *next)
{
	const struct {
		const char *option;
		bool same;
	} rest[] = {
		{ "engine", is_same_text(current->engine, next->engine) },
		{ "threads", current->threads == next->threads },
		{ "backlog", current->backlog == next->backlog },
		{ "pending", current->pending_bytes == next->pending_bytes },
		{ "pending-total", current->pool_bytes == next->pool_bytes },
		{ "urgent", current->return_urgent == next->return_urgent },
		{ "busy-poll", current->busy_poll_ns == next->busy_poll_ns },
		{ "no-splice", current->no_splice == next->no_splice },
		{ "pin", current->pin == next->pin },
		{ "activated",
			is_same_list(current->activated, current->activated_count, next->activated,
				next->activated_count) },
		{ "upgrade", is_same_place(current->upgrade_at, next->upgrade_at) },
		{ "control", is_same_place(current->control_at, next->control_at) },
		{ "max-memory", current->memory_bytes == next->memory_bytes },
		{ "handshake-timeout", current->handshake_ns == next->handshake_ns },
		{ "user", is_same_text(current->user, next->user) },
		{ "no-sandbox", current->no_sandbox == next->no_sandbox },
		{ "proxy-timeout", current->proxy_limit_ns == next->proxy_limit_ns },
		{ "trace", current->trace == next->trace },
		{ "log-format", current->log_format == next->log_format },
		{ "address", has_same_addresses(current, next) },
		{ "web", has_same_pages(current, next) },
		{ "web-allow",
			is_same_list(current->web_allow.texts, current->web_allow.count,
				next->web_allow.texts, next->web_allow.count) },
		{ "web-name",
			is_same_list(current->web_names, current->web_name_count, next->web_names,
				next->web_name_count) },
	};

	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		if (!rest[i].same)
			log_needs_restart(rest[i].option);
	}
}

struct limits_options reload_limits(
	const struct server_options *options, uint32_t memory_connections)
{
	return (struct limits_options){
		.connections = options->most_connections,
		.memory_connections = memory_connections,
		.per_source = options->most_per_source,
		.source_bits = options->source_bits,
		.connects_per_s = options->connects_per_s,
		.datagrams_per_s = options->datagrams_per_s,
		.adjustable = options->read_again != NULL,
	};
}

struct guard_options reload_guard(const struct server_options *options)
{
	return (struct guard_options){
		.idle_ns = options->idle_ns,
		.lifetime_ns = options->lifetime_ns,
		.rate_bytes = options->rate_bytes,
		.now_ns = clock_now_ns,
	};
}

static void take_what_can_change(struct server_options *current, const struct server_options *next)
{
	current->most_connections = next->most_connections;
	current->most_per_source = next->most_per_source;
	current->source_bits = next->source_bits;
	current->connects_per_s = next->connects_per_s;
	current->datagrams_per_s = next->datagrams_per_s;
	current->idle_ns = next->idle_ns;
	current->lifetime_ns = next->lifetime_ns;
	current->rate_bytes = next->rate_bytes;
	current->faults = next->faults;
	current->drain_ns = next->drain_ns;
	current->log_level = next->log_level;
}

struct fault_map_plans reload_faults(const struct server_options *options)
{
	return (struct fault_map_plans){
		.all = &options->faults,
		.own = options->spec_faults,
		.specs = options->specs,
		.count = options->spec_count,
	};
}

static int set_faults(const struct reload *reload, const struct server_options *next)
{
	struct fault_map_plans wanted = reload_faults(reload->current);
	int r;

	wanted.all = &next->faults;
	if (has_same_addresses(reload->current, next))
		wanted.own = next->spec_faults;
	r = fault_map_set(reload->faults, &wanted);
	if (r < 0)
		log_error(_("cannot read the options: %s"), strerror(-r));
	return r;
}

int reload_access(const struct server_options *options, struct access **ret_access)
{
	struct access *access;
	int r;

	*ret_access = NULL;
	if (options->allow.count + options->deny.count + options->proxies.count == 0)
		return 0;
	r = access_new(&options->allow, &options->deny, &access);
	if (r < 0)
		return r;
	r = access_read_proxies(access, &options->proxies);
	if (r < 0) {
		access_free(access);
		return r;
	}
	*ret_access = access;
	return 0;
}

static int adopt(
	const struct reload *reload, const struct server_options *next, struct access **ret_access)
{
	struct limits_options limits;
	struct access *access = NULL;
	int r = reload_access(next, &access);

	if (r == 0)
		r = set_faults(reload, next);
	if (r == 0)
		r = keys_reload(reload->keys, next);
	if (r < 0) {
		access_free(access);
		return r;
	}
	log_what_cannot_change(reload->current, next);
	take_what_can_change(reload->current, next);
	limits = reload_limits(reload->current, reload->memory_connections);
	limits_set(reload->limits, &limits);
	*reload->guard = reload_guard(reload->current);
	log_set_level(next->log_level);
	*ret_access = access;
	return 0;
}

int reload_options(const struct reload *reload, struct access **ret_access)
{
	const struct server_options *current = reload->current, *next;
	int r = current->read_again(current->read_context, &next);

	if (r == 0)
		r = adopt(reload, next, ret_access);
	if (r < 0)
		LOG_EVENT(LOG_LEVEL_WARNING, "reload_failed", NULL,
			_("'%s' was not read again; the old options stay in force"),
			current->config_path);
	return r;
}

int reload_lists_only(const struct server_options *options, struct access **ret_access)
{
	int r = reload_access(options, ret_access);

	if (r < 0)
		LOG_EVENT(LOG_LEVEL_WARNING, "reload_failed", NULL,
			_("the lists were not read again; the old ones stay in force"));
	return r;
}
