/*
 * Runs a fuzzer's function over saved inputs, without libFuzzer: each file of the folder named by the
 * argument is one test (TAP). The function asserts by itself; what fails aborts, and the last line
 * names the file.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = NULL;
	size_t length = 0, room = 0;

	if (file == NULL)
		return -1;
	for (size_t n = 1; n > 0; length += n) {
		if (length == room) {
			room = room == 0 ? 4096 : 2 * room;
			bytes = realloc(bytes, room);
			if (bytes == NULL)
				abort();
		}
		n = fread(bytes + length, 1, room - length, file);
	}
	fclose(file);

	/* A block of exactly this length, so that a sanitizer sees the first byte read too far. */
	uint8_t *exact = malloc(length > 0 ? length : 1);

	if (exact == NULL)
		abort();
	for (size_t i = 0; i < length; i++)
		exact[i] = bytes[i];
	LLVMFuzzerTestOneInput(exact, length);
	free(exact);
	free(bytes);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	int failed = 0;
	int count = argc == 2 ? scandir(argv[1], &entries, is_input, alphasort) : -1;

	if (count <= 0) {
		printf("Bail out! no inputs in %s\n", argc == 2 ? argv[1] : "(no folder given)");
		return 1;
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("1..%d\n", count);
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
		printf("# %s\n", entries[i]->d_name);
		int r = replay(path);

		printf("%s %d - %s\n", r == 0 ? "ok" : "not ok", i + 1, entries[i]->d_name);
		failed += r != 0;
		free(entries[i]);
	}
	free(entries);
	return failed > 0;
}
