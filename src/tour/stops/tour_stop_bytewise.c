/*
 * Stop 6: the chapter's loop of one byte costs 44 ms a line: Nagle's algorithm and delayed ACKs. Chapter:
 * ex12-08. The first of two lines is always fast (tour_call.h).
 */
#include "tour/stops/tour_table.h"

/* What Linux delays an ACK by is 40 ms at least; all else on loopback is far below. */
#define DELAYED_MS 30
#define AT_ONCE_MS 25

static const struct tour_step prelude[] = {
	CONNECTED_PAIR,
};

static const struct tour_step steps[] = {
	{ SERVER(ECHO, ON(CONN), .number = 1), .claims = { WAITS(SERVER) },
		.idea = { "교과서의 서버처럼 1바이트를 받고 1바이트를 보내는 일을 되풀이합니다.\n"
			  "지금은 첫 바이트를 기다립니다.",
			"Like the chapter's server: receive one byte, send one byte, again and again.\n"
			"It waits for the first one." },
		.source = { "ex12-08", "recv(sockfd" } },
	{ CLIENT(LINE, ON(CLI)),
		.claims = { IS(26), RETURNS(SERVER, 26), SLOW(DELAYED_MS), SERVER_SENDS(TOUR_DATA),
			CLIENT_SENDS(TOUR_ACK) },
		.idea = { "둘째 줄부터 느립니다. 첫 바이트의 ACK가 올 때까지 커널은 나머지 작은 조각을\n"
			  "붙잡아 둡니다(Nagle 알고리즘). 받는 쪽은 ACK를 40 ms 늦춥니다(지연 ACK).\n"
			  "시스템 호출이 13배여서 느린 것이 아니라, 서로 기다려서 느린 것입니다.",
			"The second line is slow. Until the first byte's ACK comes, the kernel keeps the\n"
			"small pieces (Nagle); the receiver waits 40 ms with that ACK (delayed ACK).\n"
			"Not the 13 times more calls are slow: each side waits for the other." },
		.question = { { "둘째 줄(13바이트)이 돌아오는 데 걸리는 시간은?",
				      "how long until the second line of 13 bytes is back?" },
			{ "1) 0.1 ms 미만   2) 1 ms쯤   3) 40 ms 이상",
				"1) below 0.1 ms   2) about 1 ms   3) above 40 ms" },
			3 },
		.source = { "ex12-10c", "send(sockfd" } },
	{ SERVER(ECHO, ON(CONN), .number = 4096), .claims = { WAITS(SERVER) },
		.idea = { "이번에는 버퍼로 받습니다: recv(..., 4096, 0).",
			"Now with a buffer: recv(..., 4096, 0)." },
		.source = { "ex12-08", "recv(sockfd" } },
	{ CLIENT(LINE, ON(CLI)),
		.claims = { IS(26), RETURNS(SERVER, 26), FAST(AT_ONCE_MS),
			SERVER_SENDS(TOUR_DATA) },
		.idea = { "한 줄이 한 번에 돌아왔습니다. 작은 조각이 없으니 기다릴 것도 없습니다.\n"
			  "메시지를 모아서 한 번에 보내는 것이 가장 좋은 방법입니다.",
			"A line comes back at once: without small pieces nothing waits.\n"
			"To send a message with one call is the best way." },
		.source = { "ex12-08", "send(sockfd" } },
	{ SERVER(NODELAY, ON(CONN)), .claims = { IS(0) },
		.idea = { "TCP_NODELAY는 Nagle 알고리즘을 끕니다.",
			"TCP_NODELAY turns Nagle's algorithm off." } },
	{ SERVER(ECHO, ON(CONN), .number = 1), .claims = { WAITS(SERVER) },
		.idea = { "다시 한 바이트씩 돌려보냅니다.", "One byte at a time once more." } },
	{ CLIENT(LINE, ON(CLI)), .claims = { IS(26), RETURNS(SERVER, 26), FAST(AT_ONCE_MS) },
		.idea = { "한 바이트씩이지만 빠릅니다. 대신 한 줄에 패킷이 13개이고, 패킷마다 헤더\n"
			  "40바이트가 붙습니다. 그래서 버퍼로 보내는 편이 더 낫습니다.",
			"Fast, though byte by byte. But a line is 13 packets, each with 40 bytes of\n"
			"headers. That is why a buffer is better." },
		.question = { { "TCP_NODELAY를 켜고 한 바이트씩 보내면?",
				      "byte by byte with TCP_NODELAY:" },
			{ "1) 여전히 40 ms 이상   2) 1 ms 안팎",
				"1) still above 40 ms   2) about 1 ms" },
			2 } },
};

static const struct tour_step quickack[] = {
	{ SERVER(ECHO, ON(CONN), .number = 1), .claims = { WAITS(SERVER) },
		.idea = { "서버는 그대로 한 바이트씩입니다.",
			"The server stays as it is: byte by byte." } },
	{ CLIENT(QUICK_LINE, ON(CLI)), .claims = { IS(26), RETURNS(SERVER, 26), FAST(AT_ONCE_MS) },
		.idea = { "클라이언트가 recv() 앞마다 TCP_QUICKACK(옵션 12)으로 ACK를 곧바로 보내게\n"
			  "했습니다. 기다림의 다른 반쪽을 없앤 것입니다. 이 옵션은 저절로 꺼지므로\n"
			  "매번 켜야 하고, 리눅스에만 있습니다.",
			"Before each recv() the client has set TCP_QUICKACK (option 12): its ACK goes\n"
			"at once, so the other half of the waiting is gone. The option turns itself\n"
			"off again, and only Linux has it." } },
};

const struct tour_stop tour_stop_bytewise = {
	.name = "bytewise",
	.title = { "한 바이트씩 보내면 왜 느린가", "Why one byte at a time is slow" },
	.chapter = "ex12-08",
	.intro = { "연결되어 있습니다. 클라이언트가 두 줄을 보내고 에코를 받는 시간을 잽니다.\n"
		   "첫 줄은 늘 빠릅니다. 새 연결이나 한동안 조용하던 연결은 처음에는 ACK를\n"
		   "늦추지 않기 때문입니다.",
		"They are connected. The client sends two lines, and the time is measured until\n"
		"they are back. The first line is always fast: a connection that is new, or was\n"
		"silent for a while, does not delay its ACKs at first." },
	.prelude = prelude,
	.prelude_count = TOUR_COUNT(prelude),
	.steps = steps,
	.count = TOUR_COUNT(steps),
	.breaks = { BROKEN(0, quickack, "TCP_QUICKACK", "TCP_QUICKACK") },
	.break_count = 1,
};
