// SPDX-License-Identifier: Apache-2.0
/* zoo: each program of the given objects through the whole compiler, and its images against it.
 *
 *   zoo [--refused TABLE] [--shares] [--blocks] OBJECT…
 *
 * A program is accepted if it comes back from the round trip (level 0) and from level 2, the
 * verifier takes both images, and each decides all packets as the original does: 10,000 at
 * level 2, 100,000 with HONE_LONG. A refusal must be in the table, with its reason; a row whose
 * program is accepted is wrong as well. --shares: also ask for the shares of blocks reached and of
 * programs with two verdicts that the whole zoo must have. --blocks: list those not reached. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/log.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/object_diff.h"
#include "tests/zoo/expected.h"
#include "tests/zoo/subject.h"

enum {
	PACKETS = 10000,
	PACKETS_LONG = 100000,
	SEED = 1,
	BLOCKS_PERCENT = 90,
	TWO_VERDICTS_PERCENT = 50,
};

struct zoo {
	struct honec honec;
	struct zoo_expected expected;
	bool prints_blocks;
	uint32_t n_packets;
	uint32_t n_accepted, n_refused, n_not_here, n_wrong;
	uint32_t n_two_verdicts, n_blocks, n_reached;
};

/* Where level 2 finds nothing to do its image is that of the round trip: one in `share` of the
 * packets is enough for the latter. */
static const struct {
	unsigned int level;
	uint32_t share;
} levels[] = {{0, 4}, {2, 1}};
enum { N_LEVELS = sizeof(levels) / sizeof(levels[0]) };

/* What one program did. */
struct outcome {
	enum hone_reason refused;
	unsigned int level; /* where */
	char detail[HONE_DETAIL_LEN];
	uint32_t n_insns[N_LEVELS]; /* of the images */
	uint32_t n_verdicts;
	uint32_t verdicts[HONE_CHECK_VERDICTS];
	uint32_t n_blocks, n_reached;
};

static void note_verdicts(const struct hone_check_result *check, struct outcome *out)
{
	out->n_verdicts = 0;
	for (uint32_t i = 0; i < HONE_CHECK_VERDICTS; i++)
		if (check->verdicts[i].n_packets)
			out->verdicts[out->n_verdicts++] = check->verdicts[i].verdict;
}

static void print_blocks(const struct object_diff *diff)
{
	for (uint32_t i = 0; i < diff->n_blocks; i++)
		if (!diff->reached[i])
			printf("  not reached: the block at instruction %u\n",
			       diff->block_insns[i]);
}

static int run_level(struct zoo *zoo, struct object_unit *subject, uint32_t i, struct outcome *out)
{
	struct object_diff diff;
	bool is_compiled;
	int err = object_diff(&zoo->honec, subject, levels[i].level,
			      zoo->n_packets / levels[i].share, SEED, &diff);

	if (err)
		return err;
	is_compiled = diff.refused == HONE_REWRITTEN;
	out->level = levels[i].level;
	out->refused = is_compiled ? diff.check.refused : diff.refused;
	memcpy(out->detail, is_compiled ? diff.check.detail : diff.detail, sizeof(out->detail));
	out->n_insns[i] = diff.n_image_insns;
	note_verdicts(&diff.check, out);
	out->n_blocks = diff.check.n_blocks;
	out->n_reached = diff.check.n_reached;
	if (zoo->prints_blocks)
		print_blocks(&diff);
	object_diff_free(&diff);
	return 0;
}

static int run(struct zoo *zoo, struct object_unit *subject, struct outcome *out)
{
	int err = 0;

	for (uint32_t i = 0; i < N_LEVELS && !err && !out->refused; i++)
		err = run_level(zoo, subject, i, out);
	return err;
}

/* ---- words ---- */

static int strip(const char *text, int length, const char *end)
{
	int n = (int)strlen(end);

	return length > n && !strncmp(text + length - n, end, (size_t)n) ? length - n : length;
}

/* FILE, or FILE/PROGRAM where a program is not named as its file. */
static void name_of(const char *path, const char *program, char *name)
{
	const char *slash = strrchr(path, '/');
	const char *file = slash ? slash + 1 : path;
	int length = strip(file, strip(file, (int)strlen(file), ".o"), ".bpf");

	if (strlen(program) == (size_t)length && !strncmp(file, program, (size_t)length))
		snprintf(name, ZOO_NAME_LEN, "%s", program);
	else
		snprintf(name, ZOO_NAME_LEN, "%.*s/%s", length, file, program);
}

static void print_accepted(const struct object_unit *subject, const char *name,
			   const struct outcome *outcome)
{
	printf("%-36s accepted: %u -> %u, %u instructions; blocks %u of %u; verdicts", name,
	       subject->unit.n_insns, outcome->n_insns[0], outcome->n_insns[1], outcome->n_reached,
	       outcome->n_blocks);
	for (uint32_t i = 0; i < outcome->n_verdicts; i++)
		printf(" %d", (int)outcome->verdicts[i]);
	printf("\n");
}

/* What the table would say of it; NULL: nothing. */
static const char *row_of(const struct outcome *outcome)
{
	if (outcome->refused)
		return hone_reason_id(outcome->refused);
	return outcome->n_blocks ? NULL : "NO_BLOCKS";
}

/* The table's row and what happened agree? Else says so, behind the program's line. */
static bool is_expected(const struct zoo *zoo, const char *name, const struct outcome *outcome)
{
	const char *expected = zoo_expected_reason(&zoo->expected, name);
	const char *row = row_of(outcome);

	if (expected ? row && !strcmp(expected, row) : !row)
		return true;
	printf("%-36s <-- %s, BUT THE TABLE SAYS %s\n", name, row ? row : "accepted",
	       expected ? expected : "nothing");
	return false;
}

static void count(struct zoo *zoo, const struct object_unit *subject, const char *name,
		  const struct outcome *outcome)
{
	if (outcome->refused) {
		printf("%-36s refused at level %u: %s: %s\n", name, outcome->level,
		       hone_reason_id(outcome->refused), outcome->detail);
		zoo->n_refused++;
	} else {
		print_accepted(subject, name, outcome);
		zoo->n_accepted++;
		zoo->n_two_verdicts += outcome->n_verdicts >= 2;
		zoo->n_blocks += outcome->n_blocks;
		zoo->n_reached += outcome->n_reached;
	}
	zoo->n_wrong += !is_expected(zoo, name, outcome);
}

static int visit(const char *path, const char *program, void *arg)
{
	struct zoo *zoo = arg;
	struct object_unit subject;
	struct outcome outcome = {0};
	char name[ZOO_NAME_LEN];
	int err = zoo_subject_open(path, program, &subject);

	name_of(path, program, name);
	if (err) {
		printf("%-36s does not load here: %s\n", name, strerror(-err));
		zoo->n_not_here++;
		return 0;
	}
	err = run(zoo, &subject, &outcome);
	if (err) {
		printf("%-36s cannot be run: %s\n", name, strerror(-err));
		zoo->n_wrong++;
		honec_stop(&zoo->honec); /* it may have died of it */
		err = honec_start(&zoo->honec);
	} else {
		count(zoo, &subject, name, &outcome);
	}
	object_unit_close(&subject);
	return err;
}

static uint32_t percent(uint32_t part, uint32_t whole)
{
	return whole ? 100 * part / whole : 100;
}

static void print_total(const struct zoo *zoo)
{
	printf("accepted %u, refused %u, total %u (%u more do not load here); %u packets each\n"
	       "two or more verdicts: %u of %u programs (%u %%); blocks reached: %u of %u (%u "
	       "%%)\n",
	       zoo->n_accepted, zoo->n_refused, zoo->n_accepted + zoo->n_refused, zoo->n_not_here,
	       zoo->n_packets, zoo->n_two_verdicts, zoo->n_accepted,
	       percent(zoo->n_two_verdicts, zoo->n_accepted), zoo->n_reached, zoo->n_blocks,
	       percent(zoo->n_reached, zoo->n_blocks));
}

static bool has_shares(const struct zoo *zoo)
{
	return percent(zoo->n_two_verdicts, zoo->n_accepted) >= TWO_VERDICTS_PERCENT &&
	       percent(zoo->n_reached, zoo->n_blocks) >= BLOCKS_PERCENT;
}

static void visit_all(struct zoo *zoo, char **paths)
{
	for (; *paths; paths++)
		if (zoo_programs_each(*paths, visit, zoo)) {
			printf("%s: not a BPF object\n", *paths);
			zoo->n_wrong++;
		}
}

static bool parse(int argc, char **argv, struct zoo *zoo, bool *asks_shares)
{
	static const struct option options[] = {{"refused", required_argument, NULL, 'r'},
						{"shares", no_argument, NULL, 's'},
						{"blocks", no_argument, NULL, 'b'},
						{NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?' || (option == 'r' && zoo_expected_read(optarg, &zoo->expected)))
			return false;
		*asks_shares |= option == 's';
		zoo->prints_blocks |= option == 'b';
	}
	return optind < argc;
}

int main(int argc, char **argv)
{
	struct zoo zoo = {.n_packets = getenv("HONE_LONG") ? PACKETS_LONG : PACKETS};
	bool asks_shares = false, is_fine;

	kernel_test_needs_root();
	setvbuf(stdout, NULL, _IOLBF, 0);
	hone_log_libbpf();
	if (!parse(argc, argv, &zoo, &asks_shares)) {
		fprintf(stderr, "usage: zoo [--refused TABLE] [--shares] [--blocks] OBJECT...\n");
		return 2;
	}
	if (honec_start(&zoo.honec))
		return 1;
	visit_all(&zoo, argv + optind);
	print_total(&zoo);
	is_fine = honec_stop(&zoo.honec) == 0 && !zoo.n_wrong && zoo.n_accepted > 0 &&
		  (!asks_shares || has_shares(&zoo));
	zoo_expected_free(&zoo.expected);
	return is_fine ? 0 : 1;
}
