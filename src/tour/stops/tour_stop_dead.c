/*
 * Stop 7: a peer that is dead: RST, ECONNRESET once, EPIPE and SIGPIPE. Chapter: ex12-09, ex12-10. The
 * handler of SIGPIPE counts; what the signal does by default is shown by other processes.
 */
#include <signal.h>

#include "tour/stops/tour_table.h"

static const struct tour_step prelude[] = { CONNECTED_PAIR };

static const struct tour_step steps[] = {
	{ CLIENT(SEND, ON(CLI), .bytes = "hello world!\n"), .claims = { IS(13), TO_READ(CONN, 13) },
		.idea = { "클라이언트가 한 줄을 보냈습니다.", "The client has sent a line." },
		.source = { "dying-client", "send(client" } },
	{ SERVER(RECV, ON(CONN), .number = 100), .claims = { IS(13), TO_READ(CONN, 0) },
		.idea = { "서버가 받았습니다. 이제 에코를 보내려는데...",
			"The server has received it, and is going to echo ..." },
		.source = { "dying-client", "recv(server" } },
	{ CLIENT(LINGER, ON(CLI)), .claims = { IS(0), NO_PACKET },
		.idea = { "SO_LINGER를 0초로 하면 close()가 FIN 대신 RST를 보냅니다.\n"
			  "비정상 종료를 흉내 내는 방법입니다.",
			"With SO_LINGER of 0 seconds close() sends RST and not FIN:\n"
			"a way to make a client die." },
		.source = { "dying-client", "SO_LINGER" } },
	{ CLIENT(CLOSE, ON(CLI)),
		.claims = { IS(0), CLIENT_SENDS(TOUR_RST), STATE(CONN, CLOSE), SIGPIPES(0) },
		.idea = { "RST가 왔습니다. 서버 쪽 상태는 곧바로 CLOSE가 되었지만, 시그널은 오지\n"
			  "않았습니다. 프로그램은 다음 호출에서야 알게 됩니다.",
			"RST has come. The server's side is in CLOSE at once, but there was no\n"
			"signal: the program learns of it with its next call." },
		.source = { "dying-client", "close(client" } },
	{ SERVER(SEND, ON(CONN), .bytes = "hello world!\n"),
		.claims = { IS(-ECONNRESET), SIGPIPES(0), NO_PACKET },
		.idea = { "첫 호출은 ECONNRESET입니다. SIGPIPE는 아직 없습니다.\n"
			  "소켓에 적혀 있던 오류를 한 번 알려 주고 지웠기 때문입니다.",
			"The first call gives ECONNRESET, and there is no SIGPIPE yet:\n"
			"the error that was noted at the socket has been told, once." },
		.question = { { "RST를 받은 뒤 첫 send()는?", "the first send() after the RST:" },
			{ "1) 13   2) ECONNRESET   3) EPIPE와 SIGPIPE",
				"1) 13   2) ECONNRESET   3) EPIPE and SIGPIPE" },
			2 },
		.source = { "ex12-09s", "send(sockfd" } },
	{ SERVER(SEND, ON(CONN), .bytes = "hello world!\n"),
		.claims = { IS(-EPIPE), SIGPIPES(1), NO_PACKET },
		.idea = { "둘째 send()는 EPIPE이고 SIGPIPE 시그널이 왔습니다. 이 둘러보기는 세기만\n"
			  "합니다. 원래 동작은 프로세스 종료입니다(x로 확인하십시오).",
			"The second send() gives EPIPE, and the signal SIGPIPE has come. The tour only\n"
			"counts it; by default it ends the process (press x to see that)." },
		.source = { "ex12-09s", "send(sockfd" } },
	{ SERVER(RECV, ON(CONN), .number = 100), .claims = { IS(0), SIGPIPES(1) },
		.idea = { "recv()는 0을 반환하고 SIGPIPE는 늘지 않았습니다. 교과서의 '송신이나 수신을\n"
			  "시도하면 SIGPIPE'는 사실이 아닙니다. SIGPIPE는 보낼 때만 발생합니다.",
			"recv() gives 0, and no SIGPIPE came. The chapter says that sending or\n"
			"receiving raises SIGPIPE: only sending does." },
		.question = { { "이제 recv()를 부르면?", "and recv() now?" },
			{ "1) EPIPE와 SIGPIPE   2) 0   3) 기다림",
				"1) EPIPE and SIGPIPE   2) 0   3) it waits" },
			2 },
		.source = { "dying-client", "recv(server" } },
	{ SERVER(SEND, ON(CONN), .bytes = "hello world!\n", .flags = MSG_NOSIGNAL),
		.claims = { IS(-EPIPE), SIGPIPES(1) },
		.idea = { "MSG_NOSIGNAL: EPIPE는 그대로이고 시그널만 없습니다. 보낼 때마다 쓰거나,\n"
			  "signal(SIGPIPE, SIG_IGN)을 한 번 부릅니다.\n"
			  "recv()에서는 이 플래그가 아무 일도 하지 않습니다.",
			"MSG_NOSIGNAL: EPIPE as before, but no signal. Use it with each send(), or call\n"
			"signal(SIGPIPE, SIG_IGN) once.\n"
			"In recv() the flag does nothing." },
		.source = { "dying-client", "MSG_NOSIGNAL" } },
};

static const struct tour_step default_signal[] = {
	{ SERVER(CHILD_SEND, ON(CONN)), .claims = { IS(SIGPIPE) },
		.idea = { "SIGPIPE를 그대로 둔 서버(자식 프로세스)가 같은 소켓으로 send()했고, 그\n"
			  "시그널로 죽었습니다. 클라이언트 하나 때문에 서버 전체가 끝났습니다.",
			"A server with SIGPIPE as it is by default, in a process of its own, has called\n"
			"send() and died of the signal: all of it, because of one client." },
		.question = { { "SIGPIPE를 그대로 두고 보내면 서버는?",
				      "a server that does nothing about SIGPIPE ..." },
			{ "1) EPIPE를 받음   2) 죽음", "1) gets EPIPE   2) dies" }, 2 },
		.source = { "dying-client", "SIGPIPE)" } },
};

static const struct tour_step handler[] = {
	{ SERVER(CHILD_HANDLER, ON(CONN)), .claims = { IS(257) },
		.idea = { "교과서의 처리기는 exit()를 부릅니다. 서버는 시그널로 죽지 않지만, 결국\n"
			  "끝납니다(상태 1). 다른 클라이언트들도 모두 끊깁니다.",
			"The chapter's handler calls exit(). The server does not die of the signal,\n"
			"but it ends (status 1), and all other clients are cut off with it." } },
};

static const struct tour_step killed[] = {
	{ SERVER(CHILD_CLIENT), .claims = { AT_LEAST(1), QUEUE(1) },
		.idea = { "클라이언트를 다른 프로세스로 시작했습니다. 연결하고 \"hi\"를 보냈습니다.",
			"A client in a process of its own has connected and sent \"hi\"." } },
	{ SERVER(ACCEPT, ON(CONN_2)), .claims = { IS_DESCRIPTOR },
		.idea = { "서버가 수락했습니다.", "The server has accepted." } },
	{ SERVER(RECV, ON(CONN_2), .number = 100), .claims = { IS(2) },
		.idea = { "\"hi\"를 받았습니다. 이제 그 프로세스를 SIGKILL로 죽입니다.",
			"\"hi\" has come. Now that process is killed by SIGKILL." } },
	{ CLIENT(CHILD_KILL),
		.claims = { IS(0), CLIENT_SENDS(TOUR_FIN), STATE(CONN_2, CLOSE_WAIT) },
		.idea = { "프로세스가 죽으면 그쪽 커널이 소켓을 닫고 FIN을 보냅니다. 곧바로 알 수\n"
			  "있습니다. 알 수 없는 것은 상대 컴퓨터의 전원이나 네트워크가 끊긴 때이며,\n"
			  "그때는 SO_KEEPALIVE나 시간 제한이 필요합니다.",
			"When a process dies, its kernel closes the sockets and sends FIN: that is\n"
			"noticed at once. What is not noticed is a machine without power or a cable\n"
			"pulled out; for these there are SO_KEEPALIVE and time limits." },
		.question = { { "상대 프로세스가 SIGKILL로 죽으면 무엇이 올까요?",
				      "the peer's process is killed. What comes?" },
			{ "1) 아무것도   2) FIN이나 RST", "1) nothing   2) FIN or RST" }, 2 } },
	{ SERVER(RECV, ON(CONN_2), .number = 100), .claims = { IS(0) },
		.idea = { "정상 종료와 똑같이 0(EOF)입니다.",
			"The end of file, 0, as if it had closed." } },
};

static const struct tour_step after_fin[] = {
	{ CLIENT(CLOSE, ON(CLI)),
		.claims = { IS(0), CLIENT_SENDS(TOUR_FIN), STATE(CONN, CLOSE_WAIT) },
		.idea = { "클라이언트가 보통대로 close()했습니다(FIN).",
			"The client has closed properly (FIN)." } },
	{ SERVER(SEND, ON(CONN), .bytes = "hello world!\n"),
		.claims = { IS(13), SERVER_SENDS(TOUR_DATA), CLIENT_SENDS(TOUR_RST), SIGPIPES(0) },
		.idea = { "13을 반환했습니다! 서버는 상대가 보내기만 종료했는지 아예 닫았는지 모릅니다.\n"
			  "데이터가 도착하자 받을 소켓이 없다고 상대 커널이 RST로 답했습니다.",
			"It gave 13! The server cannot know whether its peer has only ended sending.\n"
			"When the data came, there was no socket for it: RST." },
		.question = { { "닫은 클라이언트에게 보내는 첫 send()는?",
				      "the first send() to a client that has closed:" },
			{ "1) 13   2) ECONNRESET   3) EPIPE", "1) 13   2) ECONNRESET   3) EPIPE" },
			1 } },
	{ SERVER(SEND, ON(CONN), .bytes = "hello world!\n"), .claims = { IS(-EPIPE), SIGPIPES(1) },
		.idea = { "둘째 send()에서 EPIPE와 SIGPIPE입니다.\n"
			  "첫 send()의 결과가 13이어도 도착했다는 뜻은 아닙니다.",
			"The second send() gives EPIPE and SIGPIPE.\n"
			"That the first gave 13 does not mean that anything has arrived." } },
};

const struct tour_stop tour_stop_dead = {
	.name = "dead",
	.title = { "죽은 상대에게 보내기", "Sending to a dead peer" },
	.chapter = "ex12-09, ex12-10",
	.intro = { "서버와 클라이언트가 연결되어 있습니다.\n"
		   "클라이언트가 갑자기 사라지면 서버의 호출들이 무엇을 반환하는지 봅니다.",
		"Server and client are connected.\n"
		"The client suddenly goes. What do the server's calls give?" },
	.prelude = prelude,
	.prelude_count = TOUR_COUNT(prelude),
	.steps = steps,
	.count = TOUR_COUNT(steps),
	.breaks = { BROKEN(5, default_signal, "SIGPIPE 기본 동작", "SIGPIPE by default"),
		BROKEN(5, handler, "교과서의 처리기", "chapter's handler"),
		BROKEN(0, killed, "SIGKILL", "SIGKILL"),
		BROKEN(2, after_fin, "FIN 뒤의 send()", "send() after FIN") },
	.break_count = 4,
};
