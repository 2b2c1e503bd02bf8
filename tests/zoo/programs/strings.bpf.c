// SPDX-License-Identifier: GPL-2.0-only
/* strings: strings of .rodata that helpers read, with lengths and formats. */
#include "zoo.h"

static const char wanted[] = "abc";

SEC("xdp")
int strings(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	char text[8];
	__u32 seen;

	if (data + 30 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	text[0] = 'a';
	text[1] = (char)(data[26] & 3) + 'a';
	text[2] = 'c';
	text[3] = '\0';
	seen = data[27];
	if (bpf_strncmp(text, 4, wanted) == 0)
		return XDP_TX;
	BPF_SNPRINTF(text, sizeof(text), "%u", seen);
	return text[0] == '1' ? XDP_ABORTED : XDP_PASS;
}
