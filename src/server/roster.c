/*
 * Names are asked for when the list is made: a server that is not asked pays nothing for it.
 */
#include "server/roster.h"

#include "protocol/echo.h"
#include "server/admission/conn_log.h"

bool roster_add(
	struct roster *roster, const struct engine_conn *conn, const struct proxied_client *client)
{
	struct conn_log_name name;

	if (json_array_size(roster->list) >= roster->most)
		return false;
	conn_log_name(conn->fd, conn->scheme, client, &name);
	json_array_append_new(roster->list,
		json_pack("{s:s, s:s*, s:I}", "peer", name.peer, "proxy",
			name.proxy[0] != '\0' ? name.proxy : NULL, "received_bytes",
			(json_int_t)echo_received_bytes(conn->protocol)));
	return true;
}
