// SPDX-License-Identifier: Apache-2.0
/* whole_path: ns per packet of an original and of what is attached in its place, interleaved.
 *
 *   whole_path --dev IF --original ID [OPTIONS]
 *   whole_path --a ID|PIN --b ID|PIN [OPTIONS]
 *
 * What is attached is the whole path that packets take: root, guard and image; where it is the
 * original itself, the figures are its own noise. With --dev, run it in the interface's network
 * namespace. Nothing that is attached changes; counters count. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "runtime/common/cleanup.h"
#include "tests/bench/traffic.h"

enum { WHOLE_DEV = BENCH_OWN, WHOLE_A, WHOLE_B };

struct settings {
	const char *dev, *a, *b;
	struct bench_traffic traffic;
};

static const struct option options[] = {
	{"dev", required_argument, NULL, WHOLE_DEV},
	{"original", required_argument, NULL, WHOLE_A},
	{"a", required_argument, NULL, WHOLE_A},
	{"b", required_argument, NULL, WHOLE_B},
	BENCH_TRAFFIC_OPTIONS,
	{NULL, 0, NULL, 0},
};

static bool parse(int argc, char **argv, struct settings *out)
{
	int option;
	bool fine = true;

	while (fine && (option = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		switch (option) {
		case WHOLE_DEV:
			out->dev = optarg;
			break;
		case WHOLE_A:
			out->a = optarg;
			break;
		case WHOLE_B:
			out->b = optarg;
			break;
		default:
			fine = bench_traffic_option(&out->traffic, option, optarg);
		}
	}
	return fine && optind == argc && out->a && !out->b != !out->dev &&
	       bench_traffic_is_sound(&out->traffic);
}

static int fail(const char *what, int err)
{
	fprintf(stderr, "whole_path: %s: %s\n", what, strerror(-err));
	return 1;
}

/* An id, or a path in bpffs. */
static int open_program(const char *text)
{
	uint32_t id;
	int fd = bench_parse_number(text, &id) ? bpf_prog_get_fd_by_id(id) : bpf_obj_get(text);

	return fd < 0 ? -errno : fd;
}

static int open_attached(const char *dev)
{
	uint32_t id;
	unsigned int ifindex = if_nametoindex(dev);
	int err = ifindex ? bpf_xdp_query_id((int)ifindex, 0, &id) : -errno;
	int fd;

	if (err)
		return err;
	fd = bpf_prog_get_fd_by_id(id);
	return fd < 0 ? -errno : fd;
}

static int run(const struct settings *settings)
{
	_cleanup_close_ int a_fd = open_program(settings->a);
	_cleanup_close_ int b_fd =
		settings->b ? open_program(settings->b) : open_attached(settings->dev);
	struct hone_measure_result result;
	int err;

	if (a_fd < 0)
		return fail(settings->a, a_fd);
	if (b_fd < 0)
		return fail(settings->b ? settings->b : settings->dev, b_fd);
	err = bench_measure(a_fd, b_fd, &settings->traffic, &result);
	if (err)
		return fail("measurement", err);
	bench_print(&settings->traffic, &result, "");
	return 0;
}

int main(int argc, char **argv)
{
	struct settings settings = {.traffic = BENCH_TRAFFIC_DEFAULTS};

	if (!parse(argc, argv, &settings)) {
		fputs("usage: whole_path --dev IF --original ID|PIN [OPTIONS]\n"
		      "       whole_path --a ID|PIN --b ID|PIN [OPTIONS]\n" BENCH_TRAFFIC_USAGE,
		      stderr);
		return 2;
	}
	return run(&settings);
}
