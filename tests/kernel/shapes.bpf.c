// SPDX-License-Identifier: GPL-2.0-only
/* shapes: lookups as passes meet them, chosen by a byte of the packet: keys of many sizes, on the
 * stack and in the packet, constant and variable indexes, inside arrays and outside.
 *
 *   byte 14     which lookup        bytes 16-79  the key */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

enum { OP_AT = 14, KEY_AT = 16, END_AT = 80, CONFIG_N = 3, FLAGS_N = 1000, TABLE_N = 8 };

#define KEYED_MAP(name, kind, size)                                                                \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_##kind);                                                 \
		__uint(max_entries, 4096);                                                         \
		__type(key, __u8[size]);                                                           \
		__type(value, __u64);                                                              \
	} name SEC(".maps")

KEYED_MAP(key1, HASH, 1);
KEYED_MAP(key2, HASH, 2);
KEYED_MAP(key4, PERCPU_HASH, 4);
KEYED_MAP(key7, HASH, 7);
KEYED_MAP(key12, HASH, 12);
KEYED_MAP(key20, PERCPU_HASH, 20);
KEYED_MAP(key40, HASH, 40);
KEYED_MAP(key64, HASH, 64);

struct shape_config {
	__u32 verdict;
	__u32 step;
	__u8 table[TABLE_N];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CONFIG_N);
	__type(key, __u32);
	__type(value, struct shape_config);
} configs SEC(".maps");

struct flagged {
	__u64 seen;
	__u64 word; /* flags in the low three bits, a counter above */
};

#define FLAGS_MAP(name, kind)                                                                      \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_##kind);                                                 \
		__uint(max_entries, FLAGS_N);                                                      \
		__type(key, __u32);                                                                \
		__type(value, struct flagged);                                                     \
	} name SEC(".maps")

FLAGS_MAP(flags, ARRAY);
FLAGS_MAP(cpu_flags, PERCPU_ARRAY);

/* A call of its own, which clang cannot merge with the others. */
#define ASK(map, pointer)                                                                          \
	do {                                                                                       \
		count = bpf_map_lookup_elem(&map, pointer);                                        \
		asm volatile("" ::"i"(__COUNTER__));                                               \
	} while (0)

#define ASK_BY_STACK(map, size)                                                                    \
	do {                                                                                       \
		__u8 on_stack[size] __attribute__((aligned(8)));                                   \
		__builtin_memcpy(on_stack, key, size);                                             \
		ASK(map, on_stack);                                                                \
	} while (0)

static __always_inline int test_flags(void *map, const __u8 *key)
{
	__u32 index = *(const __u32 *)key;
	struct flagged *entry = bpf_map_lookup_elem(map, &index);

	asm volatile("" ::"r"(map));
	if (!entry)
		return XDP_ABORTED;
	if ((entry->word & 5) != 5)
		return XDP_PASS;
	entry->word += 8;
	return XDP_DROP;
}

static __always_inline int read_config(__u32 index, __u8 at)
{
	struct shape_config *entry = bpf_map_lookup_elem(&configs, &index);

	if (!entry)
		return XDP_ABORTED;
	return (int)(entry->verdict + entry->step * entry->table[at & (TABLE_N - 1)]) & 3;
}

SEC("xdp")
int shapes(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data, *key = data + KEY_AT;
	__u64 *count = NULL;

	if (data + END_AT > (__u8 *)(long)ctx->data_end)
		return XDP_PASS;

	switch (data[OP_AT]) {
	case 0:
		ASK_BY_STACK(key1, 1);
		break;
	case 1:
		ASK_BY_STACK(key2, 2);
		break;
	case 2:
		ASK_BY_STACK(key4, 4);
		break;
	case 3:
		ASK_BY_STACK(key7, 7);
		break;
	case 4:
		ASK_BY_STACK(key12, 12);
		break;
	case 5:
		ASK_BY_STACK(key20, 20);
		break;
	case 6:
		ASK_BY_STACK(key40, 40);
		break;
	case 7:
		ASK_BY_STACK(key64, 64);
		break;
	case 8:
		ASK(key12, key); /* not on the stack */
		break;
	case 9:
		return read_config(0, *key);
	case 10:
		return read_config(2, *key);
	case 11:
		return read_config(CONFIG_N, *key);
	case 12:
		return test_flags(&flags, key);
	case 13:
		return test_flags(&cpu_flags, key);
	}
	if (!count)
		return XDP_PASS;
	++*count;
	return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
