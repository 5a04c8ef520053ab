/*
 * The limit of readiness loops behind TLS: OpenSSL on the descriptor, one SSL_read and one SSL_write an echo, and one
 * epoll_wait for everybody who was ready. The first argument is tcp:PORT, the others certificate and key; a fourth
 * one, `tickets`, lets clients resume.
 *
 * Left out: everything. It waits for one peer in the middle of a handshake or of a record, and all others with it;
 * what is lost is lost without a word.
 */
#include "floor.h"
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/resource.h>

int main(int argc, char **argv)
{
	static char buffer[FLOOR_BUFFER];
	static SSL *peers[1 << 20];
	struct epoll_event events[256], event = { .events = EPOLLIN };
	struct rlimit limit;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int listener = floor_socket(argc > 2 ? 2 : argc, argv);
	int epoll = floor_must(epoll_create1(0), "epoll");

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	if (argc < 5) {
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		SSL_CTX_set_num_tickets(ctx, 0);
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	}
	if (argc < 4 || SSL_CTX_use_certificate_chain_file(ctx, argv[2]) != 1 ||
		SSL_CTX_use_PrivateKey_file(ctx, argv[3], SSL_FILETYPE_PEM) != 1)
		floor_must(-1, "certificate");
	event.data.fd = listener;
	floor_must(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event), "epoll_ctl");
	for (;;) {
		int count = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd, length;

			if (fd == listener) {
				event.data.fd = accept(listener, NULL, NULL);
				peers[event.data.fd] = SSL_new(ctx);
				SSL_set_fd(peers[event.data.fd], event.data.fd);
				SSL_set_accept_state(peers[event.data.fd]);
				epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
				continue;
			}
			do
				length = SSL_read(peers[fd], buffer, sizeof(buffer));
			while (length > 0 && SSL_write(peers[fd], buffer, length) == length &&
				SSL_pending(peers[fd]) > 0);
			if (length <= 0) {
				SSL_shutdown(peers[fd]);
				SSL_free(peers[fd]);
				close(fd);
			}
		}
	}
}
