/* SPDX-License-Identifier: Apache-2.0 */
/* packet_corpus: packets that reached something new, and variations of them. For packets.c. */
#ifndef HONE_PACKET_CORPUS_H
#define HONE_PACKET_CORPUS_H

#include "runtime/deploy/packet_hints.h"
#include "runtime/deploy/packet_keys.h"

enum { HONE_CORPUS_MAX = 512 }; /* the newest */

struct hone_packet_corpus {
	uint32_t n;	 /* kept */
	uint64_t n_seen; /* ever */
	struct hone_packet *packets;
};

/* hone_packet_corpus_keep() - a copy. 0 or -ENOMEM; freed with hone_packet_corpus_free(). */
int hone_packet_corpus_keep(struct hone_packet_corpus *corpus, const struct hone_packet *packet);
void hone_packet_corpus_free(struct hone_packet_corpus *corpus);

/* hone_packet_corpus_vary() - one of the packets, changed in a few places. The corpus must not be
 * empty. */
void hone_packet_corpus_vary(const struct hone_packet_corpus *corpus,
			     const struct hone_packet_hints *hints,
			     const struct hone_packet_keys *keys, struct hone_random *random,
			     struct hone_packet *out);

#endif
