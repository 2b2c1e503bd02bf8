// SPDX-License-Identifier: Apache-2.0
/* tcx: see the header. Source of the layouts: include/uapi/linux/bpf.h union bpf_attr, 6.6. */
#include "runtime/common/tcx.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* BPF_PROG_QUERY */
struct query_attr {
	uint32_t ifindex, attach_type, query_flags, attach_flags;
	uint64_t prog_ids;
	uint32_t count, reserved;
	uint64_t prog_attach_flags, link_ids, link_attach_flags, revision;
};
_Static_assert(offsetof(struct query_attr, link_ids) == 40, "ABI");

/* BPF_PROG_ATTACH */
struct attach_attr {
	uint32_t ifindex, attach_bpf_fd, attach_type, attach_flags, replace_bpf_fd, relative_fd;
	uint64_t expected_revision;
};
_Static_assert(offsetof(struct attach_attr, expected_revision) == 24, "ABI");

int hone_tcx_query(uint32_t ifindex, uint32_t attach_type, struct hone_tcx_entry out[HONE_TCX_MAX])
{
	uint32_t prog_ids[HONE_TCX_MAX] = {0}, link_ids[HONE_TCX_MAX] = {0};
	struct query_attr attr = {
		.ifindex = ifindex,
		.attach_type = attach_type,
		.prog_ids = (uint64_t)(uintptr_t)prog_ids,
		.link_ids = (uint64_t)(uintptr_t)link_ids,
		.count = HONE_TCX_MAX,
	};

	if (syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof(attr)))
		return -errno;
	for (uint32_t i = 0; i < attr.count; i++)
		out[i] = (struct hone_tcx_entry){.prog_id = prog_ids[i], .link_id = link_ids[i]};
	return (int)attr.count;
}

int hone_tcx_replace(uint32_t ifindex, uint32_t attach_type, int old_fd, int new_fd)
{
	struct attach_attr attr = {
		.ifindex = ifindex,
		.attach_bpf_fd = (uint32_t)new_fd,
		.attach_type = attach_type,
		.attach_flags = BPF_F_REPLACE,
		.replace_bpf_fd = (uint32_t)old_fd,
	};

	return syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)) ? -errno : 0;
}
