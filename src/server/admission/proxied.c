/*
 * A peer that may leave the header out (LISTENER_PROXY_ACCEPTED) has left it out when a byte differs, when it has
 * finished, or when the time is over; but not once all has come that every header begins with.
 */
#include "server/admission/proxied.h"

#include <stdlib.h>

_Static_assert(PROXY_MOST_BYTES <= ENGINE_PREFACE_MOST_BYTES, "the longest header is shown whole");

void proxied_init(struct proxied *proxied, const struct proxied_options *options)
{
	*proxied = (struct proxied){ 0 };
	if (options != NULL)
		proxied->options = *options;
}

void proxied_fini(struct proxied *proxied)
{
	for (uint32_t i = 0; i < proxied->clients.count; i++)
		free(proxied->clients.items[i]);
	slot_table_fini(&proxied->clients);
}

enum listener_proxy proxied_mode(const struct proxied *proxied, unsigned tag)
{
	return proxied->options.modes != NULL ? proxied->options.modes[tag] : LISTENER_NO_PROXY;
}

struct proxied_client *proxied_begin(struct proxied *proxied, uint32_t slot)
{
	void **place = slot_table_place(&proxied->clients, slot);
	struct proxied_client *client = place != NULL ? calloc(1, sizeof(*client)) : NULL;

	if (client == NULL)
		return NULL;
	client->waits = true;
	*place = client;
	return client;
}

struct proxied_client *proxied_find(const struct proxied *proxied, uint32_t slot)
{
	return slot_table_get(&proxied->clients, slot);
}

void proxied_forget(struct proxied *proxied, uint32_t slot)
{
	free(slot_table_take(&proxied->clients, slot));
}

enum proxied_verdict proxied_judge(enum listener_proxy mode, const struct engine_preface *preface,
	struct proxy_header *ret_header, enum proxy_fault *reterr_fault)
{
	bool may_be_plain = mode == LISTENER_PROXY_ACCEPTED;

	switch (proxy_read(preface->bytes, preface->length, ret_header, reterr_fault)) {
	case PROXY_WHOLE: return PROXIED_WHOLE;
	case PROXY_WRONG: return PROXIED_WRONG;
	case PROXY_NONE: return may_be_plain ? PROXIED_PLAIN : PROXIED_MISSING;
	case PROXY_MORE: break;
	}
	if (preface->state == ENGINE_PREFACE_GROWS)
		return PROXIED_MORE;
	if (proxy_has_begun(preface->bytes, preface->length))
		return preface->state == ENGINE_PREFACE_LATE ? PROXIED_LATE : PROXIED_CUT_SHORT;
	if (may_be_plain)
		return PROXIED_PLAIN;
	return preface->state == ENGINE_PREFACE_LATE ? PROXIED_LATE : PROXIED_MISSING;
}
