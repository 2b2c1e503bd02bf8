// SPDX-License-Identifier: Apache-2.0
/* outcome: see the header.
 *
 * When:  once per packet and program of a differential run.
 * Not:   fields of __sk_buff that the kernel does not hand back (tc_index, queue_mapping,
 *        vlan_*, hash): net/bpf/test_run.c convert_skb_to___skb(). */
#include "runtime/deploy/outcome.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Types with a test_run that takes a packet: net/core/filter.c, *_prog_ops. */
static const enum context {
	NO_CONTEXT,
	XDP_CONTEXT,
	SKB_CONTEXT,
} contexts[] = {
	[BPF_PROG_TYPE_XDP] = XDP_CONTEXT,	     [BPF_PROG_TYPE_SCHED_CLS] = SKB_CONTEXT,
	[BPF_PROG_TYPE_SCHED_ACT] = SKB_CONTEXT,     [BPF_PROG_TYPE_SOCKET_FILTER] = SKB_CONTEXT,
	[BPF_PROG_TYPE_CGROUP_SKB] = SKB_CONTEXT,    [BPF_PROG_TYPE_LWT_IN] = SKB_CONTEXT,
	[BPF_PROG_TYPE_LWT_OUT] = SKB_CONTEXT,	     [BPF_PROG_TYPE_LWT_XMIT] = SKB_CONTEXT,
	[BPF_PROG_TYPE_LWT_SEG6LOCAL] = SKB_CONTEXT,
};

static enum context context_of(uint32_t prog_type)
{
	return prog_type < sizeof(contexts) / sizeof(contexts[0]) ? contexts[prog_type]
								  : NO_CONTEXT;
}

bool hone_outcome_is_possible(uint32_t prog_type)
{
	return context_of(prog_type) != NO_CONTEXT;
}

/* The bytes of the context that the kernel takes and gives back. */
union context_bytes {
	struct xdp_md xdp;
	struct __sk_buff skb;
};
static_assert(sizeof(union context_bytes) <= HONE_CONTEXT_BYTES, "a context does not fit");

static uint32_t fill_context(enum context kind, const struct hone_packet *packet,
			     union context_bytes *out)
{
	memset(out, 0, sizeof(*out));
	if (kind == XDP_CONTEXT) {
		out->xdp.data_end = packet->size;
		return sizeof(out->xdp);
	}
	out->skb.mark = packet->context.mark;
	out->skb.priority = packet->context.priority;
	memcpy(out->skb.cb, packet->context.cb, sizeof(out->skb.cb));
	return sizeof(out->skb);
}

/* What says something about the program or the kernel, not about the packet. */
static bool is_fatal(int err)
{
	return err != -EINVAL && err != -ENOMEM && err != -E2BIG;
}

int hone_outcome_run(int prog_fd, uint32_t prog_type, const struct hone_packet *packet,
		     struct hone_outcome *out)
{
	enum context kind = context_of(prog_type);
	union context_bytes context;
	uint32_t context_size = fill_context(kind, packet, &context);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->bytes, .data_size_in = packet->size,
		    .data_out = out->bytes, .data_size_out = sizeof(out->bytes), .ctx_in = &context,
		    .ctx_size_in = context_size, .ctx_out = out->context,
		    .ctx_size_out = context_size, .repeat = 1);

	if (kind == NO_CONTEXT)
		return -ENOTSUP;
	out->err = bpf_prog_test_run_opts(prog_fd, &opts) ? -errno : 0;
	if (is_fatal(out->err) && out->err)
		return out->err;
	out->verdict = out->err ? 0 : opts.retval;
	out->size = out->err ? 0 : opts.data_size_out;
	out->context_size = out->err ? 0 : opts.ctx_size_out;
	return 0;
}

bool hone_outcome_is_same(const struct hone_outcome *a, const struct hone_outcome *b)
{
	return a->err == b->err && a->verdict == b->verdict && a->size == b->size &&
	       a->context_size == b->context_size &&
	       memcmp(&a->redirect, &b->redirect, sizeof(a->redirect)) == 0 &&
	       memcmp(a->context, b->context, a->context_size) == 0 &&
	       memcmp(a->bytes, b->bytes, a->size) == 0;
}

static int describe(const struct hone_outcome *a, const struct hone_outcome *b, char *at,
		    size_t room)
{
	if (memcmp(&a->redirect, &b->redirect, sizeof(a->redirect)))
		return snprintf(at, room, "redirect to %llu of map %lld, other to %llu of %lld",
				(unsigned long long)a->redirect.target, (long long)a->redirect.map,
				(unsigned long long)b->redirect.target, (long long)b->redirect.map);
	if (a->verdict == b->verdict && a->size == b->size) {
		uint32_t i = 0;

		if (memcmp(a->context, b->context, a->context_size)) {
			while (a->context[i] == b->context[i])
				i++;
			return snprintf(at, room, "context byte %u: %02x, other %02x", i,
					a->context[i], b->context[i]);
		}
		while (i < a->size && a->bytes[i] == b->bytes[i])
			i++;
		if (i < a->size)
			return snprintf(at, room, "byte %u afterwards: %02x, other %02x", i,
					a->bytes[i], b->bytes[i]);
	}
	return snprintf(at, room, "%u (%u bytes), other %u (%u)", a->verdict, a->size, b->verdict,
			b->size);
}

void hone_outcome_text(const struct hone_packet *packet, const struct hone_outcome *a,
		       const struct hone_outcome *b, char *detail)
{
	int n = snprintf(detail, HONE_DETAIL_LEN, "packet of %u bytes: ", packet->size);

	n += describe(a, b, detail + n, HONE_DETAIL_LEN - (size_t)n);
	n += snprintf(detail + n, HONE_DETAIL_LEN - (size_t)n, ": ");
	for (uint32_t i = 0; i < packet->size && n + 3 < HONE_DETAIL_LEN; i++)
		n += snprintf(detail + n, 3, "%02x", packet->bytes[i]);
}
