// SPDX-License-Identifier: GPL-2.0-only
/* language: what programs may be made of beside plain instructions, one program each. */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TC_ACT_OK 0
#define TC_ACT_SHOT 2

__u64 load_byte(void *skb, __u64 offset) asm("llvm.bpf.load.byte");
__u64 load_half(void *skb, __u64 offset) asm("llvm.bpf.load.half");
__u64 load_word(void *skb, __u64 offset) asm("llvm.bpf.load.word");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64[4]);
} sums SEC(".maps");

static __always_inline __u64 *sum(__u32 index)
{
	return bpf_map_lookup_elem(&sums, &index);
}

/* ---- LD_ABS, LD_IND ---- */

SEC("tc")
int packet_loads(struct __sk_buff *skb)
{
	__u64 ihl = load_byte(skb, 14) & 15, *at = sum(0);

	if (!at)
		return TC_ACT_OK;
	__sync_fetch_and_add(&at[0], ihl);
	__sync_fetch_and_add(&at[1], load_half(skb, 12));
	__sync_fetch_and_add(&at[2], load_word(skb, 14 + 4 * ihl));
	at[3] = 1;
	if (load_byte(skb, (__u64)-0x100000 + 9) == 6) /* SKF_NET_OFF: of the network header */
		return TC_ACT_SHOT;
	return load_half(skb, ihl * 8 + 20) & 1 ? TC_ACT_SHOT : TC_ACT_OK;
}

/* A packet load may end the program: what was stored before it stays. */
SEC("socket")
int packet_load_exits(struct __sk_buff *skb)
{
	__u64 *at = sum(1);

	if (!at)
		return 0;
	at[0] = load_byte(skb, 20);
	at[1] = load_word(skb, 90);
	return (int)at[0] + 1;
}

/* ---- program types ---- */

static __always_inline int by_protocol(struct __sk_buff *skb, __u32 index)
{
	__u64 *at = sum(index);

	if (!at)
		return 0;
	at[0] += skb->len;
	at[1] += skb->protocol;
	at[2] ^= skb->ifindex;
	return skb->len > 80 ? 1 : 0;
}

/* With packet pointers, which socket filters do not have. */
static __always_inline int by_port(struct __sk_buff *skb, __u32 index)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u16 *port = data + 22;

	if ((void *)(port + 1) > end)
		return by_protocol(skb, index);
	return by_protocol(skb, index) ^ (*port & 1);
}

SEC("socket")
int by_socket_filter(struct __sk_buff *skb)
{
	return by_protocol(skb, 2) ? (int)skb->len : 0;
}

SEC("cgroup_skb/egress")
int by_cgroup_skb(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (sk && sk->family == 10)
		return 0;
	skb->mark = skb->len;
	return by_port(skb, 3);
}

SEC("lwt_xmit")
int by_lwt_xmit(struct __sk_buff *skb)
{
	skb->cb[1] = skb->len;
	return by_port(skb, 4) ? 2 /* BPF_DROP */ : 0;
}

SEC("lwt_in")
int by_lwt_in(struct __sk_buff *skb)
{
	return by_port(skb, 4) ? 2 : 0;
}

SEC("lwt_seg6local")
int by_lwt_seg6local(struct __sk_buff *skb)
{
	return by_port(skb, 4) ? 2 : 0;
}

SEC("sk_skb/stream_verdict")
int by_stream(struct __sk_buff *skb)
{
	return by_port(skb, 4) ? SK_DROP : SK_PASS;
}

SEC("action")
int by_action(struct __sk_buff *skb)
{
	skb->mark = skb->cb[0] + 1;
	skb->priority = skb->mark * 2;
	skb->tc_classid = 5;
	return by_port(skb, 5) ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("xdp.frags")
int xdp_frags(struct xdp_md *ctx)
{
	__u8 header[40] = {};

	if (bpf_xdp_load_bytes(ctx, 0, header, sizeof(header)))
		return XDP_DROP;
	return bpf_xdp_get_buff_len(ctx) > 80 || header[23] == 17 ? XDP_TX : XDP_PASS;
}

SEC("xdp/devmap")
int xdp_devmap(struct xdp_md *ctx)
{
	return ctx->egress_ifindex == 0 ? XDP_PASS : XDP_DROP;
}

SEC("xdp/cpumap")
int xdp_cpumap(struct xdp_md *ctx)
{
	return ctx->data_end - ctx->data > 80 ? XDP_TX : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
