// SPDX-License-Identifier: Apache-2.0
/* faults: miscompilations seeded on purpose, each of which the differential run must catch.
 * (A skipped bump and an unpaired end are seeded in test_race.c and test_watch.c.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/deploy/check.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/specialize.h"

static struct object_unit filter;
static struct hone_result result;

static const struct hone_check_opts opts = {.n_packets = 20000, .batch = 1000, .seed = 1};

/* xdp-filter with rules of every kind, and its image: equal before anything is broken. */
static int set_up(void **state)
{
	(void)state;
	kernel_test_needs_root();
	kernel_test_needs_file(XDP_FILTER_OBJECT("alw_all"));
	if (object_unit_open(XDP_FILTER_OBJECT("alw_all"), NULL, &filter) ||
	    filter_add_ipv4(&filter, 0, 10, FILTER_SRC | FILTER_DST) ||
	    filter_add_ipv6(&filter, 0, 10, FILTER_SRC | FILTER_DST) ||
	    filter_add_macs(&filter, 0, 10, FILTER_SRC | FILTER_DST) ||
	    filter_add_ports(&filter, 80, 10, FILTER_SRC | FILTER_DST | FILTER_TCP | FILTER_UDP))
		return -1;
	return specialize(&filter, 2, &result);
}

static int tear_down(void **state)
{
	(void)state;
	hone_result_free(&result);
	object_unit_close(&filter);
	return 0;
}

static enum hone_reason checked(void)
{
	struct hone_check_result check = {0};

	assert_int_equal(hone_check_image(&filter.unit, &filter.maps, &result.image, &opts, &check),
			 0);
	if (check.refused != HONE_REWRITTEN)
		print_message("%s: %s\n", hone_reason_id(check.refused), check.detail);
	return check.refused;
}

static void unbroken_image_is_equal(void **state)
{
	(void)state;
	assert_int_equal(result.refused, HONE_REWRITTEN);
	assert_int_equal(checked(), HONE_REWRITTEN);
}

/* The table of the first assumption of a kind: every byte of it that is set, in turn, is what
 * some packet's decision hangs on. Clear the bytes of half of the table. */
static void clear_table_bytes(uint32_t from, uint32_t to, bool *changed)
{
	for (uint32_t i = from; i < to && i < result.image.table_bytes; i++) {
		*changed |= result.image.table[i] != 0;
		result.image.table[i] = 0;
	}
}

static uint8_t *saved_table(void)
{
	uint8_t *copy = malloc(result.image.table_bytes);

	assert_non_null(copy);
	memcpy(copy, result.image.table, result.image.table_bytes);
	return copy;
}

static void restore_table(uint8_t *copy)
{
	memcpy(result.image.table, copy, result.image.table_bytes);
	free(copy);
}

/* Tables of a key filter hold the keys' bytes: forget one rule's address. */
static void wrong_miss_is_caught(void **state)
{
	const uint8_t key[4] = {10, 0, 0, 5};
	uint8_t *copy = saved_table();
	bool changed = false;

	(void)state;
	for (uint32_t i = 8; i + sizeof(key) <= result.image.table_bytes; i++)
		if (!memcmp(result.image.table + i, key, sizeof(key)))
			clear_table_bytes(i, i + sizeof(key), &changed);
	assert_true(changed);
	assert_int_equal(checked(), HONE_CHECK_MISMATCH);
	restore_table(copy);
}

/* The bitmap of ports, as it was before the last rule was added. */
static void stale_value_is_caught(void **state)
{
	struct hone_result newer = {0};
	uint8_t *copy = saved_table();

	(void)state;
	assert_int_equal(filter_add_ports(&filter, 4000, 10,
					  FILTER_SRC | FILTER_DST | FILTER_TCP | FILTER_UDP),
			 0);
	assert_int_equal(checked(), HONE_CHECK_MISMATCH); /* the image is older than the maps */
	assert_int_equal(specialize(&filter, 2, &newer), 0);
	hone_result_free(&result);
	result = newer;
	free(copy);
	assert_int_equal(checked(), HONE_REWRITTEN);
}

/* A store through a map value that becomes a no-op. */
static void lost_count_is_caught(void **state)
{
	uint32_t n_caught = 0, n_stores = 0;

	(void)state;
	for (uint32_t i = 0; i < result.image.n_insns; i++) {
		struct bpf_insn *insn = &result.image.insns[i], saved = *insn;

		/* 64-bit stores that are not to the stack: the counters */
		if (insn->code != (BPF_STX | BPF_MEM | BPF_DW) || insn->dst_reg == BPF_REG_10)
			continue;
		*insn = (struct bpf_insn){.code = BPF_JMP | BPF_JA};
		n_stores++;
		n_caught += checked() == HONE_CHECK_MISMATCH;
		*insn = saved;
	}
	print_message("%u of %u lost stores caught\n", n_caught, n_stores);
	assert_true(n_stores > 0);
	/* one store may be the cold path's count of fallbacks, which is not the original's */
	assert_true(n_caught + 1 >= n_stores);
}

/* Two maps of one shape, exchanged. */
static void swapped_map_is_caught(void **state)
{
	uint32_t ports = 0, stats = 0, n_swapped = 0;

	(void)state;
	for (uint32_t i = 0; i < filter.unit.n_maps; i++) {
		if (!strcmp(filter.unit.maps[i].name, "filter_ports"))
			ports = i;
		if (!strcmp(filter.unit.maps[i].name, "xdp_stats_map"))
			stats = i;
	}
	for (int pass = 0; pass < 2; pass++) { /* there and back */
		for (uint32_t i = 0; i < result.image.n_relocs; i++) {
			struct hone_reloc *reloc = &result.image.relocs[i];

			if (reloc->kind != HONE_RELOC_MAP || reloc->map != (pass ? stats : ports))
				continue;
			reloc->map = pass ? ports : stats;
			n_swapped++;
			break;
		}
		if (!pass)
			assert_int_not_equal(checked(), HONE_REWRITTEN);
	}
	assert_int_equal(n_swapped, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unbroken_image_is_equal), cmocka_unit_test(wrong_miss_is_caught),
		cmocka_unit_test(stale_value_is_caught),   cmocka_unit_test(lost_count_is_caught),
		cmocka_unit_test(swapped_map_is_caught),
	};

	return cmocka_run_group_tests_name("faults", tests, set_up, tear_down);
}
