/*
 * Stop 1: what an address is in memory, and what bind() does with it. Chapter: ex12-02, ex12-04.
 */
#include "tour/stops/tour_table.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SWAPPED(port) ((port) >> 8 | ((port)&0xff) << 8)
#else
#define SWAPPED(port) (port)
#endif

static const struct tour_step steps[] = {
	{ SERVER(HTONS, .number = 5000), .claims = { IS(SWAPPED(5000)) },
		.idea = { "5000은 16진수로 1388입니다. 이 컴퓨터는 작은 자리(88)부터 저장하지만\n"
			  "네트워크에서는 큰 자리(13)부터 보냅니다. htons()는 그 순서로 바꿔 줍니다.\n"
			  "바꾼 값을 이 컴퓨터가 그냥 숫자로 읽으면 34835가 됩니다.",
			"5000 is 1388 in hexadecimal. This machine stores the low byte (88) first,\n"
			"the network wants the high byte (13) first. htons() changes the order.\n"
			"Read as a number of this machine, the result is 34835." },
		.question = { { "htons(5000)의 결과를 그냥 숫자로 출력하면?",
				      "what does printf() show for htons(5000)?" },
			{ "1) 5000   2) 34835   3) 0", "1) 5000   2) 34835   3) 0" }, 2 },
		.source = { "ex12-04", "htons(" } },
	{ SERVER(BYTES, .number = TOUR_PORT_SERVER), .claims = { AT_LEAST(1024) },
		.idea = { "sockaddr_in의 앞 8바이트입니다: 주소 계열(AF_INET = 2), 포트, IPv4 주소.\n"
			  "포트와 주소는 네트워크 바이트 순서이고, 주소 계열은 이 컴퓨터의 순서입니다.\n"
			  "sockaddr은 어떤 주소도 담지 않는 공통 틀이며, 인자로 넘길 때만 씁니다.",
			"The first 8 bytes of sockaddr_in: family (AF_INET is 2), port, IPv4 address.\n"
			"Port and address are in network byte order, the family is in this machine's.\n"
			"A plain sockaddr holds no address: it is only the type of the argument." },
		.source = { "ex12-04", "struct sockaddr_in address" } },
	{ SERVER(SOCKET, ON(LISTENER)),
		.claims = { IS_DESCRIPTOR, STATE(LISTENER, CLOSE), NO_PACKET },
		.idea = { "socket()은 커널 안에 소켓을 만들고 파일 기술자(디스크립터)를 반환합니다.\n"
			  "0, 1, 2는 표준 입력, 출력, 오류가 쓰므로 첫 소켓은 보통 3입니다.\n"
			  "아직 주소도 연결도 없습니다.",
			"socket() makes a socket in the kernel and returns its descriptor.\n"
			"0, 1 and 2 are standard input, output and error, so the first one is 3.\n"
			"It has no address and no connection yet." },
		.source = { "ex12-04", "= socket(AF_INET" } },
	{ SERVER(REUSE, ON(LISTENER)), .claims = { IS(0), NO_PACKET },
		.idea = { "SO_REUSEADDR: 이전 실행의 연결이 TIME_WAIT로 남아 있어도 같은 포트에\n"
			  "바인드할 수 있게 합니다. 없으면 서버를 다시 시작할 때 1분쯤 실패합니다.\n"
			  "(x를 눌러 없는 경우를 보십시오.)",
			"SO_REUSEADDR lets bind() have the port although connections of an earlier\n"
			"run are still in TIME_WAIT. Without it a restart fails for a minute.\n"
			"(Press x to see that.)" },
		.source = { "ex12-04", "SO_REUSEADDR" } },
	{ SERVER(BIND, ON(LISTENER), .number = TOUR_PORT_SERVER),
		.claims = { IS(0), STATE(LISTENER, CLOSE), NO_PACKET },
		.idea = { "bind()는 소켓에 주소와 포트를 붙일 뿐, 아무 패킷도 보내지 않습니다.\n"
			  "아직 연결을 받지도 않습니다. 127.0.0.1은 이 컴퓨터 자신이므로\n"
			  "sockaddr_in으로도 같은 시스템 안에서 통신할 수 있습니다.",
			"bind() only gives the socket its address and port; no packet is sent.\n"
			"It does not take connections yet. 127.0.0.1 is this machine itself:\n"
			"sockaddr_in works within one system, too." },
		.question = { { "bind()는 패킷을 몇 개 보낼까요?",
				      "how many packets does bind() send?" },
			{ "1) 0개   2) 1개   3) 3개", "1) none   2) one   3) three" }, 1 },
		.source = { "ex12-04", "bind(sockfd" } },
	{ SERVER(LISTEN, ON(LISTENER), .number = 5),
		.claims = { IS(0), STATE(LISTENER, LISTEN), QUEUE(0), NO_PACKET },
		.idea = { "listen()을 불러야 대기 소켓이 됩니다. 이제부터 커널이 {port}번 포트로 오는\n"
			  "연결 요청에 응답합니다. 5는 백로그입니다. 뜻은 다음 정거장에서 봅니다.",
			"listen() makes it a listener. From now on the kernel answers whoever asks\n"
			"for a connection to port {port}. 5 is the backlog: see the next stop." },
		.source = { "ex12-05", "listen(sockfd" } },
	{ SERVER(NAME, ON(LISTENER)), .claims = { AT_LEAST(1024) },
		.idea = { "getsockname()은 소켓에 정말로 붙은 주소를 알려 줍니다.\n"
			  "포트 0으로 바인드하면 커널이 빈 포트를 고르므로, 그때 꼭 필요합니다.",
			"getsockname() tells the address that the socket really has.\n"
			"You need it after bind() to port 0, where the kernel chooses the port." } },
};

static const struct tour_step no_htons[] = {
	{ SERVER(BIND, ON(LISTENER), .number = TOUR_PORT_RAW), .claims = { IS(0), NO_PACKET },
		.idea = { "sin_port = {port}; 처럼 htons() 없이 넣었습니다. 오류는 없습니다.\n"
			  "그러나 커널은 두 바이트를 네트워크 순서로 읽어 {swapped}번으로 압니다.",
			"sin_port = {port}; without htons(). There is no error.\n"
			"But the kernel reads the two bytes in network order: port {swapped}." },
		.question = { { "htons()를 빠뜨리면 bind()는?", "without htons(), bind() ..." },
			{ "1) 오류를 알림   2) 0을 반환", "1) fails   2) returns 0" }, 2 } },
	{ SERVER(LISTEN, ON(LISTENER), .number = 5), .claims = { IS(0), STATE(LISTENER, LISTEN) },
		.idea = { "서버 쪽에서는 모든 호출이 성공했습니다. 잘못을 알 길이 없습니다.",
			"On the server's side every call has succeeded. Nothing tells the mistake." } },
	{ CLIENT(TRY, .number = TOUR_PORT_SERVER),
		.claims = { IS(-ECONNREFUSED), SERVER_SENDS(TOUR_RST) },
		.idea = { "클라이언트가 {port}번에 연결하면 거부(ECONNREFUSED)됩니다.\n"
			  "그 포트에는 대기 소켓이 없으므로 커널이 RST로 답합니다.",
			"A client that connects to port {port} is refused (ECONNREFUSED).\n"
			"There is no listener, so the kernel answers with RST." } },
	{ CLIENT(TRY, .number = TOUR_PORT_SWAPPED), .claims = { IS(0), SERVER_SENDS(TOUR_SYN_ACK) },
		.idea = { "서버는 {swapped}번에 있었습니다. 클라이언트도 htons()를 빠뜨렸다면\n"
			  "서로 연결되었을 것이고, 잘못은 남이 만든 클라이언트가 올 때 드러납니다.",
			"The server was at port {swapped}. A client that also forgot htons() would\n"
			"have met it: the mistake shows when somebody else's client comes." } },
};

static const struct tour_step low_port[] = {
	{ SERVER(BIND, ON(LISTENER), .number = TOUR_PORT_RAW_1004), .claims = { IS(0) },
		.idea = { "교과서의 ex12-04처럼 1004를 htons() 없이 넣었습니다. 성공합니다.\n"
			  "1004(03ec)의 바이트를 뒤집은 60419(ec03)번이 되었기 때문입니다.",
			"1004 without htons(), as in the chapter's ex12-04. It succeeds,\n"
			"because 1004 (03ec) has become port 60419 (ec03)." } },
	{ SERVER(NAME, ON(LISTENER)), .claims = { IS(SWAPPED(1004)) },
		.idea = { "getsockname()이 보여 줍니다: 60419번. 누구나 쓸 수 있는 포트입니다.",
			"getsockname() shows it: 60419, a port that everybody may have." } },
	{ SERVER(CLOSE, ON(LISTENER)), .claims = { IS(0) },
		.idea = { "이번에는 htons(1004)로 바르게 해 봅시다.",
			"Now with htons(1004), as it should be." } },
	{ SERVER(SOCKET, ON(LISTENER)), .claims = { IS_DESCRIPTOR },
		.idea = { "닫은 번호가 다시 나왔습니다. 커널은 비어 있는 가장 작은 번호를 줍니다.",
			"The same number again: the kernel gives the lowest that is free." } },
	{ SERVER(BIND, ON(LISTENER), .number = 1004),
		.claims = { { TOUR_PRIVILEGED, TOUR_NO_SLOT, -EACCES } },
		.idea = { "EACCES: 1024보다 작은 포트는 root(CAP_NET_BIND_SERVICE)만 쓸 수 있습니다.\n"
			  "htons() 없는 1004가 동작했던 것은 포트가 1004가 아니었기 때문입니다.",
			"EACCES: ports below 1024 need root (CAP_NET_BIND_SERVICE).\n"
			"Without htons() it worked only because the port was not 1004." },
		.question = { { "htons(1004)로 일반 사용자가 bind()하면?",
				      "an ordinary user binds htons(1004):" },
			{ "1) 0   2) EACCES   3) EADDRINUSE", "1) 0   2) EACCES   3) EADDRINUSE" },
			2 } },
};

static const struct tour_step in_use[] = {
	{ SERVER(SOCKET, ON(CONN_2)), .claims = { IS_DESCRIPTOR },
		.idea = { "서버를 하나 더 시작합니다. 포트는 같습니다.",
			"A second server is started, on the same port." } },
	{ SERVER(REUSE, ON(CONN_2)), .claims = { IS(0) },
		.idea = { "SO_REUSEADDR도 켭니다. 이것이 포트를 나눠 쓰게 할까요?",
			"It has SO_REUSEADDR, too. Does that let two servers share a port?" } },
	{ SERVER(BIND, ON(CONN_2), .number = TOUR_PORT_SERVER),
		.claims = { IS(-EADDRINUSE), NO_PACKET },
		.idea = { "EADDRINUSE: 대기 소켓이 살아 있는 포트는 SO_REUSEADDR로도 얻을 수 없습니다.\n"
			  "그 옵션은 TIME_WAIT만 남은 포트를 허용할 뿐입니다.",
			"EADDRINUSE: a port with a living listener cannot be had even so.\n"
			"The option only overlooks TIME_WAIT." },
		.question = { { "SO_REUSEADDR를 켠 둘째 서버의 bind()는?",
				      "bind() of the second server, with SO_REUSEADDR:" },
			{ "1) 0   2) EADDRINUSE", "1) 0   2) EADDRINUSE" }, 2 } },
};

static const struct tour_step no_reuse[] = {
	{ CLIENT(SOCKET, ON(CLI)), .claims = { IS_DESCRIPTOR },
		.idea = { "클라이언트 하나를 상대하고 끝내는 서버를 흉내 냅니다.",
			"As a server that serves one client and ends." } },
	{ CLIENT(CONNECT, ON(CLI), .number = TOUR_PORT_SERVER),
		.claims = { IS(0), STATE(CLI, ESTABLISHED) },
		.idea = { "연결되었습니다.", "Connected." } },
	{ SERVER(ACCEPT, ON(CONN)), .claims = { IS_DESCRIPTOR },
		.idea = { "수락했습니다.", "Accepted." } },
	{ SERVER(CLOSE, ON(CONN)),
		.claims = { IS(0), STATE(CONN, FIN_WAIT2), SERVER_SENDS(TOUR_FIN) },
		.idea = { "서버가 먼저 close()합니다(FIN).", "The server closes first (FIN)." } },
	{ CLIENT(CLOSE, ON(CLI)),
		.claims = { IS(0), STATE(CONN, TIME_WAIT), CLIENT_SENDS(TOUR_FIN) },
		.idea = { "양쪽이 모두 종료했습니다. 먼저 종료한 서버 쪽에 TIME_WAIT가 1분 남습니다.",
			"Both have closed. The server closed first, so TIME_WAIT stays on its side\n"
			"for a minute." } },
	{ SERVER(CLOSE, ON(LISTENER)), .claims = { IS(0), STATE(CONN, TIME_WAIT) },
		.idea = { "서버 프로그램이 끝났습니다. TIME_WAIT는 커널에 그대로 있습니다.",
			"The server has ended. TIME_WAIT is still in the kernel." } },
	{ SERVER(SOCKET, ON(LISTENER)), .claims = { IS_DESCRIPTOR },
		.idea = { "곧바로 다시 시작합니다. 이번에는 SO_REUSEADDR가 없습니다.",
			"It is started again at once, without SO_REUSEADDR." } },
	{ SERVER(BIND, ON(LISTENER), .number = TOUR_PORT_SERVER),
		.claims = { IS(-EADDRINUSE), STATE(CONN, TIME_WAIT) },
		.idea = { "EADDRINUSE: 남아 있는 TIME_WAIT 때문에 1분 동안 바인드할 수 없습니다.",
			"EADDRINUSE: because of that TIME_WAIT, bind() fails for a minute." },
		.question = { { "서버를 곧바로 다시 시작하면 bind()는?",
				      "restarted at once, bind() ..." },
			{ "1) 0   2) EADDRINUSE", "1) returns 0   2) fails: EADDRINUSE" }, 2 } },
	{ SERVER(REUSE, ON(LISTENER)), .claims = { IS(0) },
		.idea = { "이제 옵션을 켜고 다시 해 봅니다.", "Now with the option." } },
	{ SERVER(BIND, ON(LISTENER), .number = TOUR_PORT_SERVER),
		.claims = { IS(0), STATE(CONN, TIME_WAIT) },
		.idea = { "성공했습니다. TIME_WAIT는 여전히 있지만 방해하지 않습니다.",
			"That succeeds. TIME_WAIT is still there, and no longer in the way." } },
};

const struct tour_stop tour_stop_address = {
	.name = "address",
	.title = { "주소와 바이트 순서", "Addresses and byte order" },
	.chapter = "ex12-02, ex12-04",
	.intro = { "한 프로그램 안에서 서버와 클라이언트가 실제 소켓 호출을 하나씩 실행합니다.\n"
		   "Enter를 누르면 \">\"가 가리키는 호출이 실행됩니다. 예상은 번호로 답하십시오.\n"
		   "먼저 서버의 주소를 만듭니다.",
		"A server and a client in one program make real socket calls, one at a time.\n"
		"Enter makes the call behind the arrow. Answer a guess with its number.\n"
		"First, the server's address." },
	.steps = steps,
	.count = TOUR_COUNT(steps),
	.breaks = { BROKEN(4, no_htons, "htons() 없음", "no htons()"),
		BROKEN(4, low_port, "1004번 포트", "port 1004"),
		BROKEN(6, in_use, "쓰이는 포트", "port in use"),
		BROKEN(6, no_reuse, "SO_REUSEADDR 없음", "no SO_REUSEADDR") },
	.break_count = 4,
};
