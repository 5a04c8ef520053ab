/*
 * Stop 8: several clients: one at a time, a thread for each, poll(). Chapter: ex12-06, ex12-10.
 */
#include "tour/stops/tour_table.h"

static const struct tour_step prelude[] = {
	LISTENING_SERVER,
	{ CLIENT(SOCKET, ON(CLI)) },
	{ CLIENT(SOCKET, ON(CLI_2)) },
};

static const struct tour_step steps[] = {
	{ CLIENT(CONNECT, ON(CLI), .number = TOUR_PORT_SERVER), .claims = { IS(0), QUEUE(1) },
		.idea = { "첫째 클라이언트가 연결했습니다.", "The first client has connected." },
		.source = { "ex12-07", "connect(sockfd" } },
	{ CLIENT_2(CONNECT, ON(CLI_2), .number = TOUR_PORT_SERVER), .claims = { IS(0), QUEUE(2) },
		.idea = { "둘째도 연결했습니다. 대기열에 둘이 있습니다.",
			"So has the second. Two are in the queue." },
		.source = { "ex12-07", "connect(sockfd" } },
	{ SERVER(ACCEPT, ON(CONN)), .claims = { IS_DESCRIPTOR, QUEUE(1) },
		.idea = { "먼저 온 연결부터 나옵니다. 둘째는 대기열에 남아 있습니다.",
			"The one that came first is taken first. The second stays in the queue." },
		.source = { "ex12-06", "= accept(sockfd" } },
	{ CLIENT_2(SEND, ON(CLI_2), .bytes = "second\n"), .claims = { IS(7), TO_READ(CONN_2, 7) },
		.idea = { "둘째가 먼저 보냈습니다. 바이트는 커널의 수신 버퍼에 있습니다.",
			"The second client sends first. Its bytes wait in the kernel." } },
	{ SERVER(RECV, ON(CONN), .number = 100),
		.claims = { WAITS(SERVER), TO_READ(CONN_2, 7), QUEUE(1) },
		.idea = { "서버는 아무것도 보내지 않는 첫째를 기다립니다. 둘째의 데이터는 와 있지만\n"
			  "읽는 스레드가 없습니다. 교과서의 서버는 한 번에 하나만 상대합니다.",
			"The server waits for the first client, which is silent. The second one's\n"
			"data is there, and nobody reads it: one client at a time." },
		.question = { { "첫째 클라이언트가 아무것도 보내지 않으면 둘째의 에코는?",
				      "the first client is silent. The second one's echo ..." },
			{ "1) 곧 옴   2) 첫째가 보내거나 종료할 때까지 오지 않음",
				"1) comes   2) comes when the first sends or closes" },
			2 },
		.source = { "ex12-08", "recv(sockfd" } },
	{ SERVER_2(ACCEPT, ON(CONN_2)), .claims = { IS_DESCRIPTOR, QUEUE(0), WAITS(SERVER) },
		.idea = { "해결 1: 스레드. 다른 스레드가 accept()하여 둘째를 맡습니다.\n"
			  "첫 스레드는 여전히 recv()에서 기다립니다.",
			"One way out is a thread: another one calls accept() and takes the second\n"
			"client. The first thread still waits in recv()." },
		.source = { "ex12-10s", "pthread_create" } },
	{ SERVER_2(RECV, ON(CONN_2), .number = 100), .claims = { IS(7), WAITS(SERVER) },
		.idea = { "둘째가 곧바로 처리됩니다. 클라이언트마다 스레드 하나, 이해하기 쉽지만\n"
			  "클라이언트가 수만이면 스레드도 수만입니다.",
			"The second client is served at once. A thread for each client is easy to\n"
			"understand; ten thousand clients are ten thousand threads." },
		.source = { "ex12-10s", "recv(sockfd" } },
	{ CLIENT(SEND, ON(CLI), .bytes = "first\n"), .claims = { IS(6), RETURNS(SERVER, 6) },
		.idea = { "첫째가 보내자 기다리던 recv()가 반환했습니다.",
			"The first client sends, and the recv() that waited has returned." } },
	{ CLIENT_2(SEND, ON(CLI_2), .bytes = "again\n"), .claims = { IS(6), TO_READ(CONN_2, 6) },
		.idea = { "둘째가 또 보냈습니다. 스레드 없이 알 수 있을까요?",
			"The second client has sent again. Can one know without threads?" } },
	{ SERVER(POLL), .claims = { IS(2), TO_READ(CONN_2, 6) },
		.idea = { "해결 2: poll(). 여러 소켓을 한꺼번에 기다리고, 읽을 수 있는 것을 알려 줍니다.\n"
			  "그 소켓의 recv()는 기다리지 않습니다. meari serve는 이런 방식(epoll, io_uring)\n"
			  "으로 수만 클라이언트를 상대합니다.",
			"The other way out is poll(): it waits for several sockets at once and says\n"
			"which can be read; a recv() there will not wait. meari serve does so for\n"
			"ten thousands of clients, with epoll or io_uring." },
		.question = { { "poll()은 두 소켓 중 어느 쪽을 알릴까요?",
				      "which socket does poll() name?" },
			{ "1) 첫째   2) 둘째", "1) the first   2) the second" }, 2 },
		.source = { "ex12-10c", "poll(" } },
};

static const struct tour_step slow_in_front[] = {
	{ CLIENT_2(RECV, ON(CLI_2), .number = 100), .claims = { WAITS(CLIENT_2), WAITS(SERVER) },
		.idea = { "둘째 클라이언트는 오지 않는 에코를 기다립니다.",
			"The second client waits for an echo that does not come." } },
	{ CLIENT(CLOSE, ON(CLI)), .claims = { IS(0), RETURNS(SERVER, 0), CLIENT_SENDS(TOUR_FIN) },
		.idea = { "첫째가 종료한 뒤에야 서버의 recv()가 0을 반환했습니다. 느린 클라이언트 하나가\n"
			  "모두를 세울 수 있습니다.",
			"The server's recv() returns (0) only when the first client has closed.\n"
			"One slow client can stop all others." } },
};

static const struct tour_step fork_without_close[] = {
	{ SERVER(CHILD_HOLD), .claims = { AT_LEAST(1), NO_PACKET },
		.idea = { "서버가 fork()했습니다. 자식도 같은 소켓의 파일 기술자를 가집니다.",
			"The server has called fork(): the child has the descriptors, too." } },
	{ SERVER(CLOSE, ON(CONN)), .claims = { IS(0), NO_PACKET, STATE(CONN, ESTABLISHED) },
		.idea = { "서버가 close()했지만 FIN이 가지 않았습니다. 자식이 아직 열고 있기 때문입니다.\n"
			  "마지막 파일 기술자가 닫혀야 연결이 종료됩니다.",
			"The server has closed, and no FIN was sent: the child still has the socket.\n"
			"A connection ends when its last descriptor is closed." },
		.question = { { "자식이 소켓을 가진 채 부모가 close()하면?",
				      "the parent closes, the child has the socket, too:" },
			{ "1) FIN이 감   2) 아무 패킷도 없음",
				"1) a FIN is sent   2) no packet at all" },
			2 } },
	{ CLIENT(RECV, ON(CLI), .number = 100), .claims = { WAITS(CLIENT) },
		.idea = { "클라이언트는 EOF를 받지 못하고 기다립니다. fork() 뒤에는 부모와 자식이\n"
			  "각자 쓰지 않는 소켓을 닫아야 합니다.",
			"The client waits and sees no end of file. After fork() both must close\n"
			"the sockets that they do not use." } },
	{ SERVER(CHILD_KILL), .claims = { IS(0), RETURNS(CLIENT, 0), SERVER_SENDS(TOUR_FIN) },
		.idea = { "자식이 끝나자 마지막 파일 기술자가 닫혔고, FIN이 가고, recv()가 0을\n"
			  "반환했습니다.",
			"With the child's end the last descriptor is closed: FIN, and recv() gives 0." } },
};

static const struct tour_step no_descriptors[] = {
	{ SERVER(LIMIT), .claims = { IS(0) },
		.idea = { "열 수 있는 파일 기술자의 수를 지금만큼으로 제한했습니다.",
			"No more descriptors may be open than now." } },
	{ SERVER(ACCEPT, ON(CONN_2)), .claims = { IS(-EMFILE), QUEUE(1) },
		.idea = { "EMFILE: 번호가 없어 accept()가 실패했습니다. 연결은 대기열에 그대로 있으므로\n"
			  "곧바로 다시 부르면 또 실패합니다. 이때 쉬지 않고 되풀이하는 서버가 많습니다.",
			"EMFILE: accept() fails for want of a descriptor. The connection stays in the\n"
			"queue, so accept() fails again at once: many servers spin here." },
		.question = { { "accept()가 EMFILE로 실패하면 그 연결은?",
				      "accept() fails with EMFILE. The connection ..." },
			{ "1) 끊김   2) 대기열에 남음", "1) is cut off   2) stays in the queue" },
			2 } },
	{ SERVER(CLOSE, ON(CONN)), .claims = { IS(0) },
		.idea = { "첫째 연결을 닫아 번호 하나가 비었습니다.",
			"The first connection is closed: one descriptor is free." } },
	{ SERVER(ACCEPT, ON(CONN_2)), .claims = { IS_DESCRIPTOR, QUEUE(0) },
		.idea = { "이제 수락됩니다. 기다리던 클라이언트는 아무것도 몰랐습니다.",
			"Now it is accepted. The client that waited has not noticed anything." } },
};

const struct tour_stop tour_stop_many = {
	.name = "many",
	.title = { "여럿을 상대하기", "Many clients" },
	.chapter = "ex12-06, ex12-10",
	.intro = { "서버 하나에 클라이언트가 둘입니다. 대기 소켓은 준비되어 있습니다.",
		"One server, two clients. The listener is ready." },
	.prelude = prelude,
	.prelude_count = TOUR_COUNT(prelude),
	.steps = steps,
	.count = TOUR_COUNT(steps),
	.breaks = { BROKEN(5, slow_in_front, "앞에 느린 클라이언트", "slow client in front"),
		BROKEN(3, fork_without_close, "fork() 뒤 close() 없음", "fork() without close()"),
		BROKEN(3, no_descriptors, "파일 기술자 부족", "no descriptors left") },
	.break_count = 3,
};
