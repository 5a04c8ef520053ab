/*
 * Escapes of ECMA-48 that every terminal has. Whether lines and arrows take two columns is asked: one is
 * printed, and the terminal tells where its cursor is then (DSR 6). One that does not answer takes one.
 */
#include "tour/tour_terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tour/tour_world.h"

#define ANSWER_MS 300
#define END_OF_INPUT 0x04

static void measure(struct tour_terminal *terminal)
{
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0) {
		size.ws_col = TOUR_SCREEN_COLUMNS;
		size.ws_row = TOUR_SCREEN_LINES;
	}
	terminal->columns = size.ws_col;
	terminal->rows = size.ws_row;
}

static bool can_read(int ms)
{
	return poll(&(struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN }, 1, ms) > 0;
}

static bool is_ambiguous_wide(void)
{
	char answer[32];
	size_t length = 0;
	unsigned row, column;
	const char *start;

	printf("\r─\033[6n");
	fflush(stdout);
	while (length < sizeof(answer) - 1 && can_read(ANSWER_MS)) {
		if (read(STDIN_FILENO, answer + length, 1) != 1)
			break;
		if (answer[length++] == 'R')
			break;
	}
	answer[length] = '\0';
	printf("\r\033[K");
	start = strchr(answer, '[');
	return start != NULL && sscanf(start, "[%u;%uR", &row, &column) == 2 && column == 3;
}

int tour_terminal_init(struct tour_terminal *terminal)
{
	static const int more[] = { SIGWINCH, 0 };
	struct termios raw;
	int r;

	memset(terminal, 0, sizeof(*terminal));
	if (tcgetattr(STDIN_FILENO, &terminal->before) < 0)
		return -errno;
	r = interrupt_init(&terminal->interrupt, more);
	if (r < 0)
		return r;
	terminal->interrupt.fd = tour_world_move_up(terminal->interrupt.fd);
	if (terminal->interrupt.fd < 0)
		return terminal->interrupt.fd;
	raw = terminal->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_iflag |= ICRNL;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* a server that is stopped has no tour */
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	printf("\033[?1049h\033[?25l");
	terminal->ambiguous_is_wide = is_ambiguous_wide();
	measure(terminal);
	return 0;
}

void tour_terminal_fini(struct tour_terminal *terminal)
{
	printf("\033[?25h\033[?1049l");
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
	interrupt_fini(&terminal->interrupt);
}

/* A key that sends several bytes (an arrow) is none. */
static int read_key(void)
{
	unsigned char bytes[16];
	ssize_t length = read(STDIN_FILENO, bytes, 1);

	if (length <= 0)
		return TOUR_KEY_END;
	if (bytes[0] == '\033') {
		while (can_read(0) && read(STDIN_FILENO, bytes, sizeof(bytes)) > 0)
			continue;
		return TOUR_KEY_NONE;
	}
	if (bytes[0] == '\n' || bytes[0] == '\r' || bytes[0] == ' ')
		return TOUR_KEY_ENTER;
	/* What ends the input of other programs, Ctrl-D, is a byte like any other here. */
	if (bytes[0] == END_OF_INPUT)
		return TOUR_KEY_END;
	return bytes[0] > ' ' && bytes[0] < 0x7f ? bytes[0] : TOUR_KEY_NONE;
}

int tour_terminal_key(struct tour_terminal *terminal, int *ret_signal)
{
	struct pollfd polled[] = { { .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = terminal->interrupt.fd, .events = POLLIN } };

	while (poll(polled, 2, -1) < 0) {
		if (errno != EINTR)
			return TOUR_KEY_END;
	}
	*ret_signal = 0;
	if (polled[1].revents != 0) {
		int number = interrupt_take(&terminal->interrupt);

		if (number == SIGWINCH) {
			measure(terminal);
			return TOUR_KEY_RESIZED;
		}
		*ret_signal = number;
		return number != 0 ? TOUR_KEY_SIGNAL : TOUR_KEY_NONE;
	}
	return read_key();
}

void tour_terminal_show(char lines[static TOUR_SCREEN_LINES][TOUR_SCREEN_LINE_SIZE], unsigned count)
{
	printf("\033[H");
	for (unsigned i = 0; i < count; i++)
		printf("%s\033[K%s", lines[i], i + 1 < count ? "\r\n" : "");
	printf("\033[J");
	fflush(stdout);
}
