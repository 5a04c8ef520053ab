/*
 * A result stands on one line, but need not: what has passed through other programs may be spread over many.
 */
#include "report/fleet/fleet_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "report/runs.h"

/* How a result begins as meari writes it. */
#define HEAD "{\"format\""

/*
 * Where the next result may begin behind a broken one: at a line with a brace, or right behind the piece of one that
 * was cut off without the end of its line.
 */
static size_t find_next(const char *bytes, size_t length, size_t at)
{
	const char *from = bytes + at + 1;
	size_t left = length - at - 1;
	const char *line = memmem(from, left, "\n{", 2),
		   *head = memmem(from, left, HEAD, strlen(HEAD));

	if (line != NULL && (head == NULL || line < head))
		return (size_t)(line + 1 - bytes);
	return head != NULL ? (size_t)(head - bytes) : length;
}

/* The line of the file, for a fault that counts from the beginning of a result. */
static void add_lines(const char *bytes, size_t at, struct model_fault *fault)
{
	unsigned line = 1;

	for (size_t i = 0; i < at; i++)
		line += bytes[i] == '\n';
	fault->line = fault->line > 0 ? fault->line + line - 1 : line;
}

static size_t skip_blanks(const char *bytes, size_t length)
{
	size_t at = 0;

	while (at < length && memchr(" \t\r\n", bytes[at], 4) != NULL)
		at++;
	return at;
}

static int add_fault(struct fleet *fleet, const char *path, const char *why, unsigned line)
{
	struct model_fault fault = { .line = line };

	snprintf(fault.reason, sizeof(fault.reason), "%s", why);
	return fleet_add_broken(fleet, path, -EBADMSG, &fault);
}

int fleet_files_parse(struct fleet *fleet, const char *path, const char *bytes, size_t length)
{
	size_t at = skip_blanks(bytes, length), count = fleet->member_count + fleet->broken_count;
	bool ends_in_interval = false;
	int r = 0;

	while (r == 0 && at < length) {
		struct model_fault fault = { 0 };
		struct model run;
		size_t used = 0;

		r = model_read(bytes + at, length - at, &run, &used, &fault);
		ends_in_interval = r == -ENOMSG;
		if (r == 0) {
			r = fleet_add(fleet, path, &run);
			at += used;
		} else if (ends_in_interval) {
			r = 0;
			at += used;
		} else if (r == -EBADMSG || r == -EFBIG) {
			add_lines(bytes, at, &fault);
			r = fleet_add_broken(fleet, path, r, &fault);
			at = find_next(bytes, length, at);
		}
	}
	if (r == 0 && ends_in_interval)
		return add_fault(fleet, path,
			_("intervals without a result behind them: it was cut off"), 0);
	if (r == 0 && fleet->member_count + fleet->broken_count == count)
		return fleet_add_broken(fleet, path, -ENODATA, NULL);
	return r;
}

static void close_file(FILE **file)
{
	if (*file != NULL && *file != stdin)
		fclose(*file);
}

int fleet_files_read(struct fleet *fleet, const char *path)
{
	__attribute__((cleanup(close_file)))
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	CLEANUP_FREE char *bytes = NULL;
	size_t length = 0;
	int r = file != NULL ? runs_read_all(file, &bytes, &length) : -errno;

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return fleet_add_broken(fleet, path, r, NULL);
	return fleet_files_parse(fleet, path, bytes, length);
}
