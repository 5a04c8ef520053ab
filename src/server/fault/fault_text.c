/*
 * Times and sizes have the largest unit in which they are whole, so they are not rounded; of the other
 * numbers twelve places behind the point are written.
 */
#include "server/fault/fault_text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct writer {
	char *buffer;
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void add(
	struct writer *writer, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(writer->buffer + writer->length, FAULT_TEXT_SIZE - writer->length,
		format, arguments);
	va_end(arguments);
	if (length > 0 && writer->length + (size_t)length < FAULT_TEXT_SIZE)
		writer->length += (size_t)length;
}

/* Without an exponent, which would not be read again. */
static void add_decimal(struct writer *writer, double number)
{
	add(writer, "%.12f", number);
	while (writer->buffer[writer->length - 1] == '0')
		writer->length--;
	if (writer->buffer[writer->length - 1] == '.')
		writer->length--;
	writer->buffer[writer->length] = '\0';
}

static void add_ns(struct writer *writer, uint64_t ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = { { "s", CLOCK_NS_PER_S }, { "ms", CLOCK_NS_PER_MS }, { "us", CLOCK_NS_PER_US },
		{ "ns", 1 } };
	size_t i = 0;

	while (i + 1 < COUNT(units) && (ns == 0 || ns % units[i].ns != 0))
		i++;
	add(writer, "%llu%s", (unsigned long long)(ns / units[i].ns),
		ns == 0 ? "s" : units[i].name);
}

static void add_size(struct writer *writer, uint64_t bytes)
{
	static const char *const units[] = { "", "K", "M", "G", "T" };
	size_t i = 0;

	for (; bytes > 0 && bytes % 1024 == 0 && i + 1 < COUNT(units); i++)
		bytes /= 1024;
	add(writer, "%llu%s", (unsigned long long)bytes, units[i]);
}

static void add_time(struct writer *writer, const struct fault_plan_time *time)
{
	static const char *const shapes[] = {
		[FAULT_PLAN_FIXED] = "",
		[FAULT_PLAN_UNIFORM] = "uniform:",
		[FAULT_PLAN_NORMAL] = "normal:",
		[FAULT_PLAN_PARETO] = "pareto:",
		[FAULT_PLAN_TABLE] = "table:",
	};

	add(writer, "%s", shapes[time->shape]);
	for (unsigned i = 0; time->shape == FAULT_PLAN_TABLE && i < time->quantile_count; i++) {
		add(writer, "%s", i > 0 ? "/" : "");
		add_decimal(writer, time->quantiles[i].percent);
		add(writer, "=");
		add_ns(writer, time->quantiles[i].ns);
	}
	if (time->shape == FAULT_PLAN_TABLE)
		return;
	add_ns(writer, time->first_ns);
	if (time->shape == FAULT_PLAN_PARETO) {
		add(writer, ":");
		add_decimal(writer, time->exponent);
	}
	if (time->shape == FAULT_PLAN_UNIFORM || time->shape == FAULT_PLAN_NORMAL) {
		add(writer, ":");
		add_ns(writer, time->second_ns);
	}
}

static void add_value(struct writer *writer, const struct fault_plan_rule *rule)
{
	switch (rule->kind) {
	case FAULT_PLAN_DELAY:
	case FAULT_PLAN_ACCEPT_DELAY:
	case FAULT_PLAN_REORDER:
		add(writer, "=");
		add_time(writer, &rule->time);
		break;
	case FAULT_PLAN_THROTTLE:
	case FAULT_PLAN_CHOP:
	case FAULT_PLAN_CORRUPT:
	case FAULT_PLAN_TRUNCATE:
		add(writer, "=");
		add_size(writer, rule->bytes);
		break;
	default: break;
	}
}

const char *fault_text_write(const struct fault_plan_rule *rule, char buffer[FAULT_TEXT_SIZE])
{
	struct writer writer = { .buffer = buffer };
	bool stalls = rule->kind == FAULT_PLAN_STALL;

	add(&writer, "%s", fault_plan_key(rule->kind));
	add_value(&writer, rule);
	if (rule->after_bytes > 0) {
		add(&writer, ",after=");
		add_size(&writer, rule->after_bytes);
	}
	if (stalls &&
		(rule->time.shape != FAULT_PLAN_FIXED || rule->time.first_ns != CLOCK_NEVER)) {
		add(&writer, ",for=");
		add_time(&writer, &rule->time);
	}
	if (rule->per_message != (rule->kind == FAULT_PLAN_DELAY))
		add(&writer, ",per=%s", rule->per_message ? "message" : "connection");
	if (rule->probability < 1) {
		add(&writer, ",p=");
		add_decimal(&writer, rule->probability * 100);
		add(&writer, "%%");
	}
	if (rule->seed > 0)
		add(&writer, ",seed=%llu", (unsigned long long)rule->seed);
	return buffer;
}
