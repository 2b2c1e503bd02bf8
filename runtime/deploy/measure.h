/* SPDX-License-Identifier: Apache-2.0 */
/* measure: ns per packet of two programs, interleaved in one run over many flows. */
#ifndef HONE_MEASURE_H
#define HONE_MEASURE_H

#include <stdbool.h>
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
	uint32_t pairs;			/* >= 1; HONE_MEASURE_PAIRS for a figure */
	uint32_t packets;		/* timed, per program and pair; HONE_MEASURE_PACKETS */
	const struct hone_tuple *trace; /* HONE_TRACE_N, in the order they are sent */
	/* The programs change MAC addresses, move the frame's start, or write to fields of an skb:
	 * put all back for each packet. TTL, IP checksum, addresses and ports are always written
	 * anew. */
	bool restores;
};

/* Many short phases, not few long ones: one of 512 packets rarely meets another task, and if a
 * long one does, the slower program does so more often, which flatters the faster. On two busy
 * cores 31 pairs of 16384 gave ratios of 3.3-8.6 where 401 of 1024 gave 3.08-3.14. */
enum { HONE_MEASURE_PAIRS = 401, HONE_MEASURE_PACKETS = 1024 };

/* All times are of the whole way: what the wrapper does for a packet, the jump, the program. */
struct hone_measure_result {
	double a_ns, b_ns;	 /* median over pairs */
	double baseline_ns;	 /* of the wrapper alone */
	double ratio, ratio_min; /* a / b: median over pairs; ratio of the minima. Conservative:
				  * the wrapper counts on both sides. For gates and acceptance */
	double net_ratio;	 /* of the medians, baseline subtracted; for comparisons with other
				  * harnesses. A net time below 0.1 ns counts as 0.1 ns */
	double aa_ratio;	 /* A against itself in the same run: median over pairs */
	double noise;		 /* how far from 1 a ratio may be by chance: |aa_ratio - 1|, or
				  * two standard errors of that median if these are more */
	uint32_t pairs;
	bool stats_on; /* the kernel counted run times: about 40 ns more in every figure */
};

/* hone_measure() - run both programs, XDP or tc (fds of whole attached paths: an original, a root)
 * from one wrapper which tail-calls A, B, A' and nothing in turn, under BPF_PROG_TEST_RUN. They
 * should share map instances. Packets are Ethernet (to 02:00:00:00:00:01) + IPv4 + UDP or TCP, 64
 * bytes. The calling thread stays on one CPU meanwhile. Nothing is attached; what the programs
 * write to their maps, they write.
 *
 * Returns 0, -EINVAL (options), -ENOTSUP (the programs cannot be called by one wrapper: type,
 * fragments, attach type), -EIO (packets were lost on the way), or -errno. Logged. */
int hone_measure(int a_fd, int b_fd, const struct hone_measure_opts *opts,
		 struct hone_measure_result *out);

/* hone_trace_flows() - fill a trace: n_flows random IPv4 flows (addresses and ports spread; none
 * from 10.0.0.0/8, 127.0.0.0/8 or above 223.255.255.255), UDP and TCP, in uniform random order.
 * Deterministic from seed. n_flows 0: each packet its own. */
void hone_trace_flows(struct hone_tuple *trace, uint32_t n_flows, uint64_t seed);

#endif
