// SPDX-License-Identifier: Apache-2.0
/* packet_log: see the header. What lies behind a packet's end is not kept. */
#include "runtime/deploy/packet_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct hone_packet_entry {
	uint32_t size;
	bool takes_context;
	struct hone_packet_context context;
	uint8_t bytes[];
};

static struct hone_packet_entry *entry_of(const struct hone_packet *packet)
{
	struct hone_packet_entry *entry = malloc(sizeof(*entry) + packet->size);

	if (!entry)
		return NULL;
	entry->size = packet->size;
	entry->takes_context = packet->takes_context;
	entry->context = packet->context;
	memcpy(entry->bytes, packet->bytes, packet->size);
	return entry;
}

static int make_room(struct hone_packet_log *log)
{
	uint32_t room = log->room ? 2 * log->room : 64;
	struct hone_packet_entry **grown;

	if (log->n < log->room)
		return 0;
	grown = realloc(log->entries, room * sizeof(struct hone_packet_entry *));
	if (!grown)
		return -ENOMEM;
	log->entries = grown;
	log->room = room;
	return 0;
}

int hone_packet_log_add(struct hone_packet_log *log, const struct hone_packet *packet)
{
	int err = make_room(log);

	if (err)
		return err;
	log->entries[log->n] = entry_of(packet);
	if (!log->entries[log->n])
		return -ENOMEM;
	log->n_bytes += packet->size;
	log->n++;
	return 0;
}

void hone_packet_log_get(const struct hone_packet_log *log, uint32_t i, struct hone_packet *out)
{
	const struct hone_packet_entry *entry = log->entries[i];

	out->size = entry->size;
	out->takes_context = entry->takes_context;
	out->context = entry->context;
	memcpy(out->bytes, entry->bytes, entry->size);
}

void hone_packet_log_clear(struct hone_packet_log *log)
{
	for (uint32_t i = 0; i < log->n; i++)
		free(log->entries[i]);
	log->n = 0;
	log->n_bytes = 0;
}

void hone_packet_log_free(struct hone_packet_log *log)
{
	hone_packet_log_clear(log);
	free(log->entries);
	*log = (struct hone_packet_log){0};
}

int hone_packet_log_replace(struct hone_packet_log *log, uint32_t i,
			    const struct hone_packet *packet)
{
	struct hone_packet_entry *entry = entry_of(packet);

	if (!entry)
		return -ENOMEM;
	log->n_bytes += packet->size;
	log->n_bytes -= log->entries[i]->size;
	free(log->entries[i]);
	log->entries[i] = entry;
	return 0;
}

int hone_packet_log_copy(const struct hone_packet_log *log, uint32_t i, uint32_t n,
			 struct hone_packet_log *to)
{
	struct hone_packet packet;
	int err = 0;

	for (uint32_t at = i; !err && at < i + n; at++) {
		hone_packet_log_get(log, at, &packet);
		err = hone_packet_log_add(to, &packet);
	}
	return err;
}
