// SPDX-License-Identifier: Apache-2.0
/* gate: what is much slower stays out, what is much faster may go in, what cannot be measured is
 * refused with its reason. The programs differ by factors, so that no load of the machine turns
 * a verdict. Needs BPF. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "runtime/bpf/abi.h"
#include "runtime/deploy/gate.h"
#include "tests/tools/asm.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/object_unit.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

enum { TURNS = 1000, MANY_TURNS = 20000, KEY_TURNS = 100000, FLOOR_TURNS = 1 };

/* Counts in the map, takes `turns` turns of a loop, passes. */
#define COUNT(map)                                                                                 \
	ASM_MAP_VALUE(BPF_REG_1, map, 0), ASM_LOAD(BPF_DW, BPF_REG_2, BPF_REG_1, 0),               \
		ASM_ALU_IMM(BPF_ADD, BPF_REG_2, 1), ASM_STORE(BPF_DW, BPF_REG_1, BPF_REG_2, 0)
#define LOOP(turns)                                                                                \
	ASM_MOV_IMM(BPF_REG_3, turns), ASM_ALU_IMM(BPF_SUB, BPF_REG_3, 1),                         \
		ASM_JMP_IMM(BPF_JNE, BPF_REG_3, 0, -2)
#define PASS() ASM_MOV_IMM(BPF_REG_0, XDP_PASS), ASM_EXIT()

static int map_fd = -1;
static struct object_unit subject;

static int set_up(void **state)
{
	kernel_test_needs_root();
	map_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "counts", 4, 8, 1, NULL);
	const struct bpf_insn insns[] = {COUNT(map_fd), LOOP(TURNS), PASS()};

	(void)state;
	if (map_fd < 0 || object_unit_describe(insns, N(insns), &map_fd, 1, &subject))
		return -1;
	strcpy(subject.unit.name, "subject");
	strcpy(subject.unit.license, "GPL");
	subject.unit.prog_type = BPF_PROG_TYPE_XDP;
	subject.unit.expected_attach_type = BPF_XDP;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	object_unit_close(&subject);
	close(map_fd);
	return 0;
}

/* ---- images: guard, then `turns` turns instead of the original's ---- */

enum { GUARD_AT = 1, EXPECTED_AT = 4, COUNTS_AT = 9, TURNS_AT = 14, SLOTS_AT = 20 };

static const struct bpf_insn image_insns[] = {
	ASM_MOV_REG(BPF_REG_6, BPF_REG_1),
	ASM_MAP_VALUE(BPF_REG_1, 0, 0), /* GUARD_AT */
	ASM_LOAD(BPF_DW, BPF_REG_1, BPF_REG_1, 0),
	ASM_MAP_VALUE(BPF_REG_2, 0, 0), /* EXPECTED_AT */
	ASM_LOAD(BPF_DW, BPF_REG_2, BPF_REG_2, 0),
	ASM_JMP_REG(BPF_JEQ, BPF_REG_1, BPF_REG_2, 1),
	{.code = BPF_JMP | BPF_JA, .off = 10}, /* → the original */
	COUNT(0),			       /* COUNTS_AT */
	LOOP(FLOOR_TURNS),		       /* TURNS_AT */
	PASS(),
	ASM_MOV_REG(BPF_REG_1, BPF_REG_6),
	ASM_MAP(BPF_REG_2, 0), /* SLOTS_AT */
	ASM_MOV_IMM(BPF_REG_3, HONE_PROG_ORIGINAL),
	ASM_CALL(BPF_FUNC_tail_call),
	ASM_MOV_IMM(BPF_REG_0, XDP_ABORTED),
	ASM_EXIT(),
};
static struct hone_reloc relocs[] = {
	{.insn = GUARD_AT, .kind = HONE_RELOC_GUARD},
	{.insn = EXPECTED_AT, .kind = HONE_RELOC_TABLE},
	{.insn = COUNTS_AT, .kind = HONE_RELOC_MAP_VALUE},
	{.insn = SLOTS_AT, .kind = HONE_RELOC_SLOTS},
};
static uint8_t table[8];

static struct hone_image make_image(struct bpf_insn *insns, int turns)
{
	memcpy(insns, image_insns, sizeof(image_insns));
	insns[TURNS_AT].imm = turns;
	return (struct hone_image){
		.n_insns = N(image_insns),
		.insns = insns,
		.n_relocs = N(relocs),
		.relocs = relocs,
		.table_bytes = sizeof(table),
		.table = table,
	};
}

static const struct hone_gate_opts quick = {.pairs = 5, .packets = 256};

static struct hone_gate_result gate(int turns, const struct hone_gate_opts *opts)
{
	struct bpf_insn insns[N(image_insns)];
	struct hone_image image = make_image(insns, turns);
	struct hone_gate_result result;

	assert_int_equal(hone_gate_run(&subject.unit, &subject.maps, &image, opts, &result), 0);
	print_message("%s: %s\n", hone_reason_id(result.refused), result.detail);
	return result;
}

static void accepts_what_is_much_faster(void **state)
{
	struct hone_gate_result result = gate(FLOOR_TURNS, &quick);

	(void)state;
	assert_int_equal(result.refused, HONE_REWRITTEN);
	assert_int_equal(result.pairs, 5);
	assert_true(result.ratio > 1 + result.noise);
	assert_true(result.generic_ns > result.specialized_ns && result.specialized_ns > 0);
	assert_true(result.aa_ratio > 0 && result.ratio_min > 0);
}

static void refuses_what_is_much_slower(void **state)
{
	struct hone_gate_result result = gate(MANY_TURNS, &quick);

	(void)state;
	assert_int_equal(result.refused, HONE_GATE_NOT_FASTER);
	assert_true(result.ratio < 1);
	assert_non_null(strstr(result.detail, "ns generic"));
	assert_non_null(strstr(result.detail, "noise"));
}

static void refuses_what_is_not_as_fast_as_asked(void **state)
{
	const struct hone_gate_opts high = {.pairs = 5, .packets = 256, .min_ratio = 1e6};
	struct hone_gate_result result = gate(FLOOR_TURNS, &high);

	(void)state;
	assert_int_equal(result.refused, HONE_GATE_NOT_FASTER);
	assert_true(result.ratio > 1);
}

static void has_defaults(void **state)
{
	struct hone_gate_result result = gate(FLOOR_TURNS, &(struct hone_gate_opts){0});

	(void)state;
	assert_int_equal(result.pairs, HONE_GATE_PAIRS);
}

static void leaves_the_maps_as_they_are(void **state)
{
	uint32_t key = 0;
	uint64_t count;

	(void)state;
	gate(FLOOR_TURNS, &quick);
	assert_int_equal(bpf_map_lookup_elem(map_fd, &key, &count), 0);
	assert_int_equal(count, 0);
}

/* Slow only for packets from the one address in the map: without such packets the ratio would be
 * below 4. */
static void sends_the_keys_of_the_maps(void **state)
{
	const uint32_t address = 0x0500000a; /* 10.0.0.5 */
	const uint64_t value = 1;
	int hash_fd = bpf_map_create(BPF_MAP_TYPE_HASH, "addresses", 4, 8, 1, NULL);
	const int fds[] = {map_fd, hash_fd};
	const struct bpf_insn insns[] = {
		ASM_LOAD(BPF_W, BPF_REG_2, BPF_REG_1, 0),
		ASM_LOAD(BPF_W, BPF_REG_3, BPF_REG_1, 4),
		ASM_MOV_REG(BPF_REG_4, BPF_REG_2),
		ASM_ALU_IMM(BPF_ADD, BPF_REG_4, 34),
		ASM_JMP_REG(BPF_JGT, BPF_REG_4, BPF_REG_3, 11), /* → pass */
		ASM_LOAD(BPF_W, BPF_REG_2, BPF_REG_2, 26),
		ASM_STORE(BPF_W, BPF_REG_10, BPF_REG_2, -4),
		ASM_MAP(BPF_REG_1, hash_fd),
		ASM_MOV_REG(BPF_REG_2, BPF_REG_10),
		ASM_ALU_IMM(BPF_ADD, BPF_REG_2, -4),
		ASM_CALL(BPF_FUNC_map_lookup_elem),
		ASM_JMP_IMM(BPF_JEQ, BPF_REG_0, 0, 3), /* → pass */
		LOOP(KEY_TURNS),
		PASS(),
	};
	struct bpf_insn room[N(image_insns)];
	struct hone_image image = make_image(room, FLOOR_TURNS);
	struct hone_gate_result result;
	struct object_unit keyed = {.unit.prog_type = BPF_PROG_TYPE_XDP,
				    .unit.expected_attach_type = BPF_XDP};

	(void)state;
	assert_true(hash_fd >= 0);
	assert_int_equal(bpf_map_update_elem(hash_fd, &address, &value, BPF_ANY), 0);
	strcpy(keyed.unit.license, "GPL");
	assert_int_equal(object_unit_describe(insns, N(insns), fds, N(fds), &keyed), 0);
	assert_int_equal(hone_gate_run(&keyed.unit, &keyed.maps, &image, &quick, &result), 0);
	print_message("%s\n", result.detail);
	assert_true(result.ratio > 10);
	object_unit_close(&keyed);
	close(hash_fd);
}

/* ---- what cannot be measured ---- */

static void refuses_an_image_that_the_verifier_refuses(void **state)
{
	struct bpf_insn insns[N(image_insns)];
	struct hone_image image = make_image(insns, FLOOR_TURNS);
	struct hone_gate_result result;

	(void)state;
	insns[0] = (struct bpf_insn)ASM_MOV_REG(BPF_REG_6, BPF_REG_5);
	assert_int_equal(hone_gate_run(&subject.unit, &subject.maps, &image, &quick, &result), 0);
	assert_int_equal(result.refused, HONE_CHECK_VERIFIER);
	assert_non_null(strstr(result.detail, "R5 !read_ok"));
	assert_int_equal(result.pairs, 0);
}

/* As one of its own type, whose slots take no XDP program. */
static void measures_tc_programs(void **state)
{
	const struct bpf_insn insns[] = {COUNT(map_fd), LOOP(TURNS), PASS()};
	struct bpf_insn room[N(image_insns)];
	struct hone_image image = make_image(room, FLOOR_TURNS);
	struct hone_gate_result result;
	struct object_unit tc = {.unit.prog_type = BPF_PROG_TYPE_SCHED_CLS};

	(void)state;
	assert_int_equal(object_unit_describe(insns, N(insns), &map_fd, 1, &tc), 0);
	strcpy(tc.unit.name, "tc");
	strcpy(tc.unit.license, "GPL");
	assert_int_equal(hone_gate_run(&tc.unit, &tc.maps, &image, &quick, &result), 0);
	assert_int_equal(result.refused, HONE_REWRITTEN);
	assert_true(result.ratio > 2);
	object_unit_close(&tc);
}

static void refuses_what_would_send_packets(void **state)
{
	const struct bpf_insn insns[] = {
		ASM_MOV_IMM(BPF_REG_2, 1),
		ASM_MOV_IMM(BPF_REG_3, 0),
		ASM_CALL(BPF_FUNC_clone_redirect),
		PASS(),
	};
	struct bpf_insn room[N(image_insns)];
	struct hone_image image = make_image(room, FLOOR_TURNS);
	struct hone_gate_result result;
	struct object_unit tc = {.unit.prog_type = BPF_PROG_TYPE_SCHED_CLS};

	(void)state;
	assert_int_equal(object_unit_describe(insns, N(insns), NULL, 0, &tc), 0);
	assert_int_equal(hone_gate_run(&tc.unit, &tc.maps, &image, &quick, &result), 0);
	assert_int_equal(result.refused, HONE_GATE_NOT_MEASURED);
	assert_non_null(strstr(result.detail, "clone_redirect"));
	object_unit_close(&tc);
}

static void refuses_maps_that_cannot_be_copied(void **state)
{
	struct bpf_insn insns[N(image_insns)];
	struct hone_image image = make_image(insns, FLOOR_TURNS);
	struct hone_gate_result result;
	struct object_unit queued = {.unit.prog_type = BPF_PROG_TYPE_XDP};
	const struct bpf_insn pass[] = {PASS()};
	int fd = bpf_map_create(BPF_MAP_TYPE_CGROUP_STORAGE, "queue", 16, 8, 0, NULL);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(object_unit_describe(pass, N(pass), &fd, 1, &queued), 0);
	assert_int_equal(hone_gate_run(&queued.unit, &queued.maps, &image, &quick, &result), 0);
	assert_int_equal(result.refused, HONE_CHECK_NOT_CLONED);
	assert_non_null(strstr(result.detail, "queue"));
	assert_int_equal(result.pairs, 0);
	object_unit_close(&queued);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_what_is_much_faster),
		cmocka_unit_test(refuses_what_is_much_slower),
		cmocka_unit_test(refuses_what_is_not_as_fast_as_asked),
		cmocka_unit_test(has_defaults),
		cmocka_unit_test(leaves_the_maps_as_they_are),
		cmocka_unit_test(sends_the_keys_of_the_maps),
		cmocka_unit_test(refuses_an_image_that_the_verifier_refuses),
		cmocka_unit_test(refuses_maps_that_cannot_be_copied),
		cmocka_unit_test(measures_tc_programs),
		cmocka_unit_test(refuses_what_would_send_packets),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
