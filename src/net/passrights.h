/*
 * SO_PASSRIGHTS (Linux 6.16), which the headers of older systems lack.
 */
#pragma once

#include <sys/socket.h>

#ifndef SO_PASSRIGHTS
#if defined(__hppa__)
#define SO_PASSRIGHTS 0x4051
#elif defined(__sparc__)
#define SO_PASSRIGHTS 0x005c
#else
#define SO_PASSRIGHTS 83
#endif
#endif
