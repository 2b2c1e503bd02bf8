// SPDX-License-Identifier: Apache-2.0
/* traffic: see the header. */
#include "tests/bench/traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"

enum { RULES_FIRST = 0x0a000001 };

bool bench_parse_number(const char *text, uint32_t *out)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (end == text || *end || number > UINT32_MAX)
		return false;
	*out = (uint32_t)number;
	return true;
}

static bool parse_proto(const char *text, uint8_t *out)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} protos[] = {{"udp", IPPROTO_UDP}, {"tcp", IPPROTO_TCP}, {"mixed", 0}};

	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
		if (strcmp(text, protos[i].name))
			continue;
		*out = protos[i].proto;
		return true;
	}
	return false;
}

/* A.B.C.D/COUNT */
static bool parse_range(const char *text, struct bench_traffic *out)
{
	char address[INET_ADDRSTRLEN] = "";
	const char *slash = strchr(text, '/');
	struct in_addr first;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return false;
	memcpy(address, text, (size_t)(slash - text));
	if (inet_pton(AF_INET, address, &first) != 1)
		return false;
	out->hit_first = ntohl(first.s_addr);
	return bench_parse_number(slash + 1, &out->hit_count);
}

bool bench_traffic_option(struct bench_traffic *traffic, int option, const char *arg)
{
	switch (option) {
	case BENCH_FLOWS:
		return bench_parse_number(arg, &traffic->flows);
	case BENCH_PAIRS:
		return bench_parse_number(arg, &traffic->pairs);
	case BENCH_PACKETS:
		return bench_parse_number(arg, &traffic->packets);
	case BENCH_HITS:
		return bench_parse_number(arg, &traffic->hits);
	case BENCH_HIT_SADDR:
		return parse_range(arg, traffic);
	case BENCH_RULES:
		traffic->hit_first = RULES_FIRST;
		return bench_parse_number(arg, &traffic->hit_count);
	case BENCH_PROTO:
		return parse_proto(arg, &traffic->proto);
	case BENCH_SEED:
		return bench_parse_number(arg, &traffic->seed);
	case BENCH_RESTORE:
		traffic->restores = true;
		return true;
	case 'j':
		traffic->json = true;
		return true;
	default:
		return false;
	}
}

bool bench_traffic_is_sound(const struct bench_traffic *traffic)
{
	return traffic->flows && traffic->pairs && traffic->packets >= 2 && traffic->hits <= 100 &&
	       (!traffic->hits || traffic->hit_count);
}

/* The same number for all packets of a flow. */
static uint64_t flow_hash(const struct hone_tuple *tuple)
{
	uint64_t hash = tuple->saddr | (uint64_t)tuple->daddr << 32;

	hash ^= (uint64_t)tuple->sport << 48 | (uint64_t)tuple->dport << 16 | tuple->proto;
	hash = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15;
	return (hash ^ (hash >> 29)) * 0xbf58476d1ce4e5b9 >> 16;
}

static void fill_trace(const struct bench_traffic *traffic, struct hone_tuple *trace)
{
	hone_trace_flows(trace, traffic->flows, traffic->seed);
	for (uint32_t i = 0; i < HONE_TRACE_N; i++) {
		uint64_t hash = flow_hash(&trace[i]);

		if (traffic->proto)
			trace[i].proto = traffic->proto;
		if (hash % 100 < traffic->hits)
			trace[i].saddr = htonl(traffic->hit_first +
					       (uint32_t)(hash / 100 % traffic->hit_count));
	}
}

int bench_measure(int a_fd, int b_fd, const struct bench_traffic *traffic,
		  struct hone_measure_result *out)
{
	_cleanup_free_ struct hone_tuple *trace = calloc(HONE_TRACE_N, sizeof(*trace));
	struct hone_measure_opts opts = {.pairs = traffic->pairs,
					 .packets = traffic->packets,
					 .trace = trace,
					 .restores = traffic->restores};

	if (!trace)
		return -ENOMEM;
	fill_trace(traffic, trace);
	return hone_measure(a_fd, b_fd, &opts, out);
}

void bench_print(const struct bench_traffic *traffic, const struct hone_measure_result *result,
		 const char *more)
{
	if (!traffic->json) {
		printf("original %.1f ns, attached %.1f ns, wrapper %.1f ns: ratio %.3f (minima "
		       "%.3f, net %.2f, A/A %.3f, noise %.3f), %u pairs, %u flows\n",
		       result->a_ns, result->b_ns, result->baseline_ns, result->ratio,
		       result->ratio_min, result->net_ratio, result->aa_ratio, result->noise,
		       result->pairs, traffic->flows);
		return;
	}
	printf("{%s\"generic_ns\":%.2f,\"specialized_ns\":%.2f,\"baseline_ns\":%.2f,"
	       "\"ratio\":%.4f,\"ratio_min\":%.4f,\"net_ratio\":%.4f,\"aa_ratio\":%.4f,"
	       "\"noise\":%.4f,\"pairs\":%u,\"flows\":%u,\"stats_on\":%s}\n",
	       more, result->a_ns, result->b_ns, result->baseline_ns, result->ratio,
	       result->ratio_min, result->net_ratio, result->aa_ratio, result->noise, result->pairs,
	       traffic->flows, result->stats_on ? "true" : "false");
}
