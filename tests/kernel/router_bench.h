/* SPDX-License-Identifier: Apache-2.0 */
/* router_bench: a router loaded by its own loader, in a network namespace of its own. */
#ifndef HONE_TESTS_ROUTER_BENCH_H
#define HONE_TESTS_ROUTER_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "router/router.h"

enum { FRAME_MAX = 2048 };

/* r0 is the ingress port (its peer is s0), r1 the other one (peer s1). */
struct router_bench {
	char pins[64];	 /* directory below /sys/fs/bpf */
	char config[64]; /* file */
	int prog_fd, stats_fd;
};

/* Enter a new namespace with the veth pairs r0/s0 and r1/s1, which end with the process.
 * Exits with 77 and the reason where that is not allowed. */
void bench_enter_namespace(struct router_bench *bench);

/* Run the loader's verb (load, unload …) with this configuration text (NULL: none); its output,
 * both streams, is put into `said`. Returns its exit code. */
int bench_router(const struct router_bench *bench, const char *verb, const char *config, char *said,
		 size_t said_size);

/* Open what a successful load pinned. */
void bench_open(struct router_bench *bench);
void bench_close(struct router_bench *bench);

struct bench_run {
	uint32_t verdict;
	size_t size;
	uint8_t frame[FRAME_MAX];
	/* the only counter that grew, by one packet and the frame's bytes; -1: anything else */
	int counter;
};

/* Give one frame to the program (nothing is sent). */
void bench_run(const struct router_bench *bench, const uint8_t *frame, size_t size,
	       struct bench_run *out);

#endif
