// SPDX-License-Identifier: GPL-2.0-only
/* tc_legacy_loads: bytes of the packet by LD_ABS and LD_IND: a read outside ends the program
 * with 0. */
#include "zoo.h"

unsigned long long load_byte(void *skb, unsigned long long offset) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long offset) asm("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long offset) asm("llvm.bpf.load.word");

SEC("tc")
int tc_legacy_loads(struct __sk_buff *skb)
{
	__u64 length;

	if (load_half(skb, 12) != ETH_P_IP)
		return TC_ACT_PIPE;
	length = (load_byte(skb, 14) & 15) * 4;
	if (length < 20)
		return TC_ACT_SHOT;
	if (load_word(skb, 26) & 1)
		return load_half(skb, 14 + length) & 1 ? TC_ACT_STOLEN : TC_ACT_UNSPEC;
	return TC_ACT_QUEUED;
}
