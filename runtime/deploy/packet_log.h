/* SPDX-License-Identifier: Apache-2.0 */
/* packet_log: packets in a row, to be run once more. */
#ifndef HONE_PACKET_LOG_H
#define HONE_PACKET_LOG_H

#include "runtime/deploy/packets.h"

struct hone_packet_log {
	uint32_t n, room;
	size_t n_bytes; /* of all packets */
	struct hone_packet_entry **entries;
};

/* hone_packet_log_add() - a copy at the end. 0 or -ENOMEM; freed with hone_packet_log_free(). */
int hone_packet_log_add(struct hone_packet_log *log, const struct hone_packet *packet);
void hone_packet_log_get(const struct hone_packet_log *log, uint32_t i, struct hone_packet *out);
void hone_packet_log_clear(struct hone_packet_log *log);
void hone_packet_log_free(struct hone_packet_log *log);

/* hone_packet_log_replace() - packet i becomes another. 0 or -ENOMEM.
 * hone_packet_log_copy() - n packets from i on, at the end of another log. 0 or -ENOMEM. */
int hone_packet_log_replace(struct hone_packet_log *log, uint32_t i,
			    const struct hone_packet *packet);
int hone_packet_log_copy(const struct hone_packet_log *log, uint32_t i, uint32_t n,
			 struct hone_packet_log *to);

#endif
