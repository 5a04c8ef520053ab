/*
 * Reads files of results. The first character shows the kind of a file: JSON begins with a brace,
 * a log never does.
 */
#include "report/runs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/i18n.h"

static void close_file(FILE **file)
{
	if (*file != NULL && *file != stdin)
		fclose(*file);
}

/* The next run of the list, empty; NULL: -EFBIG or -ENOMEM in *ret. */
static struct model *append_run(struct runs *runs, int *ret)
{
	*ret = -EFBIG;
	if (runs->count == RUNS_MOST)
		return NULL;

	struct model_list list = { runs->items, runs->count };
	struct model *run = model_append(&list, sizeof(*run));

	*ret = run != NULL ? 0 : -ENOMEM;
	runs->items = list.items;
	runs->count = list.count;
	return run;
}

static size_t size_of(const struct histogram *histogram)
{
	return histogram != NULL ? histogram_size_bytes(histogram) : 0;
}

/* Takes over what `run` holds, also on failure. */
static int add_run(struct runs *runs, struct model *run)
{
	struct model *place = NULL;
	int r = -EFBIG;

	runs->histogram_bytes += size_of(run->latency.intended) + size_of(run->latency.sent) +
		size_of(run->latency.connect);
	if (runs->histogram_bytes <= RUNS_MOST_HISTOGRAM_BYTES)
		place = append_run(runs, &r);
	if (place == NULL) {
		model_fini(run);
		return r;
	}
	*place = *run;
	return 0;
}

int runs_read_all(FILE *file, char **ret_bytes, size_t *ret_length)
{
	CLEANUP_FREE char *bytes = NULL;
	size_t length = 0, capacity = 0;

	while (!feof(file)) {
		if (length == capacity) {
			capacity = capacity == 0 ? 1 << 16 : 2 * capacity;

			char *larger = length <= RUNS_MOST_FILE_BYTES ? realloc(bytes, capacity)
								      : NULL;

			if (larger == NULL)
				return length > RUNS_MOST_FILE_BYTES ? -EFBIG : -ENOMEM;
			bytes = larger;
		}
		errno = 0;
		length += fread(bytes + length, 1, capacity - length, file);
		if (ferror(file))
			return errno != 0 ? -errno : -EIO;
	}
	if (length > RUNS_MOST_FILE_BYTES)
		return -EFBIG;
	*ret_bytes = TAKE_POINTER(bytes);
	*ret_length = length;
	return 0;
}

/* The line in which the result begins, for a fault that has only a place in that. */
static void add_lines(const char *bytes, size_t used, struct model_fault *fault)
{
	if (fault->line == 0)
		fault->line = 1;
	for (size_t i = 0; i < used; i++)
		fault->line += bytes[i] == '\n';
}

/* Intervals without a result: the program was stopped before it wrote one. */
static int fail_cut(struct model_fault *fault)
{
	memset(fault, 0, sizeof(*fault));
	snprintf(fault->reason, sizeof(fault->reason), "%s",
		_("intervals without a result behind them: it was cut off"));
	return -EBADMSG;
}

static int load_json(struct runs *runs, FILE *file, struct model_fault *fault)
{
	CLEANUP_FREE char *bytes = NULL;
	size_t length, at = 0, last = 0;
	bool is_interval = false;
	int r = runs_read_all(file, &bytes, &length);

	while (r == 0 && at < length) {
		struct model run;
		size_t used = 0;

		r = model_read(bytes + at, length - at, &run, &used, fault);
		if (r == -EBADMSG)
			add_lines(bytes, at, fault);
		is_interval = r == -ENOMSG;
		if (r == 0)
			r = add_run(runs, &run);
		else if (is_interval)
			r = 0;
		last = at;
		at += used;
	}
	if (r == 0 && is_interval) {
		r = fail_cut(fault);
		add_lines(bytes, last, fault);
	}
	return r;
}

static int load_log(struct runs *runs, FILE *file, const struct runs_options *options,
	struct model_fault *fault)
{
	struct model run;
	int r = runs_log_read(file, options, &run, fault);

	runs->log_count++;
	return r < 0 ? r : add_run(runs, &run);
}

int runs_load(struct runs *runs, const char *path, const struct runs_options *options,
	struct model_fault *fault)
{
	__attribute__((cleanup(close_file)))
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	int first;

	if (file == NULL)
		return -errno;
	errno = 0;
	do
		first = fgetc(file);
	while (first == ' ' || first == '\n' || first == '\t' || first == '\r');
	if (first == EOF)
		return ferror(file) ? (errno != 0 ? -errno : -EIO) : -ENODATA;
	ungetc(first, file);
	return first == '{' || first == '[' ? load_json(runs, file, fault)
					    : load_log(runs, file, options, fault);
}

void runs_fini(struct runs *runs)
{
	for (size_t i = 0; i < runs->count; i++)
		model_fini(&runs->items[i]);
	free(runs->items);
	memset(runs, 0, sizeof(*runs));
}
