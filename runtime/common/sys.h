/* SPDX-License-Identifier: Apache-2.0 */
/* sys: bpf(2) where libbpf 1.1 has no call for it, or one that is easy to use wrongly. */
#ifndef HONE_SYS_H
#define HONE_SYS_H

#include <linux/bpf.h>

/* hone_prog_info(), hone_map_info(), hone_link_info() - facts about an open object, without its
 * variable parts (map ids, instructions, names of link targets). Return 0, -EINVAL (an object of
 * another kind), or -errno. */
int hone_prog_info(int fd, struct bpf_prog_info *out);
int hone_map_info(int fd, struct bpf_map_info *out);
int hone_link_info(int fd, struct bpf_link_info *out);

/* hone_prog_info_by_id() - the same without an fd. -ENOENT: gone. */
int hone_prog_info_by_id(__u32 id, struct bpf_prog_info *out);

/* hone_prog_map_ids() - ids of the maps a program holds, in the order of the kernel's list.
 * ids: at least room entries; *n: how many there are. -E2BIG: more than room. */
int hone_prog_map_ids(int fd, __u32 *ids, __u32 room, __u32 *n);

#endif
