// SPDX-License-Identifier: GPL-2.0-only
/* iter_num: an open-coded loop: three kernel functions on an iterator that lives on the stack. */
#include "zoo.h"

struct bpf_iter_num {
	__u64 opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;

SEC("xdp")
int iter_num(struct xdp_md *ctx)
{
	__u32 length = (__u32)(DATA_END(ctx) - DATA(ctx)), sum = 0;
	struct bpf_iter_num it;
	int *i;

	bpf_iter_num_new(&it, 0, (int)(length & 63));
	while ((i = bpf_iter_num_next(&it)))
		sum += (__u32)*i * length;
	bpf_iter_num_destroy(&it);
	return sum & 4 ? XDP_TX : XDP_PASS;
}
