/*
 * Stop 4: how a connection ends: FIN, end of file, half-close, TIME_WAIT. Chapter: ex12-09.
 */
#include "tour/stops/tour_table.h"

static const struct tour_step prelude[] = { CONNECTED_PAIR };

static const struct tour_step steps[] = {
	{ CLIENT(SEND, ON(CLI), .bytes = "bye\n"), .claims = { IS(4), TO_READ(CONN, 4) },
		.idea = { "클라이언트가 마지막 메시지를 보냈습니다.",
			"The client has sent its last message." },
		.source = { "ex12-09c", "send(sockfd" } },
	{ CLIENT(SHUTDOWN, ON(CLI)),
		.claims = { IS(0), CLIENT_SENDS(TOUR_FIN), STATE(CLI, FIN_WAIT2),
			STATE(CONN, CLOSE_WAIT) },
		.idea = { "shutdown(SHUT_WR)은 보내기만 종료합니다(half-close). FIN이 갔습니다.\n"
			  "클라이언트는 FIN_WAIT2, 서버 쪽은 CLOSE_WAIT가 되었습니다.\n"
			  "클라이언트는 아직 받을 수 있습니다.",
			"shutdown(SHUT_WR) ends sending only: a half-close. The FIN has gone.\n"
			"The client is in FIN_WAIT2, the server's side in CLOSE_WAIT.\n"
			"The client can still receive." },
		.source = { "ex12-09c", "shutdown(sockfd" } },
	{ SERVER(RECV, ON(CONN), .number = 100), .claims = { IS(4), TO_READ(CONN, 0) },
		.idea = { "FIN이 이미 왔어도 먼저 온 바이트부터 받습니다.\n"
			  "스트림의 순서는 지켜집니다.",
			"The FIN is there already, but the bytes before it come first.\n"
			"A stream keeps its order." },
		.question = { { "데이터 4바이트와 FIN이 와 있습니다. recv()는?",
				      "4 bytes and a FIN have come. recv() gives" },
			{ "1) 0   2) 4   3) -1", "1) 0   2) 4   3) -1" }, 2 },
		.source = { "ex12-09s", "recv(sockfd" } },
	{ SERVER(RECV, ON(CONN), .number = 100), .claims = { IS(0), STATE(CONN, CLOSE_WAIT) },
		.idea = { "0은 EOF입니다: 상대가 보내기를 종료했고(FIN), 더 올 것이 없습니다.\n"
			  "오류가 아니며, 빈 메시지도 아닙니다.",
			"0 is the end of file: the peer has ended sending (FIN), no more will come.\n"
			"It is neither an error nor an empty message." },
		.source = { "ex12-09s", "!= 0" } },
	{ SERVER(SEND, ON(CONN), .bytes = "bye\n"),
		.claims = { IS(4), TO_READ(CLI, 4), SIGPIPES(0) },
		.idea = { "상대는 보내기만 종료했으므로 서버는 계속 보낼 수 있습니다.\n"
			  "에코 서버는 EOF 뒤에도 남은 것을 모두 돌려보내야 합니다.",
			"The peer has ended sending only, so the server may still send.\n"
			"An echo server must send back everything, after the end of file, too." },
		.question = { { "EOF를 받은 서버가 send()하면?",
				      "the server sends after the end of file:" },
			{ "1) EPIPE   2) 4를 반환", "1) EPIPE   2) returns 4" }, 2 },
		.source = { "ex12-09s", "send(sockfd" } },
	{ CLIENT(RECV, ON(CLI), .number = 100), .claims = { IS(4) },
		.idea = { "half-close한 클라이언트가 나머지를 받았습니다.\n"
			  "close()를 했다면 받을 수 없었을 것입니다.",
			"The half-closed client has received the rest.\n"
			"After close() it could not have." },
		.source = { "ex12-09c", "recv(sockfd" } },
	{ SERVER(CLOSE, ON(CONN)),
		.claims = { IS(0), SERVER_SENDS(TOUR_FIN), NO_STATE(CONN), STATE(CLI, TIME_WAIT) },
		.idea = { "서버도 FIN을 보냈습니다. 나중에 종료한 서버 쪽에는 아무것도 남지 않고,\n"
			  "먼저 종료한 클라이언트 쪽이 TIME_WAIT가 되었습니다.",
			"The server has sent its FIN, too. It closed last, and nothing stays on its\n"
			"side; the client closed first, and is in TIME_WAIT." },
		.question = { { "TIME_WAIT는 어느 쪽에 남을까요?",
				      "on which side does TIME_WAIT stay?" },
			{ "1) 서버   2) 클라이언트   3) 양쪽", "1) server   2) client   3) both" },
			2 },
		.source = { "ex12-09s", "close(sockfd_connect" } },
	{ CLIENT(RECV, ON(CLI), .number = 100), .claims = { IS(0) },
		.idea = { "이번에는 클라이언트가 0(EOF)을 받았습니다.",
			"Now the client sees the end of file: 0." },
		.source = { "ex12-09c", "recv(sockfd" } },
	{ CLIENT(CLOSE, ON(CLI)), .claims = { IS(0), STATE(CLI, TIME_WAIT), NO_PACKET },
		.idea = { "파일 기술자는 없어졌지만 TIME_WAIT는 커널에 1분 동안 남습니다.\n"
			  "늦게 도착한 패킷이 같은 번호의 새 연결로 들어가지 않게 하려는 것입니다.",
			"The descriptor is gone; TIME_WAIT stays in the kernel for a minute, so that\n"
			"late packets do not get into a new connection with the same numbers." },
		.source = { "ex12-09c", "close(sockfd)" } },
};

static const struct tour_step zero_ignored[] = {
	{ SERVER(RECV, ON(CONN), .number = 100), .claims = { IS(4) },
		.idea = { "서버는 결과가 -1인지만 봅니다: if (got < 0) break;",
			"The server only looks for -1: if (got < 0) break;" } },
	{ SERVER(RECV_LOOP, ON(CONN), .number = 1000), .claims = { IS(1000) },
		.idea = { "recv()를 천 번 불렀고 천 번 모두 곧바로 0이었습니다. 0을 확인하지 않는\n"
			  "서버는 CPU를 100% 쓰면서 영원히 돕니다.",
			"recv() was called a thousand times and gave 0 each time, at once.\n"
			"A server that does not look for 0 loops for ever, at 100% of a processor." },
		.question = { { "EOF 뒤에 recv()를 또 부르면?",
				      "recv() once more after the end of file:" },
			{ "1) 기다림   2) 또 0   3) -1", "1) waits   2) 0 again   3) -1" }, 2 } },
};

static const struct tour_step unread[] = {
	{ SERVER(CLOSE, ON(CONN)), .claims = { IS(0), SERVER_SENDS(TOUR_RST) },
		.idea = { "수신 버퍼에 읽지 않은 4바이트가 있는 채로 close()했습니다.\n"
			  "커널은 FIN 대신 RST를 보냅니다: 데이터가 버려졌다는 뜻입니다.",
			"close() with four bytes unread: the kernel sends RST and not FIN,\n"
			"which says that data was thrown away." },
		.question = { { "읽지 않은 바이트를 남기고 close()하면 무엇이 갈까요?",
				      "close() with bytes unread sends ..." },
			{ "1) FIN   2) RST", "1) FIN   2) RST" }, 2 } },
	{ CLIENT(RECV, ON(CLI), .number = 100), .claims = { IS(-ECONNRESET) },
		.idea = { "클라이언트는 EOF가 아니라 ECONNRESET을 받습니다. 서버가 먼저 보낸 응답이\n"
			  "있었어도 함께 사라질 수 있습니다.",
			"The client gets ECONNRESET and not the end of file. An answer that was on\n"
			"its way may be lost with it." } },
};

static const struct tour_step never_closed[] = {
	{ SERVER(RECV, ON(CONN), .number = 100), .claims = { IS(4) },
		.idea = { "서버는 받고...", "The server receives ..." } },
	{ SERVER(RECV, ON(CONN), .number = 100), .claims = { IS(0), STATE(CONN, CLOSE_WAIT) },
		.idea = { "EOF도 보았지만 close()를 잊고 다음 클라이언트를 기다립니다.",
			"... sees the end of file, forgets close() and waits for the next client." } },
	{ CLIENT(RECV, ON(CLI), .number = 100),
		.claims = { WAITS(CLIENT), STATE(CLI, FIN_WAIT2), STATE(CONN, CLOSE_WAIT) },
		.idea = { "클라이언트는 오지 않을 FIN을 기다립니다. 서버의 CLOSE_WAIT는 close()할\n"
			  "때까지 없어지지 않습니다. 쌓이면 파일 기술자가 바닥납니다(EMFILE).",
			"The client waits for a FIN that never comes. CLOSE_WAIT stays until the\n"
			"server calls close(); in the end it runs out of descriptors (EMFILE)." } },
};

const struct tour_stop tour_stop_ending = {
	.name = "ending",
	.title = { "끝내기", "Ending" },
	.chapter = "ex12-09",
	.intro = { "서버와 클라이언트가 연결되어 있습니다.\n"
		   "연결 종료(FIN)가 어떻게 보이고, 무엇이 남는지 봅니다.",
		"Server and client are connected.\n"
		"What does the end of a connection (FIN) look like, and what stays?" },
	.prelude = prelude,
	.prelude_count = TOUR_COUNT(prelude),
	.steps = steps,
	.count = TOUR_COUNT(steps),
	.breaks = { BROKEN(2, zero_ignored, "0을 확인하지 않음", "0 not looked at"),
		BROKEN(1, unread, "읽지 않고 close()", "close() unread"),
		BROKEN(2, never_closed, "close() 없음", "no close()") },
	.break_count = 3,
};
