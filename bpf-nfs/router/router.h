/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* router: what its program and its loader agree on. Addresses are in network byte order. */
#ifndef ROUTER_H
#define ROUTER_H

#include <linux/types.h>

enum {
	ROUTER_PORTS = 32,
	ROUTER_SECONDARY = 5, /* further addresses of a port */
	ROUTER_ROUTES = 65536,
	ROUTER_NEIGHBOURS = 1024,
};

struct router_address {
	__be32 ip; /* 0: none */
	__be32 mask;
};

/* rport: port -> its addresses */
struct router_port {
	struct router_address primary;
	struct router_address secondary[ROUTER_SECONDARY];
	__u8 mac[6];
	__u16 mtu; /* of an IPv4 packet */
};

/* rt: longest prefix -> what to do */
struct router_prefix {
	__u32 len;
	__be32 ip;
};

enum router_route_type {
	ROUTER_TO_NEXTHOP, /* to the neighbour `nexthop` */
	ROUTER_TO_LINK,	   /* to the neighbour with the destination's address */
	ROUTER_TO_SELF,	   /* an address of our own */
	ROUTER_TO_NOWHERE,
};

struct router_route {
	__u32 port;
	__be32 nexthop;
	__u32 type;
};

/* neigh: address -> where it lives */
struct router_neighbour {
	__u8 mac[6];
	__u16 port;
};

enum router_flag {
	ROUTER_CHECK_MAC = 1 << 0,  /* drop what is addressed to another station */
	ROUTER_CHECK_ADDR = 1 << 1, /* drop sources and destinations that RFC 1812, 5.3.7 bans */
};

/* cfg[0] */
struct router_config {
	__u32 in_port; /* of the interface that the program is attached to */
	__u32 flags;
};

/* stats: what happened -> how often. COUNTER(id, verdict, what) */
#define ROUTER_COUNTERS(COUNTER)                                                                   \
	COUNTER(FORWARDED, REDIRECT, "sent to a neighbour")                                        \
	COUNTER(NOT_IPV4, PASS, "not IPv4, or too short to tell")                                  \
	COUNTER(BAD_HEADER, DROP, "IPv4 header that contradicts itself")                           \
	COUNTER(OTHER_STATION, DROP, "unicast frame for another station")                          \
	COUNTER(BAD_ADDRESS, DROP, "source or destination that must not be routed")                \
	COUNTER(OPTIONS, PASS, "IPv4 options: the stack's business")                               \
	COUNTER(GROUP, PASS, "broadcast or multicast")                                             \
	COUNTER(LOCAL, PASS, "an address of the router")                                           \
	COUNTER(NO_ROUTE, PASS, "no route: the stack answers")                                     \
	COUNTER(BLACKHOLE, DROP, "a blackhole route")                                              \
	COUNTER(NO_PORT, DROP, "a port that is not configured")                                    \
	COUNTER(NO_NEIGHBOUR, PASS, "neighbour not known: the stack resolves it")                  \
	COUNTER(TTL, PASS, "TTL used up: the stack answers")                                       \
	COUNTER(TOO_BIG, PASS, "larger than the port's MTU: the stack fragments")

enum router_counter {
#define COUNTER(id, verdict, what) ROUTER_##id,
	ROUTER_COUNTERS(COUNTER)
#undef COUNTER
		ROUTER_COUNTER_N,
};

struct router_count {
	__u64 packets;
	__u64 bytes;
};

#endif
