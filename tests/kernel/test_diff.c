// SPDX-License-Identifier: Apache-2.0
/* diff: each of xdp-filter's programs against its image, with and without rules: verdict and
 * bytes of every packet, every map after every batch; and how much of the original the packets
 * reached. HONE_LONG=1: a million packets for the two programs with all features. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/deploy/check.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/specialize.h"

enum { BLOCKS_MAX = 1024, BATCH = 1000, SEED = 7 };

static const char *const variants[] = {"alw_all", "alw_eth", "alw_ip", "alw_tcp", "alw_udp",
				       "dny_all", "dny_eth", "dny_ip", "dny_tcp", "dny_udp"};

/* What the control plane may have put in: each adds to the one before. */
static const struct rules {
	const char *name;
	uint32_t n;
} rule_sets[] = {{"no rules", 0}, {"10 rules of each kind", 10}, {"1000 rules of each kind", 1000}};

static bool is_long(void)
{
	return getenv("HONE_LONG") != NULL;
}

static uint32_t n_packets(const char *variant)
{
	if (strstr(variant, "_all"))
		return is_long() ? 1000000 / 3 + 1 : 20000;
	return is_long() ? 50000 : 10000;
}

/* Programs have the maps of their own features only. */
static void add_rules(const struct object_unit *filter, uint32_t n)
{
	const uint64_t both = FILTER_SRC | FILTER_DST;
	const uint64_t ports = both | FILTER_TCP | FILTER_UDP;
	const int errors[] = {
		filter_add_ipv4(filter, 0, n, both),
		filter_add_ipv6(filter, 0, n, both),
		filter_add_macs(filter, 0, n, both),
		filter_add_ports(filter, 1000, n, ports),
		/* one flag only: the others' counters must not be taken for it */
		filter_add_ports(filter, 9000, n / 2, FILTER_SRC | FILTER_UDP),
		filter_add_ipv4(filter, 1 << 20, n / 2, FILTER_DST),
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		assert_true(errors[i] == 0 || errors[i] == -ENOENT);
}

static void print_verdicts(const char *variant, const struct rules *rules,
			   const struct hone_check_result *check, const struct hone_result *result,
			   uint32_t n_insns)
{
	uint32_t n_folded = 0;

	for (uint32_t i = 0; i < result->n_sites; i++)
		n_folded += result->sites[i].action[0] != '\0';
	print_message("%s, %s: %u packets equal (aborted %u, drop %u, pass %u); "
		      "%u of %u sites, %u -> %u instructions\n",
		      variant, rules->name, check->n_packets, hone_check_count(check, XDP_ABORTED),
		      hone_check_count(check, XDP_DROP), hone_check_count(check, XDP_PASS),
		      n_folded, result->n_sites, n_insns, result->image.n_insns);
}

/* Returns how many blocks the original has; `reached` is added to. */
static uint32_t compare(struct object_unit *filter, const char *variant, const struct rules *rules,
			uint8_t *reached, uint32_t *insns)
{
	struct hone_check_result check = {0};
	struct hone_result result = {0}, cover = {0};
	const struct hone_check_opts opts = {.n_packets = n_packets(variant),
					     .batch = BATCH,
					     .seed = SEED,
					     .cover = &cover,
					     .reached = reached};
	uint32_t n_blocks;

	assert_int_equal(specialize(filter, 2, &result), 0);
	if (result.refused)
		fail_msg("%s: %s: %s", variant, hone_reason_id(result.refused), result.detail);
	assert_int_equal(specialize_cover(filter, &cover), 0);
	assert_int_equal(cover.refused, HONE_REWRITTEN);
	assert_true(cover.n_blocks <= BLOCKS_MAX);
	assert_int_equal(
		hone_check_image(&filter->unit, &filter->maps, &result.image, &opts, &check), 0);
	if (check.refused)
		fail_msg("%s, %s: %s: %s", variant, rules->name, hone_reason_id(check.refused),
			 check.detail);
	print_verdicts(variant, rules, &check, &result, filter->unit.n_insns);
	memcpy(insns, cover.block_insns, cover.n_blocks * sizeof(*insns));
	n_blocks = cover.n_blocks;
	hone_result_free(&result);
	hone_result_free(&cover);
	return n_blocks;
}

static void image_is_equal_and_blocks_are_reached(void **state)
{
	const char *variant = *state;
	uint8_t reached[BLOCKS_MAX] = {0};
	uint32_t insns[BLOCKS_MAX], n_blocks = 0, n_reached = 0;
	struct object_unit filter;
	char path[128];

	snprintf(path, sizeof(path), XDP_FILTER_OBJECT("%s"), variant);
	kernel_test_needs_file(path);
	assert_int_equal(object_unit_open(path, NULL, &filter), 0);
	for (size_t i = 0; i < sizeof(rule_sets) / sizeof(rule_sets[0]); i++) {
		add_rules(&filter, rule_sets[i].n);
		n_blocks = compare(&filter, variant, &rule_sets[i], reached, insns);
	}
	for (uint32_t i = 0; i < n_blocks; i++) {
		n_reached += reached[i];
		if (!reached[i])
			print_message("%s: the block at instruction %u was not reached\n", variant,
				      insns[i]);
	}
	print_message("%s: %u of %u blocks reached (%.1f %%)\n", variant, n_reached, n_blocks,
		      100.0 * n_reached / n_blocks);
	object_unit_close(&filter);
	assert_true(100 * n_reached >= 95 * n_blocks);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(variants) / sizeof(variants[0])];

	kernel_test_needs_root();
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		tests[i] = (struct CMUnitTest){
			.name = variants[i],
			.test_func = image_is_equal_and_blocks_are_reached,
			.initial_state = (void *)(uintptr_t)variants[i],
		};
	return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
