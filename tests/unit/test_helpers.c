// SPDX-License-Identifier: Apache-2.0
/* helpers: what the generated table says of helpers whose semantics are known, and that it errs on
 * the safe side of those of which nobody said anything. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "compiler/analysis.h"

enum { NOT_KNOWN = 0 };

/* One argument that points to memory: of `size` bytes, or as many as argument `by` says. */
struct memory {
	int arg, by, size;
	bool is_written;
};

static const struct expected {
	int32_t id;
	const char *name;
	int n_args, map_arg, key_arg, value_arg;
	bool returns_pointer, returns_value, writes_map;
	struct memory memory[3];
} rows[] = {
	{BPF_FUNC_map_lookup_elem, "map_lookup_elem", 2, 1, 2, 0, true, true, false, {{0}}},
	{BPF_FUNC_map_update_elem, "map_update_elem", 4, 1, 2, 3, false, false, true, {{0}}},
	{BPF_FUNC_map_delete_elem, "map_delete_elem", 2, 1, 2, 0, false, false, true, {{0}}},
	{BPF_FUNC_map_pop_elem, "map_pop_elem", 2, 1, 0, 2, false, false, true, {{0}}},
	{BPF_FUNC_map_peek_elem, "map_peek_elem", 2, 1, 0, 2, false, false, false, {{0}}},
	{BPF_FUNC_tail_call, "tail_call", 3, 2, 0, 0, false, false, false, {{0}}},
	{BPF_FUNC_redirect_map, "redirect_map", 3, 1, 0, 0, false, false, false, {{0}}},
	{BPF_FUNC_sk_storage_get, "sk_storage_get", 4, 1, 0, 3, true, true, true, {{0}}},
	{BPF_FUNC_get_stackid, "get_stackid", 3, 2, 0, 0, false, false, true, {{0}}},
	{BPF_FUNC_ringbuf_reserve, "ringbuf_reserve", 3, 1, 0, 0, true, false, false, {{0}}},
	{BPF_FUNC_trace_printk,
	 "trace_printk",
	 5,
	 0,
	 0,
	 0,
	 false,
	 false,
	 false,
	 {{1, 2, 0, false}}},
	{BPF_FUNC_perf_event_output,
	 "perf_event_output",
	 5,
	 2,
	 0,
	 0,
	 false,
	 false,
	 false,
	 {{4, 5, 0, false}}},
	{BPF_FUNC_fib_lookup, "fib_lookup", 4, 0, 0, 0, false, false, false, {{2, 3, 0, true}}},
	{BPF_FUNC_csum_diff,
	 "csum_diff",
	 5,
	 0,
	 0,
	 0,
	 false,
	 false,
	 false,
	 {{1, 2, 0, false}, {3, 4, 0, false}}},
	{BPF_FUNC_check_mtu, "check_mtu", 5, 0, 0, 0, false, false, false, {{3, 0, 4, true}}},
	{BPF_FUNC_strtol,
	 "strtol",
	 4,
	 0,
	 0,
	 0,
	 false,
	 false,
	 false,
	 {{1, 2, 0, false}, {4, 0, 8, true}}},
	{BPF_FUNC_snprintf,
	 "snprintf",
	 5,
	 0,
	 0,
	 0,
	 false,
	 false,
	 false,
	 {{1, 2, 0, true}, {3, 0, NOT_KNOWN, false}, {4, 5, 0, false}}},
	{BPF_FUNC_probe_read_kernel,
	 "probe_read_kernel",
	 3,
	 0,
	 0,
	 0,
	 false,
	 false,
	 false,
	 {{1, 2, 0, true}, {3, 0, NOT_KNOWN, false}}},
	{BPF_FUNC_tcp_raw_gen_syncookie_ipv6,
	 "tcp_raw_gen_syncookie_ipv6",
	 3,
	 0,
	 0,
	 0,
	 false,
	 false,
	 false,
	 {{1, 0, 40, false}, {2, 3, 0, false}}},
	{BPF_FUNC_dynptr_from_mem,
	 "dynptr_from_mem",
	 4,
	 0,
	 0,
	 0,
	 false,
	 false,
	 false,
	 {{1, 2, 0, true}, {4, 0, 16, true}}},
	{BPF_FUNC_kptr_xchg,
	 "kptr_xchg",
	 2,
	 0,
	 0,
	 0,
	 true,
	 false,
	 false,
	 {{1, 0, NOT_KNOWN, true}}},
	{BPF_FUNC_get_prandom_u32, "get_prandom_u32", 0, 0, 0, 0, false, false, false, {{0}}},
};

static void check_memory(const struct hone_helper *helper, const struct memory *expected)
{
	int by = 0, size = NOT_KNOWN;

	for (size_t i = 0; i < sizeof(helper->mem) / sizeof(helper->mem[0]); i++) {
		if (helper->mem[i].mem_arg != expected->arg)
			continue;
		by = helper->mem[i].size_arg;
		size = helper->mem[i].size;
	}
	assert_int_equal(by, expected->by);
	assert_int_equal(size, expected->size);
	assert_int_equal(hone_helper_writes(helper, expected->arg), expected->is_written);
}

static void signatures_are_the_kernels(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct hone_helper *helper = hone_helper(rows[i].id);

		assert_non_null(helper);
		assert_string_equal(helper->name, rows[i].name);
		assert_int_equal(helper->n_args, rows[i].n_args);
		assert_int_equal(helper->map_arg, rows[i].map_arg);
		assert_int_equal(helper->key_arg, rows[i].key_arg);
		assert_int_equal(helper->value_arg, rows[i].value_arg);
		assert_int_equal(helper->returns_pointer, rows[i].returns_pointer);
		assert_int_equal(helper->returns_value, rows[i].returns_value);
		assert_int_equal(hone_helper_writes_map(helper), rows[i].writes_map);
		for (int j = 0; j < 3 && rows[i].memory[j].arg; j++)
			check_memory(helper, &rows[i].memory[j]);
	}
}

static void values_are_written_unless_said_otherwise(void **state)
{
	(void)state;
	assert_true(hone_helper_writes(hone_helper(BPF_FUNC_map_pop_elem), 2));
	assert_true(hone_helper_writes(hone_helper(BPF_FUNC_map_peek_elem), 2));
	assert_false(hone_helper_writes(hone_helper(BPF_FUNC_map_update_elem), 3));
	assert_false(hone_helper_writes(hone_helper(BPF_FUNC_sk_storage_get), 3));
	assert_true(hone_helper_writes(hone_helper(BPF_FUNC_inode_storage_get), 3));
}

static void every_helper_of_the_header_is_known(void **state)
{
	int n = 0;

	(void)state;
	for (int32_t id = 1; id <= 211 /* libbpf 1.1 */; id++) {
		assert_non_null(hone_helper(id));
		assert_in_range(hone_helper(id)->n_args, 0, 5);
		n++;
	}
	assert_true(n >= 200);
	assert_null(hone_helper(BPF_FUNC_unspec));
	assert_null(hone_helper(-1));
	assert_null(hone_helper(INT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_the_kernels),
		cmocka_unit_test(values_are_written_unless_said_otherwise),
		cmocka_unit_test(every_helper_of_the_header_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
