/*
 * Why a stream of our own (fopencookie): stdio keeps a flag of a failed write, and not its reason.
 *
 * Why not O_TMPFILE: linkat(2) cannot replace a file. Why not always a rename: as root, a rename
 * onto /dev/null would replace the device for the whole machine.
 */
#include "base/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

/* Another process may have taken a name. */
#define MOST_NAMES 100
/* How much of a name there is in the one beside it: both have to fit into NAME_MAX. */
#define MOST_NAME 200

struct outfile {
	FILE *stream;
	char *path;
	char *beside; /* NULL: written in place */
	int fd;
	int error; /* the first -errno of a write, or 0 */
	bool held; /* what is written is kept until outfile_commit() */
	char *bytes; /* ... here */
	size_t length, size;
};

/* Why standard output cannot be written: stdio does not keep it. 0: nothing has failed so far. */
static int stdout_error;

static void note_stdout_error(int error)
{
	if (stdout_error == 0)
		stdout_error = error;
}

static int hold(struct outfile *file, const char *bytes, size_t length)
{
	if (length > file->size - file->length) {
		size_t size = 2 * (file->size + length);
		char *more = realloc(file->bytes, size);

		if (more == NULL)
			return -ENOMEM;
		file->bytes = more;
		file->size = size;
	}
	memcpy(file->bytes + file->length, bytes, length);
	file->length += length;
	return 0;
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, bytes, length);

		if (n == 0)
			return -ENOSPC;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

static ssize_t put(void *cookie, const char *bytes, size_t length)
{
	struct outfile *file = cookie;

	if (file->error == 0)
		file->error = file->held ? hold(file, bytes, length)
					 : write_all(file->fd, bytes, length);
	return file->error == 0 ? (ssize_t)length : 0;
}

/* Opens `.NAME.NUMBER` in the folder of `path`. */
static int open_beside(struct outfile *file)
{
	const char *slash = strrchr(file->path, '/');
	const char *name = slash != NULL ? slash + 1 : file->path;
	size_t size = strlen(file->path) + 32;

	file->beside = malloc(size);
	if (file->beside == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < MOST_NAMES; i++) {
		snprintf(file->beside, size, "%.*s.%.*s.%08x", (int)(name - file->path), file->path,
			MOST_NAME, name, (unsigned)clock_now_ns() + i);
		file->fd = open(file->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (file->fd >= 0)
			return 0;
		if (errno != EEXIST)
			break;
	}

	int r = -errno;

	free(file->beside);
	file->beside = NULL;
	return r;
}

static int open_in_place(struct outfile *file)
{
	struct stat now;

	file->fd = open(file->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	if (file->fd < 0)
		return -errno;
	file->held = fstat(file->fd, &now) == 0 && S_ISREG(now.st_mode);
	return 0;
}

/* The old content, which a run that failed or was killed has left alone, goes only now. */
static int write_held(struct outfile *file)
{
	if (ftruncate(file->fd, 0) < 0)
		return -errno;
	return write_all(file->fd, file->bytes, file->length);
}

/* What took the place of a file belongs to the same user and may be read by the same users. */
static bool takes_after(int fd, const struct stat *old)
{
	struct stat now;

	if (fstat(fd, &now) < 0)
		return false;
	if ((now.st_uid != old->st_uid || now.st_gid != old->st_gid) &&
		fchown(fd, old->st_uid, old->st_gid) < 0)
		return false;
	return fchmod(fd, old->st_mode & 07777) == 0;
}

static void give_up_beside(struct outfile *file)
{
	close(file->fd);
	unlink(file->beside);
	free(file->beside);
	file->beside = NULL;
	file->fd = -1;
}

static int open_by_kind(struct outfile *file)
{
	struct stat old;

	if (lstat(file->path, &old) < 0) {
		if (errno != ENOENT)
			return -errno;

		/*
		 * The folder's error is better than one about a name that the user has not given.
		 */
		return open_beside(file) == 0 ? 0 : open_in_place(file);
	}
	if (!S_ISREG(old.st_mode) || old.st_nlink > 1)
		return open_in_place(file);
	/* A file that may not be written is not replaced, though its folder would allow it. */
	if (access(file->path, W_OK) < 0)
		return -errno;
	if (open_beside(file) < 0)
		return open_in_place(file);
	if (takes_after(file->fd, &old))
		return 0;
	give_up_beside(file);
	return open_in_place(file);
}

int outfile_open(const char *path, struct outfile **ret_file)
{
	struct outfile *file = calloc(1, sizeof(*file));
	int r = -ENOMEM;

	if (file == NULL)
		return r;
	file->fd = -1;
	if (strcmp(path, "-") == 0) {
		/* What was printed before comes first. */
		fflush(stdout);
		file->fd = STDOUT_FILENO;
	} else {
		file->path = strdup(path);
		if (file->path == NULL)
			goto fail;
		r = open_by_kind(file);
		if (r < 0)
			goto fail;
	}

	file->stream = fopencookie(file, "w", (cookie_io_functions_t){ .write = put });
	if (file->stream == NULL) {
		r = -ENOMEM;
		goto fail;
	}
	*ret_file = file;
	return 0;
fail:
	outfile_discard(file);
	return r;
}

int outfile_flush_stdout(void)
{
	if (fflush(stdout) != 0)
		note_stdout_error(-errno);
	return stdout_error != 0 ? stdout_error : ferror(stdout) ? -EIO : 0;
}

int outfile_put(FILE *stream, const char *bytes, size_t length)
{
	errno = 0;
	if (fwrite(bytes, 1, length, stream) == length)
		return 0;

	int r = errno != 0 ? -errno : -EIO;

	if (stream != stdout)
		return r;
	note_stdout_error(r);
	return 0;
}

void outfile_flush(FILE *stream)
{
	if (stream == stdout)
		outfile_flush_stdout();
	else
		fflush(stream);
}

FILE *outfile_stream(struct outfile *file)
{
	return file->stream;
}

static int close_stream(struct outfile *file)
{
	bool failed = fclose(file->stream) != 0;

	file->stream = NULL;
	if (file->error == 0 && failed)
		file->error = -EIO;
	return file->error;
}

int outfile_commit(struct outfile *file, int r)
{
	if (file == NULL)
		return r;

	int written = close_stream(file);

	if (file->path == NULL) { /* standard output */
		/* What the writer says of its stream is said by main(), with its reason. */
		if (written < 0)
			note_stdout_error(written);
		outfile_discard(file);
		return written < 0 ? 0 : r;
	}
	if (written < 0)
		r = written;
	if (r == 0 && file->held)
		r = write_held(file);
	if (file->fd >= 0) {
		/* Some file systems report only now that the disk is full. */
		if (close(file->fd) < 0 && errno != EINTR && r == 0)
			r = -errno;
		file->fd = -1;
	}
	if (r == 0 && file->beside != NULL) {
		if (rename(file->beside, file->path) < 0) {
			r = -errno;
		} else {
			free(file->beside);
			file->beside = NULL;
		}
	}
	outfile_discard(file);
	return r;
}

void outfile_discard(struct outfile *file)
{
	if (file == NULL)
		return;
	if (file->stream != NULL && file->fd >= 0)
		fclose(file->stream);
	if (file->fd >= 0 && file->path != NULL)
		close(file->fd);
	if (file->beside != NULL)
		unlink(file->beside);
	free(file->bytes);
	free(file->beside);
	free(file->path);
	free(file);
}
