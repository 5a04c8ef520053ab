/*
 * base/outfile: the old content or the new, never half; what is no ordinary file stays what it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/outfile.h"

static char folder[] = "/tmp/test_outfile.XXXXXX";

static const char *place(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void expect_text(const char *path, const char *text)
{
	char found[64] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_true(fread(found, 1, sizeof(found) - 1, file) == strlen(text));
	fclose(file);
	assert_string_equal(found, text);
}

static void expect_files(unsigned count)
{
	char command[160];
	unsigned found;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", folder);
	FILE *pipe = popen(command, "r");

	assert_int_equal(fscanf(pipe, "%u", &found), 1);
	pclose(pipe);
	assert_int_equal(found, count);
}

static struct outfile *begin(const char *path, const char *text)
{
	struct outfile *file;

	assert_int_equal(outfile_open(path, &file), 0);
	fputs(text, outfile_stream(file));
	return file;
}

static void new_file_appears_whole(void **state)
{
	const char *path = place("new");
	struct outfile *file = begin(path, "half");

	fflush(outfile_stream(file));
	assert_int_equal(access(path, F_OK), -1);
	fputs(" and half", outfile_stream(file));
	assert_int_equal(outfile_commit(file, 0), 0);
	expect_text(path, "half and half");
	unlink(path);
	expect_files(0);
}

static void old_content_stays_until_commit(void **state)
{
	const char *path = place("old");
	struct stat status;

	write_text(path, "old");
	chmod(path, 0640);

	struct outfile *file = begin(path, "new");

	fflush(outfile_stream(file));
	expect_text(path, "old");
	outfile_discard(file);
	expect_text(path, "old");
	assert_int_equal(outfile_commit(begin(path, "bad"), -EILSEQ), -EILSEQ);
	expect_text(path, "old");
	expect_files(1);
	assert_int_equal(outfile_commit(begin(path, "new"), 0), 0);
	expect_text(path, "new");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	unlink(path);
	expect_files(0);
}

static void links_are_written_through(void **state)
{
	char target[128];
	struct stat status;

	strcpy(target, place("target"));
	write_text(target, "old, and long");

	const char *path = place("link");

	assert_int_equal(symlink("target", path), 0);
	assert_int_equal(outfile_commit(begin(path, "new"), 0), 0);
	assert_int_equal(lstat(path, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	expect_text(target, "new");
	unlink(path);

	/* Of a file with two names, both go on being the same file. */
	assert_int_equal(link(target, path), 0);
	assert_int_equal(outfile_commit(begin(path, "both"), 0), 0);
	expect_text(target, "both");
	unlink(path);
	unlink(target);
	expect_files(0);
}

/* A file that is written in place, because it has two names. */
static void in_place_old_content_stays_until_commit(void **state)
{
	char second[128];

	strcpy(second, place("second"));

	const char *path = place("first");

	write_text(path, "old, and long");
	assert_int_equal(link(path, second), 0);

	struct outfile *file = begin(path, "new");

	for (int i = 0; i < 10000; i++)
		fputs("more than any buffer holds", outfile_stream(file));
	fflush(outfile_stream(file));
	expect_text(path, "old, and long");
	outfile_discard(file);
	expect_text(second, "old, and long");
	assert_int_equal(outfile_commit(begin(path, "bad"), -EILSEQ), -EILSEQ);
	expect_text(path, "old, and long");
	assert_int_equal(outfile_commit(begin(path, "new"), 0), 0);
	expect_text(second, "new");
	unlink(path);
	unlink(second);
	expect_files(0);
}

static void long_names_are_written_beside_too(void **state)
{
	char path[512], name[256];

	memset(name, 'x', 255);
	name[255] = '\0';
	snprintf(path, sizeof(path), "%s/%s", folder, name);

	struct outfile *file = begin(path, "half");

	fflush(outfile_stream(file));
	assert_int_equal(access(path, F_OK), -1);
	outfile_discard(file);
	expect_files(0);
	assert_int_equal(outfile_commit(begin(path, "whole"), 0), 0);
	expect_text(path, "whole");
	unlink(path);
}

static void standard_output_keeps_its_reason(void **state)
{
	int own = dup(STDOUT_FILENO), full = open("/dev/full", O_WRONLY);
	struct outfile *file;
	int committed, put, flushed;

	if (full < 0)
		skip();
	fflush(stdout);
	dup2(full, STDOUT_FILENO);
	assert_int_equal(outfile_open("-", &file), 0);
	for (int i = 0; i < 10000; i++)
		fputs("more than any buffer holds", outfile_stream(file));
	committed = outfile_commit(file, -EIO); /* main() says it once */
	put = outfile_put(stdout, (char[1 << 20]){ 0 }, 1 << 20);
	flushed = outfile_flush_stdout();
	dup2(own, STDOUT_FILENO);
	clearerr(stdout);
	close(own);
	close(full);
	assert_int_equal(committed, 0);
	assert_int_equal(put, 0);
	assert_int_equal(flushed, -ENOSPC);
}

static void devices_and_pipes_stay(void **state)
{
	const char *path = place("pipe");
	struct stat status;
	char byte;

	assert_int_equal(mkfifo(path, 0600), 0);
	int reader = open(path, O_RDONLY | O_NONBLOCK);

	assert_int_equal(outfile_commit(begin(path, "x"), 0), 0);
	assert_int_equal(read(reader, &byte, 1), 1);
	close(reader);
	assert_int_equal(lstat(path, &status), 0);
	assert_true(S_ISFIFO(status.st_mode));
	unlink(path);

	if (access("/dev/null", W_OK) == 0) {
		assert_int_equal(outfile_commit(begin("/dev/null", "x"), 0), 0);
		assert_int_equal(lstat("/dev/null", &status), 0);
		assert_true(S_ISCHR(status.st_mode));
	}
}

static void full_disk_is_reported_as_such(void **state)
{
	struct outfile *file;

	if (access("/dev/full", W_OK) < 0)
		skip();
	assert_int_equal(outfile_open("/dev/full", &file), 0);
	for (int i = 0; i < 10000; i++)
		fputs("more than any buffer holds", outfile_stream(file));
	assert_int_equal(outfile_commit(file, -EIO), -ENOSPC);
}

static void bad_paths_are_reported_at_once(void **state)
{
	struct outfile *file;

	assert_int_equal(outfile_open(place("missing/file"), &file), -ENOENT);
	assert_int_equal(outfile_open(folder, &file), -EISDIR);
	assert_int_equal(outfile_commit(NULL, 0), 0);
	outfile_discard(NULL);

	const char *path = place("mine");

	write_text(path, "old");
	chmod(path, 0400);
	if (geteuid() != 0) {
		assert_int_equal(outfile_open(path, &file), -EACCES);
		expect_text(path, "old");
	}
	unlink(path);
	expect_files(0);
}

static int make_folder(void **state)
{
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_file_appears_whole),
		cmocka_unit_test(old_content_stays_until_commit),
		cmocka_unit_test(links_are_written_through),
		cmocka_unit_test(in_place_old_content_stays_until_commit),
		cmocka_unit_test(long_names_are_written_beside_too),
		cmocka_unit_test(devices_and_pipes_stay),
		cmocka_unit_test(standard_output_keeps_its_reason),
		cmocka_unit_test(full_disk_is_reported_as_such),
		cmocka_unit_test(bad_paths_are_reported_at_once),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
