/* SPDX-License-Identifier: Apache-2.0 */
/* measure: ns per packet of two programs, interleaved in one run over many flows. */
#ifndef HONE_MEASURE_H
#define HONE_MEASURE_H

#include <stdint.h>

enum { HONE_TRACE_N = 16384 };

/* One packet of the trace: written over a template's header by the wrapper. Network byte order. */
struct hone_tuple {
	uint32_t saddr, daddr;
	uint16_t sport, dport;
	uint8_t proto; /* 6 or 17 */
	uint8_t reserved[3];
};

struct hone_measure_opts {
	uint32_t pairs;			/* >= 1; 31 for a figure */
	uint32_t packets;		/* per program and pair */
	const struct hone_tuple *trace; /* HONE_TRACE_N, in the order they are sent */
};

struct hone_measure_result {
	double a_ns, b_ns;	 /* median, wrapper subtracted */
	double ratio, ratio_min; /* a / b: median over pairs; ratio of the minima */
	double aa_ratio;	 /* A against itself in the same run: the noise */
	uint32_t pairs;
};

/* hone_measure() - run both XDP programs (fds of whole attached paths: an original, a root) from
 * one wrapper which tail-calls A, B, A' and nothing in turn. They should share map instances.
 * Packets are Ethernet + IPv4 + UDP or TCP, 64 bytes. Returns 0 or -errno. */
int hone_measure(int a_fd, int b_fd, const struct hone_measure_opts *opts,
		 struct hone_measure_result *out);

/* hone_trace_flows() - fill a trace: n_flows random IPv4 flows (addresses and ports spread), in
 * uniform random order. Deterministic from seed. */
void hone_trace_flows(struct hone_tuple *trace, uint32_t n_flows, uint64_t seed);

#endif
