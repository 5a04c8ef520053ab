/*
 * Lines: '#' begins a comment, of which three have a meaning (the format's version, StartTime,
 * BaseTime); '"' the legend; everything else is an interval: [Tag=T,]START,LENGTH,MAX,HISTOGRAM.
 * Stamps are decimal seconds. MAX is handed on as it is: its unit is the writer's.
 *
 * A log without BaseTime has stamps since the epoch, or since its StartTime. The reference
 * distinguishes the two by the first stamp: more than a year before StartTime, it cannot be
 * absolute.
 *
 * The legend of old logs calls LENGTH "EndTimestamp", which is not true of logs written by Java and
 * true of those written by C, where a stamp is since the epoch. As a length that is decades: so the
 * two can be distinguished, and a length that remains that long is refused.
 */
#include "stats/hdrlog_reader.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"

#define NS_PER_S UINT64_C(1000000000)
#define YEAR_NS (365 * 24 * 3600 * NS_PER_S)
#define LINE_FIRST_BYTES 4096

struct hdrlog_reader {
	FILE *file;
	char *line; /* without its end */
	size_t capacity;
	uint64_t line_number;
	const char *why;
	uint64_t start_ns;
	uint64_t base_ns;
	bool has_base; /* read, or guessed from the first interval */
	bool is_base_used; /* by an interval */
	bool has_end_stamps; /* says the legend */
	bool is_cut;
};

int hdrlog_reader_new(FILE *file, struct hdrlog_reader **ret_reader)
{
	struct hdrlog_reader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL)
		return -ENOMEM;
	reader->capacity = LINE_FIRST_BYTES;
	reader->line = malloc(reader->capacity);
	if (reader->line == NULL) {
		free(reader);
		return -ENOMEM;
	}
	reader->file = file;
	*ret_reader = reader;
	return 0;
}

void hdrlog_reader_free(struct hdrlog_reader *reader)
{
	if (reader == NULL)
		return;
	free(reader->line);
	free(reader);
}

uint64_t hdrlog_reader_line(const struct hdrlog_reader *reader)
{
	return reader->line_number;
}

const char *hdrlog_reader_why(const struct hdrlog_reader *reader)
{
	return reader->why;
}

uint64_t hdrlog_reader_start_ns(const struct hdrlog_reader *reader)
{
	return reader->start_ns;
}

bool hdrlog_reader_is_cut(const struct hdrlog_reader *reader)
{
	return reader->is_cut;
}

static int fault(struct hdrlog_reader *reader, int error, const char *why)
{
	reader->why = why;
	return error;
}

/* ---- lines ---- */

static int make_room(struct hdrlog_reader *reader)
{
	char *larger = realloc(reader->line, 2 * reader->capacity);

	if (larger == NULL)
		return -ENOMEM;
	reader->line = larger;
	reader->capacity *= 2;
	return 0;
}

/*
 * The next line, without its end, into reader->line. 1: a line, 0: the end. getline(3) would take a
 * line of any length into memory; of one that is too long the rest is passed over.
 */
static int read_line(struct hdrlog_reader *reader)
{
	size_t length = 0;
	bool zero = false;
	int c, r = 0;

	reader->line_number++;
	while ((c = getc_unlocked(reader->file)) != EOF && c != '\n') {
		if (length >= HDRLOG_LINE_CAP_BYTES || r < 0) {
			r = r < 0 ? r : -EMSGSIZE;
			continue;
		}
		if (length + 1 == reader->capacity) {
			r = make_room(reader);
			if (r < 0)
				continue;
		}
		zero = zero || c == '\0';
		reader->line[length++] = (char)c;
	}
	reader->is_cut = c == EOF && length > 0;
	if (ferror(reader->file))
		return errno > 0 ? -errno : -EIO;
	if (r < 0)
		return fault(reader, r, r == -EMSGSIZE ? N_("this line is too long") : NULL);
	if (c == EOF && length == 0) {
		reader->line_number--;
		return 0;
	}
	if (zero)
		return fault(reader, -EBADMSG, N_("this is not text"));
	if (length > 0 && reader->line[length - 1] == '\r')
		length--;
	reader->line[length] = '\0';
	return 1;
}

/* ---- fields ---- */

/*
 * Decimal seconds, without a sign or an exponent, and not by strtod(3): the stamps of two
 * nanoseconds of today are the same double. `ret_rest` is what follows. -EBADMSG.
 */
static int parse_seconds(const char *text, uint64_t *ret_ns, const char **ret_rest)
{
	uint64_t ns = 0, digit_ns = NS_PER_S;
	const char *at = text + strspn(text, " ");

	if (*at < '0' || *at > '9')
		return -EBADMSG;
	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(ns, 10, &ns) ||
			__builtin_add_overflow(ns, (uint64_t)(*at - '0') * NS_PER_S, &ns))
			return -EBADMSG;
	}
	if (*at == '.') {
		for (at++; *at >= '0' && *at <= '9'; at++) {
			digit_ns /= 10;
			if (__builtin_add_overflow(ns, (uint64_t)(*at - '0') * digit_ns, &ns))
				return -EBADMSG;
		}
	}
	/* Times are added up to the epoch's, in 64 bits. */
	if (ns > INT64_MAX)
		return -EBADMSG;
	*ret_ns = ns;
	*ret_rest = at;
	return 0;
}

/* "#[NAME: 1700000000.000 (seconds since epoch)...]", whatever comes behind the number. */
static bool parse_comment(const char *line, const char *name, uint64_t *ret_ns)
{
	const char *rest;

	return strncmp(line, name, strlen(name)) == 0 &&
		parse_seconds(line + strlen(name), ret_ns, &rest) == 0;
}

/*
 * "1.0" to "1.3"; early writers have "1.01". The next format may mean something else by its fields.
 */
static bool is_known_version(const char *text)
{
	const char *at = text + strspn(text, " ");

	if (strncmp(at, "1.", 2) != 0)
		return false;
	at += 2 + strspn(at + 2, "0");
	if (*at >= '1' && *at <= '3')
		at++;
	return at[-1] != '.' && (*at < '0' || *at > '9');
}

static int take_comment(struct hdrlog_reader *reader)
{
	static const char version[] = "#[Histogram log format version";

	if (strncmp(reader->line, version, strlen(version)) == 0) {
		if (!is_known_version(reader->line + strlen(version)))
			return fault(reader, -ENOTSUP,
				N_("this format of logs is not known here (1.0 to 1.3 are)"));
	} else if (parse_comment(reader->line, "#[BaseTime:", &reader->base_ns)) {
		reader->has_base = true;
		reader->is_base_used = false;
	} else if (parse_comment(reader->line, "#[StartTime:", &reader->start_ns) &&
		reader->is_base_used) {
		/* Another log follows: its stamps count from something else. */
		reader->has_base = false;
	}
	return 0;
}

/* A number with or without a fraction and an exponent, whatever the locale; otherwise NAN. */
static double parse_max(const char *text)
{
	double number = 0, place = 1;
	const char *at = text + strspn(text, " ");
	int exponent = 0;

	if (*at < '0' || *at > '9')
		return NAN;
	for (; *at >= '0' && *at <= '9'; at++)
		number = number * 10 + (*at - '0');
	if (*at == '.') {
		for (at++; *at >= '0' && *at <= '9'; at++)
			number += (*at - '0') * (place /= 10);
	}
	if (*at == 'E' || *at == 'e') {
		bool negative = at[1] == '-';

		for (at += at[1] == '-' || at[1] == '+' ? 2 : 1; *at >= '0' && *at <= '9'; at++)
			exponent = exponent < 1000 ? exponent * 10 + (*at - '0') : exponent;
		number *= pow(10, negative ? -exponent : exponent);
	}
	return *at == ',' && isfinite(number) ? number : NAN;
}

/* The tag, if there is one; `at` goes behind it. */
static int take_tag(const char **at, char *tag)
{
	tag[0] = '\0';
	if (strncmp(*at, "Tag=", 4) != 0)
		return 0;
	*at += 4;

	size_t length = strcspn(*at, ",");

	if (length == 0 || length >= HDRLOG_TAG_SIZE || (*at)[length] == '\0')
		return -EBADMSG;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)(*at)[i];

		if (c <= ' ' || c == 0x7f)
			return -EBADMSG;
		tag[i] = (char)c;
	}
	tag[length] = '\0';
	*at += length + 1;
	return 0;
}

/* A stamp and the comma behind it. */
static int take_seconds(const char **at, uint64_t *ret_ns)
{
	uint64_t ns;
	const char *rest;

	if (parse_seconds(*at, &ns, &rest) < 0 || *rest != ',')
		return -EBADMSG;
	*at = rest + 1;
	*ret_ns = ns;
	return 0;
}

/* What the second field says, as a length. False: it is none. */
static bool find_length(const struct hdrlog_reader *reader, uint64_t start_ns, uint64_t *length_ns)
{
	if (*length_ns < YEAR_NS)
		return true;
	if (!reader->has_end_stamps || *length_ns < start_ns || start_ns < YEAR_NS)
		return false;
	*length_ns -= start_ns;
	return *length_ns < YEAR_NS;
}

/* Where the stamps of the intervals count from, if the log does not say so. */
static void find_base(struct hdrlog_reader *reader, uint64_t first_ns)
{
	if (!reader->has_base) {
		bool absolute = first_ns + YEAR_NS >= reader->start_ns;

		reader->base_ns = absolute ? 0 : reader->start_ns;
		reader->has_base = true;
	}
	reader->is_base_used = true;
}

static int take_interval(struct hdrlog_reader *reader, struct hdrlog_reader_interval *ret_interval)
{
	struct hdrlog_reader_interval interval;
	const char *at = reader->line;

	if (take_tag(&at, interval.tag) < 0)
		return fault(reader, -EBADMSG, N_("the tag is not one"));
	if (take_seconds(&at, &interval.start_ns) < 0)
		return fault(reader, -EBADMSG, N_("the start of the interval is not a time"));
	if (take_seconds(&at, &interval.length_ns) < 0)
		return fault(reader, -EBADMSG, N_("the length of the interval is not a time"));
	if (!find_length(reader, interval.start_ns, &interval.length_ns))
		return fault(reader, -EBADMSG, N_("the interval is longer than a year"));
	interval.max = parse_max(at);
	at = strchr(at, ',');
	if (at == NULL)
		return fault(reader, -EBADMSG, N_("the histogram is missing"));
	at += 1 + strspn(at + 1, " ");

	size_t length = strcspn(at, ", "); /* later versions may have more fields */
	int r = hdrlog_decode(at, length, &interval.histogram);

	if (r == -EBADMSG)
		return fault(reader, r, N_("the histogram is damaged"));
	if (r == -ENOTSUP)
		return fault(reader, r,
			N_("this kind of histogram is not known here (V0, V1 and V2 of whole "
			   "numbers are)"));
	if (r < 0)
		return r;
	find_base(reader, interval.start_ns);
	interval.start_ns += reader->base_ns;
	*ret_interval = interval;
	return 1;
}

int hdrlog_reader_next(struct hdrlog_reader *reader, struct hdrlog_reader_interval *ret_interval)
{
	int r;

	reader->why = NULL;
	while ((r = read_line(reader)) > 0) {
		if (reader->line[0] == '#') {
			r = take_comment(reader);
			if (r < 0)
				return r;
		} else if (reader->line[0] == '"') {
			reader->has_end_stamps = strstr(reader->line, "\"EndTimestamp\"") != NULL;
		} else if (reader->line[0] != '\0') {
			return take_interval(reader, ret_interval);
		}
	}
	return r;
}
