/*
 * A socket has one line of the kernel's words in three lengths: the screen takes the longest that fits.
 */
#include "tour/tour_view.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

const char *tour_view_text(const struct tour_text *text, bool korean)
{
	const char *chosen = korean ? text->ko : text->en;

	return chosen != NULL ? chosen : "";
}

static const char *word(const struct tour_view *view, const char *ko, const char *en)
{
	return view->korean ? ko : en;
}

static unsigned decode(const unsigned char *bytes, unsigned *ret_length)
{
	if (bytes[0] < 0x80) {
		*ret_length = 1;
		return bytes[0];
	}
	unsigned length = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
	unsigned value = bytes[0] & (0xff >> (length + 1));

	for (unsigned i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80) {
			*ret_length = i;
			return '?';
		}
		value = value << 6 | (bytes[i] & 0x3f);
	}
	*ret_length = length;
	return value;
}

unsigned tour_view_width(const char *text)
{
	unsigned columns = 0, length;

	for (; *text != '\0'; text += length) {
		unsigned c = decode((const unsigned char *)text, &length);

		/* Hangul, kana, Han and the full-width forms: all that the tour may come to show. */
		columns += (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xd7a3) ||
				(c >= 0xf900 && c <= 0xfaff) || (c >= 0xff00 && c <= 0xff60)
			? 2
			: 1;
	}
	return columns;
}

const char *tour_view_fill(const char *text, uint16_t port, char *filled, size_t size)
{
	size_t used = 0;

	while (*text != '\0' && used + 8 < size) {
		bool is_port = strncmp(text, "{port}", 6) == 0;
		bool is_swapped = strncmp(text, "{swapped}", 9) == 0;

		if (is_port || is_swapped) {
			unsigned shown = is_port ? port : (uint16_t)(port << 8 | port >> 8);

			used += (size_t)snprintf(filled + used, size - used, "%u", shown);
			text += is_port ? 6 : 9;
		} else
			filled[used++] = *text++;
	}
	filled[used] = '\0';
	return filled;
}

static void say_queue(const struct tour_fact *fact, bool in_numbers, char *text, size_t size)
{
	char bar[16] = "";

	/* So many wait; a dot for each that could wait, too. */
	for (long i = 0; i < 8 && (i < fact->queue || i < fact->backlog); i++)
		strcat(bar, i < fact->queue ? "#" : ".");
	snprintf(text, size, "%ld/%ld%s%s", fact->queue, fact->backlog, in_numbers ? "" : " ",
		in_numbers ? "" : bar);
}

static const char *buffers_format(const struct tour_view *view, enum tour_brevity brevity)
{
	switch (brevity) {
	case TOUR_IN_FULL:
		return word(
			view, "%s %s 보낼 것 %ld, 읽을 것 %ld", "%s %s to send %ld, to read %ld");
	case TOUR_BRIEFLY: return word(view, "%s %s 보낼 %ld 읽을 %ld", "%s %s send %ld read %ld");
	default: return "%s %s %ld/%ld";
	}
}

size_t tour_view_describe_fact(const struct tour_view *view, enum tour_slot slot,
	enum tour_brevity brevity, char *text, size_t size)
{
	const struct tour_fact *fact = &view->facts.sockets[slot];
	char descriptor[24] = "-", queue[48];

	text[0] = '\0';
	if (fact->fd < 0 && fact->state == 0)
		return 0;
	if (fact->fd >= 0)
		snprintf(descriptor, sizeof(descriptor), "%d", fact->fd);
	else if (brevity == TOUR_IN_FULL)
		snprintf(descriptor, sizeof(descriptor), "%s",
			word(view, "(번호 없음)", "(no descriptor)"));
	if (slot == TOUR_LISTENER && fact->state == TCP_LISTEN) {
		say_queue(fact, brevity == TOUR_IN_NUMBERS, queue, sizeof(queue));
		return (size_t)snprintf(text, size, "%s LISTEN %s %s", descriptor,
			word(view, "대기열", "queue"), queue);
	}
	if (slot == TOUR_LISTENER || fact->state == TCP_CLOSE || fact->state == TCP_TIME_WAIT)
		return (size_t)snprintf(
			text, size, "%s %s", descriptor, tour_facts_state_name(fact->state));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	return (size_t)snprintf(text, size, buffers_format(view, brevity), descriptor,
		tour_facts_state_name(fact->state), fact->to_send, fact->to_read);
#pragma GCC diagnostic pop
}
