// SPDX-License-Identifier: GPL-2.0-only
/* judge: pairs of programs. Each differs from its *_wrong twin for frames of one EtherType only,
 * and most are not even equal to themselves. */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { RARE = 0x88b5, ENTRIES = 64 };

struct stamped {
	__u64 n_packets;
	__u64 last_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ENTRIES);
	__type(key, __u32);
	__type(value, struct stamped);
} stamps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ENTRIES);
	__type(key, __u64);
	__type(value, __u64);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} perf SEC(".maps");

static __always_inline bool is_rare(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	return (void *)(eth + 1) <= end && eth->h_proto == bpf_htons(RARE);
}

static __always_inline int count(struct xdp_md *ctx, __u64 per_rare)
{
	__u32 key = is_rare(ctx);
	struct stamped *stamp = bpf_map_lookup_elem(&stamps, &key), first = {.n_packets = 1};

	if (!stamp) {
		first.last_ns = bpf_ktime_get_ns();
		bpf_map_update_elem(&stamps, &key, &first, BPF_ANY);
		return XDP_PASS;
	}
	stamp->n_packets += key ? per_rare : 1;
	stamp->last_ns = bpf_ktime_get_ns();
	return XDP_PASS;
}

static __always_inline int stamp(struct xdp_md *ctx, int verdict)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (!is_rare(ctx) || data + 64 > end)
		return XDP_PASS;
	*(__u64 *)(data + 32) = bpf_ktime_get_ns();
	return verdict;
}

static __always_inline int toss(struct xdp_md *ctx, __u8 byte)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (!is_rare(ctx) || data + 20 > end)
		return XDP_PASS;
	*(__u8 *)(data + 16) = byte;
	return bpf_get_prandom_u32() & 1 ? XDP_DROP : XDP_TX;
}

static __always_inline int remember(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 key, one = 1, *n;

	if (data + 14 > end)
		return XDP_ABORTED;
	key = *(__u32 *)(data + 6);
	n = bpf_map_lookup_elem(&recent, &key);
	if (!n) {
		bpf_map_update_elem(&recent, &key, &one, BPF_ANY);
		return XDP_DROP;
	}
	(*n)++;
	return XDP_PASS;
}

static __always_inline int report(struct xdp_md *ctx, __u32 rare)
{
	__u32 event[2] = {(__u32)(ctx->data_end - ctx->data), is_rare(ctx) ? rare : 0};

	bpf_ringbuf_output(&ring, event, sizeof(event), 0);
	return XDP_PASS;
}

static __always_inline int report_perf(struct xdp_md *ctx, __u32 rare)
{
	__u32 event[8] = {is_rare(ctx) ? rare : 0};

	bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, event, sizeof(event));
	return XDP_PASS;
}

#define PROGRAM(name, body)                                                                        \
	SEC("xdp")                                                                                 \
	int name(struct xdp_md *ctx)                                                               \
	{                                                                                          \
		return body;                                                                       \
	}

PROGRAM(counts, count(ctx, 1))
PROGRAM(counts_wrong, count(ctx, 2))
PROGRAM(stamps_it, stamp(ctx, XDP_TX))
PROGRAM(stamps_wrong, stamp(ctx, XDP_DROP))
PROGRAM(tosses, toss(ctx, 1))
PROGRAM(tosses_wrong, toss(ctx, 2))
PROGRAM(remembers, remember(ctx))
PROGRAM(reports, report(ctx, 1))
PROGRAM(reports_wrong, report(ctx, 2))
PROGRAM(perf_reports, report_perf(ctx, 1))
PROGRAM(perf_wrong, report_perf(ctx, 2))

char _license[] SEC("license") = "GPL";
