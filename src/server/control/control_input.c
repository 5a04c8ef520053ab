/*
 * Words and not JSON: a person with nc(1) can type them, and there is next to nothing to parse.
 */
#include "server/control/control_input.h"

#include <string.h>

static const char *const words[] = {
#define WORD(request, word) word,
	CONTROL_INPUT_EACH(WORD)
#undef WORD
		NULL,
};

const char *control_input_word(enum control_request request)
{
	return words[request];
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

static enum control_request find(const char *line, size_t length)
{
	unsigned request = 0;

	while (words[request] != NULL &&
		(strlen(words[request]) != length || memcmp(words[request], line, length) != 0))
		request++;
	return request;
}

/* Ends the line that is there. False: it is empty. */
static bool take_line(struct control_input *input, enum control_request *ret_request)
{
	size_t length = input->length;
	bool too_long = input->too_long;

	while (length > 0 && is_blank(input->line[length - 1]))
		length--;
	input->length = 0;
	input->too_long = false;
	if (length == 0 && !too_long)
		return false;
	*ret_request = too_long ? CONTROL_REQUEST_UNKNOWN : find(input->line, length);
	return true;
}

size_t control_input_read(struct control_input *input, const char *bytes, size_t length,
	bool *ret_complete, enum control_request *ret_request)
{
	*ret_complete = false;
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '\n') {
			*ret_complete = take_line(input, ret_request);
			if (*ret_complete)
				return i + 1;
		} else if (input->length < sizeof(input->line)) {
			input->line[input->length++] = bytes[i];
		} else {
			input->too_long = true;
		}
	}
	return length;
}

bool control_input_end(struct control_input *input, enum control_request *ret_request)
{
	return take_line(input, ret_request);
}
