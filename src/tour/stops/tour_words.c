/*
 * A word is looked for in the English text of a step and in its calls; both languages have one glossary.
 */
#include "tour/stops/tour_words.h"

#include <string.h>

const struct tour_word tour_words_list[] = {
	{ "htons",
		{ "htons(): 호스트 바이트 순서를 네트워크 바이트 순서(큰 자리부터)로 바꿈",
			"htons(): from this machine's byte order to that of the network" } },
	{ "sockaddr",
		{ "sockaddr_in: IPv4 주소와 포트를 담는 구조체. sockaddr은 공통 틀",
			"sockaddr_in: a structure with an IPv4 address and port" } },
	{ "bind",
		{ "바인드(bind): 소켓에 주소와 포트를 붙임",
			"bind: to give a socket its address and port" } },
	{ "listen",
		{ "대기 소켓(listening socket): 연결 요청을 받기만 하는 소켓",
			"listener: a socket that only takes connections" } },
	{ "backlog",
		{ "백로그(backlog): accept()를 기다리는 연결의 최대 개수를 정하는 값",
			"backlog: how many connections may wait for accept()" } },
	{ "queue",
		{ "대기열(큐): 커널이 다 맺은 연결이 accept()를 기다리는 곳",
			"queue: where finished connections wait for accept()" } },
	{ "accept",
		{ "수락(accept): 대기열에서 연결을 꺼내 새 소켓 기술자를 받음",
			"accept: to take a connection out of the queue" } },
	{ "handshake",
		{ "3-way 핸드셰이크: SYN, SYN+ACK, ACK 세 패킷으로 연결을 맺음",
			"three-way handshake: SYN, SYN+ACK, ACK make a connection" } },
	{ "SYN", { "SYN: 연결을 맺자는 패킷", "SYN: the packet that asks for a connection" } },
	{ "ACK",
		{ "ACK(확인 응답): 여기까지 받았다는 표시",
			"ACK: says up to where bytes have arrived" } },
	{ "stream",
		{ "스트림: 경계가 없는 바이트의 흐름. TCP는 메시지를 구분하지 않음",
			"stream: bytes in order, without boundaries between messages" } },
	{ "UTF-8",
		{ "UTF-8: 한글 한 글자를 3바이트로 나타내는 부호화",
			"UTF-8: an encoding; a Korean syllable has three bytes" } },
	{ "FIN",
		{ "FIN: 더 보낼 것이 없다는 표시. 상대의 recv()는 0을 반환",
			"FIN: says that no more bytes come; recv() then gives 0" } },
	{ "end of file",
		{ "EOF(파일의 끝): recv()가 0을 반환하는 것", "end of file: recv() gives 0" } },
	{ "half-close",
		{ "half-close: 보내기만 종료하고 받기는 계속함",
			"half-close: one side ends sending, and still receives" } },
	{ "TIME_WAIT",
		{ "TIME_WAIT: 먼저 종료한 쪽에 1분 동안 남는 상태(늦게 온 패킷 대비)",
			"TIME_WAIT: stays a minute on the side that closed first" } },
	{ "CLOSE_WAIT",
		{ "CLOSE_WAIT: 상대는 종료했고 이쪽은 아직 close()하지 않은 상태",
			"CLOSE_WAIT: the peer has closed, this side has not" } },
	{ "window",
		{ "(수신) 윈도우: 받는 쪽이 지금 더 받을 수 있는 바이트 수",
			"window: how many more bytes the receiver can take now" } },
	{ "buffer",
		{ "버퍼: 커널 안에서 바이트가 머무는 곳. 송신과 수신에 하나씩",
			"buffer: where bytes stay in the kernel, one to send, one received" } },
	{ "Nagle",
		{ "Nagle 알고리즘: ACK를 받기 전에는 작은 조각을 더 보내지 않음",
			"Nagle's algorithm: no small segment while one is unacknowledged" } },
	{ "delayed ACK",
		{ "지연 ACK: 응답에 실어 보내려고 ACK를 40 ms까지 늦춤",
			"delayed ACK: waits up to 40 ms, to go along with an answer" } },
	{ "TCP_NODELAY",
		{ "TCP_NODELAY: Nagle 알고리즘을 끄는 소켓 옵션",
			"TCP_NODELAY: the option that turns Nagle's algorithm off" } },
	{ "RST",
		{ "RST: 연결을 강제로 끊는 패킷",
			"RST: the packet that ends a connection by force" } },
	{ "SIGPIPE",
		{ "SIGPIPE: 끊어진 연결로 보낼 때 오는 시그널. 기본 동작은 프로세스 종료",
			"SIGPIPE: the signal for sending on a broken connection" } },
	{ "EPIPE",
		{ "EPIPE: 끊어진 연결로 보낼 수 없다는 오류",
			"EPIPE: the error of sending on a broken connection" } },
	{ "ECONNRESET",
		{ "ECONNRESET: 상대가 RST로 연결을 끊었다는 오류. 한 번만 알림",
			"ECONNRESET: the peer ended the connection by RST; told once" } },
	{ "MSG_DONTWAIT",
		{ "MSG_DONTWAIT: 이 호출만 논블로킹으로. 못 하면 EAGAIN",
			"MSG_DONTWAIT: this call does not wait; EAGAIN if it would" } },
	{ "descriptor",
		{ "파일 기술자(디스크립터): 커널 안의 소켓을 가리키는 번호",
			"descriptor: the number by which a program names a socket" } },
	{ "poll",
		{ "poll(): 여러 소켓 중 준비된 것을 기다림",
			"poll(): waits until one of several sockets is ready" } },
	{ "thread",
		{ "스레드: 한 프로세스 안에서 따로 실행되는 흐름",
			"thread: another flow of calls in the same process" } },
	{ "fork",
		{ "fork(): 프로세스를 복제함. 파일 기술자도 함께 복제됨",
			"fork(): copies the process, its descriptors too" } },
};

const size_t tour_words_count = TOUR_COUNT(tour_words_list);

size_t tour_words_find(const char *text, const struct tour_word **ret_words, size_t most)
{
	size_t count = 0;

	for (size_t i = 0; i < tour_words_count && count < most; i++) {
		if (strstr(text, tour_words_list[i].word) != NULL)
			ret_words[count++] = &tour_words_list[i];
	}
	return count;
}
