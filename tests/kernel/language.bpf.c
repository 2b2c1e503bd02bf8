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

/* ---- globals ---- */

const volatile __u32 limit = 80;
const volatile __u16 ports[8] = {0, 3, 5, 7, 9, 11, 13, 15};
static __u64 n_seen;
__u64 last_bytes = 1;

SEC("xdp")
int globals(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 *at = sum(6);

	n_seen++;
	if (!at || data + 40 > end)
		return XDP_ABORTED;
	at[0] = n_seen + last_bytes;
	last_bytes = end - data;
	if (*(__u8 *)(data + 37) == ports[*(__u8 *)(data + 35) & 7] + ports[2])
		return XDP_TX;
	return end - data > limit ? XDP_DROP : XDP_PASS;
}

/* ---- functions of the kernel ---- */

struct bpf_ct_opts___hone {
	int netns_id;
	int error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};

extern int bpf_dynptr_from_xdp(struct xdp_md *xdp, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, __u32 offset, void *buffer,
			      __u32 buffer__szk) __ksym;
extern void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *ptr, __u32 offset, void *buffer,
				   __u32 buffer__szk) __ksym;
extern __u32 bpf_dynptr_size(const struct bpf_dynptr *ptr) __ksym;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym;
extern struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *ctx, struct bpf_sock_tuple *tuple,
					 __u32 tuple__sz, struct bpf_ct_opts___hone *opts,
					 __u32 opts__sz) __ksym;
extern void bpf_ct_release(struct nf_conn *ct) __ksym;
extern void bpf_throw(__u64 cookie) __ksym;

SEC("xdp")
int dynptr_of_packet(struct xdp_md *ctx)
{
	struct bpf_dynptr ptr;
	__u8 buffer[20], *header;

	if (bpf_dynptr_from_xdp(ctx, 0, &ptr))
		return XDP_ABORTED;
	header = bpf_dynptr_slice(&ptr, 14, buffer, sizeof(buffer));
	if (!header)
		return XDP_DROP;
	if (header[9] == 17)
		return XDP_TX;
	header = bpf_dynptr_slice_rdwr(&ptr, 0, buffer, 6);
	if (!header)
		return XDP_DROP;
	header[0] ^= 1;
	return bpf_dynptr_size(&ptr) & 1 ? XDP_TX : XDP_PASS;
}

SEC("tc")
int dynptr_of_skb(struct __sk_buff *skb)
{
	struct bpf_dynptr ptr;
	__u8 buffer[20] = {}, *header;

	if (bpf_dynptr_from_skb(skb, 0, &ptr))
		return TC_ACT_SHOT;
	header = bpf_dynptr_slice(&ptr, 14, buffer, sizeof(buffer));
	return header && header[9] == 17 ? TC_ACT_SHOT : TC_ACT_OK;
}

/* A loop that stays one: the verifier sees it turn. */
SEC("xdp")
int open_coded_loop(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bpf_iter_num it;
	__u32 total = 0;
	int *i;

	bpf_iter_num_new(&it, 0, 40);
	while ((i = bpf_iter_num_next(&it))) {
		__u8 *at = data + (*i & 63);

		if ((void *)(at + 1) > end)
			break;
		total += *at;
		if (total > 6000)
			break;
	}
	bpf_iter_num_destroy(&it);
	return total & 1 ? XDP_TX : XDP_DROP;
}

/* Pointers are read from the kernel's own structures. */
SEC("xdp")
int kernel_context(struct xdp_md *ctx)
{
	struct xdp_buff *xdp = bpf_cast_to_kern_ctx(ctx);
	int ifindex;

	bpf_rcu_read_lock();
	ifindex = xdp->rxq->dev->ifindex;
	bpf_rcu_read_unlock();
	return ifindex + xdp->data_end - xdp->data > 80 ? XDP_TX : XDP_PASS;
}

SEC("xdp")
int connection(struct xdp_md *ctx)
{
	struct bpf_ct_opts___hone opts = {.netns_id = -1, .l4proto = 6};
	struct bpf_sock_tuple tuple = {};
	struct nf_conn *ct;

	tuple.ipv4.saddr = ctx->data_end - ctx->data;
	tuple.ipv4.daddr = 0x0100007f;
	ct = bpf_xdp_ct_lookup(ctx, &tuple, sizeof(tuple.ipv4), &opts, sizeof(opts));
	if (ct) {
		bpf_ct_release(ct);
		return XDP_DROP;
	}
	return opts.error ? XDP_PASS : XDP_TX;
}

SEC("xdp")
int throws(struct xdp_md *ctx)
{
	if (ctx->rx_queue_index > 7)
		bpf_throw(XDP_DROP);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
