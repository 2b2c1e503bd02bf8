// SPDX-License-Identifier: Apache-2.0
/* random: random programs, each with random map contents, through the compiler; original and image
 * must not be told apart.
 *
 *   random [--seed S] [--count N] [--level L] [--packets P] [--size STATEMENTS]
 *          [--without WHAT] [--accept PERCENT] [--every-level] [--shrink DIR] [--verbose]
 *   random [--packets P] --case FILE…
 *
 * Program number i has seed S + i. WHAT: a row of random_what.def to leave out.
 * --count 0: until it is interrupted. Without --level the
 * programs take turns at levels 0, 1 and 2. --shrink: statements of a wrong program are left out
 * as long as it stays wrong; what is left is written to DIR. --case: such a file again.
 * HONE_LONG=1 in the environment: 10,000 programs, every level.
 * Exit status: 0; 1 a wrong image; 2 usage; 3 fewer than PERCENT (99) accepted or 95 % loaded.
 * Needs BPF.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/file.h"
#include "tests/fuzz/random_count.h"
#include "tests/fuzz/random_run.h"
#include "tests/tools/kernel_test.h"

enum { DEFAULT_COUNT = 500, LONG_COUNT = 10000, DEFAULT_PACKETS = 64, ANY_LEVEL = RANDOM_LEVELS };

struct fuzz {
	uint64_t seed;
	uint32_t count, n_packets;
	double accept; /* percent */
	unsigned int level;
	bool every_level, is_verbose;
	const char *shrink_to;
	struct random_options options;
	struct honec honec;
	struct random_program program;
	struct random_count counted;
	uint32_t n_wrong;
};

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal)
{
	(void)signal;
	is_interrupted = 1;
}

/* ---- smaller ---- */

/* Does the program without these statements go wrong in the same way? */
static bool is_still_wrong(struct fuzz *fuzz, const struct random_options *options,
			   unsigned int level, const struct random_outcome *as)
{
	struct random_subject subject;
	struct random_outcome outcome;
	char log[HONE_DETAIL_LEN];
	int err;

	if (random_program_make(fuzz->program.seed, options, &fuzz->program) ||
	    random_subject_new(&fuzz->program, &subject, log))
		return false;
	err = random_run(&subject, &fuzz->honec, level, fuzz->n_packets, &outcome);
	random_subject_free(&subject);
	return !err && outcome.died == as->died && outcome.refused == as->refused;
}

/* One pass over the statements, in the order they begin: outer ones before inner ones. */
static bool drop_some(struct fuzz *fuzz, struct random_options *options, uint64_t *dropped,
		      unsigned int level, const struct random_outcome *as)
{
	_cleanup_free_ struct random_statement *all = NULL;
	uint32_t n, before = options->n_dropped;

	if (random_program_make(fuzz->program.seed, options, &fuzz->program))
		return false;
	n = fuzz->program.n_statements;
	all = calloc(n + 1, sizeof(*all));
	if (!all)
		return false;
	memcpy(all, fuzz->program.statements, n * sizeof(*all));
	for (uint32_t i = 0; i < n; i++) {
		dropped[options->n_dropped++] = all[i].id;
		if (!is_still_wrong(fuzz, options, level, as))
			options->n_dropped--;
	}
	return options->n_dropped > before;
}

static void shrink(struct fuzz *fuzz, unsigned int level, const struct random_outcome *as)
{
	static uint64_t dropped[RANDOM_STATEMENTS];
	struct random_options options = fuzz->options;
	struct random_subject subject;
	char log[HONE_DETAIL_LEN], path[256];
	uint64_t seed = fuzz->program.seed;

	options.dropped = dropped;
	while (!is_interrupted && drop_some(fuzz, &options, dropped, level, as))
		;
	snprintf(path, sizeof(path), "%s/%llu-level-%u.json", fuzz->shrink_to,
		 (unsigned long long)seed, level);
	if (random_program_make(seed, &options, &fuzz->program) ||
	    random_subject_new(&fuzz->program, &subject, log))
		return;
	if (random_subject_write(&subject, path))
		printf("%s: cannot be written\n", path);
	else
		printf("  %u instructions are left: %s\n", fuzz->program.n_insns, path);
	random_subject_free(&subject);
}

/* ---- one program ---- */

static void report(struct fuzz *fuzz, unsigned int level, const struct random_outcome *outcome)
{
	printf("seed %llu level %u: %s: %s\n", (unsigned long long)fuzz->program.seed, level,
	       outcome->died ? "WORKER DIED" : hone_reason_id(outcome->refused), outcome->detail);
}

static int run_level(struct fuzz *fuzz, struct random_subject *subject, unsigned int level)
{
	struct random_outcome outcome;
	bool is_wrong, is_odd;
	int err = random_run(subject, &fuzz->honec, level, fuzz->n_packets, &outcome);

	if (err) {
		printf("seed %llu level %u: %s\n", (unsigned long long)fuzz->program.seed, level,
		       strerror(-err));
		return err;
	}
	if (is_interrupted && outcome.died) /* the signal went to honec as well */
		return 0;
	random_count_outcome(&fuzz->counted, level, &outcome);
	is_wrong = random_is_wrong(&outcome);
	is_odd = outcome.refused && !random_count_expected(outcome.refused);
	if (is_wrong || is_odd || (fuzz->is_verbose && outcome.refused))
		report(fuzz, level, &outcome);
	fuzz->n_wrong += is_wrong;
	if (fuzz->shrink_to && (is_wrong || is_odd))
		shrink(fuzz, level, &outcome);
	return 0;
}

static int run_program(struct fuzz *fuzz, uint32_t number)
{
	struct random_subject subject;
	char log[HONE_DETAIL_LEN];
	int err = random_program_make(fuzz->seed + number, &fuzz->options, &fuzz->program);

	fuzz->counted.n_made++;
	if (!err)
		err = random_subject_new(&fuzz->program, &subject, log);
	if (err) {
		fuzz->counted.n_not_loaded++;
		if (fuzz->is_verbose)
			printf("seed %llu: not loaded: %s: %s\n",
			       (unsigned long long)fuzz->program.seed, strerror(-err), log);
		return 0;
	}
	random_count_program(&fuzz->counted, &fuzz->program);
	fuzz->counted.n_verified += subject.n_verified;
	for (unsigned int level = 0; !err && level < RANDOM_LEVELS; level++) {
		bool is_turn = fuzz->level == ANY_LEVEL ? number % RANDOM_LEVELS == level
							: fuzz->level == level;

		if (is_turn || fuzz->every_level)
			err = run_level(fuzz, &subject, level);
	}
	random_subject_free(&subject);
	return err;
}

static int run_all(struct fuzz *fuzz)
{
	int err = random_program_new(&fuzz->program);

	for (uint32_t i = 0; !err && !is_interrupted && (!fuzz->count || i < fuzz->count); i++)
		err = run_program(fuzz, i);
	random_program_free(&fuzz->program);
	random_count_print(&fuzz->counted);
	printf("wrong: %u\n", fuzz->n_wrong);
	if (err || fuzz->n_wrong)
		return 1;
	return random_count_accepted(&fuzz->counted) < fuzz->accept ||
			       fuzz->counted.n_not_loaded * 20 > fuzz->counted.n_made
		       ? 3
		       : 0;
}

/* ---- cases ---- */

static int run_case(struct fuzz *fuzz, const char *path)
{
	_cleanup_free_ char *text = NULL;
	struct random_subject subject;
	struct hone_unit unit;
	char error[HONE_DETAIL_LEN];
	size_t size;
	int err = hone_file_read(path, 64 << 20, &text, &size);

	if (!err)
		err = hone_unit_decode(text, size, &unit, error);
	if (err) {
		fprintf(stderr, "%s: %s\n", path, strerror(-err));
		return err;
	}
	err = random_subject_of_unit(&unit, &subject, error);
	hone_unit_free(&unit);
	if (err) {
		fprintf(stderr, "%s: not loaded: %s\n", path, error);
		return err;
	}
	for (unsigned int level = 0; !err && level < RANDOM_LEVELS; level++) {
		struct random_outcome outcome;

		err = random_run(&subject, &fuzz->honec, level, fuzz->n_packets, &outcome);
		printf("%s: level %u: %s %s\n", path, level,
		       outcome.died ? "WORKER DIED" : hone_reason_id(outcome.refused),
		       outcome.detail);
		fuzz->n_wrong += err || outcome.died || outcome.refused;
	}
	random_subject_free(&subject);
	return err;
}

static int run_cases(struct fuzz *fuzz, char **paths)
{
	for (; *paths; paths++)
		if (run_case(fuzz, *paths))
			fuzz->n_wrong++;
	return fuzz->n_wrong ? 1 : 0;
}

/* ---- command line ---- */

static const char usage_text[] =
	"usage: random [--seed S] [--count N] [--level L] [--packets P] [--size STATEMENTS]\n"
	"              [--without WHAT] [--accept PERCENT] [--every-level] [--shrink DIR]\n"
	"              [--verbose]\n"
	"       random [--packets P] --case FILE...\n";

static const struct option longs[] = {
	{"seed", required_argument, NULL, 's'},	  {"count", required_argument, NULL, 'n'},
	{"level", required_argument, NULL, 'l'},  {"packets", required_argument, NULL, 'p'},
	{"size", required_argument, NULL, 'z'},	  {"without", required_argument, NULL, 'f'},
	{"accept", required_argument, NULL, 'a'}, {"every-level", no_argument, NULL, 'e'},
	{"shrink", required_argument, NULL, 'd'}, {"verbose", no_argument, NULL, 'v'},
	{"case", no_argument, NULL, 'c'},	  {0},
};

static bool leave_out(struct random_options *options, const char *name)
{
	for (int i = 0; i < RANDOM_WHAT_N; i++) {
		if (!strcmp(random_what_name((enum random_what)i), name)) {
			options->without |= 1u << i;
			return true;
		}
	}
	return false;
}

static bool parse(struct fuzz *fuzz, int argc, char **argv, bool *is_case)
{
	int option;

	while ((option = getopt_long(argc, argv, "v", longs, NULL)) != -1) {
		switch (option) {
		case 's':
			fuzz->seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			fuzz->count = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'l':
			fuzz->level = (unsigned int)strtoul(optarg, NULL, 0);
			break;
		case 'p':
			fuzz->n_packets = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'z':
			fuzz->options.size = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'f':
			if (!leave_out(&fuzz->options, optarg))
				return false;
			break;
		case 'a':
			fuzz->accept = strtod(optarg, NULL);
			break;
		case 'e':
			fuzz->every_level = true;
			break;
		case 'd':
			fuzz->shrink_to = optarg;
			break;
		case 'v':
			fuzz->is_verbose = true;
			break;
		case 'c':
			*is_case = true;
			break;
		default:
			return false;
		}
	}
	return fuzz->level <= ANY_LEVEL && *is_case == (optind < argc);
}

int main(int argc, char **argv)
{
	bool is_long = getenv("HONE_LONG") != NULL;
	struct fuzz fuzz = {.seed = 1,
			    .count = is_long ? LONG_COUNT : DEFAULT_COUNT,
			    .n_packets = DEFAULT_PACKETS,
			    .accept = 99,
			    .level = ANY_LEVEL,
			    .every_level = is_long};
	bool is_case = false;
	int status;

	if (!parse(&fuzz, argc, argv, &is_case)) {
		fputs(usage_text, stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	kernel_test_needs_root();
	signal(SIGINT, interrupt);
	signal(SIGTERM, interrupt);
	if (honec_start(&fuzz.honec))
		return 1;
	status = is_case ? run_cases(&fuzz, argv + optind) : run_all(&fuzz);
	honec_stop(&fuzz.honec);
	return status;
}
