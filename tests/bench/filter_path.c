// SPDX-License-Identifier: Apache-2.0
/* filter_path: ns per packet of a program of xdp-filter and of its whole specialized path, without
 * a daemon: compiled here, root, valid guard and image on the maps of the object.
 *
 *   filter_path --variant alw_all [--rules N] [--level N] [OPTIONS]
 *
 * Rules are IPv4 source addresses from 10.0.0.1 on; --hits are flows from these. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/deploy/sandbox.h"
#include "tests/bench/traffic.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/object_unit.h"
#include "tests/tools/specialize.h"

enum { FILTER_VARIANT = BENCH_OWN, FILTER_LEVEL };

struct settings {
	const char *variant;
	uint32_t level;
	struct bench_traffic traffic;
};

static const struct option options[] = {
	{"variant", required_argument, NULL, FILTER_VARIANT},
	{"level", required_argument, NULL, FILTER_LEVEL},
	BENCH_TRAFFIC_OPTIONS,
	{NULL, 0, NULL, 0},
};

static bool parse(int argc, char **argv, struct settings *out)
{
	int option;
	bool fine = true;

	while (fine && (option = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		switch (option) {
		case FILTER_VARIANT:
			out->variant = optarg;
			break;
		case FILTER_LEVEL:
			fine = bench_parse_number(optarg, &out->level);
			break;
		default:
			fine = bench_traffic_option(&out->traffic, option, optarg);
		}
	}
	return fine && optind == argc && out->variant && bench_traffic_is_sound(&out->traffic);
}

/* Everything of one run. */
struct path {
	struct object_unit filter;
	struct hone_result compiled;
	struct hone_sandbox sandbox;
	struct hone_loaded root;
};

static int fail(const char *what, int err)
{
	return hone_log_err(err, "filter_path: %s", what);
}

static uint32_t count_rewritten(const struct hone_result *compiled)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < compiled->n_sites; i++)
		n += compiled->sites[i].reason == HONE_REWRITTEN;
	return n;
}

static int make_path(const struct settings *settings, struct path *path)
{
	struct object_unit *filter = &path->filter;
	struct hone_result *compiled = &path->compiled;
	char object[128], log[HONE_DETAIL_LEN] = "";
	__u32 key = HONE_PROG_IMAGE;
	int err;

	snprintf(object, sizeof(object), XDP_FILTER_OBJECT("%s"), settings->variant);
	err = object_unit_open(object, NULL, filter);
	if (err)
		return fail(object, err);
	if (settings->traffic.hit_count)
		err = filter_add_ipv4(filter, 1, settings->traffic.hit_count, FILTER_SRC);
	if (err)
		return fail("rules", err);
	err = specialize(filter, settings->level, compiled);
	if (err)
		return fail("facts", err);
	if (compiled->refused) {
		fprintf(stderr, "filter_path: %s: %s\n", hone_reason_text(compiled->refused),
			compiled->detail);
		return -ENOTSUP;
	}
	err = hone_sandbox_open(&filter->unit, &filter->maps, &compiled->image, &path->sandbox,
				log);
	if (err || path->sandbox.image.fd < 0)
		return fail(log, err ? err : -EACCES);
	err = hone_load_root(&filter->unit, &filter->maps, path->sandbox.slots_fd, &path->root,
			     log);
	if (err)
		return fail(log, err);
	if (bpf_map_update_elem(path->sandbox.slots_fd, &key, &path->sandbox.image.fd, BPF_ANY))
		return fail("slot", -errno);
	return 0;
}

static int measure(const struct settings *settings, const struct path *path)
{
	const struct bench_traffic *traffic = &settings->traffic;
	struct hone_measure_result result;
	uint64_t n_fallback;
	char more[256];
	int err = bench_measure(path->sandbox.original.fd, path->root.fd, traffic, &result);

	err = err ?: hone_sandbox_count(&path->sandbox, HONE_COUNT_FALLBACK, &n_fallback);
	if (err)
		return fail("measurement", err);
	if (n_fallback > 0)
		return fail("the image did not decide", -EUCLEAN);
	snprintf(more, sizeof(more),
		 "\"nf\":\"%s\",\"rules\":%u,\"hits\":%u,\"level\":%u,\"insns\":%u,"
		 "\"image_insns\":%u,\"sites\":%u,\"rewritten\":%u,",
		 settings->variant, traffic->hit_count, traffic->hits, settings->level,
		 path->filter.unit.n_insns, path->compiled.image.n_insns, path->compiled.n_sites,
		 count_rewritten(&path->compiled));
	bench_print(traffic, &result, more);
	return 0;
}

static int run(const struct settings *settings)
{
	struct path path = {.sandbox = HONE_SANDBOX_EMPTY, .root.fd = -1};
	int err = make_path(settings, &path);

	if (!err)
		err = measure(settings, &path);
	if (path.root.fd >= 0)
		close(path.root.fd);
	hone_sandbox_close(&path.sandbox);
	hone_result_free(&path.compiled);
	object_unit_close(&path.filter);
	return err ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct settings settings = {.level = 2, .traffic = BENCH_TRAFFIC_DEFAULTS};

	hone_log_libbpf();
	if (!parse(argc, argv, &settings)) {
		fputs("usage: filter_path --variant NAME [--level N] [OPTIONS]\n"
		      "  NAME as in xdpfilt_NAME.o\n" BENCH_TRAFFIC_USAGE,
		      stderr);
		return 2;
	}
	return run(&settings);
}
