/*
 * The first event is logged at once; nothing is logged when a pause ends without another event.
 */
#include "base/log_limit.h"

bool log_limit_is_due(struct log_limit *limit, uint64_t now_ns, uint64_t *ret_left_out)
{
	if (limit->logged_ns != 0 && now_ns - limit->logged_ns < LOG_LIMIT_NS) {
		limit->left_out++;
		return false;
	}
	*ret_left_out = limit->left_out;
	*limit = (struct log_limit){ .logged_ns = now_ns };
	return true;
}
