/*
 * A connected socket knows the MTU of its way (ip(7), IP_MTU), which for a way over loopback is 64 KiB.
 */
#include "bench/train.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "base/i18n.h"
#include "base/log.h"
#include "net/call.h"
#include "net/socket.h"

/* Of IP and UDP. */
#define HEADER_BYTES_4 28
#define HEADER_BYTES_6 48

static int refuse(const char *what, int error)
{
	if (error == -ENOPROTOOPT || error == -EOPNOTSUPP)
		log_error(_(
			"--trains: this kernel cannot send datagrams in trains (UDP_SEGMENT, since "
			"Linux 4.18); without --trains each leaves by itself"));
	else
		log_error(_("--trains: cannot find out whether it works (%s): %s"), what,
			strerror(-error));
	return error;
}

static int check_mtu(int fd, const struct addr *target, uint32_t message_bytes)
{
	bool is_6 = target->generic.sa_family == AF_INET6;
	int header_bytes = is_6 ? HEADER_BYTES_6 : HEADER_BYTES_4, mtu = 0;
	socklen_t length = sizeof(mtu);
	int r = call_getsockopt(
		fd, is_6 ? IPPROTO_IPV6 : IPPROTO_IP, is_6 ? IPV6_MTU : IP_MTU, &mtu, &length);

	if (r < 0)
		return refuse("MTU", r);
	if (message_bytes <= (uint32_t)(mtu - header_bytes))
		return 0;
	log_error(
		_("--trains: datagrams of %u bytes do not fit the way to the service, which takes "
		  "%d at a time (its MTU is %d); a smaller --size does, or none of --trains"),
		message_bytes, mtu - header_bytes, mtu);
	return -EMSGSIZE;
}

int train_check(const struct addr *target, uint32_t message_bytes)
{
	int segment_bytes = (int)message_bytes, fd;
	int r = socket_open_client(target, NULL, &fd, NULL);

	if (r < 0)
		return refuse("socket", r);
	r = call_setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment_bytes, sizeof(segment_bytes));
	if (r < 0)
		r = refuse("setsockopt", r);
	else if ((r = call_connect(fd, &target->generic, target->length)) < 0)
		r = refuse("connect", r);
	else
		r = check_mtu(fd, target, message_bytes);
	call_close(fd);
	return r;
}
