/*
 * libedit's own reader blocks in read(2); ours (EL_GETCFN) asks the caller to wait, so that the
 * socket is watched while a person types. libedit shows no prompt: what stands above the line is
 * the caller's: it may clear the line away, write, and have it drawn again.
 */
#include "talk/keyboard.h"

#include <errno.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#define KEYS_SIZE 4096
#define HISTORY_LINES 500
#define TAB 8
/* Of what is inserted at a Tab. */
#define ADDED_SIZE 64

struct keyboard {
	int fd;
	keyboard_wait_fn *wait;
	keyboard_complete_fn *complete;
	void *context;
	EditLine *edit; /* NULL: plain */
	History *history;
	FILE *errors;
	struct termios original, editing; /* `editing` is set while released */
	bool gone; /* nothing more can be read */
	bool stopped; /* the last wait was in vain */
	char keys[KEYS_SIZE];
	size_t key_start, key_end;
	mbstate_t decoding;
	char *line; /* plain only; KEYBOARD_LINE_CAP bytes */
	size_t line_length;
};

bool keyboard_edits(const struct keyboard *k)
{
	return k->edit != NULL;
}

bool keyboard_has_keys(const struct keyboard *k)
{
	return k->key_start < k->key_end;
}

bool keyboard_has_typed(const struct keyboard *k)
{
	if (k->edit == NULL)
		return true;

	const LineInfoW *line = el_wline(k->edit);

	return line->lastchar > line->buffer;
}

bool keyboard_fill(struct keyboard *k)
{
	if (keyboard_has_keys(k))
		return true;

	ssize_t n = read(k->fd, k->keys, sizeof(k->keys));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	k->key_start = 0;
	k->key_end = n > 0 ? (size_t)n : 0;
	k->gone = n <= 0;
	return n > 0;
}

/* libedit's source of keys: 1 with a character, 0 at the end. */
static int next_key(EditLine *edit, wchar_t *ret_key)
{
	struct keyboard *k = NULL;

	el_get(edit, EL_CLIENTDATA, &k);
	for (;;) {
		/* Asked also when keys are there: the caller may want to show something before. */
		do {
			if (!k->wait(k->context)) {
				k->stopped = true;
				return 0;
			}
		} while (!keyboard_has_keys(k));

		size_t n = mbrtowc(ret_key, k->keys + k->key_start, 1, &k->decoding);

		k->key_start++;
		if (n == (size_t)-1)
			memset(&k->decoding, 0, sizeof(k->decoding)); /* no UTF-8: passed over */
		else if (n != (size_t)-2)
			return 1;
	}
}

/* What libedit calls for a Tab. */
static unsigned char on_tab(EditLine *edit, int key)
{
	struct keyboard *k = NULL;
	const LineInfo *line = el_line(edit);
	char added[ADDED_SIZE] = "";

	el_get(edit, EL_CLIENTDATA, &k);
	switch (k->complete(k->context, line->buffer, (size_t)(line->cursor - line->buffer), added,
		sizeof(added))) {
	case KEYBOARD_LITERAL: return el_insertstr(edit, "\t") == 0 ? CC_REFRESH : CC_ERROR;
	case KEYBOARD_NO_MATCH: return CC_ERROR;
	case KEYBOARD_COMPLETED: break;
	}
	if (added[0] == '\0')
		return CC_NORM;
	return el_insertstr(edit, added) == 0 ? CC_REFRESH : CC_ERROR;
}

static const char *no_prompt(EditLine *edit)
{
	return "";
}

static int edit_init(struct keyboard *k)
{
	HistEvent event;
	char *up = NULL;

	/* libedit complains there of terminals that it does not know; we have a way for those. */
	k->errors = fopen("/dev/null", "w");
	if (k->errors == NULL)
		return -errno;
	tcgetattr(k->fd, &k->original);
	k->edit = el_init("meari", stdin, stdout, k->errors);
	if (k->edit == NULL)
		return -ENOMEM;
	if (el_get(k->edit, EL_GETTC, "up", &up) != 0 || up == NULL) {
		el_end(k->edit);
		k->edit = NULL;
		return 0;
	}
	k->history = history_init();
	if (k->history == NULL)
		return -ENOMEM;
	history(k->history, &event, H_SETSIZE, HISTORY_LINES);
	history(k->history, &event, H_SETUNIQUE, 1);
	el_set(k->edit, EL_CLIENTDATA, k);
	el_set(k->edit, EL_EDITOR, "emacs");
	/* Between lines the terminal stays as it is while editing: keys typed ahead are neither
	 * echoed by the kernel nor taken for the line discipline's own. */
	el_set(k->edit, EL_SETTY, "-x", "-icanon", "-echo", "+noflsh", NULL);
	/* Ctrl-C must not throw away what is on its way to the screen. On a pseudo terminal that is
	 * full, Linux then even forgets to wake a process that waits for it to drain, as libedit does. */
	el_set(k->edit, EL_SETTY, "-d", "+noflsh", NULL);
	el_set(k->edit, EL_PROMPT, no_prompt);
	el_set(k->edit, EL_HIST, history, k->history);
	el_set(k->edit, EL_GETCFN, next_key);
	/* In wide characters: of the others libedit makes copies that it never frees. */
	el_wset(k->edit, EL_ADDFN, L"meari-complete", L"", on_tab);
	el_set(k->edit, EL_BIND, "^I", "meari-complete", NULL);
	return 0;
}

int keyboard_new(int fd, bool plain, keyboard_wait_fn *wait, keyboard_complete_fn *complete,
	void *context, struct keyboard **ret_keyboard)
{
	struct keyboard *k = calloc(1, sizeof(*k));
	int r = k == NULL ? -ENOMEM : 0;

	if (r < 0)
		return r;
	k->fd = fd;
	k->wait = wait;
	k->complete = complete;
	k->context = context;
	if (!plain)
		r = edit_init(k);
	if (r == 0 && k->edit == NULL) {
		k->line = malloc(KEYBOARD_LINE_CAP);
		r = k->line == NULL ? -ENOMEM : 0;
	}
	if (r < 0) {
		keyboard_free(k);
		return r;
	}
	*ret_keyboard = k;
	return 0;
}

void keyboard_free(struct keyboard *k)
{
	if (k == NULL)
		return;
	if (k->history != NULL)
		history_end(k->history);
	if (k->edit != NULL)
		el_end(k->edit);
	if (k->errors != NULL)
		fclose(k->errors);
	free(k->line);
	free(k);
}

static enum keyboard_line read_edited(struct keyboard *k, const char **ret_text, size_t *ret_length)
{
	HistEvent event;
	int count = 0;
	const char *text = el_gets(k->edit, &count);

	if (text == NULL || count <= 0)
		return k->stopped ? KEYBOARD_STOPPED : KEYBOARD_END;

	size_t length = (size_t)count;

	if (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		length--;
	if (length > KEYBOARD_LINE_CAP)
		length = KEYBOARD_LINE_CAP;
	if (length > 0)
		history(k->history, &event, H_ENTER, text);
	*ret_text = text;
	*ret_length = length;
	return KEYBOARD_LINE;
}

/* A canonical terminal gives whole lines; Ctrl-D in the middle of one gives the part before it. */
static enum keyboard_line read_plain(struct keyboard *k, const char **ret_text, size_t *ret_length)
{
	k->line_length = 0;
	for (;;) {
		do {
			/* What ends a plain terminal's input is Ctrl-D. */
			if (!k->wait(k->context))
				return k->gone ? KEYBOARD_END : KEYBOARD_STOPPED;
		} while (!keyboard_has_keys(k));

		char c = k->keys[k->key_start++];

		if (c == '\n')
			break;
		if (k->line_length < KEYBOARD_LINE_CAP)
			k->line[k->line_length++] = c;
	}
	*ret_text = k->line;
	*ret_length = k->line_length;
	return KEYBOARD_LINE;
}

enum keyboard_line keyboard_read(struct keyboard *k, const char **ret_text, size_t *ret_length)
{
	return k->edit != NULL ? read_edited(k, ret_text, ret_length)
			       : read_plain(k, ret_text, ret_length);
}

unsigned keyboard_row(const struct keyboard *k, unsigned columns)
{
	if (k->edit == NULL)
		return 0;

	const LineInfoW *line = el_wline(k->edit);
	unsigned row = 0, column = 0;

	/* As libedit lays it out: controls as ^X, a wide character never across the edge. */
	for (const wchar_t *at = line->buffer; at < line->cursor; at++) {
		int width = wcwidth(*at);
		unsigned w = *at == L'\t' ? TAB - column % TAB : width < 0 ? 2 : (unsigned)width;

		if (column + w > columns) {
			row++;
			column = 0;
		}
		column += w;
		if (column >= columns) {
			row++;
			column = 0;
		}
	}
	return row;
}

void keyboard_redraw(struct keyboard *k)
{
	if (k->edit != NULL)
		el_set(k->edit, EL_REFRESH);
}

void keyboard_resize(struct keyboard *k)
{
	if (k->edit != NULL)
		el_resize(k->edit);
}

void keyboard_release(struct keyboard *k)
{
	if (k->edit == NULL)
		return;
	tcgetattr(k->fd, &k->editing);
	tcsetattr(k->fd, TCSADRAIN, &k->original);
}

void keyboard_take(struct keyboard *k)
{
	if (k->edit != NULL)
		tcsetattr(k->fd, TCSADRAIN, &k->editing);
}
