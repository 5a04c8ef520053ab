/*
 * A run of ping in lines for people, in the manner of ping(8). Main thread only.
 */
#pragma once

#include "ping/ping_event.h"

extern const struct ping_event_printer ping_text_printer;
