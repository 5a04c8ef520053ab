/*
 * Stop 5: both buffers fill, the window closes, and a send() is short or waits. The chapter has no program of
 * it. The buffers are made small, so that few bytes fill them.
 */
#include "tour/stops/tour_table.h"

static const struct tour_step prelude[] = {
	{ SERVER(SOCKET, ON(LISTENER)) },
	{ SERVER(REUSE, ON(LISTENER)) },
	{ SERVER(RCVBUF, ON(LISTENER), .number = 32768) },
	{ SERVER(BIND, ON(LISTENER), .number = TOUR_PORT_SERVER) },
	{ SERVER(LISTEN, ON(LISTENER), .number = 5) },
	{ CLIENT(SOCKET, ON(CLI)) },
	{ CLIENT(SNDBUF, ON(CLI), .number = 32768) },
	{ CLIENT(CONNECT, ON(CLI), .number = TOUR_PORT_SERVER) },
	{ SERVER(ACCEPT, ON(CONN)) },
};

static const struct tour_step steps[] = {
	{ CLIENT(SEND, ON(CLI), .number = 65536, .flags = MSG_DONTWAIT),
		.claims = { AT_LEAST(1), AT_MOST(65536), CLIENT_SENDS(TOUR_DATA) },
		.idea = { "서버는 아직 아무것도 읽지 않았는데 send()가 반환했습니다.\n"
			  "바이트는 클라이언트의 송신 버퍼와 서버의 수신 버퍼에 나뉘어 있습니다.",
			"send() has returned, and the server has not read anything.\n"
			"The bytes are in two buffers: the client's to send, the server's received." },
		.question = { { "서버가 읽지 않습니다. 65536바이트의 send()는?",
				      "the server does not read. send() of 65536 bytes ..." },
			{ "1) 기다림   2) 곧바로 반환", "1) waits   2) returns at once" }, 2 },
		.source = { "ex12-08", "send(sockfd" } },
	{ CLIENT(FILL, ON(CLI)),
		.claims = { AT_LEAST(1), SERVER_SENDS(TOUR_WINDOW_0), TO_SEND(CLI, 1) },
		.idea = { "두 버퍼가 모두 찼습니다. 서버의 커널이 윈도우 0을 알렸으므로 클라이언트의\n"
			  "커널은 더 보내지 않습니다. 마지막 send()들은 65536보다 적게 반환했습니다:\n"
			  "msg_len은 보낼 바이트 수가 아니라 상한입니다.",
			"Both buffers are full. The server's kernel has said: window 0, so the\n"
			"client's sends no more. The last send() took less than 65536 bytes:\n"
			"msg_len is the most that is sent, not what is sent." } },
	{ CLIENT(SEND, ON(CLI), .number = 65536, .flags = MSG_DONTWAIT),
		.claims = { IS(-EAGAIN), TO_SEND(CLI, 1) },
		.idea = { "MSG_DONTWAIT(논블로킹)이므로 기다리는 대신 EAGAIN을 반환했습니다.\n"
			  "연결이 잘못된 것이 아니라, 지금은 자리가 없다는 뜻입니다.",
			"MSG_DONTWAIT: instead of waiting, send() says EAGAIN.\n"
			"The connection is well; there is just no room in the buffer now." },
		.question = { { "버퍼가 가득 찼을 때 MSG_DONTWAIT의 결과는?",
				      "the buffers are full. send() with MSG_DONTWAIT ..." },
			{ "1) 0   2) -1, EAGAIN   3) 기다림", "1) 0   2) -1, EAGAIN   3) waits" },
			2 } },
	{ CLIENT(SEND, ON(CLI), .number = 4096), .claims = { WAITS(CLIENT), TO_SEND(CLI, 1) },
		.idea = { "보통의(블로킹) send()는 자리가 날 때까지 기다립니다.\n"
			  "느린 쪽이 빠른 쪽을 멈추게 하는 것, 이것이 흐름 제어입니다.",
			"An ordinary send() waits until there is room in the buffer.\n"
			"The slow side holds up the fast one: that is flow control." },
		.source = { "ex12-08", "send(sockfd" } },
	{ SERVER(RECV, ON(CONN), .number = 4096), .claims = { IS(4096), WAITS(CLIENT) },
		.idea = { "서버가 4096바이트를 읽었지만 클라이언트는 아직 기다립니다. 윈도우를 조금씩\n"
			  "열면 작은 패킷이 많아지므로, 커널은 자리가 충분히 나야 알립니다.",
			"The server has read 4096 bytes, and the client still waits. A window that\n"
			"opens bit by bit makes many small packets, so the kernel tells the new\n"
			"window only when there is a good deal of room." },
		.question = { { "서버가 4096바이트를 읽으면 기다리던 send()는?",
				      "the server reads 4096 bytes. The send() that waits ..." },
			{ "1) 곧 반환   2) 계속 기다림", "1) returns   2) still waits" }, 2 },
		.source = { "ex12-08", "recv(sockfd" } },
	{ SERVER(DRAIN, ON(CONN), .number = 16384),
		.claims = { AT_LEAST(1), RETURNS(CLIENT, 4096), CLIENT_SENDS(TOUR_DATA) },
		.idea = { "더 읽자 윈도우가 열리고, 데이터가 가고, 기다리던 send()가 4096을\n"
			  "반환했습니다. 블로킹 send()는 모두 복사할 때까지 기다립니다.",
			"More was read, the window has opened, data has gone, and the send() that\n"
			"waited has returned 4096: it waits until all is in the buffer." } },
};

static const struct tour_step result_ignored[] = {
	{ CLIENT(SEND, ON(CLI), .number = 65536, .flags = MSG_DONTWAIT), .claims = { AT_LEAST(1) },
		.idea = { "결과를 보지 않는 프로그램입니다: send(...); send(...);",
			"A program that does not look at the result: send(...); send(...);" } },
	{ CLIENT(SEND, ON(CLI), .number = 65536, .flags = MSG_DONTWAIT),
		.claims = { AT_MOST(65535) },
		.idea = { "65536바이트 중 일부만 보내졌습니다. 나머지는 오류 하나 없이 사라집니다.\n"
			  "결과만큼 앞으로 옮겨서 나머지를 다시 보내야 합니다.",
			"Only a part of the 65536 bytes was taken; the rest is lost, and no error\n"
			"says so. Move on by the result, and send the rest again." },
		.question = { { "둘째 send()가 보내는 것은?", "the second send() takes ..." },
			{ "1) 65536바이트   2) 그보다 적게", "1) 65536 bytes   2) fewer" }, 2 },
		.source = { "ex12-09s", "send(sockfd" } },
};

static const struct tour_step reader_leaves[] = {
	{ CLIENT(SEND, ON(CLI), .number = 4096), .claims = { WAITS(CLIENT) },
		.idea = { "클라이언트의 send()가 기다립니다.", "The client's send() waits." } },
	{ SERVER(CLOSE, ON(CONN)),
		.claims = { IS(0), RETURNS(CLIENT, TOUR_ANY), SERVER_SENDS(TOUR_RST) },
		.idea = { "서버가 읽지 않은 채 close()하자 RST가 갔고, 기다리던 send()가 오류로\n"
			  "돌아왔습니다. 보낸 줄 알았던 바이트는 모두 사라졌습니다.",
			"The server has closed without reading: RST, and the send() that waited\n"
			"has failed. All bytes that seemed to be sent are lost." } },
};

const struct tour_stop tour_stop_buffers = {
	.name = "buffers",
	.title = { "버퍼와 윈도우", "Buffers and the window" },
	.intro = { "연결되어 있고, 서버는 읽지 않습니다. 버퍼는 일부러 작게 했습니다.\n"
		   "클라이언트가 얼마나 보낼 수 있을까요?",
		"They are connected, and the server does not read. The buffers are small.\n"
		"How much can the client send?" },
	.prelude = prelude,
	.prelude_count = TOUR_COUNT(prelude),
	.steps = steps,
	.count = TOUR_COUNT(steps),
	.breaks = { BROKEN(0, result_ignored, "결과 무시", "result ignored"),
		BROKEN(2, reader_leaves, "읽지 않고 종료", "reader closes") },
	.break_count = 2,
};
