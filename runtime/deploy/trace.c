// SPDX-License-Identifier: Apache-2.0
/* trace: flows for a measurement. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "runtime/deploy/measure.h"

/* splitmix64: any seed, also of neighbours, gives its own flows. */
static uint64_t mix(uint64_t value)
{
	value += 0x9e3779b97f4a7c15;
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
	value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
	return value ^ (value >> 31);
}

/* 11.0.0.0 … 126.255.255.255: public-looking, and in nobody's test rules. */
static uint32_t spread_address(uint64_t random)
{
	return htonl((11U << 24) + (uint32_t)(random % (116U << 24)));
}

/* At or above 1024, so that no small port of a rule is hit by chance. */
static uint16_t spread_port(uint64_t random)
{
	return htons((uint16_t)(1024 + random % (65536 - 1024)));
}

static struct hone_tuple flow(uint64_t seed, uint64_t number)
{
	uint64_t addresses = mix(seed ^ mix(3 * number));
	uint64_t destination = mix(seed ^ mix(3 * number + 1));
	uint64_t rest = mix(seed ^ mix(3 * number + 2));

	return (struct hone_tuple){
		.saddr = spread_address(addresses),
		.daddr = spread_address(destination),
		.sport = spread_port(rest & 0xffffff),
		.dport = spread_port(rest >> 24 & 0xffffff),
		.proto = rest >> 63 ? IPPROTO_TCP : IPPROTO_UDP,
	};
}

void hone_trace_flows(struct hone_tuple *trace, uint32_t n_flows, uint64_t seed)
{
	for (uint64_t i = 0; i < HONE_TRACE_N; i++)
		trace[i] = flow(mix(seed), n_flows ? mix(~seed ^ mix(i)) % n_flows : i);
}
