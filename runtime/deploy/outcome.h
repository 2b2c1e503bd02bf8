/* SPDX-License-Identifier: Apache-2.0 */
/* outcome: what a program makes of one packet: BPF_PROG_TEST_RUN, and everything that it tells. */
#ifndef HONE_OUTCOME_H
#define HONE_OUTCOME_H

#include "runtime/deploy/packets.h"
#include "runtime/deploy/spy.h"

enum {
	HONE_OUTCOME_BYTES = 8192,
	HONE_CONTEXT_BYTES = 256, /* struct xdp_md or __sk_buff */
};

struct hone_outcome {
	int err; /* -errno of the run: the kernel does not take such a packet */
	uint32_t verdict;
	struct hone_spy_note redirect; /* n_calls: by this packet; 0: nothing */
	uint32_t context_size, size;
	uint8_t context[HONE_CONTEXT_BYTES];
	uint8_t bytes[HONE_OUTCOME_BYTES];
};

/* hone_outcome_is_possible() - does the kernel run test packets through programs of this type,
 * as far as this file knows how to? */
bool hone_outcome_is_possible(uint32_t prog_type);

/* hone_outcome_run() - one packet through a program of this type. out->redirect stays.
 * Returns 0, or -errno: this program, or this kernel, runs no packets at all. */
int hone_outcome_run(int prog_fd, uint32_t prog_type, const struct hone_packet *packet,
		     struct hone_outcome *out);

bool hone_outcome_is_same(const struct hone_outcome *a, const struct hone_outcome *b);

/* hone_outcome_text() - in what they differ, and the packet in hex; HONE_DETAIL_LEN bytes. */
void hone_outcome_text(const struct hone_packet *packet, const struct hone_outcome *a,
		       const struct hone_outcome *b, char *detail);

#endif
