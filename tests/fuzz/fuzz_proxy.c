/*
 * The begin of a stream from anywhere: a header is read within its bytes and its length, what is shorter says so,
 * and what follows a header changes nothing of it. What is written of it again is read as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/proxy_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static enum proxy_verdict read_copy(
	const uint8_t *bytes, size_t length, struct proxy_header *ret_header)
{
	enum proxy_fault fault = PROXY_NO_FAULT;
	uint8_t *copy = malloc(length > 0 ? length : 1); /* so that its end is guarded */
	enum proxy_verdict verdict;

	memcpy(copy, bytes, length);
	verdict = proxy_read(copy, length, ret_header, &fault);
	ASSERT((verdict == PROXY_WRONG) == (fault != PROXY_NO_FAULT));
	free(copy);
	return verdict;
}

static void check_text(const struct proxy_text *text, size_t length)
{
	ASSERT(text->bytes == NULL || text->length < length);
}

static void check_written(const struct proxy_header *header)
{
	unsigned char buffer[PROXY_WRITE_SIZE];
	struct proxy_header again;
	enum proxy_fault fault;
	size_t length;

	if (header->kind != PROXY_CLIENT)
		return;
	for (enum proxy_version version = PROXY_V1; version <= PROXY_V2; version++) {
		length = proxy_write(version, &header->source, &header->destination, buffer);
		ASSERT(length <= PROXY_WRITE_SIZE);
		ASSERT(proxy_read(buffer, length, &again, &fault) == PROXY_WHOLE);
		ASSERT(again.length == length);
		ASSERT(version == PROXY_V1 || again.kind == PROXY_CLIENT);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct proxy_header header = { 0 }, shorter;
	enum proxy_verdict verdict = read_copy(bytes, length, &header);

	if (verdict != PROXY_WHOLE)
		return 0;
	ASSERT(header.length <= length && header.length <= PROXY_MOST_BYTES);
	ASSERT(proxy_has_begun(bytes, length));
	ASSERT(read_copy(bytes, header.length, &shorter) == PROXY_WHOLE);
	ASSERT(shorter.length == header.length && shorter.kind == header.kind);
	for (size_t cut = 0; cut < header.length && cut < 300; cut++)
		ASSERT(read_copy(bytes, cut, &shorter) == PROXY_MORE);
	check_text(&header.alpn, header.length);
	check_text(&header.authority, header.length);
	check_text(&header.unique_id, header.length);
	check_text(&header.netns, header.length);
	check_text(&header.tls_version, header.length);
	check_text(&header.tls_name, header.length);
	check_text(&header.tls_cipher, header.length);
	check_written(&header);
	return 0;
}
