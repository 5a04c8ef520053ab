/*
 * ex12-02: an address as text, as a number, and as text again.
 *
 * An IPv4 address is one number of 32 bits. It is sent with its most significant byte first.
 * ntohl() puts it into this machine's order; after that it can be taken apart by shifting.
 *
 * The chapter uses inet_addr(). Its result for an error is also the number of 255.255.255.255. And
 * it uses inet_ntoa(), which writes into one static buffer that its next call overwrites.
 * inet_pton() returns success apart from the address, and inet_ntop() writes into the caller's
 * buffer. What inet_addr() returns is shown on stderr.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void show_octets(const char *text)
{
	struct in_addr address;
	uint32_t number;

	/* 1: an address; 0: not an address; -1: an unknown family (see errno). */
	if (inet_pton(AF_INET, text, &address) != 1) {
		printf("invalid: %s\n", text);
		return;
	}
	number = ntohl(address.s_addr);
	printf("valid: %u.%u.%u.%u\n", number >> 24 & 255, number >> 16 & 255, number >> 8 & 255,
		number & 255);
}

/*
 * The chapter shifts the number as it lies in memory, from the lowest byte on. This order is right
 * on a little-endian machine only; a big-endian one prints 1.0.0.197.
 */
static void show_chapters_order(const char *text)
{
	uint32_t number = inet_addr(text);

	fprintf(stderr, "without ntohl(), lowest octet first: %u.%u.%u.%u\n", number & 255,
		number >> 8 & 255, number >> 16 & 255, number >> 24 & 255);
}

static void compare(const char *text)
{
	struct in_addr address;

	fprintf(stderr, "%-15s inet_addr(): %-8s inet_pton(): %s\n", text,
		inet_addr(text) == INADDR_NONE ? "an error" : "fine",
		inet_pton(AF_INET, text, &address) == 1 ? "fine" : "an error");
}

int main(void)
{
	struct in_addr address;
	char text[INET_ADDRSTRLEN]; /* room for 255.255.255.255 and the final NUL */

	setvbuf(stdout, NULL, _IOLBF, 0);

	show_octets("197.0.0.1");
	show_octets("300.0.0.1"); /* an octet is at most 255 */

	if (inet_pton(AF_INET, "197.0.0.1", &address) != 1 ||
		!inet_ntop(AF_INET, &address, text, sizeof(text)))
		return EXIT_FAILURE;
	printf("%s\n", text);

	show_chapters_order("197.0.0.1");
	compare("197.0.0.1");
	compare("300.0.0.1");
	compare("255.255.255.255"); /* the broadcast address: inet_addr() cannot return it */
	compare("0177.1"); /* 127.0.0.1 in old octal shorthand */
	return EXIT_SUCCESS;
}
