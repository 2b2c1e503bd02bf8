/* SPDX-License-Identifier: Apache-2.0 */
/* gate: is an image worth it? The whole way that packets would take against the original. */
#ifndef HONE_GATE_H
#define HONE_GATE_H

#include "compiler/facts.h"
#include "runtime/live/chain.h"

struct hone_gate_opts {
	uint32_t pairs;	  /* 0: HONE_GATE_PAIRS */
	uint32_t packets; /* timed, per program and pair; 0: HONE_GATE_PACKETS */
	double min_ratio; /* what the image must reach besides being beyond the noise; 0: nothing */
	uint64_t seed;	  /* of the packets */
	const struct hone_chain *chain; /* as in check.h */
};

/* Defaults: a million packets, 100-300 ms with loading. */
enum { HONE_GATE_PAIRS = 201, HONE_GATE_PACKETS = 1024 };

struct hone_gate_result {
	enum hone_reason refused;     /* HONE_REWRITTEN: faster */
	char detail[HONE_DETAIL_LEN]; /* the figures, or what could not be copied or loaded */
	/* As in measure.h; whole times, the wrapper counts on both sides. */
	double generic_ns, specialized_ns;
	double ratio, ratio_min, net_ratio;
	double aa_ratio, noise;
	uint32_t pairs; /* 0: nothing was measured */
};

/* hone_gate_run() - original against root + guard + image, on one shared set of copies of
 * `maps`, which are not changed. Half of the packets are random flows; the others carry keys of
 * the maps as addresses and ports.
 *
 * Refuses: GATE_NOT_FASTER (the ratio is not beyond 1 by more than the noise of the same run, or
 * not above min_ratio), GATE_NOT_MEASURED, CHECK_NOT_CLONED, CHECK_VERIFIER (of the image, or of
 * the root). Returns 0 with *out, or -errno if it could not be run. Attaches and pins nothing. */
int hone_gate_run(const struct hone_unit *unit, const struct hone_maps *maps,
		  const struct hone_image *image, const struct hone_gate_opts *opts,
		  struct hone_gate_result *out);

#endif
