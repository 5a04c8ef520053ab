/*
 * A file that is written whole or not at all.
 *
 * A new file and an ordinary file are written beside their place, under a name that begins with a
 * dot, and renamed once all is on its way to the disk: a reader sees the old content or the new,
 * never half. Everything else is written in place: a device, a pipe, the target of a symbolic link,
 * a file with several names, and a file in a folder where nothing can be created. Of these, a file
 * with content is overwritten only when all of the new content is known: until outfile_commit() it
 * is kept in memory.
 *
 * "-" is standard output. The reason why it cannot be written is reported once, by main(): see
 * outfile_flush_stdout().
 *
 * One thread at a time. The owner ends it with outfile_commit() or outfile_discard().
 */
#pragma once

#include <stdio.h>

struct outfile;

/*
 * -errno of open(2), or -ENOMEM. Opens before anything is measured, so that a bad path is reported
 * early.
 */
int outfile_open(const char *path, struct outfile **ret_file);

/* To be written with stdio; owned by the file. Has no descriptor (fileno(3) is -1). */
FILE *outfile_stream(struct outfile *file);

/*
 * Ends and frees the file. With `r` 0 the content becomes the file; with `r` below 0 (an error of
 * its writer) it is discarded. Returns 0, the reason of the first write that failed (ENOSPC and not
 * the EIO that stdio leaves of it), or `r`; 0 if standard output failed. NULL is fine.
 */
int outfile_commit(struct outfile *file, int r);

/*
 * Flushes standard output. 0, or the reason of the first write that failed since the program began,
 * as far as it can be known: stdio forgets it (-EIO then). Use it instead of fflush(stdout).
 */
int outfile_flush_stdout(void);

/*
 * Writes to any stream, as fwrite(3). 0, or the reason of the failure; 0 also if standard output
 * failed: then outfile_flush_stdout() has the reason.
 */
int outfile_put(FILE *stream, const char *bytes, size_t length);

/* As outfile_flush_stdout() for any stream: another stream than standard output is only flushed. */
void outfile_flush(FILE *stream);

/*
 * Frees the file; the place keeps its old content, or what was already written in place. NULL is
 * fine.
 */
void outfile_discard(struct outfile *file);
