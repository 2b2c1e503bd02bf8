/* SPDX-License-Identifier: Apache-2.0 */
/* check: differential run of two programs, on copies of all maps, those of the programs behind
 * tail calls included, with a control run (original against original), where they differ, that
 * tells nondeterminism from miscompilation. */
#ifndef HONE_CHECK_H
#define HONE_CHECK_H

#include "compiler/facts.h"
#include "runtime/deploy/packet_log.h"
#include "runtime/live/chain.h"

enum { HONE_CHECK_VERDICTS = 16 };

struct hone_check_opts {
	uint32_t n_packets;
	uint32_t batch; /* maps are compared after each batch of so many packets */
	uint64_t seed;
	/* the unit's, not refused; its unit and maps take the place of those that are given. NULL:
	 * the unit's PROG_ARRAYs are empty, or the check is refused */
	const struct hone_chain *chain;
	const struct hone_result *cover; /* what honec made of the unit by HONE_REQUEST_COVER: its
					    blocks are counted, if the verifier takes it;
					    NULL: no */
	/* Packets or batches that cannot be compared, since the original differs from itself there;
	 * beyond, the run is given up as CHECK_NONDETERMINISTIC. */
	uint32_t max_varying;
	uint32_t rounds; /* to tell what varies from a mismatch, which a coin's toss is taken for
			    once in 4^rounds at most; 0: a few */
	bool allows_unexplained; /* go on after a difference that was not seen again, either */
	const struct hone_packet_log *packets; /* run first, before n_packets that are made; NULL:
						  none */
	struct hone_packet_log *minimal; /* filled after a mismatch: as little as shows it, from
					    the maps that the run began with or, after many
					    packets, later ones; NULL: nobody asks */
	uint8_t *reached; /* with cover: one byte per block, set where it is entered; may be NULL */
};

struct hone_check_result {
	enum hone_reason refused;     /* HONE_REWRITTEN: equal */
	char detail[HONE_DETAIL_LEN]; /* packet in hex, or map, key and values */
	uint32_t n_packets;
	uint32_t n_refused; /* packets that the kernel does not take for this program type */
	struct hone_check_verdict {
		uint32_t verdict, n_packets;
	} verdicts[HONE_CHECK_VERDICTS]; /* in order of first sight; the last: and all others */
	uint32_t n_blocks, n_reached;	 /* with cover */
	uint32_t n_varying;		/* packets or batches of which something was not compared */
	uint32_t n_unexplained;		/* of these: the control did not show why */
	char excluded[HONE_DETAIL_LEN]; /* what of the maps was not compared, since it varies */
};

/* Packets with this verdict of the original. */
uint32_t hone_check_count(const struct hone_check_result *result, uint32_t verdict);

/* hone_check_image() - unit against image.
 *
 * Program types: XDP and those with a __sk_buff; others are refused with NO_TEST_RUN, and so are
 * programs of which the kernel runs no packet (XDP behind a redirect).
 *
 * maps: the unit's own, read and not changed; borrowed. They must still be what the image was
 *       built for: after a difference the caller asks the epochs first. Packets: random bytes,
 *       header-aware mutations, addresses and ports out of the maps' keys (and their
 *       neighbours), all lengths from 14 to 1514 (packets.h), with cover also
 *       variations of packets that reached a new block. Most are run with the guard
 *       valid, when the image may pass none on; the last ones with it broken, when it must pass
 *       on all.
 *
 * Compared: verdict, bytes, context, where packets are redirected to (spy.h), maps, events in
 * rings. What the original does otherwise when it is run again (a clock, a random number) is left
 * out at the finest grain: bytes of one packet, bytes of a map's values. Opens nothing that
 * outlives it. The calling thread is kept on one CPU meanwhile. Returns 0 with *out, or -errno if
 * it could not be run (what could not be copied is a refusal, not an error). */
int hone_check_image(const struct hone_unit *unit, const struct hone_maps *maps,
		     const struct hone_image *image, const struct hone_check_opts *opts,
		     struct hone_check_result *out);

/* hone_check_units() - two units of one type, each on maps of its own.
 *
 * a_maps, b_maps: not changed; borrowed. Maps of one name and shape are taken for the same: those
 *                 of B begin with what A's hold, and are compared. Others, and frozen ones, keep
 *                 what is theirs, and are not.
 *
 * Returns 0, -EINVAL (different types), or -errno. */
int hone_check_units(const struct hone_unit *a, const struct hone_maps *a_maps,
		     const struct hone_unit *b, const struct hone_maps *b_maps,
		     const struct hone_check_opts *opts, struct hone_check_result *out);

/* hone_check_pair_map() - the map of `b` that stands for a map of A; -1: none. */
int hone_check_pair_map(const struct hone_map *map, const struct hone_unit *b);

#endif
