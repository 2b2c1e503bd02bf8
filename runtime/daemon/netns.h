/* SPDX-License-Identifier: Apache-2.0 */
/* netns: a network namespace by its inode. The daemon keeps no descriptor of one between two
 * uses: that would keep a namespace alive which its owner deleted. */
#ifndef HONE_NETNS_H
#define HONE_NETNS_H

#include <stdint.h>

/* Inode of the namespace behind fd; -1: the caller's own. 0: not one. */
uint64_t hone_netns_inode(int fd);

/* hone_netns_open() - the caller's own, one of /run/netns, or that of a process. The caller
 * closes it. -ENOENT: nobody is in it and it has no name. */
int hone_netns_open(uint64_t inode);

#endif
