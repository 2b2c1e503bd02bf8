/* SPDX-License-Identifier: Apache-2.0 */
/* specialize: from an object in the kernel to its image, in this process: the daemon's path
 * without the daemon, for tests. */
#ifndef HONE_TEST_SPECIALIZE_H
#define HONE_TEST_SPECIALIZE_H

#include "compiler/facts.h"
#include "tests/tools/object_unit.h"

/* specialize() - analyse, decide classes (no other program holds the maps), snapshot every
 * map that can be read, compile at `level`. Returns 0 or -errno; a refusal is in *out, which the
 * caller frees with hone_result_free(). */
int specialize(struct object_unit *subject, unsigned int level, struct hone_result *out);

/* The original, lifted, marking the blocks that it enters (HONE_REQUEST_COVER). */
int specialize_cover(struct object_unit *subject, struct hone_result *out);

/* xdp-filter's maps, as xdp-filter writes them; `flags` as in its common_kern_user.h. n rules
 * from `first` on: IPv4 addresses 10.0.0.0 + n, ports n (network order), MACs 02:…:n, IPv6
 * fd00::n. Returns 0 or -errno. */
enum filter_flags {
	FILTER_SRC = 1 << 0,
	FILTER_DST = 1 << 1,
	FILTER_TCP = 1 << 2,
	FILTER_UDP = 1 << 3,
};
int filter_add_ipv4(const struct object_unit *filter, uint32_t first, uint32_t n, uint64_t flags);
int filter_add_ipv6(const struct object_unit *filter, uint32_t first, uint32_t n, uint64_t flags);
int filter_add_ports(const struct object_unit *filter, uint32_t first, uint32_t n, uint64_t flags);
int filter_add_macs(const struct object_unit *filter, uint32_t first, uint32_t n, uint64_t flags);

#endif
