/* SPDX-License-Identifier: Apache-2.0 */
/* tcx_attach: attach to tcx as an owner would, by bpf(2): libbpf 1.1 has no call. In the calling
 * thread's network namespace; type: HONE_TCX_INGRESS, HONE_TCX_EGRESS. */
#ifndef HONE_TEST_TCX_ATTACH_H
#define HONE_TEST_TCX_ATTACH_H

#include <stdint.h>

/* 0 or -errno; attached last. -EINVAL where the kernel has no tcx. */
int tcx_attach(uint32_t ifindex, uint32_t type, int prog_fd);
int tcx_detach(uint32_t ifindex, uint32_t type, int prog_fd);

/* A link's fd, or -errno. */
int tcx_link(uint32_t ifindex, uint32_t type, int prog_fd);

#endif
