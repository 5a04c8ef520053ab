/*
 * Stop 2: the kernel makes connections, accept() takes them. Chapter: ex12-05 to ex12-07.
 */
#include "tour/stops/tour_table.h"

static const struct tour_step prelude[] = {
	{ SERVER(SOCKET, ON(LISTENER)) },
	{ SERVER(REUSE, ON(LISTENER)) },
	{ SERVER(BIND, ON(LISTENER), .number = TOUR_PORT_SERVER) },
};

static const struct tour_step steps[] = {
	{ SERVER(LISTEN, ON(LISTENER), .number = 5),
		.claims = { IS(0), STATE(LISTENER, LISTEN), QUEUE(0), NO_PACKET },
		.idea = { "상태가 LISTEN으로 바뀌었습니다. 대기열은 비어 있습니다.\n"
			  "백로그 5는 동시에 처리할 요청 수가 아니라, 맺어졌지만 아직 accept()하지 않은\n"
			  "연결이 얼마나 기다릴 수 있는지를 정합니다.",
			"The state is LISTEN now, and the queue is empty.\n"
			"The backlog of 5 is not how many requests are served at once: it says how\n"
			"many finished connections may wait for accept()." },
		.source = { "ex12-05", "listen(sockfd" } },
	{ CLIENT(SOCKET, ON(CLI)), .claims = { IS_DESCRIPTOR, STATE(CLI, CLOSE), NO_PACKET },
		.idea = { "클라이언트는 보통 bind()를 부르지 않습니다.\n"
			  "connect()할 때 커널이 빈 포트를 골라 줍니다.",
			"A client does not usually call bind().\n"
			"The kernel chooses a free port for it in connect()." },
		.source = { "ex12-01c", "= socket(" } },
	{ CLIENT(CONNECT, ON(CLI), .number = TOUR_PORT_SERVER),
		.claims = { IS(0), STATE(CLI, ESTABLISHED), QUEUE(1), CLIENT_SENDS(TOUR_SYN),
			SERVER_SENDS(TOUR_SYN_ACK) },
		.idea = { "서버가 accept()를 부르기 전인데 connect()는 이미 0을 반환했습니다.\n"
			  "3-way 핸드셰이크(SYN, SYN+ACK, ACK)는 서버의 커널이 끝냅니다.\n"
			  "맺어진 연결은 대기열에서 accept()를 기다립니다.",
			"connect() has returned 0, and the server has not called accept() yet.\n"
			"The three-way handshake (SYN, SYN+ACK, ACK) is made by the server's kernel.\n"
			"The connection now waits in the queue." },
		.question = { { "서버가 아직 accept()를 부르지 않았습니다. connect()는?",
				      "the server has not called accept(). connect() ..." },
			{ "1) 거부됨   2) 기다림   3) 0을 반환",
				"1) is refused   2) waits   3) returns 0" },
			3 },
		.source = { "ex12-07", "connect(sockfd" } },
	{ CLIENT(SEND, ON(CLI), .bytes = "hi"),
		.claims = { IS(2), STATE(CONN, ESTABLISHED), TO_READ(CONN, 2),
			CLIENT_SENDS(TOUR_DATA), SERVER_SENDS(TOUR_ACK) },
		.idea = { "수락하지 않은 연결로도 데이터가 갔고, ACK도 왔습니다. 서버 프로그램은 아직\n"
			  "모릅니다. 2바이트는 서버 쪽 커널의 수신 버퍼에 있습니다.\n"
			  "연결에 번호(파일 기술자)가 없을 뿐, 상태는 ESTABLISHED입니다.",
			"The bytes have arrived and were acknowledged (ACK), though the server has\n"
			"not accepted: they are in the buffer of its kernel. The connection is\n"
			"ESTABLISHED, it only has no descriptor yet." },
		.question = { { "accept() 전에 send()하면?", "send() before accept():" },
			{ "1) 오류   2) 기다림   3) 2를 반환",
				"1) an error   2) waits   3) returns 2" },
			3 },
		.source = { "ex12-01c", "send(sockfd" } },
	{ SERVER(ACCEPT, ON(CONN)),
		.claims = { IS_DESCRIPTOR, STATE(CONN, ESTABLISHED), QUEUE(0), NO_PACKET },
		.idea = { "accept()는 맺어진 연결을 대기열에서 꺼내 새 파일 기술자를 줄 뿐입니다.\n"
			  "패킷은 하나도 오가지 않았습니다.\n"
			  "대기 소켓은 그대로 남아 다음 연결을 받습니다.",
			"accept() only takes a finished connection out of the queue and gives it a\n"
			"new descriptor. Not one packet was sent.\n"
			"The listener stays as it was, for the next connection." },
		.question = { { "accept()는 패킷을 몇 개 보낼까요?",
				      "how many packets does accept() send?" },
			{ "1) 0개   2) 1개   3) 3개", "1) none   2) one   3) three" }, 1 },
		.source = { "ex12-06", "= accept(sockfd" } },
	{ SERVER(RECV, ON(CONN), .number = 100), .claims = { IS(2), TO_READ(CONN, 0) },
		.idea = { "먼저 와 있던 2바이트를 받았습니다. recv()는 새 번호로 부릅니다.\n"
			  "대기 소켓으로 recv()하면 ENOTCONN입니다.",
			"The two bytes were there already. recv() takes the new descriptor;\n"
			"with that of the listener it would fail (ENOTCONN)." },
		.source = { "ex12-01s", "recv(sockfd_connect" } },
};

static const struct tour_step no_listen[] = {
	{ CLIENT(SOCKET, ON(CLI)), .claims = { IS_DESCRIPTOR },
		.idea = { "서버는 bind()까지만 하고 listen()을 잊었습니다.",
			"The server has called bind() and forgotten listen()." } },
	{ CLIENT(CONNECT, ON(CLI), .number = TOUR_PORT_SERVER),
		.claims = { IS(-ECONNREFUSED), CLIENT_SENDS(TOUR_SYN), SERVER_SENDS(TOUR_RST) },
		.idea = { "거부되었습니다. 바인드만 한 소켓은 연결을 받지 않으므로\n"
			  "커널이 SYN에 RST로 답합니다.",
			"Refused. A socket that is only bound takes no connections,\n"
			"so the kernel answers the SYN with RST." },
		.question = { { "listen()이 없으면 connect()는?",
				      "without listen(), connect() ..." },
			{ "1) 거부됨   2) 기다림   3) 0을 반환",
				"1) is refused   2) waits   3) returns 0" },
			1 } },
};

static const struct tour_step nobody_accepts[] = {
	{ CLIENT(CROWD, ON(CROWD), .number = 6), .claims = { IS(6), QUEUE(6) },
		.idea = { "여섯 클라이언트가 차례로 연결했고, 서버는 accept()를 부르지 않습니다.\n"
			  "백로그가 5인데 여섯이 기다립니다. 리눅스의 대기열은 백로그보다 하나 더\n"
			  "받습니다.",
			"Six clients have connected, and the server does not call accept().\n"
			"The backlog is 5 and six are waiting: Linux takes one more than that." } },
	{ CLIENT(SOCKET, ON(CLI)), .claims = { IS_DESCRIPTOR },
		.idea = { "일곱째 클라이언트가 옵니다.", "Here comes the seventh." } },
	{ CLIENT(CONNECT, ON(CLI), .number = TOUR_PORT_SERVER),
		.claims = { WAITS(CLIENT), STATE(CLI, SYN_SENT), QUEUE(6), CLIENT_SENDS(TOUR_SYN) },
		.idea = { "일곱째 connect()는 거부되지 않고 기다립니다. 대기열이 가득 차서 서버의\n"
			  "커널이 SYN을 버렸고, 클라이언트의 커널은 1초, 2초, 4초 뒤에 다시 보냅니다.",
			"The seventh connect() is not refused: it waits. The queue is full, so the\n"
			"server's kernel has dropped the SYN; the client's sends it again after\n"
			"1, 2 and 4 seconds." },
		.question = { { "서버가 끝내 accept()하지 않으면 일곱째 connect()는?",
				      "if the server never accepts, connect() no. 7 ..." },
			{ "1) 거부됨   2) 기다림   3) 0을 반환",
				"1) is refused   2) waits   3) returns 0" },
			2 } },
	{ SERVER(ACCEPT, ON(CONN_2)), .claims = { IS_DESCRIPTOR },
		.idea = { "하나를 꺼내 자리가 났습니다. 다음 SYN이 다시 올 때 일곱째도 연결됩니다.\n"
			  "백로그가 작은 서버가 붐비면 연결이 꼭 1초, 3초씩 느려지는 까닭입니다.",
			"One was taken out, and there is room. With its next SYN the seventh gets in.\n"
			"That is why connections to a busy server take just 1 or 3 seconds longer." } },
};

static const struct tour_step backlog_0[] = {
	{ SERVER(LISTEN, ON(LISTENER), .number = 0), .claims = { IS(0), STATE(LISTENER, LISTEN) },
		.idea = { "교과서의 'backlog는 0이 될 수 없다'는 사실이 아닙니다. 오류가 없습니다.",
			"The chapter says that the backlog cannot be 0. It can: there is no error." },
		.question = { { "listen(sockfd, 0)은?", "listen(sockfd, 0) ..." },
			{ "1) 오류   2) 0을 반환", "1) fails   2) returns 0" }, 2 } },
	{ CLIENT(CROWD, ON(CROWD), .number = 1), .claims = { IS(1), QUEUE(1) },
		.idea = { "백로그가 0이어도 연결 하나는 대기열에 들어갑니다.",
			"With a backlog of 0, one connection still gets into the queue." } },
	{ CLIENT(SOCKET, ON(CLI)), .claims = { IS_DESCRIPTOR },
		.idea = { "둘째 클라이언트가 옵니다.", "Here comes the second." } },
	{ CLIENT(CONNECT, ON(CLI), .number = TOUR_PORT_SERVER),
		.claims = { WAITS(CLIENT), STATE(CLI, SYN_SENT), QUEUE(1) },
		.idea = { "둘째는 기다립니다. SYN이 버려졌고, 다시 보내집니다.",
			"The second one waits: its SYN was dropped, and will be sent again." } },
};

const struct tour_stop tour_stop_connect = {
	.name = "connect",
	.title = { "연결을 맺는 것은 누구인가", "Who makes the connection" },
	.chapter = "ex12-05..07",
	.intro = { "서버는 socket()과 bind()까지 마쳤습니다.\n"
		   "connect(), accept(), 커널 중 누가 연결을 맺는지 봅니다.",
		"The server has called socket() and bind().\n"
		"Who makes the connection: connect(), accept(), or the kernel?" },
	.prelude = prelude,
	.prelude_count = TOUR_COUNT(prelude),
	.steps = steps,
	.count = TOUR_COUNT(steps),
	.breaks = { BROKEN(0, no_listen, "listen() 없음", "no listen()"),
		BROKEN(1, nobody_accepts, "accept() 없음", "nobody accepts"),
		BROKEN(0, backlog_0, "백로그 0", "backlog 0") },
	.break_count = 3,
};
