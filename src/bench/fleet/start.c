/*
 * Four grammars, told apart by their first characters: '+', '@', and how many digits stand before the first mark.
 *
 * mktime(3) answers for a time that does not exist, and chooses one of two. Here each offset from UTC that holds around
 * that day is tried instead: none of them fits a time that is skipped, and two fit one that comes twice.
 */
#include "bench/fleet/start.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"

/* The year 2262: nanoseconds end in an int64_t, which JSON has. */
#define MOST_UNIX_S (INT64_MAX / (int64_t)CLOCK_NS_PER_S - 1)
#define DAY_S 86400
#define CONNECT_LEAD_NS (5 * CLOCK_NS_PER_S)
#define CONNECT_EACH_NS (500 * CLOCK_NS_PER_US)

struct reader {
	const char *text, *at;
	const char *why;
};

static int refuse(struct reader *reader, const char *why)
{
	reader->why = why;
	return -EINVAL;
}

/* Exactly `digits` of them, from `least` to `most`. */
static int read_part(
	struct reader *reader, int digits, int least, int most, const char *why, int *ret_number)
{
	int number = 0;

	for (int i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)reader->at[i]))
			return refuse(reader, why);
		number = number * 10 + (reader->at[i] - '0');
	}
	if (number < least || number > most)
		return refuse(reader, why);
	reader->at += digits;
	*ret_number = number;
	return 0;
}

static int read_mark(struct reader *reader, const char *marks, const char *why)
{
	if (*reader->at == '\0' || strchr(marks, *reader->at) == NULL)
		return refuse(reader, why);
	reader->at++;
	return 0;
}

/* ".25": what lies beyond nanoseconds is left out. Without a point: 0. */
static int read_fraction(struct reader *reader, uint64_t *ret_ns)
{
	uint64_t ns = 0, unit = CLOCK_NS_PER_S / 10;

	*ret_ns = 0;
	if (*reader->at != '.')
		return 0;
	reader->at++;
	if (!isdigit((unsigned char)*reader->at))
		return refuse(reader, _("digits are expected behind the point"));
	for (; isdigit((unsigned char)*reader->at); reader->at++) {
		ns += unit * (uint64_t)(*reader->at - '0');
		unit /= 10;
	}
	*ret_ns = ns;
	return 0;
}

static int read_end(struct reader *reader)
{
	return *reader->at == '\0' ? 0 : refuse(reader, _("nothing more is expected here"));
}

/* "12:00:00", with a fraction. */
static int read_clock(struct reader *reader, struct tm *parts, uint64_t *ret_ns)
{
	int r = read_part(
		reader, 2, 0, 23, _("hours are expected here, 00 to 23"), &parts->tm_hour);

	if (r == 0)
		r = read_mark(reader, ":", _("a colon and minutes are expected here"));
	if (r == 0)
		r = read_part(
			reader, 2, 0, 59, _("minutes are expected here, 00 to 59"), &parts->tm_min);
	if (r == 0)
		r = read_mark(reader, ":", _("a colon and seconds are expected here"));
	if (r == 0)
		r = read_part(
			reader, 2, 0, 59, _("seconds are expected here, 00 to 59"), &parts->tm_sec);
	return r < 0 ? r : read_fraction(reader, ret_ns);
}

static int days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

static int read_date(struct reader *reader, struct tm *parts)
{
	int year, month, day;
	int r = read_part(reader, 4, 1970, 2261, _("a year is expected here, 1970 to 2261"), &year);

	if (r == 0)
		r = read_mark(reader, "-", _("a dash and the month are expected here"));
	if (r == 0)
		r = read_part(reader, 2, 1, 12, _("a month is expected here, 01 to 12"), &month);
	if (r == 0)
		r = read_mark(reader, "-", _("a dash and the day are expected here"));
	if (r == 0)
		r = read_part(
			reader, 2, 1, days_of(year, month), _("this month has no such day"), &day);
	if (r < 0)
		return r;
	parts->tm_year = year - 1900;
	parts->tm_mon = month - 1;
	parts->tm_mday = day;
	return 0;
}

/* "Z" or "+09:00": seconds to the east. */
static int read_offset(struct reader *reader, int64_t *ret_east_s)
{
	int hours, minutes, sign = *reader->at == '-' ? -1 : 1;
	int r = read_mark(reader, "Zz+-",
		_("'Z' for UTC, or an offset such as +09:00, is expected behind the time"));

	if (r < 0)
		return r;
	*ret_east_s = 0;
	if (reader->at[-1] == 'Z' || reader->at[-1] == 'z')
		return 0;
	r = read_part(reader, 2, 0, 23, _("hours are expected here, 00 to 23"), &hours);
	if (r == 0)
		r = read_mark(reader, ":", _("a colon and minutes are expected here"));
	if (r == 0)
		r = read_part(reader, 2, 0, 59, _("minutes are expected here, 00 to 59"), &minutes);
	if (r == 0)
		*ret_east_s = sign * (int64_t)(hours * 60 + minutes) * 60;
	return r;
}

static int give(struct reader *reader, int64_t unix_s, uint64_t ns, uint64_t *ret_unix_ns)
{
	if (unix_s < 0 || unix_s > MOST_UNIX_S) {
		reader->at = reader->text;
		return refuse(reader, _("this is beyond the years from 1970 to 2261"));
	}
	*ret_unix_ns = (uint64_t)unix_s * CLOCK_NS_PER_S + ns;
	return 0;
}

static int parse_moment(struct reader *reader, uint64_t *ret_unix_ns)
{
	struct tm parts = { 0 };
	int64_t east_s = 0;
	uint64_t ns = 0;
	int r = read_date(reader, &parts);

	if (r == 0)
		r = read_mark(reader, "Tt", _("a 'T' and the time are expected behind the date"));
	if (r == 0)
		r = read_clock(reader, &parts, &ns);
	if (r == 0)
		r = read_offset(reader, &east_s);
	if (r == 0)
		r = read_end(reader);
	return r < 0 ? r : give(reader, timegm(&parts) - east_s, ns, ret_unix_ns);
}

/* Whether the clocks here show these hours, minutes and seconds of that day at `unix_s`. */
static bool is_shown_at(time_t unix_s, const struct tm *wanted)
{
	struct tm shown;

	return localtime_r(&unix_s, &shown) != NULL && shown.tm_mday == wanted->tm_mday &&
		shown.tm_mon == wanted->tm_mon && shown.tm_hour == wanted->tm_hour &&
		shown.tm_min == wanted->tm_min && shown.tm_sec == wanted->tm_sec;
}

static int parse_today(struct reader *reader, uint64_t now_unix_ns, uint64_t *ret_unix_ns)
{
	time_t now_s = (time_t)(now_unix_ns / CLOCK_NS_PER_S), found[2];
	struct tm wanted;
	size_t count = 0;
	uint64_t ns = 0;
	int r;

	if (localtime_r(&now_s, &wanted) == NULL)
		return refuse(reader, _("the time of day here is not known"));
	r = read_clock(reader, &wanted, &ns);
	if (r == 0)
		r = read_end(reader);
	if (r < 0)
		return r;

	struct tm plain = wanted;
	time_t as_utc_s = timegm(&plain);

	for (int day = -1; day <= 1 && count < 2; day++) {
		time_t near_s = as_utc_s + day * DAY_S;
		struct tm near;

		if (localtime_r(&near_s, &near) == NULL)
			continue;

		time_t candidate_s = as_utc_s - near.tm_gmtoff;

		if (is_shown_at(candidate_s, &wanted) && (count == 0 || found[0] != candidate_s))
			found[count++] = candidate_s;
	}
	if (count != 1)
		reader->at = reader->text;
	if (count == 0)
		return refuse(reader,
			_("today's clocks skip this time here (a date and 'Z' name any moment)"));
	if (count == 2)
		return refuse(reader,
			_("today's clocks show this time twice here (a date and 'Z' name either)"));
	return give(reader, found[0], ns, ret_unix_ns);
}

static int parse_seconds(struct reader *reader, uint64_t *ret_unix_ns)
{
	int64_t unix_s = 0;
	uint64_t ns = 0;
	int r;

	reader->at++;
	if (!isdigit((unsigned char)*reader->at))
		return refuse(reader, _("seconds since 1970 are expected behind the '@'"));
	for (; isdigit((unsigned char)*reader->at); reader->at++)
		unix_s = unix_s > MOST_UNIX_S ? unix_s : unix_s * 10 + (*reader->at - '0');
	r = read_fraction(reader, &ns);
	if (r == 0)
		r = read_end(reader);
	return r < 0 ? r : give(reader, unix_s, ns, ret_unix_ns);
}

static int parse_delay(struct reader *reader, uint64_t now_unix_ns, uint64_t *ret_unix_ns)
{
	uint64_t delay_ns;

	reader->at++;
	if (!isdigit((unsigned char)*reader->at) || duration_parse(reader->at, &delay_ns) < 0)
		return refuse(reader, _("a time is expected behind the '+', such as 500ms or 10s"));
	if (delay_ns > (uint64_t)MOST_UNIX_S * CLOCK_NS_PER_S - now_unix_ns)
		return refuse(reader, _("this is beyond the years from 1970 to 2261"));
	*ret_unix_ns = now_unix_ns + delay_ns;
	return 0;
}

int start_parse(const char *text, uint64_t now_unix_ns, uint64_t *ret_unix_ns, size_t *ret_column,
	const char **ret_why)
{
	struct reader reader = { .text = text, .at = text };
	size_t digits = strspn(text, "0123456789");
	uint64_t unix_ns = 0;
	int r;

	if (*text == '+')
		r = parse_delay(&reader, now_unix_ns, &unix_ns);
	else if (*text == '@')
		r = parse_seconds(&reader, &unix_ns);
	else if (digits > 0 && text[digits] == '-')
		r = parse_moment(&reader, &unix_ns);
	else if (digits > 0 && text[digits] == ':')
		r = parse_today(&reader, now_unix_ns, &unix_ns);
	else
		r = refuse(
			&reader, _("2026-01-31T12:00:00Z, 12:00:00, @SECONDS or +10s is expected"));
	if (r < 0) {
		*ret_column = (size_t)(reader.at - text);
		*ret_why = reader.why;
		return r;
	}
	*ret_unix_ns = unix_ns;
	return unix_ns > now_unix_ns ? 0 : -ETIME;
}

const char *start_format(uint64_t unix_ns, char *buffer, size_t size)
{
	time_t unix_s = (time_t)(unix_ns / CLOCK_NS_PER_S);
	unsigned ms = (unsigned)(unix_ns % CLOCK_NS_PER_S / CLOCK_NS_PER_MS);
	char date[32] = "?";
	struct tm parts;

	if (gmtime_r(&unix_s, &parts) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &parts);
	snprintf(buffer, size, "%s.%03u UTC", date, ms);
	return buffer;
}

/* ---- a run that waits for it: sums, each guarded against a time that has passed ---- */

bool start_is_asked(const struct start *beginning)
{
	return beginning->unix_ns > 0 && !beginning->over;
}

static uint64_t before(const struct start *beginning, uint64_t lead_ns)
{
	return start_is_asked(beginning) && beginning->unix_ns > lead_ns
		? beginning->unix_ns - lead_ns
		: 0;
}

uint64_t start_connect_unix_ns(const struct start *beginning, uint32_t connections)
{
	return before(beginning, CONNECT_LEAD_NS + connections * CONNECT_EACH_NS);
}

uint64_t start_order_unix_ns(const struct start *beginning)
{
	return before(beginning, START_LEAD_NS);
}

uint64_t start_monotonic_ns(
	const struct start *beginning, uint64_t now_ns, uint64_t unix_ns, uint64_t lead_ns)
{
	if (start_is_asked(beginning) && beginning->unix_ns > unix_ns + lead_ns)
		lead_ns = beginning->unix_ns - unix_ns;
	return now_ns + lead_ns;
}

void start_note(
	struct start *beginning, uint64_t start_ns, uint64_t start_unix_ns, uint64_t began_ns)
{
	if (!start_is_asked(beginning))
		return;
	beginning->over = true;
	beginning->began = began_ns >= start_ns;
	if (!beginning->began)
		return;
	start_unix_ns += began_ns - start_ns;
	if (start_unix_ns > beginning->unix_ns)
		beginning->late_ns = start_unix_ns - beginning->unix_ns;
}
