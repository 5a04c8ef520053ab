/*
 * Memory is what the buffers' pool holds, and beyond it a small buffer and a slot for each connection. So a
 * bound of it is half for the pool, if that is not less anyhow, and for as many connections as the rest is
 * enough for: nothing has to be counted while bytes move.
 */
#include "server/memory_share.h"

#include <errno.h>

#include "base/i18n.h"
#include "base/log.h"

int memory_share(const struct server_options *options, unsigned thread_count,
	size_t *ret_pool_bytes, uint32_t *ret_connections)
{
	size_t total = options->memory_bytes, pool = options->pool_bytes, each;

	if (total > 0 && pool > total / 2)
		pool = total / 2;
	each = pool / thread_count;
	if (each < SERVER_LEAST_POOL_BYTES)
		each = SERVER_LEAST_POOL_BYTES;
	pool = each * thread_count;
	if (total > 0 && total < pool + SERVER_CONNECTION_BYTES) {
		log_error(_("--max-memory is too little for %u threads: each needs 1 MiB, and "
			    "connections some more"),
			thread_count);
		return -ENOMEM;
	}
	total = total > 0 ? (total - pool) / SERVER_CONNECTION_BYTES : 0;
	*ret_pool_bytes = each;
	*ret_connections = total < UINT32_MAX ? (uint32_t)total : UINT32_MAX;
	return 0;
}
