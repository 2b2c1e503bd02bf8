/* SPDX-License-Identifier: Apache-2.0 */
/* swap_load: what swap_load.bpf.c and test_swap_load.c agree on. */
#ifndef HONE_TEST_SWAP_LOAD_H
#define HONE_TEST_SWAP_LOAD_H

enum {
	SWAP_LOAD_SLOTS = 65536,     /* numbers are remembered modulo this */
	SWAP_LOAD_KINDS = 256,	     /* a packet's kind is its number modulo this */
	SWAP_LOAD_ORIGINAL = 0x4711, /* stands in the code; images have another number there */
	SWAP_LOAD_IMAGE = 0x4712,
};

struct swap_load_counts {
	__u64 received; /* first: what the sender waits for */
	__u64 duplicated;
	__u64 by_original, by_image, by_nobody;
};

#endif
