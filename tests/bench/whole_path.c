// SPDX-License-Identifier: Apache-2.0
/* whole_path: ns per packet of an original and of what is attached in its place, interleaved.
 *
 *   whole_path --dev IF --original ID [--flows N] [--pairs N] [--packets N] [--rules N]
 *              [--hits PERCENT] [--seed N] [--restore] [-j]
 *
 * What is attached is the whole path that packets take: root, guard and image; where it is the
 * original itself, the figures are its own noise. Flows are spread over addresses and ports. With
 * --rules, PERCENT of the packets come from 10.0.0.1 and the N - 1 addresses behind it, the others
 * never do. --restore for programs that change MAC addresses. Run in the interface's network
 * namespace; nothing that is attached changes, counters count. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "runtime/common/cleanup.h"
#include "runtime/deploy/measure.h"

struct settings {
	const char *dev;
	uint32_t original_id, flows, pairs, packets, rules, hits;
	uint64_t seed;
	bool restores, json;
};

static const struct option options[] = {
	{"dev", required_argument, NULL, 'd'},
	{"original", required_argument, NULL, 'o'},
	{"flows", required_argument, NULL, 'f'},
	{"pairs", required_argument, NULL, 'p'},
	{"rules", required_argument, NULL, 'r'},
	{"hits", required_argument, NULL, 'h'},
	{"seed", required_argument, NULL, 's'},
	{"packets", required_argument, NULL, 'n'},
	{"restore", no_argument, NULL, 'R'},
	{"json", no_argument, NULL, 'j'},
	{NULL, 0, NULL, 0},
};

static int fail(const char *what, int err)
{
	fprintf(stderr, "whole_path: %s: %s\n", what, strerror(-err));
	return 1;
}

static bool parse_number(const char *text, uint32_t *out)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (end == text || *end || number > UINT32_MAX)
		return false;
	*out = (uint32_t)number;
	return true;
}

static bool parse(int argc, char **argv, struct settings *out)
{
	int letter;
	bool fine = true;

	while (fine && (letter = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		uint32_t number = 0;

		if (!strchr("djR?", letter))
			fine = parse_number(optarg, &number);
		switch (letter) {
		case 'd':
			out->dev = optarg;
			break;
		case 'o':
			out->original_id = number;
			break;
		case 'f':
			out->flows = number;
			break;
		case 'p':
			out->pairs = number;
			break;
		case 'n':
			out->packets = number;
			break;
		case 'r':
			out->rules = number;
			break;
		case 'h':
			out->hits = number;
			break;
		case 's':
			out->seed = number;
			break;
		case 'R':
			out->restores = true;
			break;
		case 'j':
			out->json = true;
			break;
		default:
			return false;
		}
	}
	return fine && optind == argc && out->dev && out->original_id && out->flows && out->pairs &&
	       out->packets && out->hits <= 100 && (!out->hits || out->rules);
}

/* Spread evenly: packet i is a hit when i * hits crosses a multiple of 100. */
static void add_hits(struct hone_tuple *trace, const struct settings *settings)
{
	uint32_t n = 0;

	for (uint64_t i = 0; i < HONE_TRACE_N; i++) {
		if ((i + 1) * settings->hits / 100 == i * settings->hits / 100)
			continue;
		/* 40503 is odd and prime to most counts: rules come in no order */
		trace[i].saddr = htonl(0x0a000001 + n * 40503u % settings->rules);
		n++;
	}
}

static void print_text(const struct hone_measure_result *result)
{
	printf("original %.1f ns, attached %.1f ns, ratio %.3f (minima %.3f, net %.2f, noise "
	       "%.3f); "
	       "wrapper %.1f ns, %u pairs\n",
	       result->a_ns, result->b_ns, result->ratio, result->ratio_min, result->net_ratio,
	       result->noise, result->baseline_ns, result->pairs);
}

static void print_json(const struct hone_measure_result *result)
{
	printf("{\"generic_ns\":%.2f,\"specialized_ns\":%.2f,\"baseline_ns\":%.2f,"
	       "\"ratio\":%.4f,\"ratio_min\":%.4f,\"net_ratio\":%.4f,\"aa_ratio\":%.4f,"
	       "\"pairs\":%u}\n",
	       result->a_ns, result->b_ns, result->baseline_ns, result->ratio, result->ratio_min,
	       result->net_ratio, result->aa_ratio, result->pairs);
}

static int run(const struct settings *settings)
{
	_cleanup_free_ struct hone_tuple *trace = calloc(HONE_TRACE_N, sizeof(*trace));
	_cleanup_close_ int original_fd = bpf_prog_get_fd_by_id(settings->original_id);
	_cleanup_close_ int attached_fd = -1;
	struct hone_measure_opts opts = {.pairs = settings->pairs,
					 .packets = settings->packets,
					 .restores = settings->restores};
	struct hone_measure_result result;
	uint32_t attached_id = 0;
	int err;

	if (!trace)
		return fail("trace", -ENOMEM);
	if (original_fd < 0)
		return fail("original program", original_fd);
	err = bpf_xdp_query_id((int)if_nametoindex(settings->dev), 0, &attached_id);
	if (err)
		return fail(settings->dev, err);
	attached_fd = bpf_prog_get_fd_by_id(attached_id);
	if (attached_fd < 0)
		return fail("attached program", attached_fd);

	hone_trace_flows(trace, settings->flows, settings->seed);
	if (settings->hits)
		add_hits(trace, settings);
	opts.trace = trace;
	err = hone_measure(original_fd, attached_fd, &opts, &result);
	if (err)
		return fail("measurement", err);
	if (result.stats_on)
		fputs("whole_path: kernel.bpf_stats_enabled is on: every figure is too high\n",
		      stderr);
	if (settings->json)
		print_json(&result);
	else
		print_text(&result);
	return 0;
}

int main(int argc, char **argv)
{
	struct settings settings = {.flows = 1000, .pairs = 31, .packets = 20480, .seed = 1};

	if (!parse(argc, argv, &settings)) {
		fputs("usage: whole_path --dev IF --original ID [--flows N] [--pairs N] "
		      "[--packets N]\n                  [--rules N --hits PERCENT] [--seed N] "
		      "[-j]\n",
		      stderr);
		return 2;
	}
	return run(&settings);
}
