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

struct outfile {
	FILE *stream;
	char *path;
	char *beside; /* NULL: written in place */
	int fd;
	int error; /* the first -errno of a write, or 0 */
};

static ssize_t put(void *cookie, const char *bytes, size_t length)
{
	struct outfile *file = cookie;
	size_t done = 0;

	while (done < length && file->error == 0) {
		ssize_t n = write(file->fd, bytes + done, length - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			file->error = n == 0 ? -ENOSPC : -errno;
	}
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
		snprintf(file->beside, size, "%.*s.%s.%08x", (int)(name - file->path), file->path,
			name, (unsigned)clock_now_ns() + i);
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
	file->fd = open(file->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	return file->fd >= 0 ? 0 : -errno;
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
		file->stream = stdout;
		*ret_file = file;
		return 0;
	}
	file->path = strdup(path);
	if (file->path == NULL)
		goto fail;
	r = open_by_kind(file);
	if (r < 0)
		goto fail;

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
	static int first_error;

	if (fflush(stdout) != 0 && first_error == 0)
		first_error = -errno;
	return first_error != 0 ? first_error : ferror(stdout) ? -EIO : 0;
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
	if (file->fd < 0) { /* standard output */
		file->stream = NULL;
		return outfile_flush_stdout();
	}

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

	if (written < 0)
		r = written;
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
	if (file->fd >= 0)
		close(file->fd);
	if (file->beside != NULL)
		unlink(file->beside);
	free(file->beside);
	free(file->path);
	free(file);
}
