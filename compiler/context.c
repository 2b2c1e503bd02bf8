// SPDX-License-Identifier: Apache-2.0
/* context: whose programs are understood, and which fields of their context the verifier makes
 * pointers. All others are numbers. Stores need no table: the verifier sees the same ones again.
 * Source: *_is_valid_access() in net/core/filter.c. */
#include <stddef.h>

#include "compiler/kinds.h"

struct field {
	enum { XDP_MD = 1, SK_BUFF } context;
	int64_t offset;
};

static const struct field pointers[] = {
	{XDP_MD, offsetof(struct xdp_md, data)},
	{XDP_MD, offsetof(struct xdp_md, data_end)},
	{XDP_MD, offsetof(struct xdp_md, data_meta)},
	{SK_BUFF, offsetof(struct __sk_buff, data)},
	{SK_BUFF, offsetof(struct __sk_buff, data_end)},
	{SK_BUFF, offsetof(struct __sk_buff, data_meta)},
	{SK_BUFF, offsetof(struct __sk_buff, flow_keys)},
	{SK_BUFF, offsetof(struct __sk_buff, sk)},
};

/* By program type; 0: not understood. */
static const uint8_t contexts[] = {
	[BPF_PROG_TYPE_XDP] = XDP_MD,
	[BPF_PROG_TYPE_SCHED_CLS] = SK_BUFF,
	[BPF_PROG_TYPE_SCHED_ACT] = SK_BUFF,
	[BPF_PROG_TYPE_SOCKET_FILTER] = SK_BUFF,
	[BPF_PROG_TYPE_CGROUP_SKB] = SK_BUFF,
	[BPF_PROG_TYPE_LWT_IN] = SK_BUFF,
	[BPF_PROG_TYPE_LWT_OUT] = SK_BUFF,
	[BPF_PROG_TYPE_LWT_XMIT] = SK_BUFF,
	[BPF_PROG_TYPE_LWT_SEG6LOCAL] = SK_BUFF,
	[BPF_PROG_TYPE_SK_SKB] = SK_BUFF,
};

static uint8_t context_of(uint32_t prog_type)
{
	return prog_type < sizeof(contexts) ? contexts[prog_type] : 0;
}

bool hone_context_is_known(uint32_t prog_type)
{
	return context_of(prog_type) != 0;
}

bool hone_context_is_pointer(uint32_t prog_type, int64_t offset)
{
	for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++)
		if (pointers[i].context == context_of(prog_type) && pointers[i].offset == offset)
			return true;
	return false;
}
