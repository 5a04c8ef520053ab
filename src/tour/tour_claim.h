/*
 * Claims of a step: does the kernel agree, and how a claim is said to people.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tour/tour_play.h"

/* `index`: which of the step's claims it is. What is no claim holds. */
enum tour_verdict tour_claim_judge(
	const struct tour_play *play, const struct tour_claim *claim, size_t index);

/* Is it a packet as the claim says (enum tour_packet_flag)? */
bool tour_claim_matches(
	const struct tour_world *world, long wanted, const struct tour_packet *packet);

/* "client: ESTABLISHED"; an empty text for what is no claim. Returns `text`. */
const char *tour_claim_describe(
	const struct tour_claim *claim, bool korean, char *text, size_t size);

/* What the kernel said instead, for a claim that it does not hold to. Returns `text`. */
const char *tour_claim_actual(const struct tour_play *play, const struct tour_claim *claim,
	bool korean, char *text, size_t size);
