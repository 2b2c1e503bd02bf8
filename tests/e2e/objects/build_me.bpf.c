// SPDX-License-Identifier: GPL-2.0-only
/* build_me: what an object can hold that is easily lost when instructions are replaced: several
 * programs in a section, constants in front of and behind what a loader may set, variables, a
 * counter map, code for tc. Every packet's verdict depends on all of them. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const int verdicts[4] = {XDP_PASS, XDP_DROP, XDP_PASS, XDP_ABORTED};
const volatile int offset = 3;
const int more[2] = {XDP_DROP, XDP_TX};
static volatile int seen = 40;
volatile __u64 sum;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static void count(__u32 key, __u64 n)
{
	__u64 *value = bpf_map_lookup_elem(&counts, &key);

	if (value)
		__sync_fetch_and_add(value, n);
}

SEC("xdp") int first(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 14 > end)
		return XDP_ABORTED;
	seen += data[0];
	count(data[0] & 7, 1);
	return verdicts[(data[0] + offset) & 3];
}

SEC("xdp") int second(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 14 > end)
		return XDP_DROP;
	sum += (__u64)seen << (data[1] & 15);
	count(data[1] & 3, sum);
	return more[(data[1] >> offset) & 1];
}

SEC("tc") int marks(struct __sk_buff *skb)
{
	skb->mark = (unsigned int)(seen + offset + more[skb->len & 1]);
	count(7, skb->mark);
	return (int)(skb->mark & 3);
}

char _license[] SEC("license") = "GPL";
