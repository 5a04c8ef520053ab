/*
 * A run of ping as JSON, one object a line as it happens. Keys and values are never translated.
 * Main thread only.
 */
#pragma once

#include "ping/ping_event.h"

extern const struct ping_event_printer ping_json_printer;
