/*
 * One table says for each kind what its value is and which keys it knows, so that a key which would do
 * nothing is refused instead of ignored. A piece of text between two delimiters is copied, and read by the
 * same functions as everywhere.
 */
#include "server/fault/fault_spec.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"
#include "base/suggest.h"

/* The longest number or time that is taken. */
#define PIECE_SIZE 40
#define MOST_BYTES (1ull << 40)
#define LEAST_EXPONENT 0.1
#define MOST_EXPONENT 1000

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum value { VALUE_NONE, VALUE_TIME, VALUE_SIZE };

enum known_keys {
	KEY_AFTER = 1 << 0,
	KEY_FOR = 1 << 1,
	KEY_PER = 1 << 2,
	KEY_P = 1 << 3, /* these of every kind */
	KEY_SEED = 1 << 4,
};

/* In the order of their bits. */
static const char *const key_names[] = { "after", "for", "per", "p", "seed" };

static const struct {
	enum value value;
	unsigned keys;
} grammar[FAULT_PLAN_KINDS] = {
	[FAULT_PLAN_DELAY] = { VALUE_TIME, KEY_PER },
	[FAULT_PLAN_STALL] = { VALUE_NONE, KEY_AFTER | KEY_FOR | KEY_PER },
	[FAULT_PLAN_ACCEPT_DELAY] = { VALUE_TIME, 0 },
	[FAULT_PLAN_THROTTLE] = { VALUE_SIZE, 0 },
	[FAULT_PLAN_CHOP] = { VALUE_SIZE, 0 },
	[FAULT_PLAN_DRIBBLE] = { VALUE_NONE, 0 },
	[FAULT_PLAN_CLOSE] = { VALUE_NONE, KEY_AFTER | KEY_PER },
	[FAULT_PLAN_HALF_CLOSE] = { VALUE_NONE, KEY_AFTER | KEY_PER },
	[FAULT_PLAN_RESET] = { VALUE_NONE, KEY_AFTER | KEY_PER },
	[FAULT_PLAN_REFUSE] = { VALUE_NONE, 0 },
	[FAULT_PLAN_CORRUPT] = { VALUE_SIZE, KEY_PER },
	[FAULT_PLAN_DROP] = { VALUE_NONE, 0 },
	[FAULT_PLAN_TRUNCATE] = { VALUE_SIZE, 0 },
	[FAULT_PLAN_DUPLICATE] = { VALUE_NONE, 0 },
	[FAULT_PLAN_REORDER] = { VALUE_TIME, 0 },
};

const char *fault_spec_beginning(size_t index)
{
	static char texts[FAULT_PLAN_KINDS][PIECE_SIZE];

	if (index >= FAULT_PLAN_KINDS)
		return NULL;
	snprintf(texts[index], PIECE_SIZE, "%s%s", fault_plan_key((enum fault_plan_kind)index),
		grammar[index].value == VALUE_NONE ? "" : "=");
	return texts[index];
}

struct reader {
	const char *text, *at;
	const char *why;
};

static int refuse(struct reader *reader, const char *why)
{
	reader->why = why;
	return -EINVAL;
}

/* The same, with what was meant where that can be guessed: `format` has a place for it. */
static int refuse_word(struct reader *reader, size_t length, const char *const *words, size_t count,
	const char *why, const char *format)
{
	static _Thread_local char text[200];
	char word[SUGGEST_MOST_BYTES + 1] = "";
	const char *meant;

	if (length < sizeof(word))
		memcpy(word, reader->at, length);
	meant = suggest_nearest(word, words, count);
	if (meant == NULL)
		return refuse(reader, why);
	snprintf(text, sizeof(text), format, meant);
	return refuse(reader, text);
}

static bool skip_word(struct reader *reader, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(reader->at, word, length) != 0)
		return false;
	reader->at += length;
	return true;
}

/* What comes before the next of the delimiters; false: nothing, or too much. Does not go on. */
static bool peek_piece(const struct reader *reader, char piece[PIECE_SIZE], size_t *ret_length)
{
	size_t length = strcspn(reader->at, ",:/=");

	if (length == 0 || length >= PIECE_SIZE)
		return false;
	memcpy(piece, reader->at, length);
	piece[length] = '\0';
	*ret_length = length;
	return true;
}

static int read_time(struct reader *reader, uint64_t *ret_ns)
{
	char piece[PIECE_SIZE];
	size_t length;

	if (!peek_piece(reader, piece, &length) || duration_parse(piece, ret_ns) < 0 ||
		*ret_ns > FAULT_PLAN_MOST_NS)
		return refuse(reader, _("a time is expected here, such as 20ms, at most an hour"));
	if (*ret_ns > 0 && strspn(piece, "0123456789.") == length)
		return refuse(reader, _("a time needs a unit, such as 20ms or 2s"));
	reader->at += length;
	return 0;
}

static int read_size(struct reader *reader, uint64_t least, uint64_t *ret_bytes)
{
	char piece[PIECE_SIZE];
	size_t length;

	if (!peek_piece(reader, piece, &length) ||
		number_parse_size(piece, least, MOST_BYTES, ret_bytes) < 0)
		return refuse(reader, _("a number of bytes is expected here, such as 100 or 4K"));
	reader->at += length;
	return 0;
}

/* A decimal number: only digits and a point, so that no sign, exponent or "inf" comes through. */
static bool read_decimal(struct reader *reader, double *ret_number)
{
	size_t length = strspn(reader->at, "0123456789.");
	char piece[PIECE_SIZE], *end;
	double number;

	if (length == 0 || length >= PIECE_SIZE)
		return false;
	memcpy(piece, reader->at, length);
	piece[length] = '\0';
	number = strtod(piece, &end);
	if (*end != '\0' || !isfinite(number))
		return false;
	reader->at += length;
	*ret_number = number;
	return true;
}

static int read_share(struct reader *reader, double *ret_share)
{
	const char *start = reader->at;
	double number;
	bool ok = read_decimal(reader, &number);

	if (ok && skip_word(reader, "%"))
		number /= 100;
	if (!ok || number > 1) {
		reader->at = start;
		return refuse(reader, _("a probability is expected here, such as 0.01 or 1%"));
	}
	*ret_share = number;
	return 0;
}

static int expect(struct reader *reader, const char *delimiter)
{
	if (skip_word(reader, delimiter))
		return 0;
	return refuse(reader,
		strcmp(delimiter, ":") == 0 ? _("a ':' is expected here")
					    : _("a '=' is expected here"));
}

/* ---- times ---- */

static int read_quantile(struct reader *reader, struct fault_plan_time *time)
{
	struct fault_plan_quantile *one = &time->quantiles[time->quantile_count];
	const char *start = reader->at;
	int r;

	if (time->quantile_count == FAULT_PLAN_MOST_QUANTILES)
		return refuse(reader, _("there may be at most 16 quantiles"));
	if (!read_decimal(reader, &one->percent) || one->percent > 100) {
		reader->at = start;
		return refuse(reader, _("a percentile is expected here, from 0 to 100"));
	}
	if (time->quantile_count > 0 && one->percent <= one[-1].percent) {
		reader->at = start;
		return refuse(reader, _("percentiles must rise"));
	}
	r = expect(reader, "=");
	start = reader->at;
	if (r == 0)
		r = read_time(reader, &one->ns);
	if (r == 0 && time->quantile_count > 0 && one->ns < one[-1].ns) {
		reader->at = start;
		return refuse(reader, _("times of a table must not fall"));
	}
	time->quantile_count++;
	return r;
}

static int read_two(struct reader *reader, struct fault_plan_time *time)
{
	int r = read_time(reader, &time->first_ns);
	const char *start;

	if (r == 0)
		r = expect(reader, ":");
	start = reader->at;
	if (r == 0)
		r = read_time(reader, &time->second_ns);
	if (r == 0 && time->shape == FAULT_PLAN_UNIFORM && time->second_ns < time->first_ns) {
		reader->at = start;
		return refuse(reader, _("the second time is less than the first"));
	}
	return r;
}

static int read_pareto(struct reader *reader, struct fault_plan_time *time)
{
	int r = read_time(reader, &time->first_ns);
	const char *start;

	if (r == 0)
		r = expect(reader, ":");
	start = reader->at;
	if (r == 0 &&
		(!read_decimal(reader, &time->exponent) || time->exponent < LEAST_EXPONENT ||
			time->exponent > MOST_EXPONENT)) {
		reader->at = start;
		return refuse(reader, _("an exponent is expected here, from 0.1 to 1000"));
	}
	return r;
}

static int read_times(struct reader *reader, struct fault_plan_time *time)
{
	int r;

	if (skip_word(reader, "uniform:")) {
		time->shape = FAULT_PLAN_UNIFORM;
		return read_two(reader, time);
	}
	if (skip_word(reader, "normal:")) {
		time->shape = FAULT_PLAN_NORMAL;
		return read_two(reader, time);
	}
	if (skip_word(reader, "pareto:")) {
		time->shape = FAULT_PLAN_PARETO;
		return read_pareto(reader, time);
	}
	if (skip_word(reader, "table:")) {
		time->shape = FAULT_PLAN_TABLE;
		do
			r = read_quantile(reader, time);
		while (r == 0 && skip_word(reader, "/"));
		return r;
	}
	time->shape = FAULT_PLAN_FIXED;
	return read_time(reader, &time->first_ns);
}

/* ---- the whole ---- */

/* The longest that fits: "delay" does not begin "delayed". */
static int read_kind(struct reader *reader, struct fault_plan_rule *rule)
{
	size_t length = strcspn(reader->at, ",=");
	const char *names[FAULT_PLAN_KINDS];

	for (unsigned i = 0; i < FAULT_PLAN_KINDS; i++) {
		const char *key = names[i] = fault_plan_key((enum fault_plan_kind)i);

		if (strlen(key) != length || strncmp(reader->at, key, length) != 0)
			continue;
		rule->kind = (enum fault_plan_kind)i;
		reader->at += length;
		return 0;
	}
	return refuse_word(reader, length, names, COUNT(names), _("there is no fault of this name"),
		_("there is no fault of this name; did you mean '%s'?"));
}

static int read_value(struct reader *reader, struct fault_plan_rule *rule)
{
	int r;

	rule->per_message = rule->kind == FAULT_PLAN_DELAY; /* unless it is said otherwise */
	if (rule->kind == FAULT_PLAN_DRIBBLE)
		rule->bytes = 1;
	if (rule->kind == FAULT_PLAN_STALL)
		rule->time.first_ns = CLOCK_NEVER;
	if (grammar[rule->kind].value == VALUE_NONE)
		return 0;
	r = expect(reader, "=");
	if (r < 0)
		return r;
	if (grammar[rule->kind].value == VALUE_TIME)
		return read_times(reader, &rule->time);
	/* A datagram may be cut to nothing; nothing else of size 0 makes sense. */
	return read_size(reader, rule->kind == FAULT_PLAN_TRUNCATE ? 0 : 1, &rule->bytes);
}

static int read_seed(struct reader *reader, uint64_t *ret_seed)
{
	char piece[PIECE_SIZE];
	size_t length;

	if (!peek_piece(reader, piece, &length) || number_parse(piece, 0, UINT64_MAX, ret_seed) < 0)
		return refuse(reader, _("a whole number is expected here"));
	reader->at += length;
	return 0;
}

static int read_per(struct reader *reader, bool *ret_per_message)
{
	if (skip_word(reader, "connection"))
		*ret_per_message = false;
	else if (skip_word(reader, "message"))
		*ret_per_message = true;
	else
		return refuse(reader, _("'connection' or 'message' is expected here"));
	return 0;
}

static int refuse_key(struct reader *reader, unsigned known, size_t length)
{
	const char *names[COUNT(key_names)];
	size_t count = 0;

	for (unsigned i = 0; i < COUNT(key_names); i++) {
		if (known & 1u << i)
			names[count++] = key_names[i];
	}
	return refuse_word(reader, length, names, count, _("this fault has no such key"),
		_("this fault has no such key; did you mean '%s'?"));
}

/* `seen`: the keys that have been read. */
static int read_key(struct reader *reader, struct fault_plan_rule *rule, unsigned *seen)
{
	unsigned known = grammar[rule->kind].keys | KEY_P | KEY_SEED, key = 0;
	size_t length = strcspn(reader->at, ",=");

	for (unsigned i = 0; i < COUNT(key_names); i++) {
		if (strlen(key_names[i]) == length &&
			strncmp(reader->at, key_names[i], length) == 0 && reader->at[length] == '=')
			key = 1u << i & known;
	}
	if (key == 0)
		return refuse_key(reader, known, length);
	if (*seen & key)
		return refuse(reader, _("this key has been given before"));
	*seen |= key;
	reader->at += length + 1;
	switch ((enum known_keys)key) {
	case KEY_P: return read_share(reader, &rule->probability);
	case KEY_SEED: return read_seed(reader, &rule->seed);
	case KEY_AFTER: return read_size(reader, 0, &rule->after_bytes);
	case KEY_FOR: return read_times(reader, &rule->time);
	case KEY_PER: return read_per(reader, &rule->per_message);
	}
	return -EINVAL;
}

static int read_rule(struct reader *reader, struct fault_plan_rule *rule)
{
	unsigned seen = 0;
	int r = read_kind(reader, rule);

	if (r == 0)
		r = read_value(reader, rule);
	while (r == 0 && skip_word(reader, ","))
		r = read_key(reader, rule, &seen);
	if (r == 0 && *reader->at != '\0')
		r = refuse(reader, _("a ',' or the end is expected here"));
	return r;
}

int fault_spec_parse(const char *text, struct fault_plan_rule *ret_rule, size_t *ret_column,
	const char **ret_why)
{
	struct fault_plan_rule rule = { .probability = 1 };
	struct reader reader = { .text = text, .at = text };

	if (strlen(text) > FAULT_SPEC_MOST) {
		*ret_column = FAULT_SPEC_MOST;
		*ret_why = _("that is too long");
		return -EINVAL;
	}
	if (read_rule(&reader, &rule) < 0) {
		*ret_column = (size_t)(reader.at - text);
		*ret_why = reader.why;
		return -EINVAL;
	}
	*ret_rule = rule;
	return 0;
}
