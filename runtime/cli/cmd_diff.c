// SPDX-License-Identifier: Apache-2.0
/* diff: two programs on the same packets, each on maps of its own that begin equal.
 *
 * What is compared, and what is left out, is the check's (deploy/check.h); here it gets its
 * programs and packets. A mismatch is shrunk, and run once more from what is printed. */
#include <errno.h>
#include <string.h>

#include "runtime/cli/diff.h"
#include "runtime/common/file.h"
#include "runtime/deploy/packet_text.h"
#include "runtime/deploy/pcap.h"

struct diff_options {
	const char *a, *b;
	unsigned int n_packets, seed;
	const char *pcap, *maps, *replay;
};

enum {
	FILE_BYTES_MAX = 256 << 20,
	BATCH = 500,
	VARYING_MAX = 2000,
	ROUNDS = 12,
};

static const struct diff_options defaults = {.n_packets = 10000, .seed = 1};

static const struct hone_option options[] = {
	ARG(diff_options, a, TEXT, "A", "id:N, path of a pinned program, or FILE.o[:PROGRAM]"),
	ARG_OPT(diff_options, b, TEXT, "B",
		"the same; without it A is a target, and its image is B"),
	{.kind = HONE_OPTION_UINT,
	 .offset = offsetof(struct diff_options, n_packets),
	 .name = "packets-made",
	 .short_name = 'n',
	 .value = "N",
	 .help = "or -n N: packets to make up (10000)"},
	OPT(diff_options, pcap, TEXT, "packets", "F", "packets of a capture file come first"),
	OPT(diff_options, seed, UINT, "seed", "S", "of the packets that are made up (1)"),
	OPT(diff_options, maps, TEXT, "maps", "F",
	    "objects' maps begin with what hone snapshot wrote"),
	OPT(diff_options, replay, TEXT, "replay", "HEX",
	    "these packets only, as a mismatch shows them"),
	{0},
};

/* ---- packets ---- */

static enum hone_exit read_capture(const struct hone_cli *cli, const char *path,
				   struct hone_packet_log *log)
{
	_cleanup_free_ char *bytes = NULL;
	struct hone_pcap_counts counts = {0};
	char detail[HONE_DETAIL_LEN] = "";
	size_t size;
	int err = hone_file_read(path, FILE_BYTES_MAX, &bytes, &size);

	if (!err)
		err = hone_pcap_read(bytes, size, log, &counts, detail);
	if (err)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.200s: %s", path,
				 detail[0] ? detail : strerror(-err));
	if (counts.n_cut || counts.n_short)
		fprintf(stderr, "hone: %s: %u packets cut at %d bytes, %u too short left out\n",
			path, counts.n_cut, HONE_PACKET_MAX, counts.n_short);
	return HONE_EXIT_OK;
}

static enum hone_exit read_packets(const struct hone_cli *cli, const struct diff_options *o,
				   struct hone_packet_log *log)
{
	char detail[HONE_DETAIL_LEN];

	if (o->replay && hone_packets_parse(o->replay, log, detail))
		return hone_fail(cli, HONE_EXIT_USAGE, "--replay: %s", detail);
	return o->pcap ? read_capture(cli, o->pcap, log) : HONE_EXIT_OK;
}

/* ---- maps ---- */

static enum hone_exit fill_maps(const struct hone_cli *cli, const char *path,
				const struct hone_diff_program *a,
				const struct hone_diff_program *b)
{
	_cleanup_free_ char *text = NULL;
	struct hone_facts_file file = {0};
	char detail[HONE_DETAIL_LEN] = "";
	enum hone_exit code;
	size_t size;
	int err = hone_file_read(path, FILE_BYTES_MAX, &text, &size);

	if (!err)
		err = hone_facts_file_decode(text, size, &file, detail);
	if (err)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.200s: %s", path,
				 detail[0] ? detail : strerror(-err));
	code = hone_diff_program_fill(cli, a, &file.unit);
	if (!code)
		code = hone_diff_program_fill(cli, b, &file.unit);
	hone_facts_file_free(&file);
	return code;
}

/* ---- the run ---- */

static int run(const struct hone_diff_report *report, const struct hone_check_opts *opts,
	       struct hone_check_result *out)
{
	if (report->image)
		return hone_check_image(&report->a->unit, &report->a->maps, report->image, opts,
					out);
	return hone_check_units(&report->a->unit, &report->a->maps, &report->b->unit,
				&report->b->maps, opts, out);
}

/* Do the minimal packets show it from the beginning, with nothing before? */
static bool is_replayed(const struct hone_diff_report *report)
{
	const struct hone_check_opts opts = {
		.batch = BATCH, .rounds = ROUNDS, .packets = report->minimal};
	struct hone_check_result result = {0};

	return !run(report, &opts, &result) && result.refused == HONE_CHECK_MISMATCH;
}

static enum hone_exit run_and_say(const struct hone_cli *cli, const struct diff_options *o,
				  const struct hone_packet_log *given,
				  const struct hone_diff_target *target,
				  struct hone_diff_report *report, struct hone_packet_log *minimal)
{
	_cleanup_free_ uint8_t *reached =
		calloc(report->cover ? report->cover->n_blocks + 1 : 1, 1);
	struct hone_check_result result = {0};
	const struct hone_check_opts opts = {
		.n_packets = o->replay ? 0 : o->n_packets,
		.batch = BATCH,
		.seed = o->seed,
		.cover = report->cover,
		.reached = reached,
		.max_varying = VARYING_MAX,
		.rounds = ROUNDS,
		.allows_unexplained = true,
		.packets = given,
		.minimal = minimal,
	};
	int err = reached ? run(report, &opts, &result) : -ENOMEM;

	if (err == -EINVAL && report->a->unit.prog_type != report->b->unit.prog_type)
		return hone_fail(cli, HONE_EXIT_USAGE, "A is of program type %u, B of %u",
				 report->a->unit.prog_type, report->b->unit.prog_type);
	if (err)
		return hone_fail(cli, HONE_EXIT_FAILED, "differential run: %s", strerror(-err));
	if (result.refused == HONE_CHECK_MISMATCH && target &&
	    hone_diff_target_is_stale(cli, target))
		return hone_fail(cli, HONE_EXIT_FAILED,
				 "%.100s: its maps have changed meanwhile: try again",
				 target->program.text);
	report->result = &result;
	report->reached = reached;
	report->is_replayed = minimal->n > 0 && is_replayed(report);
	return hone_diff_say(cli, report);
}

/* A and B are open. target: where they come from the daemon; NULL: they do not. */
static enum hone_exit diff(const struct hone_cli *cli, const struct diff_options *o,
			   const struct hone_diff_program *a, const struct hone_diff_program *b,
			   const struct hone_diff_target *target)
{
	struct hone_packet_log given = {0}, minimal = {0};
	struct hone_result cover = {0};
	char why[HONE_DETAIL_LEN] = "";
	struct hone_diff_report report = {
		.a = a,
		.b = b,
		.image = target ? &target->image.image : NULL,
		.minimal = &minimal,
		.seed = o->seed,
		.no_cover = why,
	};
	enum hone_exit code = o->maps ? fill_maps(cli, o->maps, a, b) : HONE_EXIT_OK;

	if (!code)
		code = read_packets(cli, o, &given);
	if (!code && hone_diff_cover(&a->unit, &cover, why))
		report.cover = &cover;
	if (!code)
		code = run_and_say(cli, o, &given, target, &report, &minimal);
	hone_result_free(&cover);
	hone_packet_log_free(&given);
	hone_packet_log_free(&minimal);
	return code;
}

static enum hone_exit diff_programs(const struct hone_cli *cli, const struct diff_options *o)
{
	struct hone_diff_program a = {0}, b = {0};
	enum hone_exit code = hone_diff_program_open(cli, o->a, &a);

	if (!code)
		code = hone_diff_program_open(cli, o->b, &b);
	if (!code)
		code = diff(cli, o, &a, &b, NULL);
	hone_diff_program_close(&a);
	hone_diff_program_close(&b);
	return code;
}

static enum hone_exit diff_target(const struct hone_cli *cli, const struct diff_options *o)
{
	struct hone_diff_target target = {0};
	enum hone_exit code = hone_diff_target_open(cli, o->a, &target);
	struct hone_diff_program image = target.program; /* of the same unit; borrowed */

	image.text = "its image";
	if (!code)
		code = diff(cli, o, &target.program, &image, &target);
	hone_diff_target_close(&target);
	return code;
}

static enum hone_exit do_diff(struct hone_cli *cli, const void *opts)
{
	const struct diff_options *o = opts;

	if (geteuid() != 0)
		return hone_fail(cli, HONE_EXIT_IMPOSSIBLE, "needs root: programs are loaded");
	return o->b ? diff_programs(cli, o) : diff_target(cli, o);
}

const struct hone_command hone_cmd_diff = {
	.name = "diff",
	.summary = "run two programs on the same packets and compare what they do",
	.options = options,
	.defaults = &defaults,
	.size = sizeof(defaults),
	.run = do_diff,
};
