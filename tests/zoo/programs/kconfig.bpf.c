// SPDX-License-Identifier: GPL-2.0-only
/* kconfig: the kernel's configuration and version, read through a map that libbpf fills. */
#include "zoo.h"

extern int LINUX_KERNEL_VERSION __kconfig;
extern unsigned int CONFIG_HZ __kconfig __weak;

SEC("xdp")
int kconfig(struct xdp_md *ctx)
{
	__u32 length = (__u32)(DATA_END(ctx) - DATA(ctx));

	if (LINUX_KERNEL_VERSION < 0x50000)
		return XDP_ABORTED;
	if (length * 2 > CONFIG_HZ)
		return XDP_TX;
	return length & 1 ? XDP_DROP : XDP_PASS;
}
