// SPDX-License-Identifier: GPL-2.0-only
/* measure: one program that runs A, B, A again and nothing in turn, over a trace of flows; one for
 * XDP, one for tc, of which measure.c loads the one that it needs.
 *
 * When: under BPF_PROG_TEST_RUN with repeat, by measure.c; never attached.
 * Does: writes the next tuple of the trace into the frame, tail-calls the variant of the phase;
 *       reads the clock only where a segment begins, so that its cost is not in the figures.
 * Not:  judging; the stamps are user space's to subtract.
 *
 * After a tail call this program does not get control back: a segment ends where the next packet
 * begins. Each variant has a call instruction of its own with a constant index, which the kernel
 * makes a direct jump; a variable one would cost 12 ns. Stores are as wide as the loads that
 * programs do, or those would stall. */
#define BPF_NO_PRESERVE_ACCESS_INDEX /* contexts are no kernel structures */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "runtime/bpf/measure_abi.h"

enum { SLOT_N = HONE_TIMED_NOTHING, ADDRESSES_AT = 26, PORTS_AT = 34, TTL_AT = 22 };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SLOT_N);
	__type(key, __u32);
	__type(value, __u32);
} hone_timed SEC(".maps");

/* Undo what the programs do to the frame: MAC addresses, headers in front. */
const volatile bool restores = false;
const volatile __u8 template[HONE_TIMED_FRAME_BYTES] = {0};

struct hone_timed_run run = {0};
__u64 stamps[HONE_TIMED_STAMP_N] = {0};
__u32 starts[HONE_TIMED_PAIRS_MAX] = {0}; /* where in the trace a pair begins */
struct hone_timed_tuple trace[HONE_TIMED_TRACE_N] = {0};

/* A phase in the middle of the others sees what they see of a machine that drifts. */
static __always_inline __u32 variant_of(__u32 phase)
{
	/* A B A' 0 0 A' B A, two bits each */
	const __u32 order = HONE_TIMED_A | HONE_TIMED_B << 2 | HONE_TIMED_A_AGAIN << 4 |
			    HONE_TIMED_NOTHING << 6 | HONE_TIMED_NOTHING << 8 |
			    HONE_TIMED_A_AGAIN << 10 | HONE_TIMED_B << 12 | HONE_TIMED_A << 14;

	return order >> (phase % HONE_TIMED_PHASE_N * 2) & 3;
}

/* Inlined: a program with subprograms keeps a counter of tail calls on its stack. */
static __always_inline void begin_segment(void)
{
	__u32 segment = run.segment++;
	__u32 pair = segment / (2 * HONE_TIMED_PHASE_N);

	if (segment < HONE_TIMED_STAMP_N)
		stamps[segment] = bpf_ktime_get_ns();
	if (segment % (2 * HONE_TIMED_PHASE_N) == 0)
		run.at = starts[pair % HONE_TIMED_PAIRS_MAX];
	run.variant = variant_of(segment / 2);
	run.left = segment % 2 ? run.timed_packets : run.warm_packets;
}

/* Widths as of a program that copies addresses. */
static __always_inline void restore_macs(volatile __u8 *frame)
{
	*(volatile __u32 *)frame = *(const volatile __u32 *)template;
	*(volatile __u16 *)(frame + 4) = *(const volatile __u16 *)(template + 4);
	*(volatile __u32 *)(frame + 6) = *(const volatile __u32 *)(template + 6);
	*(volatile __u16 *)(frame + 10) = *(const volatile __u16 *)(template + 10);
}

/* The header as the first packet had it. */
static __always_inline bool restore(struct xdp_md *ctx)
{
	long grown = (long)ctx->data_end - (long)ctx->data - HONE_TIMED_FRAME_BYTES;
	volatile __u8 *frame;

	if (grown != 0 && bpf_xdp_adjust_head(ctx, (int)grown))
		return false;
	barrier_var(
		ctx); /* or clang makes one load of this and the one above, at a variable offset */
	frame = (void *)(long)ctx->data;
	if ((void *)(long)ctx->data_end < (void *)(long)ctx->data + HONE_TIMED_FRAME_BYTES)
		return false;
	if (grown != 0) {
#pragma unroll
		for (int i = 0; i < HONE_TIMED_FRAME_BYTES; i += 8)
			*(volatile __u64 *)(frame + i) = *(const volatile __u64 *)(template + i);
	}
	restore_macs(frame);
	return true;
}

/* The same for an skb. It is one and the same for all packets of a run: what a program writes to
 * its fields is there for the next one, too. */
static __always_inline bool restore_skb(struct __sk_buff *skb)
{
	long grown = (long)skb->len - HONE_TIMED_FRAME_BYTES;
	volatile struct __sk_buff *set = skb; /* the verifier refuses two fields by one store */
	volatile __u8 *frame;

	set->mark = 0;
	set->priority = 0;
	set->tc_index = 0;
	set->queue_mapping = 0;
#pragma unroll
	for (int i = 0; i < 5; i++)
		set->cb[i] = 0;
	if (skb->vlan_present && bpf_skb_vlan_pop(skb))
		return false;
	if (grown != 0 && bpf_skb_adjust_room(skb, (int)-grown, BPF_ADJ_ROOM_MAC, 0))
		return false;
	barrier_var(skb);
	frame = (void *)(long)skb->data;
	if ((void *)(long)skb->data_end < (void *)(long)skb->data + HONE_TIMED_FRAME_BYTES)
		return false;
	if (grown != 0) {
#pragma unroll
		for (int i = 0; i < HONE_TIMED_FRAME_BYTES; i += 8)
			*(volatile __u64 *)(frame + i) = *(const volatile __u64 *)(template + i);
	}
	restore_macs(frame);
	return true;
}

static __always_inline bool write_tuple(void *frame, const void *end)
{
	const struct hone_timed_tuple *tuple = &trace[run.at++ % HONE_TIMED_TRACE_N];

	if (end < frame + HONE_TIMED_FRAME_BYTES)
		return false;
	*(volatile __u32 *)(frame + TTL_AT) = *(const __u32 *)&tuple->ttl;
	*(volatile __u64 *)(frame + ADDRESSES_AT) = tuple->addresses;
	*(volatile __u32 *)(frame + PORTS_AT) = tuple->ports;
	return true;
}

static __always_inline void count_packet(void)
{
	if (run.left == 0)
		begin_segment();
	run.left--;
}

/* Comes back after HONE_TIMED_NOTHING, and when a tail call failed. */
static __always_inline void call_variant(void *ctx)
{
	switch (run.variant) {
	case HONE_TIMED_A:
		bpf_tail_call_static(ctx, &hone_timed, HONE_TIMED_A);
		break;
	case HONE_TIMED_B:
		bpf_tail_call_static(ctx, &hone_timed, HONE_TIMED_B);
		break;
	case HONE_TIMED_A_AGAIN:
		bpf_tail_call_static(ctx, &hone_timed, HONE_TIMED_A_AGAIN);
		break;
	default:
		return;
	}
	run.failed++;
}

SEC("xdp")
int measure(struct xdp_md *ctx)
{
	count_packet();
	if ((restores && !restore(ctx)) ||
	    !write_tuple((void *)(long)ctx->data, (void *)(long)ctx->data_end))
		run.failed++;
	else
		call_variant(ctx);
	return XDP_PASS;
}

SEC("tc")
int measure_skb(struct __sk_buff *skb)
{
	count_packet();
	if ((restores && !restore_skb(skb)) ||
	    !write_tuple((void *)(long)skb->data, (void *)(long)skb->data_end))
		run.failed++;
	else
		call_variant(skb);
	return 0; /* TC_ACT_OK */
}

char LICENSE[] SEC("license") = "GPL";
