/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* static_nat: what the program's maps hold. Addresses and ports are in network byte order. */
#ifndef STATIC_NAT_H
#define STATIC_NAT_H

#include <linux/types.h>

enum {
	STATIC_NAT_HOSTS = 4096,
	STATIC_NAT_SERVICES = 1024,
	STATIC_NAT_EXEMPTIONS = 256,
};

enum static_nat_flag {
	STATIC_NAT_DESTINATIONS = 1 << 0, /* destinations are translated, not sources */
	STATIC_NAT_STRICT = 1 << 1,	  /* drop what has no binding */
	STATIC_NAT_MARK = 1 << 2,	  /* skb->mark = the binding's */
};

/* cfg[0] */
struct static_nat_config {
	__u32 flags;
};

/* services: address, port, protocol → binding. hosts: address → binding, all its ports. */
struct static_nat_service {
	__be32 address;
	__be16 port;
	__u8 proto;
	__u8 zero;
};

struct static_nat_binding {
	__be32 address;
	__be16 port; /* of services; 0: as it is */
	__u16 zero;
	__u32 mark;
};

/* stats: what happened → how often. COUNTER(id, verdict, what) */
#define STATIC_NAT_COUNTERS(COUNTER)                                                               \
	COUNTER(TRANSLATED, OK, "address, and port where the binding has one, changed")            \
	COUNTER(NOT_IPV4, OK, "not IPv4, or too short to tell")                                    \
	COUNTER(UNUSUAL, OK, "options, a fragment, or a header that contradicts itself")           \
	COUNTER(EXEMPT, OK, "the other end is one that is spoken to as it is")                     \
	COUNTER(NO_BINDING, OK, "no binding")                                                      \
	COUNTER(REFUSED, SHOT, "no binding, and strict")                                           \
	COUNTER(CUT, SHOT, "the packet ends within what is to be changed")

enum static_nat_counter {
#define COUNTER(id, verdict, what) STATIC_NAT_##id,
	STATIC_NAT_COUNTERS(COUNTER)
#undef COUNTER
		STATIC_NAT_COUNTER_N,
};

struct static_nat_count {
	__u64 packets;
	__u64 bytes;
};

#endif
