// SPDX-License-Identifier: Apache-2.0
/* random_count: see the header. */
#include "tests/fuzz/random_count.h"

#include <stdio.h>

void random_count_program(struct random_count *count, const struct random_program *program)
{
	uint32_t bucket = 0;

	while (bucket + 1 < RANDOM_BUCKETS && program->n_insns >> (bucket + 1))
		bucket++;
	count->by_size[bucket]++;
	count->n_insns += program->n_insns;
	count->n_statements += program->n_statements;
	count->n_functions += program->n_functions - 1;
	for (int i = 0; i < RANDOM_WHAT_N; i++) {
		count->n_what[i] += program->n_what[i];
		count->with[i] += program->n_what[i] > 0;
	}
}

static void count_verdicts(struct random_count *count, const struct hone_check_result *check)
{
	uint32_t n = 0;

	count->n_packets += check->n_packets;
	for (uint32_t verdict = 0; verdict < RANDOM_VERDICTS; verdict++) {
		uint32_t n_packets = hone_check_count(check, verdict);

		count->n_verdicts[verdict] += n_packets;
		n += n_packets > 0;
	}
	count->by_verdicts[n > 4 ? 4 : n]++;
}

void random_count_outcome(struct random_count *count, unsigned int level,
			  const struct random_outcome *outcome)
{
	count->n_run[level]++;
	count->n_died[level] += outcome->died;
	if (outcome->died)
		return;
	count->refused[level][outcome->refused]++;
	count->n_sites[level] += outcome->n_sites;
	count->n_rewritten[level] += outcome->n_rewritten;
	if (outcome->refused)
		return;
	count->n_equal[level]++;
	count->n_image_insns[level] += outcome->n_insns;
	count_verdicts(count, &outcome->check);
}

bool random_count_expected(enum hone_reason reason)
{
	return reason == HONE_NO_CALLBACK || reason == HONE_CHECK_NONDETERMINISTIC;
}

double random_count_accepted(const struct random_count *count)
{
	uint32_t n_run = 0, n_equal = 0;

	for (int level = 0; level < RANDOM_LEVELS; level++) {
		n_run += count->n_run[level];
		n_equal += count->n_equal[level];
		for (int i = 0; i < HONE_REASON_N; i++)
			if (random_count_expected((enum hone_reason)i))
				n_run -= count->refused[level][i];
	}
	return n_run ? 100.0 * n_equal / n_run : 100;
}

static void print_contents(const struct random_count *count)
{
	uint32_t n = count->n_made - count->n_not_loaded;

	if (n == 0)
		return;
	printf("%u programs, %u not taken by the verifier; %.0f instructions, %.0f statements, "
	       "%.1f functions, %.0f verified instructions each\n",
	       count->n_made, count->n_not_loaded, (double)count->n_insns / n,
	       (double)count->n_statements / n, (double)count->n_functions / n,
	       (double)count->n_verified / n);
	printf("instructions:");
	for (int i = 0; i < RANDOM_BUCKETS; i++)
		if (count->by_size[i])
			printf("  %u+: %u", 1u << i, count->by_size[i]);
	printf("\n%-42s %10s %10s\n", "statements", "programs", "statements");
	for (int i = 0; i < RANDOM_WHAT_N; i++)
		printf("  %-40s %10u %10llu\n", random_what_text((enum random_what)i),
		       count->with[i], (unsigned long long)count->n_what[i]);
}

static void print_verdicts(const struct random_count *count)
{
	static const char *const names[] = {"aborted", "drop", "pass", "tx", "redirect"};

	printf("%llu packets:", (unsigned long long)count->n_packets);
	for (int i = 0; i < RANDOM_VERDICTS; i++)
		if (count->n_verdicts[i])
			printf("  %s %llu", names[i], (unsigned long long)count->n_verdicts[i]);
	printf("\ncomparisons with 1, 2, 3, 4 different verdicts: %u, %u, %u, %u\n",
	       count->by_verdicts[1], count->by_verdicts[2], count->by_verdicts[3],
	       count->by_verdicts[4]);
	if (count->n_hits + count->n_misses)
		printf("lookups that hit: %.0f %% of %llu in the programs that were counted\n",
		       100.0 * (double)count->n_hits / (double)(count->n_hits + count->n_misses),
		       (unsigned long long)(count->n_hits + count->n_misses));
}

static void print_level(const struct random_count *count, int level)
{
	printf("level %d: %u compiled, %u equal", level, count->n_run[level],
	       count->n_equal[level]);
	if (count->n_equal[level])
		printf(", %.0f instructions each, %llu of %llu sites rewritten",
		       (double)count->n_image_insns[level] / count->n_equal[level],
		       (unsigned long long)count->n_rewritten[level],
		       (unsigned long long)count->n_sites[level]);
	printf("\n");
	if (count->n_died[level])
		printf("  worker died: %u\n", count->n_died[level]);
	for (int i = 1; i < HONE_REASON_N; i++)
		if (count->refused[level][i])
			printf("  %s: %u\n", hone_reason_id((enum hone_reason)i),
			       count->refused[level][i]);
}

void random_count_print(const struct random_count *count)
{
	print_contents(count);
	print_verdicts(count);
	for (int level = 0; level < RANDOM_LEVELS; level++)
		if (count->n_run[level])
			print_level(count, level);
	printf("accepted: %.2f %% of what is not refused by a rule\n",
	       random_count_accepted(count));
}
