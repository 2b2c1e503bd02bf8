// SPDX-License-Identifier: Apache-2.0
/* load: copies, roots and images in the kernel. Needs BPF and Debian's xdp-filter objects. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/sys.h"
#include "runtime/deploy/load.h"
#include "tests/tools/asm.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/object_unit.h"

enum { TABLE_BYTES = 4096, GUARD_OFFSET = 64 };

static struct object_unit filter;
static char detail[HONE_DETAIL_LEN];

static int set_up(void **state)
{
	(void)state;
	kernel_test_needs_root();
	kernel_test_needs_file(XDP_FILTER_OBJECT("alw_all"));
	return object_unit_open(XDP_FILTER_OBJECT("alw_all"), NULL, &filter);
}

static int tear_down(void **state)
{
	(void)state;
	object_unit_close(&filter);
	return 0;
}

static uint32_t verdict_of(int prog_fd)
{
	uint8_t packet[64] = {[12] = 8, [14] = 0x45, [23] = 17, [39] = 20};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(prog_fd, &opts), 0);
	return opts.retval;
}

static void copy_has_the_tag_name_and_maps_of_the_original(void **state)
{
	struct hone_loaded copy;
	struct bpf_prog_info is, was;
	__u32 is_ids[HONE_MAPS_MAX], was_ids[HONE_MAPS_MAX], n_is, n_was;

	(void)state;
	assert_int_equal(hone_load_original(&filter.unit, &filter.maps, &copy, detail), 0);
	assert_int_equal(hone_prog_info(copy.fd, &is), 0);
	assert_int_equal(hone_prog_info(filter.prog_fd, &was), 0);
	assert_memory_equal(is.tag, was.tag, sizeof(is.tag));
	assert_string_equal(is.name, was.name);
	assert_int_equal(is.btf_id, was.btf_id);
	assert_int_equal(is.jited_prog_len, was.jited_prog_len);
	assert_int_equal(copy.id, is.id);
	assert_true(copy.n_verified > filter.unit.n_insns / 2);

	assert_int_equal(hone_prog_map_ids(copy.fd, is_ids, HONE_MAPS_MAX, &n_is), 0);
	assert_int_equal(hone_prog_map_ids(filter.prog_fd, was_ids, HONE_MAPS_MAX, &n_was), 0);
	assert_int_equal(n_is, filter.maps.n);
	assert_true(n_was <= n_is);
	close(copy.fd);
}

/* Program that returns `verdict`, as XDP. */
static int load_constant(int verdict)
{
	const struct bpf_insn insns[] = {ASM_MOV_IMM(BPF_REG_0, verdict), ASM_EXIT()};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "constant", "GPL", insns, 2,
			     &(struct bpf_prog_load_opts){.sz = sizeof(struct bpf_prog_load_opts),
							  .expected_attach_type = BPF_XDP});
}

static void root_is_the_original_until_its_slot_is_set(void **state)
{
	__u32 key = HONE_PROG_IMAGE;
	int slots_fd = hone_load_slots(), image_fd = load_constant(XDP_TX);
	struct hone_loaded root;
	struct bpf_prog_info is, was;

	(void)state;
	assert_true(slots_fd >= 0 && image_fd >= 0);
	assert_int_equal(hone_load_root(&filter.unit, &filter.maps, slots_fd, &root, detail), 0);
	assert_int_equal(hone_prog_info(root.fd, &is), 0);
	assert_int_equal(hone_prog_info(filter.prog_fd, &was), 0);
	assert_string_equal(is.name, was.name);
	assert_int_equal(is.nr_map_ids, filter.maps.n + 1);
	assert_int_equal(is.nr_func_info, was.nr_func_info);

	assert_int_equal(verdict_of(filter.prog_fd), XDP_PASS);
	assert_int_equal(verdict_of(root.fd), XDP_PASS);
	assert_int_equal(bpf_map_update_elem(slots_fd, &key, &image_fd, BPF_ANY), 0);
	assert_int_equal(verdict_of(root.fd), XDP_TX);
	assert_int_equal(bpf_map_delete_elem(slots_fd, &key), 0);
	assert_int_equal(verdict_of(root.fd), XDP_PASS);
	close(root.fd);
	close(image_fd);
	close(slots_fd);
}

/* The shape of any image: guard, counters, a verdict out of the table. */
static struct bpf_insn image_insns[] = {
	ASM_MOV_REG(BPF_REG_6, BPF_REG_1),
	ASM_MAP_VALUE(BPF_REG_1, 0, 0), /* 1: guard */
	ASM_LOAD(BPF_DW, BPF_REG_1, BPF_REG_1, 0),
	ASM_MAP_VALUE(BPF_REG_2, 0, 0), /* 4: table, expected */
	ASM_LOAD(BPF_DW, BPF_REG_2, BPF_REG_2, 0),
	ASM_JMP_REG(BPF_JNE, BPF_REG_1, BPF_REG_2, 4),
	ASM_MAP_VALUE(BPF_REG_1, 0, 0), /* 8: table + 1000 */
	ASM_LOAD(BPF_B, BPF_REG_0, BPF_REG_1, 0),
	ASM_EXIT(),
	ASM_MOV_REG(BPF_REG_1, BPF_REG_6),
	ASM_MAP(BPF_REG_2, 0), /* 13: slots */
	ASM_MOV_IMM(BPF_REG_3, HONE_PROG_ORIGINAL),
	ASM_CALL(BPF_FUNC_tail_call),
	ASM_MOV_IMM(BPF_REG_0, XDP_ABORTED),
	ASM_EXIT(),
};
static struct hone_reloc image_relocs[] = {
	{.insn = 1, .kind = HONE_RELOC_GUARD},
	{.insn = 4, .kind = HONE_RELOC_TABLE},
	{.insn = 8, .kind = HONE_RELOC_TABLE, .offset = 1000},
	{.insn = 13, .kind = HONE_RELOC_SLOTS},
};
static uint8_t table[TABLE_BYTES] = {255, 255, 255, 255, 255, 255, 255, 255, [1000] = XDP_TX};
static const struct hone_image image = {
	.n_insns = sizeof(image_insns) / sizeof(image_insns[0]),
	.insns = image_insns,
	.n_relocs = sizeof(image_relocs) / sizeof(image_relocs[0]),
	.relocs = image_relocs,
	.table_bytes = sizeof(table),
	.table = table,
};

static struct hone_image_env image_env(void)
{
	struct hone_image_env env = {
		.maps = &filter.maps,
		.table_fd = hone_load_table(&image),
		.guard_fd = kernel_test_guard(),
		.guard_offset = GUARD_OFFSET,
		.slots_fd = hone_load_slots(),
		.counts_fd = hone_load_counts(),
	};
	__u32 key = HONE_PROG_ORIGINAL;

	assert_true(env.table_fd >= 0 && env.guard_fd >= 0 && env.slots_fd >= 0 &&
		    env.counts_fd >= 0);
	assert_int_equal(bpf_map_update_elem(env.slots_fd, &key, &filter.prog_fd, BPF_ANY), 0);
	return env;
}

static void image_env_close(const struct hone_image_env *env)
{
	close(env->table_fd);
	close(env->guard_fd);
	close(env->slots_fd);
	close(env->counts_fd);
}

static void image_obeys_its_guard_and_reads_its_table(void **state)
{
	const struct hone_image_env env = image_env();
	struct hone_loaded loaded;
	uint64_t epoch;

	(void)state;
	assert_int_equal(hone_load_image(&filter.unit, &image, &env, &loaded, detail), 0);
	assert_int_equal(hone_expected_get(env.table_fd, &epoch), 0);
	assert_true(epoch == HONE_EPOCH_NEVER);
	assert_int_equal(verdict_of(loaded.fd), XDP_PASS); /* the original's */
	kernel_test_guard_set(env.guard_fd, GUARD_OFFSET, 7);
	assert_int_equal(hone_expected_set(env.table_fd, 7), 0);
	assert_int_equal(verdict_of(loaded.fd), XDP_TX); /* the table's */
	kernel_test_guard_set(env.guard_fd, GUARD_OFFSET, 8);
	assert_int_equal(verdict_of(loaded.fd), XDP_PASS);
	close(loaded.fd);
	image_env_close(&env);
}

static void refuses_bad_relocations(void **state)
{
	static const struct hone_reloc bad[] = {
		{.insn = 0, .kind = HONE_RELOC_TABLE},	  /* not an ld_imm64 */
		{.insn = 1000, .kind = HONE_RELOC_TABLE}, /* outside */
		{.insn = 1, .kind = HONE_RELOC_N},
		{.insn = 1, .kind = HONE_RELOC_MAP, .map = HONE_MAPS_MAX},
		{.insn = 1, .kind = HONE_RELOC_GUARD, .offset = UINT32_MAX},
	};
	const struct hone_image_env env = image_env();
	struct hone_loaded loaded;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hone_reloc relocs[] = {bad[i]};
		struct hone_image broken = image;

		broken.n_relocs = 1;
		broken.relocs = relocs;
		assert_int_equal(hone_load_image(&filter.unit, &broken, &env, &loaded, detail),
				 -EINVAL);
	}
	image_env_close(&env);
}

static void verifier_refusal_comes_with_its_message(void **state)
{
	struct bpf_insn insns[] = {ASM_EXIT()};
	struct hone_image broken = {.n_insns = 1, .insns = insns};
	const struct hone_image_env env = image_env();
	struct hone_loaded loaded;

	(void)state;
	assert_int_equal(hone_load_image(&filter.unit, &broken, &env, &loaded, detail), -EACCES);
	assert_non_null(strstr(detail, "R0 !read_ok"));
	image_env_close(&env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_has_the_tag_name_and_maps_of_the_original),
		cmocka_unit_test(root_is_the_original_until_its_slot_is_set),
		cmocka_unit_test(image_obeys_its_guard_and_reads_its_table),
		cmocka_unit_test(refuses_bad_relocations),
		cmocka_unit_test(verifier_refusal_comes_with_its_message),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
