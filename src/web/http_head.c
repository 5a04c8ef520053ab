/*
 * Every answer forbids caches to keep it, other sites to read it, and browsers to guess what it is.
 */
#include "web/http_head.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

const char *http_head_reason(unsigned status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 414: return "URI Too Long";
	case 421: return "Misdirected Request";
	case 431: return "Request Header Fields Too Large";
	case 503: return "Service Unavailable";
	default: return "Error";
	}
}

/* "Sun, 06 Nov 1994 08:49:37 GMT": in English whatever the locale is, so not by strftime(3). */
static void write_date(uint64_t wall_ns, char *text, size_t size)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		"Sep", "Oct", "Nov", "Dec" };
	time_t seconds = (time_t)(wall_ns / CLOCK_NS_PER_S);
	struct tm when = { 0 };

	gmtime_r(&seconds, &when);
	snprintf(text, size, "%s, %02d %s %d %02d:%02d:%02d GMT", days[when.tm_wday % 7],
		when.tm_mday, months[when.tm_mon % 12], when.tm_year + 1900, when.tm_hour,
		when.tm_min, when.tm_sec);
}

size_t http_head_write(const struct http_head *head, char *buffer)
{
	char date[64], length[64] = "";

	write_date(head->wall_ns, date, sizeof(date));
	if (head->length == HTTP_HEAD_CHUNKED)
		strcpy(length, "Transfer-Encoding: chunked\r\n");
	else if (head->length != HTTP_HEAD_TO_THE_END)
		snprintf(length, sizeof(length), "Content-Length: %llu\r\n",
			(unsigned long long)head->length);
	return (size_t)snprintf(buffer, HTTP_HEAD_MOST_BYTES,
		"HTTP/1.1 %u %s\r\nDate: %s\r\nServer: meari\r\nContent-Type: %s\r\n%s"
		"Connection: %s\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
		"Cross-Origin-Resource-Policy: same-origin\r\n%s%s\r\n",
		head->status, http_head_reason(head->status), date, head->type, length,
		head->keeps_alive ? "keep-alive" : "close",
		head->status == 405 ? "Allow: GET, HEAD\r\n" : "",
		head->fields != NULL ? head->fields : "");
}
