// SPDX-License-Identifier: Apache-2.0
/* tcx_attach: see the header. */
#include "tests/tools/tcx_attach.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BPF_F_AFTER_FLAG = 1 << 4 };

static int call(int command, const uint32_t *attr, uint32_t size)
{
	long result = syscall(SYS_bpf, command, attr, size);

	return result < 0 ? -errno : (int)result;
}

int tcx_attach(uint32_t ifindex, uint32_t type, int prog_fd)
{
	/* ifindex, program, type, flags, replaced, relative, expected revision */
	const uint32_t attr[8] = {ifindex, (uint32_t)prog_fd, type, BPF_F_AFTER_FLAG};

	return call(BPF_PROG_ATTACH, attr, sizeof(attr));
}

int tcx_detach(uint32_t ifindex, uint32_t type, int prog_fd)
{
	const uint32_t attr[8] = {ifindex, (uint32_t)prog_fd, type};

	return call(BPF_PROG_DETACH, attr, sizeof(attr));
}

int tcx_link(uint32_t ifindex, uint32_t type, int prog_fd)
{
	/* program, ifindex, type, flags */
	const uint32_t attr[8] = {(uint32_t)prog_fd, ifindex, type};

	return call(BPF_LINK_CREATE, attr, sizeof(attr));
}
