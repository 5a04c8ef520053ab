/*
 * Lines from a terminal: edited with libedit (history, UTF-8) where the terminal can, and plainly,
 * as the kernel's line discipline gives them, where it cannot. The waiting is the caller's: it is
 * asked for every key, and may meanwhile write to the screen. Main thread only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Asked before each key. Returns true as soon as keys can be read, false when nothing more is to be
 * read: the line then ends as KEYBOARD_STOPPED.
 */
typedef bool keyboard_wait_fn(void *context);

/* What becomes of a Tab. */
enum keyboard_completion {
	KEYBOARD_LITERAL, /* it is a part of the line */
	KEYBOARD_COMPLETED, /* `added` is inserted; empty: the callback has shown what there is to choose from */
	KEYBOARD_NO_MATCH, /* the terminal beeps */
};

/*
 * Asked at a Tab, with what stands before the cursor. Writes a text of less than `size` bytes to
 * `added` for KEYBOARD_COMPLETED. May write to the screen as `wait` may.
 */
typedef enum keyboard_completion keyboard_complete_fn(
	void *context, const char *typed, size_t length, char *added, size_t size);

enum keyboard_line {
	KEYBOARD_LINE, /* a line was typed */
	KEYBOARD_END, /* Ctrl-D */
	KEYBOARD_STOPPED, /* `wait` said so, or the terminal is gone */
};

struct keyboard;

/*
 * Lines of at most KEYBOARD_LINE_CAP bytes; what is typed beyond is left out. Reads `fd` and lets
 * libedit draw on standard output. -ENOMEM.
 */
#define KEYBOARD_LINE_CAP (64u << 10)
int keyboard_new(int fd, bool plain, keyboard_wait_fn *wait, keyboard_complete_fn *complete,
	void *context, struct keyboard **ret_keyboard);
void keyboard_free(struct keyboard *keyboard);

/* True when it edits: then the terminal can also move its cursor and clear. */
bool keyboard_edits(const struct keyboard *keyboard);

/* True when keys have been typed that are not yet read: there is no need to wait for them. */
bool keyboard_has_keys(const struct keyboard *keyboard);

/*
 * True when a part of a line is on the screen; true on a plain terminal, where this is not
 * known.
 */
bool keyboard_has_typed(const struct keyboard *keyboard);

/* Takes in what was typed. False: the terminal is gone. */
bool keyboard_fill(struct keyboard *keyboard);

/*
 * Reads a line without its newline; `ret_text` is valid until the next call and may hold zero
 * bytes. It becomes part of the history.
 */
enum keyboard_line keyboard_read(
	struct keyboard *keyboard, const char **ret_text, size_t *ret_length);

/* While a line is read: the row that the cursor is in, counted from where the line begins. */
unsigned keyboard_row(const struct keyboard *keyboard, unsigned columns);

/* Draws the line once more, from the cursor's place, which is at the start of a row. */
void keyboard_redraw(struct keyboard *keyboard);

/* The window has a new size. */
void keyboard_resize(struct keyboard *keyboard);

/* Gives the terminal back as it was, and takes it again: around being stopped (Ctrl-Z). */
void keyboard_release(struct keyboard *keyboard);
void keyboard_take(struct keyboard *keyboard);
