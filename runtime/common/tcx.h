/* SPDX-License-Identifier: Apache-2.0 */
/* tcx: bpf(2) for programs that are attached to an interface's tcx hooks: libbpf 1.1 and the
 * headers that it came with do not know them. */
#ifndef HONE_TCX_H
#define HONE_TCX_H

#include <linux/bpf.h>
#include <stdint.h>

/* enum bpf_attach_type, enum bpf_link_type; ABI. */
enum { HONE_TCX_INGRESS = 46, HONE_TCX_EGRESS = 47, HONE_LINK_TYPE_TCX = 11 };

enum { HONE_TCX_MAX = 64 }; /* at one hook: BPF_MPROG_MAX of the kernel */

struct hone_tcx_entry {
	uint32_t prog_id;
	uint32_t link_id; /* 0: BPF_PROG_ATTACH */
};

/* hone_tcx_query() - the programs at a hook, in the order in which they run.
 * out: HONE_TCX_MAX entries. Returns how many, -ENODEV, -EINVAL (a kernel without tcx), or
 * -errno. In the calling thread's network namespace. */
int hone_tcx_query(uint32_t ifindex, uint32_t attach_type, struct hone_tcx_entry out[HONE_TCX_MAX]);

/* hone_tcx_replace() - new_fd in old_fd's place among those that were attached without a link.
 * -ENOENT: old_fd is not there. */
int hone_tcx_replace(uint32_t ifindex, uint32_t attach_type, int old_fd, int new_fd);

#endif
