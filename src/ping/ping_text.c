/*
 * Lines as they happen, and the trailer. What scripts cut out with sed (seq=, time=, the figures
 * and their unit) is the same in every language. On a narrow terminal a line that would be folded
 * leaves out its beginning, which is always the same.
 */
#include "ping/ping_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/outfile.h"
#include "base/quote.h"
#include "base/text.h"
#include "client/channel.h"
#include "ping/conversation.h"
#include "ping/tabular.h"

#define LINE_SIZE 1024
#define MS_SIZE 32
/* Of the bytes that are quoted: each may need four, as \xNN. */
#define CAME_SIZE (4 * CONVERSATION_HEAD_SIZE + 1)

typedef unsigned long long count;

/* A line in the making. */
struct line {
	char text[LINE_SIZE];
	size_t length;
};

static void say(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct line *line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	int n = vsnprintf(line->text + line->length, LINE_SIZE - line->length, format, arguments);
	va_end(arguments);
	if (n > 0)
		line->length += (size_t)n < LINE_SIZE - line->length ? (size_t)n
								     : LINE_SIZE - line->length - 1;
}

/* Three digits that count, and never finer than the clock's use: as ping(8) writes them. */
static const char *ms(double ns, char buffer[static MS_SIZE])
{
	double value = ns / (double)CLOCK_NS_PER_MS;
	int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : value >= 0.9995 ? 2 : 3;

	snprintf(buffer, MS_SIZE, "%.*f", decimals, value);
	return buffer;
}

/* Never "0%" where something was lost, nor "100%" where something came. */
static const char *percent(double value, char buffer[static MS_SIZE])
{
	if (value > 0 && value < 0.1)
		snprintf(buffer, MS_SIZE, "<0.1%%");
	else if (value > 99.9 && value < 100)
		snprintf(buffer, MS_SIZE, ">99.9%%");
	else
		snprintf(buffer, MS_SIZE, "%.3g%%", value);
	return buffer;
}

/* The columns of the terminal that the output goes to; 0: it goes elsewhere, or does not say. */
static unsigned terminal_columns(void)
{
	struct winsize size;

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col
										     : 0;
}

/* `from` is what a narrow terminal can do without. */
static void put_line(
	const struct ping_event_manner *manner, const struct line *from, const struct line *line)
{
	unsigned columns = terminal_columns();
	size_t width = text_width(from->text) + text_width(line->text);

	if (manner->wall_times) {
		uint64_t wall_ns = clock_wall_ns();

		width += (size_t)printf("[%llu.%06llu] ", wall_ns / CLOCK_NS_PER_S,
			wall_ns % CLOCK_NS_PER_S / CLOCK_NS_PER_US);
	}
	if (columns == 0 || width <= columns)
		fputs(from->text, stdout);
	puts(line->text);
}

/* ---- begin ---- */

static const char *way_of_asking(const struct ping_event_manner *manner)
{
	if (addr_socket_type(manner->peer.scheme) == SOCK_DGRAM)
		return manner->by_port ? _("datagrams, by several source ports in turn")
				       : _("datagrams");
	if (manner->connect)
		return _("a connection for each");
	return manner->by_port ? _("conversations from several source ports in turn")
			       : _("one conversation");
}

static void text_begin(const struct ping_event_manner *manner)
{
	char peer[ADDR_TEXT_SIZE];

	printf(_("PING %s: %zu bytes, %s\n"), addr_format(&manner->peer, peer, sizeof(peer)),
		manner->size_bytes, way_of_asking(manner));
	outfile_flush_stdout();
}

/* ---- as it happens ---- */

static const char *way_word(const struct gap *gap, enum gap_way way)
{
	switch (way) {
	case GAP_REFUSED: return _("refused");
	case GAP_RESET: return _("reset (RST)");
	case GAP_FINISHED: return _("finished (FIN)");
	case GAP_SILENT: return _("silent");
	case GAP_CUT_OFF: return _("cut off (FIN without close_notify)");
	case GAP_TLS: return channel_why();
	case GAP_UNREACHABLE:
	case GAP_LOCAL: break;
	}
	return strerror(-gap->error);
}

static void say_ways(struct line *line, const struct gap *gap)
{
	for (size_t i = 0; i < gap->way_count; i++)
		say(line, "%s%s", i > 0 ? ", " : "", way_word(gap, gap->ways[i]));
}

static void say_number(struct line *line, const struct ping_event *event)
{
	say(line, "seq=%llu", (count)event->number);
	if (event->port != 0)
		say(line, " port=%u", event->port);
}

static void say_kernel(struct line *line, const struct ping_event_kernel *kernel)
{
	char rtt[MS_SIZE], variation[MS_SIZE];

	if (kernel == NULL)
		return;
	say(line, " [kernel rtt=%s mdev=%s ms retransmits=%u cwnd=%u]",
		ms((double)(kernel->round_trip_us * CLOCK_NS_PER_US), rtt),
		ms((double)(kernel->variation_us * CLOCK_NS_PER_US), variation),
		kernel->retransmits, kernel->window_segments);
}

static void say_reply(
	struct line *line, const struct ping_event_manner *manner, const struct ping_event *event)
{
	char time[MS_SIZE], connect[MS_SIZE], handshake[MS_SIZE];

	say_number(line, event);
	if (manner->connect && !event->connect_untimed)
		say(line, " connect=%s ms", ms((double)event->connect_ns, connect));
	if (manner->connect && !event->connect_untimed && event->handshake_ns > 0)
		say(line, " handshake=%s ms", ms((double)event->handshake_ns, handshake));
	if (event->untimed)
		say(line, " %s", _("(no time: ping was stopped when it came)"));
	else
		say(line, " time=%s ms", ms((double)event->round_trip_ns, time));
	if (event->kind == PING_EVENT_DUPLICATE)
		say(line, " %s", _("(duplicate)"));
	if (event->late)
		say(line, " %s", _("(late)"));
	if (event->reordered)
		say(line, " %s", _("(reordered)"));
	say_kernel(line, event->kernel);
}

/* What came, safe to show, and cut where the lines would grow too long. */
static void say_came(struct line *line, const struct ping_event *event, size_t length)
{
	char shown[CAME_SIZE];

	if (event->came == NULL)
		return;
	quote_bytes((const char *)event->came, event->came_length, shown, sizeof(shown));
	say(line, length > event->came_length ? ": '%s'..." : ": '%s'", shown);
}

static void say_damage(struct line *line, const struct ping_event *event)
{
	const struct probe_damage *damage = &event->damage;

	say_number(line, event);
	say(line, " ");
	if (damage->got < 0)
		say(line,
			_("damaged: it ends at offset %zu, expected 0x%02x (%zu bytes are missing)"),
			damage->offset, (unsigned)damage->expected, damage->count);
	else if (damage->expected < 0)
		say(line, _("damaged: too long from offset %zu, got 0x%02x (%zu bytes too many)"),
			damage->offset, (unsigned)damage->got, damage->count);
	else
		say(line,
			_("damaged at offset %zu: expected 0x%02x, got 0x%02x (bytes that differ: "
			  "%zu)"),
			damage->offset, (unsigned)damage->expected, (unsigned)damage->got,
			damage->count);
	say_came(line, event, event->bytes);
}

static void say_gap(struct line *line, const struct ping_event *event)
{
	char length[DURATION_TEXT_SIZE];

	if (event->kind == PING_EVENT_GAP_END) {
		say(line, _("gap ends: "));
		say_number(line, event);
		say(line, _(" answered after %s: "),
			duration_format(event->gap_ns, length, sizeof(length)));
		say_ways(line, event->gap);
		return;
	}
	say(line, _("gap begins: "));
	say_number(line, event);
	say(line, ": ");
	say_ways(line, event->gap);
	if (event->number == 1 && event->gap->ways[0] == GAP_REFUSED)
		say(line, _(" (is a server running there? 'meari serve' starts one)"));
}

static void say_event(struct line *from, struct line *line, const struct ping_event_manner *manner,
	const struct ping_event *event)
{
	char peer[ADDR_TEXT_SIZE];

	addr_format(&manner->peer, peer, sizeof(peer));
	switch (event->kind) {
	case PING_EVENT_REPLY:
	case PING_EVENT_DUPLICATE:
		say(from, _("%zu bytes from %s: "), event->bytes, peer);
		say_reply(line, manner, event);
		break;
	case PING_EVENT_DAMAGED:
		say(from, _("%zu bytes from %s: "), event->bytes, peer);
		say_damage(line, event);
		break;
	case PING_EVENT_FOREIGN:
		say(from, _("%zu bytes from %s: "), event->bytes, peer);
		say(line, _("no reply to anything that is under way"));
		say_came(line, event, event->bytes);
		break;
	case PING_EVENT_OUT_OF_STEP:
		say(line,
			_("out of step: bytes came back that are not what is due; connecting "
			  "anew"));
		say_came(line, event, event->came_length);
		break;
	case PING_EVENT_WAITING:
		say(line, _("no answer yet for "));
		say_number(line, event);
		break;
	case PING_EVENT_GAP_BEGIN:
	case PING_EVENT_GAP_END: say_gap(line, event); break;
	case PING_EVENT_CONNECTED:
	case PING_EVENT_SENT:
	case PING_EVENT_OVERDUE: break;
	}
}

static void note_for_plot(const struct ping_event_manner *manner, const struct ping_event *event)
{
	uint64_t at_ns = clock_now_ns() - manner->begun_ns;

	if (event->kind == PING_EVENT_REPLY && !event->untimed)
		plot_course_add(manner->plot, at_ns, event->round_trip_ns, event->round_trip_ns,
			event->round_trip_ns);
	else if (event->kind == PING_EVENT_OVERDUE || event->kind == PING_EVENT_DAMAGED)
		plot_course_add_lost(manner->plot, at_ns, 1);
}

static void text_event(const struct ping_event_manner *manner, const struct ping_event *event)
{
	struct line from = { .length = 0 }, line = { .length = 0 };

	if (manner->plot != NULL)
		note_for_plot(manner, event);
	if (manner->quiet)
		return;
	/* A dot for each probe, taken back by its reply: what stands there is under way or lost. */
	if (manner->flood && (event->kind == PING_EVENT_SENT || event->kind == PING_EVENT_REPLY)) {
		if (isatty(STDOUT_FILENO))
			fputs(event->kind == PING_EVENT_SENT ? "." : "\b \b", stdout);
	} else {
		say_event(&from, &line, manner, event);
		if (line.length == 0)
			return;
		put_line(manner, &from, &line);
	}
	outfile_flush_stdout();
}

/* ---- the end ---- */

static void put_times(const char *name, const struct tally_times *times)
{
	char least[MS_SIZE], mean[MS_SIZE], most[MS_SIZE], deviation[MS_SIZE];

	if (times->count == 0)
		return;
	printf("%s min/avg/max/mdev = %s/%s/%s/%s ms\n", name, ms((double)times->min_ns, least),
		ms(times->mean_ns, mean), ms((double)times->max_ns, most),
		ms(tally_times_deviation_ns(times), deviation));
	printf("%s p50/p99 = %s/%s ms\n", name,
		ms((double)histogram_percentile(times->histogram, 50), least),
		ms((double)histogram_percentile(times->histogram, 99), most));
}

/* What is not as it should be; nothing where all is well. */
static void put_oddities(const struct ping_event_result *result)
{
	const struct tally *tally = result->tally;
	const struct {
		uint64_t count;
		const char *format;
	} oddities[] = {
		{ result->under_way, N_("%llu still under way") },
		{ tally->late, N_("%llu late") },
		{ tally->duplicates, N_("%llu duplicated") },
		{ tally->reordered, N_("%llu reordered") },
		{ tally->damaged, N_("%llu damaged") },
		{ tally->foreign, N_("%llu not ours") },
	};
	bool any = false;

	for (size_t i = 0; i < sizeof(oddities) / sizeof(oddities[0]); i++) {
		if (oddities[i].count == 0)
			continue;
		fputs(any ? ", " : "", stdout);
		printf(_(oddities[i].format), (count)oddities[i].count);
		any = true;
	}
	if (any)
		putchar('\n');
}

static void put_gaps(const struct ping_event_result *result)
{
	size_t kept = result->gap_count < PING_EVENT_GAPS_MOST ? result->gap_count
							       : PING_EVENT_GAPS_MOST;
	char length[DURATION_TEXT_SIZE];

	if (result->gap_count == 0)
		return;
	printf(_("gaps: %llu, together %s\n"), (count)result->gap_count,
		duration_format(result->gaps_ns, length, sizeof(length)));
	for (size_t i = 0; i < kept; i++) {
		const struct ping_event_gap *gap = &result->gaps[i];
		time_t begin = (time_t)(gap->begin_wall_ns / CLOCK_NS_PER_S);
		uint16_t port = result->lanes[gap->lane].port;
		struct line line = { .length = 0 };
		char clock[16] = "?";
		struct tm parts;

		if (localtime_r(&begin, &parts) != NULL)
			strftime(clock, sizeof(clock), "%H:%M:%S", &parts);
		say(&line, "  %s  %s  ", clock,
			duration_format(gap->length_ns, length, sizeof(length)));
		if (result->lane_count > 1 && port != 0)
			say(&line, "port=%u  ", port);
		say_ways(&line, &gap->gap);
		if (gap->gap.away)
			say(&line, " %s", _("(not over yet)"));
		puts(line.text);
	}
	if (result->gap_count > kept)
		printf(_("  and %llu more\n"), (count)(result->gap_count - kept));
}

static void put_row(const char *const cells[6])
{
	static const size_t columns[6] = { 5, 7, 7, 7, 7, 7 };
	char padded[TABULAR_CELL_SIZE];

	for (size_t i = 0; i < 6; i++)
		fputs(tabular_right(cells[i], columns[i], padded, sizeof(padded)), stdout);
	putchar('\n');
}

/* 40 columns wide: it fits the narrowest terminal. */
static void put_ports(const struct ping_event_result *result)
{
	size_t dead = 0;

	/* TRANSLATORS: heads of a table; at most 5 columns for the first, 6 for the others. */
	put_row((const char *const[6]){
		_("port"), _("sent"), _("back"), _("loss"), _("p50"), _("p99") });
	for (size_t i = 0; i < result->lane_count; i++) {
		const struct ping_event_lane *lane = &result->lanes[i];
		const struct tally_times *times = &lane->tally.round_trip;
		char port[MS_SIZE] = "-", sent[MS_SIZE], back[MS_SIZE], loss[MS_SIZE];
		char p50[MS_SIZE] = "-", p99[MS_SIZE] = "-";

		if (lane->port != 0)
			snprintf(port, sizeof(port), "%u", lane->port);
		snprintf(sent, sizeof(sent), "%llu", (count)lane->tally.sent);
		snprintf(back, sizeof(back), "%llu", (count)lane->tally.received);
		percent(tally_loss_percent(&lane->tally, lane->under_way), loss);
		if (times->count > 0) {
			ms((double)histogram_percentile(times->histogram, 50), p50);
			ms((double)histogram_percentile(times->histogram, 99), p99);
		}
		put_row((const char *const[6]){ port, sent, back, loss, p50, p99 });
		dead += lane->tally.received == 0 && lane->tally.sent > lane->under_way;
	}
	if (dead > 0 && result->tally->received > 0)
		printf(_("%zu of %zu source ports got no answer: a member of the path may be "
			 "broken\n"),
			dead, result->lane_count);
}

static void put_plots(const struct ping_event_manner *manner, const struct histogram *histogram)
{
	unsigned columns = terminal_columns();

	if (histogram_count(histogram) == 0)
		return;
	putchar('\n');
	plot_write_shape(histogram, manner->plot_style, columns, stdout);
	putchar('\n');
	plot_write_course(manner->plot, manner->plot_style, columns, _("answers"), NULL, stdout);
	putchar('\n');
}

static void text_end(const struct ping_event_manner *manner, const struct ping_event_result *result)
{
	const struct tally *tally = result->tally;
	char peer[ADDR_TEXT_SIZE], loss[MS_SIZE], time[DURATION_TEXT_SIZE];

	printf(_("\n--- %s ping statistics ---\n"), addr_format(&manner->peer, peer, sizeof(peer)));
	printf(_("%llu sent, %llu received, %s loss, time %s\n"), (count)tally->sent,
		(count)tally->received, percent(tally_loss_percent(tally, result->under_way), loss),
		duration_format(result->duration_ns, time, sizeof(time)));
	put_oddities(result);
	if (manner->connect)
		put_times("connect", result->connect);
	if (manner->connect)
		put_times("handshake", result->handshake);
	put_times("rtt", &tally->round_trip);
	if (manner->plot != NULL)
		put_plots(manner, tally->round_trip.histogram);
	put_gaps(result);
	if (manner->by_port)
		put_ports(result);
	outfile_flush_stdout();
}

static void text_interim(
	const struct ping_event_manner *manner, const struct ping_event_result *result)
{
	const struct tally *tally = result->tally;
	const struct tally_times *times = &tally->round_trip;
	char loss[MS_SIZE], least[MS_SIZE], mean[MS_SIZE], moving[MS_SIZE], most[MS_SIZE];
	struct line line = { .length = 0 };

	say(&line, _("%llu/%llu received, %s loss"), (count)tally->received, (count)tally->sent,
		percent(tally_loss_percent(tally, result->under_way), loss));
	if (times->count > 0)
		say(&line, ", min/avg/ewma/max = %s/%s/%s/%s ms", ms((double)times->min_ns, least),
			ms(times->mean_ns, mean), ms(times->ewma_ns, moving),
			ms((double)times->max_ns, most));
	/* Over the ^\ that a terminal shows. */
	fprintf(stderr, "%s%s\n", isatty(STDERR_FILENO) ? "\r" : "", line.text);
}

const struct ping_event_printer ping_text_printer = {
	.begin = text_begin,
	.event = text_event,
	.interim = text_interim,
	.end = text_end,
};
