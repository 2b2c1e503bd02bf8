// SPDX-License-Identifier: GPL-2.0-only
/* kfunc_rcu: kernel functions without arguments around a lookup. */
#include "zoo.h"

extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
MAP(HASH, verdicts, __u8, __u32, 256);

SEC("xdp")
int kfunc_rcu(struct xdp_md *ctx)
{
	__u8 key = (__u8)(DATA_END(ctx) - DATA(ctx));
	__u32 *value, verdict = XDP_PASS;

	bpf_rcu_read_lock();
	value = bpf_map_lookup_elem(&verdicts, &key);
	if (value)
		verdict = *value & 3;
	bpf_rcu_read_unlock();
	return (int)verdict;
}
