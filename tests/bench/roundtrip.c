// SPDX-License-Identifier: Apache-2.0
/* roundtrip: what the way through the compiler costs or gains where nothing is specialized: each
 * program of the given objects against its image of level 0, in interleaved pairs of one run.
 *
 *   roundtrip [--pairs N] [--slower PERCENT] [--plain] OBJECT…
 *
 * Both have a guard in front: the original's side is its own instructions behind it. --plain: the
 * original as it is, so that the guard counts against the image. Maps
 * are filled as in the zoo, and half of the packets carry their keys. Times are net: without the
 * wrapper that sends the packets. Programs that are slower by more than PERCENT (3) are listed
 * again in the end; nothing here passes or fails. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/deploy/sandbox.h"
#include "runtime/deploy/trace_keys.h"
#include "tests/tools/honec.h"
#include "tests/tools/identity_image.h"
#include "tests/tools/kernel_test.h"
#include "tests/zoo/subject.h"

enum { SEED = 1, PACKETS = 1024, NAME_LEN = 64 };

struct row {
	char name[NAME_LEN];
	uint32_t n_insns[2], n_verified[2]; /* original, image */
	struct hone_measure_result times;
	double net_ns[2];
};

struct table {
	struct honec honec;
	uint32_t pairs;
	bool is_plain;
	double slower; /* ratio below which a program is listed */
	uint32_t n_rows, n_skipped;
	struct row *rows;
};

static double net(double ns, const struct hone_measure_result *times)
{
	return ns > times->baseline_ns ? ns - times->baseline_ns : 0;
}

/* ---- one program ---- */

static int compile(const struct table *table, const struct object_unit *subject,
		   struct hone_result *out)
{
	const struct hone_request request = {
		.kind = HONE_REQUEST_COMPILE, .unit = subject->unit, .policy = honec_policy(0)};

	return honec_ask(&table->honec, &request, out);
}

static int time_both(const struct table *table, const struct object_unit *subject,
		     const struct hone_sandbox sides[2], struct row *row)
{
	_cleanup_free_ struct hone_tuple *trace = calloc(HONE_TRACE_N, sizeof(*trace));
	const struct hone_measure_opts opts = {
		.pairs = table->pairs, .packets = PACKETS, .trace = trace, .restores = true};
	int a_fd = table->is_plain ? sides[0].original.fd : sides[0].image.fd;
	int err;

	if (!trace)
		return -ENOMEM;
	err = hone_trace_keys(&subject->unit, &subject->maps, SEED, trace);
	if (!err)
		err = hone_measure(a_fd, sides[1].image.fd, &opts, &row->times);
	row->net_ns[0] = net(row->times.a_ns, &row->times);
	row->net_ns[1] = net(row->times.b_ns, &row->times);
	return err;
}

/* The original behind a guard, and its image. */
static int open_sides(const struct object_unit *subject, const struct hone_image *image,
		      struct hone_sandbox sides[2], char *log)
{
	struct hone_image identity;
	int err = identity_image_new(&subject->unit, &identity);

	if (err)
		return err;
	err = hone_sandbox_open(&subject->unit, &subject->maps, &identity, &sides[0], log);
	identity_image_free(&identity);
	if (!err && sides[0].image.fd >= 0)
		err = hone_sandbox_open(&subject->unit, &subject->maps, image, &sides[1], log);
	if (err)
		return err;
	return sides[0].image.fd < 0 || sides[1].image.fd < 0 ? -EACCES : 0;
}

static int measure(const struct table *table, const struct object_unit *subject, struct row *row)
{
	struct hone_sandbox sides[2] = {HONE_SANDBOX_EMPTY, HONE_SANDBOX_EMPTY};
	struct hone_result made = {0};
	char log[HONE_DETAIL_LEN] = "";
	int err = compile(table, subject, &made);

	if (!err && made.refused) {
		printf("%-30s refused: %s\n", row->name, hone_reason_id(made.refused));
		err = -ENOTSUP;
	} else if (!err) {
		err = open_sides(subject, &made.image, sides, log);
		if (!err)
			err = time_both(table, subject, sides, row);
		if (err)
			printf("%-30s not measured: %s %s\n", row->name, strerror(-err), log);
	}
	row->n_insns[0] = subject->unit.n_insns;
	row->n_insns[1] = made.image.n_insns;
	row->n_verified[0] = sides[0].original.n_verified;
	row->n_verified[1] = sides[1].image.n_verified;
	hone_sandbox_close(&sides[0]);
	hone_sandbox_close(&sides[1]);
	hone_result_free(&made);
	return err;
}

/* ---- the table ---- */

static void print_row(const struct row *row)
{
	printf("%-30s %6u %6u %8u %8u %8.1f %8.1f %6.3f %6.3f %6.3f %6.3f\n", row->name,
	       row->n_insns[0], row->n_insns[1], row->n_verified[0], row->n_verified[1],
	       row->net_ns[0], row->net_ns[1], row->times.ratio, row->times.ratio_min,
	       row->times.net_ratio, row->times.noise);
}

static void print_head(void)
{
	printf("%-30s %6s %6s %8s %8s %8s %8s %6s %6s %6s %6s\n", "program", "insns", "image",
	       "verified", "image", "ns", "image ns", "ratio", "min", "net", "noise");
}

static int keep(struct table *table, const struct row *row)
{
	struct row *grown = realloc(table->rows, (table->n_rows + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	table->rows = grown;
	table->rows[table->n_rows++] = *row;
	return 0;
}

static int visit(const char *path, const char *program, void *arg)
{
	struct table *table = arg;
	struct object_unit subject;
	struct row row = {0};

	(void)path;
	snprintf(row.name, sizeof(row.name), "%s", program);
	if (zoo_subject_open(path, program, &subject)) {
		table->n_skipped++;
		return 0;
	}
	if (measure(table, &subject, &row) == 0) {
		print_row(&row);
		object_unit_close(&subject);
		return keep(table, &row);
	}
	table->n_skipped++;
	object_unit_close(&subject);
	return 0;
}

static int compare_ratios(const void *a, const void *b)
{
	double x = ((const struct row *)a)->times.ratio, y = ((const struct row *)b)->times.ratio;

	return (x > y) - (x < y);
}

static void summarize(struct table *table)
{
	if (table->n_rows == 0)
		return;
	qsort(table->rows, table->n_rows, sizeof(*table->rows), compare_ratios);
	printf("\n%u programs, %u not measured: ratio (original's time / image's) median %.3f, "
	       "worst "
	       "%.3f (%s), best %.3f (%s)\n",
	       table->n_rows, table->n_skipped, table->rows[table->n_rows / 2].times.ratio,
	       table->rows[0].times.ratio, table->rows[0].name,
	       table->rows[table->n_rows - 1].times.ratio, table->rows[table->n_rows - 1].name);
	printf("slower by more than %.0f %%:\n", 100 * (1 / table->slower - 1));
	for (uint32_t i = 0; i < table->n_rows && table->rows[i].times.ratio < table->slower; i++)
		print_row(&table->rows[i]);
}

static bool parse(int argc, char **argv, struct table *table)
{
	static const struct option options[] = {{"pairs", required_argument, NULL, 'p'},
						{"slower", required_argument, NULL, 's'},
						{"plain", no_argument, NULL, 'o'},
						{NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			table->pairs = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			table->slower = 1 / (1 + strtod(optarg, NULL) / 100);
		else if (option == 'o')
			table->is_plain = true;
		else
			return false;
	}
	return optind < argc && table->pairs > 0 && table->slower > 0;
}

int main(int argc, char **argv)
{
	struct table table = {.pairs = HONE_MEASURE_PAIRS, .slower = 1 / 1.03};
	int err = 0;

	kernel_test_needs_root();
	setvbuf(stdout, NULL, _IOLBF, 0);
	hone_log_libbpf();
	if (!parse(argc, argv, &table)) {
		fputs("usage: roundtrip [--pairs N] [--slower PERCENT] [--plain] OBJECT...\n",
		      stderr);
		return 2;
	}
	err = honec_start(&table.honec);
	if (err)
		return 1;
	print_head();
	for (int i = optind; i < argc && !err; i++)
		err = zoo_programs_each(argv[i], visit, &table);
	summarize(&table);
	free(table.rows);
	return honec_stop(&table.honec) || err || table.n_rows == 0 ? 1 : 0;
}
