/*
 * Stop 3: the first conversation; TCP is a stream of bytes. Chapter: ex12-01, ex12-08.
 */
#include "tour/stops/tour_table.h"

static const struct tour_step prelude[] = { CONNECTED_PAIR };

static const struct tour_step steps[] = {
	{ SERVER(RECV, ON(CONN), .number = 100), .claims = { WAITS(SERVER), NO_PACKET },
		.idea = { "받을 것이 없으므로 recv()가 기다립니다(블로킹).\n"
			  "프로세스는 잠들어 있고, CPU를 쓰지 않습니다.",
			"There is nothing to receive, so recv() waits.\n"
			"The thread sleeps in the kernel and takes no processor time." },
		.source = { "ex12-01s", "recv(sockfd_connect" } },
	{ CLIENT(SEND, ON(CLI), .bytes = "A"),
		.claims = { IS(1), RETURNS(SERVER, 1), CLIENT_SENDS(TOUR_DATA),
			SERVER_SENDS(TOUR_ACK) },
		.idea = { "1바이트가 도착하자 기다리던 recv()가 1을 반환했습니다.\n"
			  "100바이트까지 받겠다고 했지만 100바이트를 기다리지는 않습니다.",
			"One byte came, and the recv() that waited has returned 1.\n"
			"100 is the most that it takes, not what it waits for." },
		.question = { { "1바이트만 왔습니다. recv(..., 100, 0)은?",
				      "one byte has come. recv(..., 100, 0) ..." },
			{ "1) 99바이트를 더 기다림   2) 1을 반환",
				"1) waits for 99 more   2) returns 1" },
			2 },
		.source = { "ex12-01c", "send(sockfd" } },
	{ SERVER(SEND, ON(CONN), .bytes = "B"),
		.claims = { IS(1), TO_READ(CLI, 1), SERVER_SENDS(TOUR_DATA) },
		.idea = { "send()는 커널의 송신 버퍼에 복사하고 바로 돌아옵니다. 1을 반환했다고\n"
			  "상대 프로그램이 읽은 것은 아닙니다. 지금은 클라이언트의 수신 버퍼에 있습니다.",
			"send() copies into the kernel's buffer and returns. That it gave 1 does not\n"
			"mean that the other program has read: the byte is in the client's buffer." },
		.source = { "ex12-01s", "send(sockfd_connect" } },
	{ CLIENT(RECV, ON(CLI), .number = 100), .claims = { IS(1), TO_READ(CLI, 0) },
		.idea = { "A를 보내고 B를 받았습니다. 교과서의 첫 예제와 같습니다.",
			"A was sent and B received, as in the chapter's first example." },
		.source = { "ex12-01c", "recv(sockfd" } },
	{ CLIENT(SEND, ON(CLI), .bytes = "안녕"), .claims = { IS(6), TO_READ(CONN, 6) },
		.idea = { "send()가 반환하는 것은 글자 수가 아니라 바이트 수입니다.\n"
			  "UTF-8에서 한글 한 글자는 3바이트이므로 '안녕'은 6입니다.",
			"send() counts bytes, not letters.\n"
			"In UTF-8 a Korean syllable has three bytes, so these two are six." },
		.question = { { "send()가 '안녕'을 보내고 반환하는 값은?",
				      "send() of the two Korean syllables returns ..." },
			{ "1) 2   2) 4   3) 6", "1) 2   2) 4   3) 6" }, 3 },
		.source = { "ex12-08", "send(sockfd" } },
	{ CLIENT(SEND, ON(CLI), .bytes = "!!\n"), .claims = { IS(3), TO_READ(CONN, 9) },
		.idea = { "서버의 수신 버퍼에 9바이트가 이어져 있습니다.\n"
			  "여기까지가 첫째 send(), 여기부터 둘째라는 표시는 없습니다.",
			"Nine bytes are in the server's buffer, one behind the other.\n"
			"Nothing says where the first send() ended and the second began." },
		.source = { "ex12-08", "send(sockfd" } },
	{ SERVER(RECV, ON(CONN), .number = 100), .claims = { IS(9), TO_READ(CONN, 0) },
		.idea = { "send() 두 번이 recv() 한 번으로 왔습니다. TCP는 경계 없는 스트림입니다.\n"
			  "메시지의 끝은 프로그램이 정합니다. 교과서의 서버는 줄바꿈(\\n)으로 정합니다.\n"
			  "반대로 send() 한 번이 recv() 여러 번이 될 수도 있습니다.",
			"Two send() came out of one recv(): TCP is a stream without boundaries.\n"
			"Where a message ends is the program's business, here the newline.\n"
			"One send() may also come out of several recv()." },
		.question = { { "send()를 두 번(6, 3) 했습니다. recv(..., 100, 0)은?",
				      "two send() of 6 and 3 bytes. recv(..., 100, 0) gives" },
			{ "1) 6   2) 9   3) 100", "1) 6   2) 9   3) 100" }, 2 },
		.source = { "ex12-08", "recv(sockfd" } },
	{ SERVER(SEND, ON(CONN), .bytes = "안녕!!\n"), .claims = { IS(9), TO_READ(CLI, 9) },
		.idea = { "받은 9바이트를 그대로 돌려보냈습니다. 이것이 에코입니다.",
			"The nine bytes that came were sent back. That is an echo." },
		.source = { "ex12-08", "send(sockfd" } },
};

static const struct tour_step one_byte[] = {
	{ SERVER(RECV, ON(CONN), .number = 1), .claims = { IS(1), TO_READ(CONN, 5) },
		.idea = { "1바이트만 받았습니다. \\xec는 '안'의 첫 바이트일 뿐, 글자가 아닙니다.",
			"One byte only: \\xec is the first third of a syllable, not a letter." } },
	{ SERVER(RECV, ON(CONN), .number = 1), .claims = { IS(1), TO_READ(CONN, 4) },
		.idea = { "\\x95: 둘째 바이트입니다. 지금 화면에 출력하면 깨져 보입니다.",
			"\\x95, the second third. Printed now, it would look broken." } },
	{ SERVER(RECV, ON(CONN), .number = 1), .claims = { IS(1), TO_READ(CONN, 3) },
		.idea = { "\\x88: 셋째 바이트에서 비로소 '안'이 됩니다. 4바이트, 5바이트에서 끊겨도\n"
			  "마찬가지입니다. recv()의 경계는 글자의 경계가 아닙니다.",
			"\\x88 makes it a syllable at last. The same happens with any size:\n"
			"where a recv() ends is not where a letter ends." } },
};

static const struct tour_step both_wait[] = {
	{ SERVER(RECV, ON(CONN), .number = 100), .claims = { WAITS(SERVER) },
		.idea = { "서버는 클라이언트가 먼저 보내기를 기다립니다.",
			"The server waits for the client to begin." } },
	{ CLIENT(RECV, ON(CLI), .number = 100), .claims = { WAITS(CLIENT), WAITS(SERVER) },
		.idea = { "클라이언트도 서버를 기다립니다. 교착 상태입니다. 누가 먼저 보내고\n"
			  "언제 끝나는지를 약속한 것이 프로토콜입니다.",
			"The client waits for the server. Neither will ever move: a deadlock.\n"
			"Who begins, and when it is over, is what a protocol says." },
		.question = { { "이제 클라이언트도 recv()를 부르면?",
				      "now the client calls recv(), too:" },
			{ "1) 0을 반환   2) 오류   3) 둘 다 기다림",
				"1) it gives 0   2) an error   3) both wait" },
			3 } },
};

const struct tour_stop tour_stop_stream = {
	.name = "stream",
	.title = { "첫 대화: 바이트의 스트림", "The first conversation: a stream" },
	.chapter = "ex12-01, ex12-08",
	.intro = { "서버와 클라이언트가 연결되어 있습니다.\n"
		   "send()와 recv()가 무엇을 세고 무엇을 기다리는지 봅니다.",
		"Server and client are connected.\n"
		"What do send() and recv() count, and what do they wait for?" },
	.prelude = prelude,
	.prelude_count = TOUR_COUNT(prelude),
	.steps = steps,
	.count = TOUR_COUNT(steps),
	.breaks = { BROKEN(5, one_byte, "recv() 1바이트", "recv() of 1 byte"),
		BROKEN(4, both_wait, "둘 다 recv()", "both recv()") },
	.break_count = 2,
};
