// SPDX-License-Identifier: GPL-2.0-only
/* tails: a program that goes on in three others, each with maps of its own. `entry` hands metadata
 * on, which `first` takes away again: nobody else sees it; `second` goes on through an array that
 * entry does not hold, and `third` writes a map which entry only reads. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

enum { MARK = 0x5a13, IP_AT = 14, SOURCE_AT = 26 };

#define MAP(map_type, entries, value_type)                                                         \
	struct {                                                                                   \
		__uint(type, map_type);                                                            \
		__uint(max_entries, entries);                                                      \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	}

MAP(BPF_MAP_TYPE_PROG_ARRAY, 4, __u32) steps SEC(".maps");
MAP(BPF_MAP_TYPE_PROG_ARRAY, 2, __u32) more SEC(".maps");
MAP(BPF_MAP_TYPE_HASH, 64, __u32) blocked SEC(".maps");
MAP(BPF_MAP_TYPE_ARRAY, 1, __u64) limits SEC(".maps");
MAP(BPF_MAP_TYPE_ARRAY, 8, __u64) marks SEC(".maps");
MAP(BPF_MAP_TYPE_HASH, 64, __u64) sources SEC(".maps");
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u64) seconds SEC(".maps");
MAP(BPF_MAP_TYPE_HASH, 256, __u64) learned SEC(".maps");

static __always_inline void count(void *map, __u32 key)
{
	__u64 *value = bpf_map_lookup_elem(map, &key);

	if (value)
		(*value)++;
}

static __always_inline int read_source(struct xdp_md *ctx, __u32 *source)
{
	const __u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + IP_AT + 20 > end)
		return -1;
	__builtin_memcpy(source, data + SOURCE_AT, sizeof(*source));
	return 0;
}

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	__u32 source, zero = 0, *meta;
	__u64 *limit;

	if (read_source(ctx, &source))
		return XDP_ABORTED;
	if (bpf_map_lookup_elem(&blocked, &source))
		return XDP_DROP;
	limit = bpf_map_lookup_elem(&limits, &zero);
	if (limit && *limit > 1000000)
		return XDP_DROP;
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return XDP_ABORTED;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return XDP_ABORTED;
	*meta = MARK;
	bpf_tail_call(ctx, &steps, 0);
	return XDP_PASS;
}

SEC("xdp")
int first(struct xdp_md *ctx)
{
	const __u32 *meta = (void *)(long)ctx->data_meta;

	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return XDP_ABORTED;
	count(&marks, *meta & 7);
	if (bpf_xdp_adjust_meta(ctx, sizeof(*meta)))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &steps, 1);
	return XDP_PASS;
}

SEC("xdp")
int second(struct xdp_md *ctx)
{
	__u32 source = 0;

	if (!read_source(ctx, &source))
		count(&sources, source);
	count(&seconds, 0);
	bpf_tail_call(ctx, &more, 1);
	return XDP_PASS;
}

SEC("xdp")
int third(struct xdp_md *ctx)
{
	__u32 source = 0;
	__u64 one = 1;

	count(&limits, 0);
	if (!read_source(ctx, &source))
		bpf_map_update_elem(&learned, &source, &one, BPF_ANY);
	return XDP_TX;
}

/* What an owner may put into the chain later. */
SEC("xdp")
int other(struct xdp_md *ctx)
{
	count(&marks, ctx->rx_queue_index);
	return XDP_REDIRECT;
}

char _license[] SEC("license") = "GPL";
