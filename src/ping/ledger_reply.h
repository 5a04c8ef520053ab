/*
 * What a reply means: exact, damaged, a duplicate, or an answer to nothing that was sent. Each
 * function counts it in the ledger and reports it. One thread; never fails.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ping/ledger.h"

/*
 * All bytes of the reply to `number` are right. `sent_ns` comes from the reply itself where the
 * number is forgotten.
 */
void ledger_reply_exact(struct ledger *ledger, struct conversation *conversation, uint64_t number,
	uint64_t sent_ns, uint64_t now_ns);

/* `length` bytes came as the reply to `number`, and some are wrong. `came` has at least the first
 * CONVERSATION_HEAD_SIZE of them. */
void ledger_reply_damaged(struct ledger *ledger, struct conversation *conversation, uint64_t number,
	const unsigned char *came, size_t length, const struct probe_damage *damage,
	uint64_t now_ns);

/* Finds out which probe a datagram answers, if any. */
void ledger_reply_datagram(struct ledger *ledger, struct conversation *conversation,
	const unsigned char *bytes, size_t length, uint64_t now_ns);

/* Shows the first bytes that came in the event; they must live until it is reported. */
void ledger_reply_set_came(struct ping_event *event, const unsigned char *came, size_t length);
