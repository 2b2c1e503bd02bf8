// SPDX-License-Identifier: GPL-2.0-only
/* A program with a spin lock in a map value: what hone refuses. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct locked {
	struct bpf_spin_lock lock;
	__u32 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct locked);
} counts SEC(".maps");

SEC("xdp")
int locked(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct locked *value = bpf_map_lookup_elem(&counts, &zero);

	(void)ctx;
	if (!value)
		return XDP_ABORTED;
	bpf_spin_lock(&value->lock);
	value->count++;
	bpf_spin_unlock(&value->lock);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
