// SPDX-License-Identifier: GPL-2.0-only
/* measure_skb: tc programs that count packets which are not as the first was, and then change
 * what they can. */
#define BPF_NO_PRESERVE_ACCESS_INDEX /* a context is no kernel structure */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

enum { FRAME_BYTES = 64, TTL_AT = 22, TTL = 64, MAC = 2 };

__u64 n_runs = 0, n_spoilt = 0;

static __always_inline bool is_fresh(const struct __sk_buff *skb)
{
	const __u8 *frame = (void *)(long)skb->data;

	if (skb->len != FRAME_BYTES || (void *)(frame + FRAME_BYTES) > (void *)(long)skb->data_end)
		return false;
	return frame[0] == MAC && frame[6] == MAC && frame[12] == 8 && frame[TTL_AT] == TTL &&
	       skb->mark == 0 && skb->priority == 0 && skb->tc_index == 0 && skb->cb[0] == 0 &&
	       skb->cb[4] == 0 && skb->queue_mapping == 0 && !skb->vlan_present;
}

static __always_inline void count(const struct __sk_buff *skb)
{
	n_runs++;
	if (!is_fresh(skb))
		n_spoilt++;
}

SEC("tc")
int fields(struct __sk_buff *skb)
{
	volatile struct __sk_buff *set = skb; /* no two fields by one store */
	__u8 *frame;

	count(skb);
	set->mark = 1;
	set->priority = 2;
	set->tc_index = 3;
	set->cb[0] = 4;
	set->cb[4] = 5;
	set->queue_mapping = 6;
	frame = (void *)(long)skb->data;
	if ((void *)(frame + FRAME_BYTES) > (void *)(long)skb->data_end)
		return 2;
	frame[0] = frame[6] = frame[TTL_AT] = 0xee;
	return 0;
}

SEC("tc")
int tag(struct __sk_buff *skb)
{
	count(skb);
	bpf_skb_vlan_push(skb, 0, 7);
	return 0;
}

SEC("tc")
int grow(struct __sk_buff *skb)
{
	count(skb);
	bpf_skb_adjust_room(skb, 20, BPF_ADJ_ROOM_MAC, 0);
	return 0;
}

SEC("tc")
int shrink(struct __sk_buff *skb)
{
	count(skb);
	bpf_skb_adjust_room(skb, -8, BPF_ADJ_ROOM_NET, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
