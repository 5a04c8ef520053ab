/*
 * The grammar of --size.
 */
#include "bench/mix.h"

#include <errno.h>
#include <string.h>

#include "base/i18n.h"
#include "base/number.h"

#define PIECE_SIZE 24

/* Copies up to one of `ends`; NULL: longer than any number. */
static const char *copy_piece(const char *at, const char *ends, char piece[static PIECE_SIZE])
{
	size_t length = strcspn(at, ends);

	if (length >= PIECE_SIZE)
		return NULL;
	memcpy(piece, at, length);
	piece[length] = '\0';
	return at + length;
}

/* One SIZE[:WEIGHT]; `at` moves behind what could be read. */
static const char *read_one(const char **at, struct load_size *ret_size)
{
	char piece[PIECE_SIZE];
	uint64_t bytes, weight = 1;
	const char *end = copy_piece(*at, ":,", piece);

	if (end == NULL || number_parse_size(piece, 1, LOAD_MOST_MESSAGE_BYTES, &bytes) < 0)
		return _("a size is expected here, such as 64, 16K or 1M (at most 1G)");
	*at = end;
	if (*end == ':') {
		(*at)++;
		end = copy_piece(*at, ",", piece);
		if (end == NULL || number_parse(piece, 1, MIX_MOST_WEIGHT, &weight) < 0)
			return _("how often is expected here, a number from 1 to 1000000");
		*at = end;
	}
	*ret_size = (struct load_size){ (uint32_t)bytes, (uint32_t)weight };
	return NULL;
}

int mix_parse(const char *text, struct load_options *load, size_t *ret_column, const char **ret_why)
{
	struct load_size sizes[LOAD_MOST_SIZES];
	size_t count = 0;
	const char *at = text, *why;

	for (;; at++) {
		why = count == LOAD_MOST_SIZES ? _("these are too many sizes")
					       : read_one(&at, &sizes[count]);
		if (why != NULL)
			break;
		count++;
		if (*at == '\0') {
			memcpy(load->sizes, sizes, count * sizeof(sizes[0]));
			load->size_count = count;
			return 0;
		}
	}
	*ret_column = (size_t)(at - text);
	*ret_why = why;
	return -EINVAL;
}

double mix_mean_bytes(const struct load_options *load)
{
	double bytes = 0, weight = 0;

	for (size_t i = 0; i < load->size_count; i++) {
		bytes += (double)load->sizes[i].bytes * load->sizes[i].weight;
		weight += load->sizes[i].weight;
	}
	return weight > 0 ? bytes / weight : 0;
}

uint32_t mix_most_bytes(const struct load_options *load)
{
	uint32_t most = 0;

	for (size_t i = 0; i < load->size_count; i++)
		most = load->sizes[i].bytes > most ? load->sizes[i].bytes : most;
	return most;
}
