/*
 * ex12-02: an address as text, as a number, and as text again.
 *
 * An IPv4 address is one number of 32 bits. It travels with its most significant byte first, so
 * that it must be turned with ntohl() before it can be taken apart by shifting.
 *
 * The chapter's listing asked inet_addr(), which answers an error with the very number that is
 * 255.255.255.255, and inet_ntoa(), which answers in one static buffer that the next call
 * overwrites. inet_pton() says yes or no beside its result, and inet_ntop() writes where it is
 * told. What inet_addr() would have said is shown on stderr.
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

	/* 1: an address, 0: not an address, -1: no such family (then errno tells). */
	if (inet_pton(AF_INET, text, &address) != 1) {
		printf("invalid: %s\n", text);
		return;
	}
	number = ntohl(address.s_addr);
	printf("valid: %u.%u.%u.%u\n", number >> 24 & 255, number >> 16 & 255, number >> 8 & 255,
		number & 255);
}

/*
 * The chapter shifts the number as it lies in memory. Its lowest octet is the address's first on a
 * little-endian machine only; on a big-endian one this prints 1.0.0.197.
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
	char text[INET_ADDRSTRLEN]; /* room for the longest, 255.255.255.255, and its final 0 */

	setvbuf(stdout, NULL, _IOLBF, 0);

	show_octets("197.0.0.1");
	show_octets("300.0.0.1"); /* no octet holds more than 255 */

	if (inet_pton(AF_INET, "197.0.0.1", &address) != 1 ||
		!inet_ntop(AF_INET, &address, text, sizeof(text)))
		return EXIT_FAILURE;
	printf("%s\n", text);

	show_chapters_order("197.0.0.1");
	compare("197.0.0.1");
	compare("300.0.0.1");
	compare("255.255.255.255"); /* the broadcast address: inet_addr() cannot say so */
	compare("0177.1"); /* 127.0.0.1 in old octal shorthand: a surprise in any access list */
	return EXIT_SUCCESS;
}
