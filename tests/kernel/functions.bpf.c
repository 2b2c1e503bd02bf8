// SPDX-License-Identifier: GPL-2.0-only
/* functions: programs of several functions, one shape each: arguments of all kinds, pointers into
 * the caller's frame, results that are pointers, callbacks, large frames. What they find out goes
 * into the packet or a map, where a difference is seen. Not for traffic. */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char gpl[] SEC("license") = "GPL";

enum { ETH_P_IPV4 = 0x0800, ETH_P_VLAN = 0x8100, TC_OK = 0, TC_SHOT = 2 };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64[2]);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} sums SEC(".maps");

static __noinline __u64 *sum_at(__u32 index)
{
	return bpf_map_lookup_elem(&sums, &index);
}

static __noinline void add_sum(__u32 index, __u64 value)
{
	__u64 *sum = sum_at(index & 15);

	if (sum)
		*sum += value;
}

/* ---- numbers: five arguments, several levels ---- */

static __noinline __u64 mix(__u64 a, __u64 b, __u64 c, __u64 d, __u64 e)
{
	return ((a ^ b) * 31 + (c ^ d) * 17 + e) >> 3;
}

static __noinline int is_odd_port(struct xdp_md *ctx, __u32 offset)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u8 *at = data + offset;

	if (offset > 64 || at + 4 > (__u8 *)end)
		return -1;
	return (int)(mix(at[0], at[1], at[2], at[3], offset) & 1);
}

SEC("xdp")
int numbers(struct xdp_md *ctx)
{
	int first = is_odd_port(ctx, 34), second = is_odd_port(ctx, 36);

	add_sum(0, 1);
	if (first < 0 || second < 0)
		return XDP_PASS;
	add_sum((__u32)(1 + first * 2 + second), (__u64)(first + 2 * second));
	return first == second ? XDP_DROP : XDP_TX;
}

/* ---- a cursor in the caller's frame, with packet pointers in it ---- */

struct cursor {
	void *at, *end;
	__u32 vlans;
};

static __noinline int parse_eth(struct cursor *c, __u16 *proto)
{
	struct ethhdr *eth = c->at;

	if ((void *)(eth + 1) > c->end)
		return -1;
	c->at = eth + 1;
	*proto = eth->h_proto;
	for (int i = 0; i < 2; i++) {
		struct vlan_hdr *vlan = c->at;

		if (*proto != bpf_htons(ETH_P_VLAN))
			break;
		if ((void *)(vlan + 1) > c->end)
			return -1;
		*proto = vlan->h_vlan_encapsulated_proto;
		c->at = vlan + 1;
		c->vlans++;
	}
	return 0;
}

static __noinline struct iphdr *parse_ip(struct cursor *c)
{
	struct iphdr *ip = c->at;

	if ((void *)(ip + 1) > c->end)
		return NULL;
	c->at = ip + 1;
	return ip;
}

SEC("xdp")
int cursors(struct xdp_md *ctx)
{
	struct cursor c = {.at = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end};
	struct iphdr *ip;
	__u16 proto = 0;

	if (parse_eth(&c, &proto))
		return XDP_ABORTED;
	add_sum(c.vlans, 1);
	if (proto != bpf_htons(ETH_P_IPV4))
		return XDP_PASS;
	ip = parse_ip(&c);
	if (!ip)
		return XDP_DROP;
	ip->ttl -= 1;
	if (c.at + 4 <= c.end)
		add_sum(4 + (*(__u8 *)c.at & 3), ip->ttl);
	return ip->protocol == 6 ? XDP_TX : XDP_PASS;
}

/* ---- map values as arguments and results ---- */

static __noinline __u64 *find_counter(__u32 key)
{
	__u64 fresh[2] = {key, 0};
	__u64 *value = bpf_map_lookup_elem(&counters, &key);

	if (value)
		return value;
	bpf_map_update_elem(&counters, &key, fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&counters, &key);
}

static __noinline void count(__u64 *value, __u64 by)
{
	if (value)
		value[1] += by;
}

SEC("xdp")
int values(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u8 *at = data;
	__u64 *value;

	if (data + 32 > end)
		return XDP_PASS;
	value = find_counter(at[30] & 7);
	count(value, at[31]);
	return value && value[1] & 1 ? XDP_DROP : XDP_PASS;
}

/* ---- global functions ---- */

struct flow {
	__u32 source, target;
	__u16 ports[2];
	__u8 protocol, ttl;
	__u16 length;
};

__noinline int read_flow(struct xdp_md *ctx, struct flow *flow)
{
	struct iphdr ip;

	if (!flow)
		return -1;
	__builtin_memset(&ip, 0, sizeof(ip));
	if (bpf_xdp_load_bytes(ctx, 14, &ip, sizeof(ip)) ||
	    bpf_xdp_load_bytes(ctx, 34, flow->ports, sizeof(flow->ports)))
		return -1;
	flow->source = ip.saddr;
	flow->target = ip.daddr;
	flow->protocol = ip.protocol;
	flow->ttl = ip.ttl;
	flow->length = bpf_ntohs(ip.tot_len);
	return 0;
}

__noinline __u32 hash_flow(const struct flow *flow)
{
	if (!flow)
		return 0;
	return (flow->source ^ flow->target * 3 ^ flow->ports[0] ^ (__u32)flow->ports[1] << 7) +
	       flow->protocol;
}

SEC("xdp")
int globals(struct xdp_md *ctx)
{
	struct flow flow = {};

	if (read_flow(ctx, &flow))
		return XDP_PASS;
	add_sum(hash_flow(&flow) & 7, flow.length);
	return flow.ttl & 1 ? XDP_TX : XDP_DROP;
}

/* ---- bpf_loop: a context with numbers, a packet pointer, a pointer to another local ---- */

struct total {
	__u64 bytes, odd;
};

struct summing {
	struct xdp_md *ctx;
	struct total *total;
	__u64 *first;
	__u32 from;
};

static long sum_byte(__u64 i, struct summing *s)
{
	__u8 byte = 0;

	if (bpf_xdp_load_bytes(s->ctx, s->from + (__u32)i, &byte, 1))
		return 1;
	s->total->bytes += byte;
	s->total->odd += byte & 1;
	if (s->first && i == 0)
		*s->first = byte;
	return 0;
}

SEC("xdp")
int looped(struct xdp_md *ctx)
{
	struct total total = {};
	struct summing s = {.ctx = ctx, .total = &total, .first = sum_at(9), .from = 14};
	long n = bpf_loop(40, sum_byte, &s, 0);

	add_sum(1, total.bytes);
	add_sum(2, total.odd);
	add_sum(3, (__u64)n);
	return total.bytes & 1 ? XDP_DROP : XDP_PASS;
}

/* ---- bpf_for_each_map_elem, which writes what it walks ---- */

struct walk {
	__u64 sum;
	__u32 limit;
};

static long walk_counter(struct bpf_map *map, __u32 *key, __u64 *value, struct walk *walk)
{
	walk->sum += value[1] + *key;
	(void)map;
	value[0] ^= walk->limit;
	return 0;
}

SEC("xdp")
int walked(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct walk walk = {.limit = 100};

	if (data + 20 > end)
		return XDP_ABORTED;
	if (*(__u8 *)(data + 14) & 1)
		count(find_counter(*(__u8 *)(data + 15)), 1);
	bpf_for_each_map_elem(&counters, walk_counter, &walk, 0);
	add_sum(5, walk.sum);
	return walk.sum & 2 ? XDP_TX : XDP_PASS;
}

/* ---- a frame of 512 bytes over two functions ---- */

static __noinline __u32 fold(__u32 *words, __u32 n)
{
	__u32 copy[40], sum = 0;

	for (__u32 i = 0; i < 40; i++)
		copy[i] = i < n ? words[i & 63] : i;
	barrier_var(words);
	for (__u32 i = 0; i < 40; i++)
		sum = sum * 33 + copy[39 - i];
	return sum;
}

SEC("xdp")
int frames(struct xdp_md *ctx)
{
	__u32 words[64];

	__builtin_memset(words, 7, sizeof(words));
	if (bpf_xdp_load_bytes(ctx, 0, words, 60))
		return XDP_PASS;
	for (__u32 i = 15; i < 64; i++)
		words[i] = words[i - 15] + i;
	add_sum(6, fold(words, words[1] & 63));
	return words[63] & 1 ? XDP_DROP : XDP_PASS;
}

/* ---- an array in the frame, indexed by what the packet says ---- */

SEC("xdp")
int indexed(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u8 *at = data;
	__u64 spread[8] = {};
	__u32 most = 0;

	if (data + 40 > end)
		return XDP_PASS;
	for (int i = 0; i < 40; i++)
		spread[at[i] & 7] += (__u64)(i * i);
	for (__u32 i = 1; i < 8; i++)
		if (spread[i] > spread[most & 7])
			most = i;
	add_sum(8 + most, spread[most & 7]);
	return spread[most & 7] & 4 ? XDP_DROP : XDP_PASS;
}

/* ---- tc: functions that change the packet and the context ---- */

static __noinline int rewrite(struct __sk_buff *skb, __u32 offset, __u8 by)
{
	__u8 byte;

	if (bpf_skb_load_bytes(skb, offset, &byte, 1))
		return -1;
	byte += by;
	return (int)bpf_skb_store_bytes(skb, offset, &byte, 1, 0);
}

static __noinline void set_mark(struct __sk_buff *skb, __u32 mark)
{
	skb->mark = mark;
	skb->cb[0] = mark ^ 1;
}

SEC("tc")
int marks(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u8 kind;

	if (data + 34 > end)
		return TC_OK;
	kind = *(__u8 *)(data + 23);
	if (rewrite(skb, 22, 0xff))
		return TC_SHOT;
	set_mark(skb, kind);
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if (data + 34 > end)
		return TC_SHOT;
	add_sum(7, *(__u8 *)(data + 22) + skb->mark);
	return kind == 17 ? TC_SHOT : TC_OK;
}

/* ---- through two frames ---- */

static __noinline __u32 fill(__u8 *to, __u32 n, __u8 with)
{
	for (__u32 i = 0; i < n && i < 16; i++)
		to[i] = with + (__u8)i;
	return n + with;
}

static __noinline __u32 fill_half(__u8 *to, __u8 with)
{
	__u8 own[16] = {};

	return fill(own, 16, with) + fill(to + 8, 8, own[3]) + own[15];
}

SEC("xdp")
int through(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u8 buffer[24] = {};
	__u32 key;

	if (data + 16 > end)
		return XDP_PASS;
	key = fill_half(buffer + 4, *(__u8 *)(data + 5)) & 15;
	__builtin_memcpy(data, buffer + 6, 12);
	add_sum(key, buffer[12]);
	return buffer[19] & 1 ? XDP_TX : XDP_DROP;
}
