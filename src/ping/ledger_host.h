/*
 * The host of the conversations of a run: their context is the struct ledger. One thread.
 */
#pragma once

#include "ping/conversation.h"

extern const struct conversation_host ledger_host;
