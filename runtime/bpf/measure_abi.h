/* SPDX-License-Identifier: Apache-2.0 */
/* measure_abi: what the timing wrapper and its user space agree on. Included by both sides, after
 * vmlinux.h or linux/types.h. */
#ifndef HONE_MEASURE_ABI_H
#define HONE_MEASURE_ABI_H

enum {
	HONE_TIMED_TRACE_N = 16384,
	HONE_TIMED_FRAME_BYTES = 64,
	HONE_TIMED_PHASE_N = 8,	    /* of a pair: A B A' 0 0 A' B A */
	HONE_TIMED_PAIRS_MAX = 512, /* in one BPF_PROG_TEST_RUN */
	/* two segments per phase, warm-up and timed, and the end of the last */
	HONE_TIMED_STAMP_N = HONE_TIMED_PAIRS_MAX * HONE_TIMED_PHASE_N * 2 + 1,
};

enum hone_timed_variant {
	HONE_TIMED_A,
	HONE_TIMED_B,
	HONE_TIMED_A_AGAIN,
	HONE_TIMED_NOTHING, /* the wrapper returns */
	HONE_TIMED_VARIANT_N,
};

/* Bytes 22-37 of the frame, the addresses first. */
struct hone_timed_tuple {
	__u64 addresses;
	__u32 ports;
	__u8 ttl, proto;
	__u16 checksum;
};

/* What user space zeroes (but for the numbers of packets) before a run. */
struct hone_timed_run {
	__u32 warm_packets, timed_packets; /* of a phase */
	__u32 left;			   /* packets of this segment */
	__u32 segment;			   /* the next one */
	__u32 variant;			   /* of this segment */
	__u32 at;			   /* in the trace */
	__u64 failed;			   /* the tail call did not happen, or the frame was lost */
};

#endif
