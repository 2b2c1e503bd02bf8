/* SPDX-License-Identifier: Apache-2.0 */
/* side: one of the programs of a differential run, on its own copy of the maps. For check.c. */
#ifndef HONE_SIDE_H
#define HONE_SIDE_H

#include "runtime/deploy/compare.h"
#include "runtime/deploy/events.h"
#include "runtime/deploy/outcome.h"
#include "runtime/deploy/sandbox.h"
#include "runtime/live/chain.h"

struct hone_side {
	const struct hone_unit *unit; /* borrowed */
	struct hone_maps maps;	      /* copies; where redirects are noted, one more */
	const struct hone_spy_note *note;
	struct hone_events *events;  /* NULL: no rings */
	struct hone_unit spied_unit; /* without insns: nothing redirects */
	struct hone_image spied_image;
	struct hone_sandbox sandbox; /* of an image */
	struct hone_loaded original; /* of a side without one */
	int fd;			     /* of the program that is run; -1: the verifier refused it */
	struct hone_compare *since_start; /* judge.c's: beside what the maps began with */
	uint64_t n_runs;		  /* of packets that the kernel took */
	struct hone_outcome outcome;	  /* of the last packet */
};

/* What a side is made of; all borrowed. */
struct hone_side_from {
	const struct hone_unit *unit;
	const struct hone_image *image; /* NULL: the unit itself */
	const struct hone_maps *maps;	/* are copied */
	const struct hone_chain *chain; /* the programs behind the unit's tail calls; NULL: none */
	const struct hone_maps *chain_maps; /* whose PROG_ARRAYs name them */
	bool spies; /* redirects are noted instead of lost, copies of packets are not sent */
};

/* hone_side_open() - load a copy of the unit, or the image, on copies of the maps.
 *
 * detail: why the maps cannot be copied, or the verifier's words
 *
 * Returns 0 (fd is -1 where the verifier refused), -ENOTSUP (a map, or what a PROG_ARRAY holds,
 * cannot be copied), or -errno. Close in any case. */
int hone_side_open(struct hone_side *side, const struct hone_side_from *from, char *detail);
void hone_side_close(struct hone_side *side);

/* hone_side_run() - side->outcome. Returns 0 or -errno, logged. */
int hone_side_run(struct hone_side *side, const struct hone_packet *packet);

#endif
