// SPDX-License-Identifier: Apache-2.0
/* measure: the wrapper's user space: frames in, stamps out, medians.
 *
 * When:    before an image may go live (gate.c); in benchmarks.
 * Not:     deciding what a ratio means (gate.c); attaching anything.
 * A PROG_ARRAY takes programs of one kind only (fragments, attach type: bpf_prog_map_compatible()
 * in kernel/bpf/core.c), and bpf_prog_info does not tell which kind a program is; so the wrapper
 * is loaded as one kind after the other until the slots take A. */
#include <assert.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/bpf/measure_abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/common/tcx.h"
#include "runtime/deploy/measure.h"
#include "runtime/deploy/sandbox.h"

/* Uses types of measure_abi.h. */
#include "measure.skel.h"

enum { IP_AT = 14, IP_BYTES = 20, TTL = 64, STRIDE = 7919 };

static_assert((int)HONE_TRACE_N == (int)HONE_TIMED_TRACE_N, "one trace");

static const double net_floor_ns = 0.1;

/* To 02:00:00:00:00:01, from …:02. The payload is a TCP header's rest (data offset, ACK) where
 * the protocol is TCP; as UDP the length is right and there is no checksum. */
static const uint8_t frame_template[HONE_TIMED_FRAME_BYTES] = {
	[0] = 0x02,  [5] = 0x01,     [6] = 0x02, [11] = 0x02,
	[12] = 0x08, [IP_AT] = 0x45, [17] = 50, /* total length */
	[20] = 0x40,				/* don't fragment */
	[22] = TTL,  [39] = 30,			/* UDP length */
	[46] = 0x50, [47] = 0x10,
};

static uint16_t ip_checksum(const struct hone_tuple *tuple)
{
	uint8_t header[IP_BYTES];
	uint32_t sum = 0;
	uint16_t word;

	memcpy(header, frame_template + IP_AT, sizeof(header));
	header[9] = tuple->proto;
	memcpy(header + 12, &tuple->saddr, 4);
	memcpy(header + 16, &tuple->daddr, 4);
	for (size_t i = 0; i < sizeof(header); i += 2) {
		memcpy(&word, header + i, 2);
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void fill_trace(struct hone_timed_tuple *to, const struct hone_tuple *from)
{
	for (uint32_t i = 0; i < HONE_TRACE_N; i++) {
		to[i].addresses = from[i].saddr | (uint64_t)from[i].daddr << 32;
		to[i].ports = from[i].sport | (uint32_t)from[i].dport << 16;
		to[i].ttl = TTL;
		to[i].proto = from[i].proto;
		to[i].checksum = ip_checksum(&from[i]);
	}
}

/* ---- the wrapper ---- */

struct kind {
	enum bpf_prog_type type;
	uint32_t flags;
	uint32_t attach_type;
};

/* The one program of the object that is loaded: both together would contend for the slots. */
static struct bpf_program *wrapper_of(const struct measure_bpf *skel)
{
	return bpf_program__autoload(skel->progs.measure) ? skel->progs.measure
							  : skel->progs.measure_skb;
}

static int fill_slots(const struct measure_bpf *skel, int a_fd, int b_fd)
{
	const int fds[] = {
		[HONE_TIMED_A] = a_fd, [HONE_TIMED_B] = b_fd, [HONE_TIMED_A_AGAIN] = a_fd};
	int slots_fd = bpf_map__fd(skel->maps.hone_timed);

	for (uint32_t i = 0; i < HONE_TIMED_NOTHING; i++)
		if (bpf_map_update_elem(slots_fd, &i, &fds[i], BPF_ANY))
			return -errno;
	return 0;
}

static int load_as(const struct kind *kind, int a_fd, int b_fd, bool restores,
		   struct measure_bpf **out)
{
	struct measure_bpf *skel = measure_bpf__open();
	int err;

	if (!skel)
		return -errno;
	skel->rodata->restores = restores;
	memcpy((void *)skel->rodata->template, frame_template, sizeof(frame_template));
	err = bpf_program__set_autoload(kind->type == BPF_PROG_TYPE_XDP ? skel->progs.measure_skb
									: skel->progs.measure,
					false);
	err = err ?: bpf_program__set_flags(wrapper_of(skel), kind->flags);
	err = err
		      ?: bpf_program__set_expected_attach_type(
				 wrapper_of(skel), (enum bpf_attach_type)kind->attach_type);
	err = err ?: measure_bpf__load(skel);
	err = err ?: fill_slots(skel, a_fd, b_fd);
	if (err) {
		measure_bpf__destroy(skel);
		return err;
	}
	*out = skel;
	return 0;
}

static int load(int a_fd, int b_fd, bool restores, struct measure_bpf **out)
{
	static const struct kind kinds[] = {
		{BPF_PROG_TYPE_XDP, 0, BPF_XDP},
		{BPF_PROG_TYPE_XDP, BPF_F_XDP_HAS_FRAGS, BPF_XDP},
		{BPF_PROG_TYPE_XDP, 0, 0},
		{BPF_PROG_TYPE_XDP, BPF_F_XDP_HAS_FRAGS, 0},
		{BPF_PROG_TYPE_SCHED_CLS, 0, 0},
		{BPF_PROG_TYPE_SCHED_CLS, 0, HONE_TCX_INGRESS},
		{BPF_PROG_TYPE_SCHED_CLS, 0, HONE_TCX_EGRESS},
	};
	struct bpf_prog_info info;
	int err = hone_prog_info(a_fd, &info);

	if (err)
		return hone_log_err(err, "measure: not a program");
	err = -EINVAL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].type != info.type)
			continue;
		err = load_as(&kinds[i], a_fd, b_fd, restores, out);
		if (err != -EINVAL)
			break;
	}
	if (err == -EINVAL)
		return hone_log_err(-ENOTSUP, "measure: no wrapper can call both programs");
	return err ? hone_log_err(err, "measure: cannot load the wrapper") : 0;
}

/* ---- running it ---- */

/* Times of one pair, ns per packet. */
struct pair {
	double ns[HONE_TIMED_VARIANT_N];
};

static void read_pair(const __u64 *stamps, uint32_t timed_packets, struct pair *out)
{
	static const enum hone_timed_variant order[HONE_TIMED_PHASE_N] = {
		HONE_TIMED_A,	    HONE_TIMED_B,	HONE_TIMED_A_AGAIN, HONE_TIMED_NOTHING,
		HONE_TIMED_NOTHING, HONE_TIMED_A_AGAIN, HONE_TIMED_B,	    HONE_TIMED_A,
	};

	*out = (struct pair){0};
	for (uint32_t i = 0; i < HONE_TIMED_PHASE_N; i++)
		out->ns[order[i]] +=
			(double)(stamps[2 * i + 2] - stamps[2 * i + 1]) / (2.0 * timed_packets);
}

static int run_pairs(struct measure_bpf *skel, uint32_t n_pairs, uint32_t packets,
		     struct pair *pairs)
{
	const uint32_t timed = packets / 2, warm = timed / 4 + 1;
	/* One packet more: the end of the last segment. */
	const uint32_t repeat = n_pairs * HONE_TIMED_PHASE_N * (timed + warm) + 1;
	uint8_t frame[HONE_TIMED_FRAME_BYTES];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = (int)repeat);

	memcpy(frame, frame_template, sizeof(frame));
	skel->bss->run = (struct hone_timed_run){.warm_packets = warm, .timed_packets = timed};
	if (bpf_prog_test_run_opts(bpf_program__fd(wrapper_of(skel)), &opts))
		return hone_log_err(-errno, "measure: BPF_PROG_TEST_RUN");
	if (skel->bss->run.failed)
		return hone_log_err(-EIO, "measure: %llu of %u packets were lost on the way",
				    (unsigned long long)skel->bss->run.failed, repeat);
	for (uint32_t i = 0; i < n_pairs; i++)
		read_pair(&skel->bss->stamps[i * HONE_TIMED_PHASE_N * 2], timed, &pairs[i]);
	return 0;
}

/* As many pairs in one call as `repeat` and the stamps allow: each call costs the grace periods
 * in which the kernel puts the wrapper into its XDP dispatcher. */
static int run_all(struct measure_bpf *skel, const struct hone_measure_opts *opts,
		   struct pair *pairs)
{
	uint32_t per_run = (uint32_t)INT32_MAX / 32 / opts->packets, n;
	int err = 0;

	if (per_run > HONE_TIMED_PAIRS_MAX)
		per_run = HONE_TIMED_PAIRS_MAX;
	for (uint32_t done = 0; done < opts->pairs && !err; done += n) {
		n = opts->pairs - done < per_run ? opts->pairs - done : per_run;
		for (uint32_t i = 0; i < n; i++)
			skel->bss->starts[i] = (done + i) * STRIDE % HONE_TRACE_N;
		err = run_pairs(skel, n, opts->packets, pairs + done);
	}
	return err;
}

/* ---- figures ---- */

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts. */
static double median(double *values, uint32_t n)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Of one variant; less another if that is not the same one. */
static double median_of(const struct pair *pairs, uint32_t n, enum hone_timed_variant variant,
			enum hone_timed_variant less, double *scratch)
{
	for (uint32_t i = 0; i < n; i++)
		scratch[i] = pairs[i].ns[variant] - (less == variant ? 0 : pairs[i].ns[less]);
	return median(scratch, n);
}

static double min_of(const struct pair *pairs, uint32_t n, enum hone_timed_variant variant)
{
	double min = pairs[0].ns[variant];

	for (uint32_t i = 1; i < n; i++)
		min = fmin(min, pairs[i].ns[variant]);
	return min;
}

static double median_ratio(const struct pair *pairs, uint32_t n, enum hone_timed_variant over,
			   enum hone_timed_variant under, double *scratch)
{
	for (uint32_t i = 0; i < n; i++)
		scratch[i] = pairs[i].ns[over] / pairs[i].ns[under];
	return median(scratch, n);
}

/* Standard error of a median, from the median absolute deviation: 1.4826 makes that a standard
 * deviation, 1.2533 the mean's error the median's (both of the normal distribution). */
static double find_noise(const struct pair *pairs, uint32_t n, double aa_ratio, double *scratch)
{
	double deviation;

	for (uint32_t i = 0; i < n; i++)
		scratch[i] = fabs(pairs[i].ns[HONE_TIMED_A] / pairs[i].ns[HONE_TIMED_A_AGAIN] -
				  aa_ratio);
	deviation = median(scratch, n);
	return fmax(fabs(aa_ratio - 1), 2 * 1.2533 * 1.4826 * deviation / sqrt(n));
}

static void summarize(const struct pair *pairs, uint32_t n, double *scratch,
		      struct hone_measure_result *out)
{
	double a_net = median_of(pairs, n, HONE_TIMED_A, HONE_TIMED_NOTHING, scratch);
	double b_net = median_of(pairs, n, HONE_TIMED_B, HONE_TIMED_NOTHING, scratch);

	*out = (struct hone_measure_result){
		.a_ns = median_of(pairs, n, HONE_TIMED_A, HONE_TIMED_A, scratch),
		.b_ns = median_of(pairs, n, HONE_TIMED_B, HONE_TIMED_B, scratch),
		.baseline_ns = median_of(pairs, n, HONE_TIMED_NOTHING, HONE_TIMED_NOTHING, scratch),
		.ratio = median_ratio(pairs, n, HONE_TIMED_A, HONE_TIMED_B, scratch),
		.ratio_min = min_of(pairs, n, HONE_TIMED_A) / min_of(pairs, n, HONE_TIMED_B),
		.net_ratio = fmax(a_net, net_floor_ns) / fmax(b_net, net_floor_ns),
		.aa_ratio = median_ratio(pairs, n, HONE_TIMED_A, HONE_TIMED_A_AGAIN, scratch),
		.pairs = n,
	};
	out->noise = find_noise(pairs, n, out->aa_ratio, scratch);
}

/* The sysctl does not tell: BPF_ENABLE_STATS may have been asked for. The wrapper's count does. */
static bool ran_with_stats(const struct measure_bpf *skel)
{
	struct bpf_prog_info info;

	if (hone_prog_info(bpf_program__fd(wrapper_of(skel)), &info) || info.run_cnt == 0)
		return false;
	hone_log_warn("measure: the kernel counts run times (kernel.bpf_stats_enabled, or a tool "
		      "that asked for it): every figure is about 40 ns too high");
	return true;
}

static int measure_with(struct measure_bpf *skel, const struct hone_measure_opts *opts,
			struct hone_measure_result *out)
{
	_cleanup_free_ struct pair *pairs = calloc(opts->pairs, sizeof(*pairs));
	_cleanup_free_ double *scratch = calloc(opts->pairs, sizeof(*scratch));
	cpu_set_t had;
	int err;

	if (!pairs || !scratch)
		return -ENOMEM;
	fill_trace(skel->bss->trace, opts->trace);
	err = hone_cpu_pin(&had);
	if (err)
		return hone_log_err(err, "measure: cannot stay on one CPU");
	err = run_all(skel, opts, pairs);
	hone_cpu_unpin(&had);
	if (err)
		return err;
	summarize(pairs, opts->pairs, scratch, out);
	out->stats_on = ran_with_stats(skel);
	return 0;
}

int hone_measure(int a_fd, int b_fd, const struct hone_measure_opts *opts,
		 struct hone_measure_result *out)
{
	struct measure_bpf *skel = NULL;
	int err;

	if (opts->pairs == 0 || opts->packets < 2 || opts->packets > 1U << 24 || !opts->trace)
		return hone_log_err(-EINVAL, "measure: %u pairs of %u packets", opts->pairs,
				    opts->packets);
	err = load(a_fd, b_fd, opts->restores, &skel);
	err = err ?: measure_with(skel, opts, out);
	measure_bpf__destroy(skel);
	return err;
}
