/* SPDX-License-Identifier: Apache-2.0 */
/* traffic: the options that say what packets a benchmark sends and how long, and its row. */
#ifndef HONE_BENCH_TRAFFIC_H
#define HONE_BENCH_TRAFFIC_H

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "runtime/deploy/measure.h"

struct bench_traffic {
	uint32_t flows, pairs, packets;
	uint32_t hits;	    /* percent of the flows that come from the range below */
	uint32_t hit_first; /* IPv4 address, host order */
	uint32_t hit_count; /* addresses from there on; 0: none */
	uint8_t proto;	    /* IPPROTO_*; 0: UDP and TCP */
	uint32_t seed;
	bool restores;
	bool json;
};

#define BENCH_TRAFFIC_DEFAULTS                                                                     \
	{.flows = 1000, .pairs = HONE_MEASURE_PAIRS, .packets = HONE_MEASURE_PACKETS, .seed = 1}

/* What getopt_long() returns for the options below; a tool's own start behind. */
enum {
	BENCH_FLOWS = 256,
	BENCH_PAIRS,
	BENCH_PACKETS,
	BENCH_HITS,
	BENCH_HIT_SADDR,
	BENCH_RULES,
	BENCH_PROTO,
	BENCH_SEED,
	BENCH_RESTORE,
	BENCH_OWN,
};

/* clang-format off */
#define BENCH_TRAFFIC_OPTIONS                                                                      \
	{"flows", required_argument, NULL, BENCH_FLOWS},                                           \
	{"pairs", required_argument, NULL, BENCH_PAIRS},                                           \
	{"packets", required_argument, NULL, BENCH_PACKETS},                                       \
	{"hits", required_argument, NULL, BENCH_HITS},                                             \
	{"hit-saddr", required_argument, NULL, BENCH_HIT_SADDR},                                   \
	{"rules", required_argument, NULL, BENCH_RULES},                                           \
	{"proto", required_argument, NULL, BENCH_PROTO},                                           \
	{"seed", required_argument, NULL, BENCH_SEED},                                             \
	{"restore", no_argument, NULL, BENCH_RESTORE},                                             \
	{"json", no_argument, NULL, 'j'}
/* clang-format on */

#define BENCH_TRAFFIC_USAGE                                                                        \
	"  --flows N --pairs N --packets N    (1000, 401, 1024 per program and pair)\n"            \
	"  --hits PERCENT                     of the flows come from\n"                            \
	"  --hit-saddr A.B.C.D/COUNT          these addresses; --rules N: 10.0.0.1/N\n"            \
	"  --proto udp|tcp|mixed --seed N     (mixed, 1)\n"                                        \
	"  --restore                          for programs that change MACs or move the frame\n"   \
	"  -j, --json\n"

bool bench_parse_number(const char *text, uint32_t *out);

/* bench_traffic_option() - take one of these options. False: not one, or a bad argument. */
bool bench_traffic_option(struct bench_traffic *traffic, int option, const char *arg);
/* bench_traffic_is_sound() - do they go together? */
bool bench_traffic_is_sound(const struct bench_traffic *traffic);

/* bench_measure() - the two programs under this traffic. Returns 0 or -errno; logged. Says on
 * stderr what makes figures worthless. */
int bench_measure(int a_fd, int b_fd, const struct bench_traffic *traffic,
		  struct hone_measure_result *out);

/* bench_print() - one line: text, or a JSON object (`more`: further members, "" or
 * "\"x\":1,"). */
void bench_print(const struct bench_traffic *traffic, const struct hone_measure_result *result,
		 const char *more);

#endif
