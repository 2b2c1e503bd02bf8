// SPDX-License-Identifier: Apache-2.0
/* trace_keys: see the header. */
#include "runtime/deploy/trace_keys.h"

#include <string.h>

#include "runtime/common/log.h"
#include "runtime/deploy/packet_keys.h"

enum {
	FLOWS = 1024,
	KEYS_PER_MAP = 4096,
	N_ADDRESS_BYTES = 4,
};

static const struct hone_packet_key *pick(const struct hone_packet_keys *keys,
					  enum hone_key_part part, uint32_t number)
{
	if (keys->n_of[part] == 0)
		return NULL;
	/* an odd stride, so that keys come in no order */
	return &keys->keys[keys->first_of[part] + number * 40503 % keys->n_of[part]];
}

static void put_key(struct hone_tuple *tuple, const struct hone_packet_key *key, bool as_source)
{
	uint8_t bytes[2 * N_ADDRESS_BYTES + 2 * sizeof(uint16_t) + 1] = {0};

	memcpy(bytes, key->bytes, key->size < sizeof(bytes) ? key->size : sizeof(bytes));
	switch (key->part) {
	case HONE_KEY_IPV4:
		memcpy(as_source ? &tuple->saddr : &tuple->daddr, bytes, N_ADDRESS_BYTES);
		break;
	case HONE_KEY_PORT:
		memcpy(as_source ? &tuple->sport : &tuple->dport, bytes, sizeof(uint16_t));
		break;
	case HONE_KEY_TUPLE:
		memcpy(&tuple->saddr, bytes, N_ADDRESS_BYTES);
		memcpy(&tuple->daddr, bytes + 4, N_ADDRESS_BYTES);
		memcpy(&tuple->sport, bytes + 8, sizeof(uint16_t));
		memcpy(&tuple->dport, bytes + 10, sizeof(uint16_t));
		break;
	default: /* MAC and IPv6 addresses have no place in these packets */
		break;
	}
}

int hone_trace_keys(const struct hone_unit *unit, const struct hone_maps *maps, uint64_t seed,
		    struct hone_tuple *trace)
{
	static const enum hone_key_part parts[] = {HONE_KEY_IPV4, HONE_KEY_PORT, HONE_KEY_TUPLE};
	struct hone_packet_keys keys;
	int err = hone_packet_keys_read(unit, maps, KEYS_PER_MAP, &keys);

	if (err)
		return hone_log_err(err, "%s: cannot read the keys of its maps", unit->name);
	hone_trace_flows(trace, FLOWS, seed);
	for (uint32_t i = 1; i < HONE_TRACE_N; i += 2) {
		uint32_t number = i / 2;
		const struct hone_packet_key *key = pick(&keys, parts[number % 3], number / 6);

		if (key)
			put_key(&trace[i], key, number / 3 % 2 == 0);
	}
	hone_packet_keys_free(&keys);
	return 0;
}
