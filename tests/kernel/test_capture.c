// SPDX-License-Identifier: Apache-2.0
/* capture: what the hook makes of loads of every shape, each by a system call of our own making.
 * Loads by the usual tools are in test_capture_loaders.c. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/bpf/capture_abi.h"
#include "runtime/common/sys.h"
#include "tests/kernel/captures.h"
#include "tests/tools/asm.h"

enum { MANY = 20000, AT_LIMIT = 999998, SIZE_TO_FLAGS = 48 };

static struct captures *captures;

static int set_up(void **state)
{
	(void)state;
	captures = captures_start();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	captures_stop(captures);
	return 0;
}

/* The attributes of a load; the caller changes what it is about. */
static struct hone_load_attr attr_of(const struct bpf_insn *insns, size_t n)
{
	return (struct hone_load_attr){
		.prog_type = BPF_PROG_TYPE_XDP,
		.insn_cnt = (__u32)n,
		.insns = (__u64)(unsigned long)insns,
		.license = (__u64)(unsigned long)"GPL",
		.prog_name = "shape",
	};
}

static int load_attr(void *arg)
{
	return raw_load(arg, sizeof(struct hone_load_attr));
}

static const struct bpf_insn pass[] = {ASM_MOV_IMM(BPF_REG_0, 2), ASM_EXIT()};

/* Loads the instructions and expects them back, byte for byte. Maps: none. */
static void expect_same_code(const struct bpf_insn *insns, size_t n)
{
	struct hone_load_attr attr = attr_of(insns, n);
	struct hone_captured *captured;
	struct loader loader;

	loader_start(&loader, load_attr, &attr);
	assert_true(loader.result > 0);
	captured = captures_of_program(captures, (uint32_t)loader.result);
	loader_stop(&loader);
	assert_non_null(captured);
	assert_string_equal(captured->detail, "");
	assert_int_equal(captured->refused, HONE_REWRITTEN);
	assert_int_equal(captured->pid, loader.pid);
	assert_string_equal(captured->unit.name, "shape");
	assert_string_equal(captured->unit.license, "GPL");
	assert_int_equal(captured->unit.prog_type, BPF_PROG_TYPE_XDP);
	assert_int_equal(captured->unit.n_insns, n);
	assert_memory_equal(captured->unit.insns, insns, n * sizeof(*insns));
}

static void a_small_program_is_captured(void **state)
{
	(void)state;
	expect_same_code(pass, 2);
}

/* Different constants everywhere, so that a lost or swapped part shows. */
static void expect_long_program(size_t n)
{
	struct bpf_insn *insns = calloc(n, sizeof(*insns));

	assert_non_null(insns);
	for (size_t i = 0; i < n - 1; i++)
		insns[i] = (struct bpf_insn)ASM_MOV_IMM(BPF_REG_0, (__s32)(i % 4));
	for (size_t i = 0; i < n - 2; i++)
		insns[i] = (struct bpf_insn)ASM_MOV_IMM(BPF_REG_1, (__s32)i);
	insns[n - 1] = (struct bpf_insn)ASM_EXIT();
	expect_same_code(insns, n);
	free(insns);
}

static void a_long_program_is_captured(void **state)
{
	(void)state;
	expect_long_program(MANY);
}

static void a_program_at_the_kernels_limit_is_captured(void **state)
{
	(void)state;
	expect_long_program(AT_LIMIT);
}

static void subprograms_are_captured(void **state)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 1},
		ASM_EXIT(),
		ASM_MOV_IMM(BPF_REG_0, 2),
		ASM_EXIT(),
	};

	(void)state;
	expect_same_code(insns, 4);
}

/* The fields behind the size that the loader passes hold garbage. */
static int load_short(void *arg)
{
	return raw_load(arg, SIZE_TO_FLAGS);
}

static void fields_past_the_given_size_are_zero(void **state)
{
	struct hone_load_attr attr = attr_of(pass, 2);
	struct hone_captured *captured;
	struct loader loader;

	(void)state;
	memset((char *)&attr + SIZE_TO_FLAGS, 0xa5, sizeof(attr) - SIZE_TO_FLAGS);
	loader_start(&loader, load_short, &attr);
	assert_true(loader.result > 0);
	captured = captures_of_program(captures, (uint32_t)loader.result);
	loader_stop(&loader);
	assert_non_null(captured);
	assert_int_equal(captured->refused, HONE_REWRITTEN);
	assert_string_equal(captured->unit.name, "");
	assert_int_equal(captured->unit.expected_attach_type, 0);
	assert_int_equal(captured->unit.n_func_info, 0);
}

static void a_failed_load_yields_nothing(void **state)
{
	const struct bpf_insn no_exit[] = {ASM_MOV_IMM(BPF_REG_0, 2)};
	struct hone_load_attr attr = attr_of(no_exit, 1);
	struct loader loader;

	(void)state;
	loader_start(&loader, load_attr, &attr);
	assert_true(loader.result < 0);
	assert_null(captures_of_loader(captures, loader.pid));
	loader_stop(&loader);
}

static void other_program_types_are_not_captured(void **state)
{
	struct hone_load_attr attr = attr_of(pass, 2);
	struct loader loader;

	(void)state;
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	loader_start(&loader, load_attr, &attr);
	assert_true(loader.result > 0);
	assert_null(captures_of_loader(captures, loader.pid));
	loader_stop(&loader);
}

static void tc_programs_are_captured(void **state)
{
	struct hone_load_attr attr = attr_of(pass, 2);
	struct hone_captured *captured;
	struct loader loader;

	(void)state;
	attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	loader_start(&loader, load_attr, &attr);
	assert_true(loader.result > 0);
	captured = captures_of_program(captures, (uint32_t)loader.result);
	loader_stop(&loader);
	assert_non_null(captured);
	assert_int_equal(captured->refused, HONE_REWRITTEN);
	assert_int_equal(captured->unit.prog_type, BPF_PROG_TYPE_SCHED_CLS);
}

static void own_loads_are_not_captured(void **state)
{
	struct hone_load_attr attr = attr_of(pass, 2);

	(void)state;
	assert_true(load_attr(&attr) > 0);
	assert_null(captures_of_loader(captures, getpid()));
}

static int load_ignored(void *arg)
{
	int err = hone_capture_ignore(captures->capture, getpid());

	return err ? err : load_attr(arg);
}

static void loads_of_ignored_processes_are_not_captured(void **state)
{
	struct hone_load_attr attr = attr_of(pass, 2);
	struct loader loader;

	(void)state;
	loader_start(&loader, load_ignored, &attr);
	assert_true(loader.result > 0);
	assert_null(captures_of_loader(captures, loader.pid));
	loader_stop(&loader);
}

static int load_and_close(void *arg)
{
	int id = raw_load(arg, sizeof(struct hone_load_attr));

	for (int fd = 3; fd < 64; fd++) /* all but those that loader_start() made last */
		if (fcntl(fd, F_GETFD) >= 0) {
			struct bpf_prog_info info;

			if (hone_prog_info(fd, &info) == 0 && (int)info.id == id)
				close(fd);
		}
	return id;
}

static void a_program_that_is_gone_is_dropped(void **state)
{
	struct hone_load_attr attr = attr_of(pass, 2);
	struct bpf_prog_info info;
	struct loader loader;

	(void)state;
	loader_start(&loader, load_and_close, &attr);
	while (hone_prog_info_by_id((__u32)loader.result, &info) == 0)
		usleep(1000); /* the kernel lets go after a grace period */
	assert_null(captures_of_program(captures, (uint32_t)loader.result));
	loader_stop(&loader);
}

/* Two maps of different sizes, named in an order that is not the order of their fds. */
static int load_two_maps(void *arg)
{
	int same_twice = *(int *)arg;
	int first = bpf_map_create(BPF_MAP_TYPE_ARRAY, "first", 4, 8, 1, NULL);
	int second = bpf_map_create(BPF_MAP_TYPE_HASH, "second", 4, 16, 22, NULL);
	const struct bpf_insn insns[] = {
		ASM_MAP(BPF_REG_1, second),
		ASM_MAP_VALUE(BPF_REG_2, same_twice ? dup(first) : first, 0),
		ASM_MAP(BPF_REG_3, second),
		ASM_MAP(BPF_REG_3, first),
		ASM_MOV_IMM(BPF_REG_0, 2),
		ASM_EXIT(),
	};
	const struct hone_load_attr attr = attr_of(insns, sizeof(insns) / sizeof(insns[0]));

	return raw_load(&attr, sizeof(attr));
}

static void maps_are_told_by_their_order(void **state)
{
	int same_twice = 0;
	struct hone_captured *captured;
	struct loader loader;
	char detail[HONE_DETAIL_LEN];

	(void)state;
	loader_start(&loader, load_two_maps, &same_twice);
	assert_true(loader.result > 0);
	captured = captures_of_program(captures, (uint32_t)loader.result);
	assert_non_null(captured);
	assert_int_equal(captured->refused, HONE_REWRITTEN);
	assert_int_equal(captured->unit.n_maps, 2);
	assert_string_equal(captured->unit.maps[0].name, "second");
	assert_int_equal(captured->unit.maps[0].max_entries, 22);
	assert_string_equal(captured->unit.maps[1].name, "first");
	assert_int_equal(captured->unit.insns[0].imm, 0);
	assert_int_equal(captured->unit.insns[2].imm, 1);
	assert_int_equal(captured->unit.insns[4].imm, 0);
	assert_int_equal(captured->unit.insns[6].imm, 1);

	assert_int_equal(hone_unit_verify(&captured->unit, detail), 0);
	captured->unit.insns[8].imm = 1;
	assert_int_equal(hone_unit_verify(&captured->unit, detail), -EBADMSG);
	assert_non_null(strstr(detail, "tag"));
	loader_stop(&loader);
}

static void one_map_behind_two_fds_is_refused(void **state)
{
	int same_twice = 1;
	struct hone_captured *captured;
	struct loader loader;

	(void)state;
	loader_start(&loader, load_two_maps, &same_twice);
	assert_true(loader.result > 0);
	captured = captures_of_program(captures, (uint32_t)loader.result);
	loader_stop(&loader);
	assert_non_null(captured);
	assert_int_equal(captured->refused, HONE_NO_CAPTURE_MAPS);
	assert_int_equal(captured->unit.n_insns, 0);
	assert_int_equal(captured->unit.n_maps, 2);
}

static int load_with_fd_array(void *arg)
{
	int fds[] = {bpf_map_create(BPF_MAP_TYPE_ARRAY, "bound", 4, 8, 1, NULL)};
	struct hone_load_attr attr = attr_of(pass, 2);

	(void)arg;
	attr.fd_array = (__u64)(unsigned long)fds;
	attr.fd_array_cnt = 1;
	return raw_load(&attr, sizeof(attr));
}

static void maps_bound_by_an_array_are_refused(void **state)
{
	struct hone_captured *captured;
	struct loader loader;

	(void)state;
	loader_start(&loader, load_with_fd_array, NULL);
	if (loader.result == -E2BIG || loader.result == -EINVAL) {
		loader_stop(&loader);
		print_message("this kernel does not know fd_array_cnt\n");
		skip();
	}
	assert_true(loader.result > 0);
	captured = captures_of_program(captures, (uint32_t)loader.result);
	loader_stop(&loader);
	assert_non_null(captured);
	assert_int_equal(captured->refused, HONE_NO_CAPTURE_FORM);
}

/* What a 32-bit process does, from a 64-bit one: interrupt 0x80, everything below 4 GiB. */
static int load_ia32(void *arg)
{
	char *low = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct hone_load_attr *attr = (void *)low;
	struct bpf_prog_info info;
	long fd;

	(void)arg;
	memcpy(low + 4096, pass, sizeof(pass));
	memcpy(low + 6000, "GPL", 4);
	*attr = attr_of((void *)(low + 4096), 2);
	attr->license = (__u64)(unsigned long)(low + 6000);
	__asm__ volatile("int $0x80"
			 : "=a"(fd)
			 : "a"(357L), "b"((long)BPF_PROG_LOAD), "c"(attr), "d"(sizeof(*attr))
			 : "memory", "r8", "r9", "r10", "r11");
	fd = (int)fd;
	if (fd < 0)
		return (int)fd;
	return hone_prog_info((int)fd, &info) ? -1 : (int)info.id;
}

static void a_load_by_the_32_bit_call_is_captured(void **state)
{
	struct hone_captured *captured;
	struct loader loader;

	(void)state;
	loader_start(&loader, load_ia32, NULL);
	if (loader.result == -ENOSYS) {
		loader_stop(&loader);
		print_message("this kernel has no 32-bit system calls\n");
		skip();
	}
	assert_true(loader.result > 0);
	captured = captures_of_program(captures, (uint32_t)loader.result);
	loader_stop(&loader);
	assert_non_null(captured);
	assert_int_equal(captured->refused, HONE_REWRITTEN);
	assert_memory_equal(captured->unit.insns, pass, sizeof(pass));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_program_is_captured),
		cmocka_unit_test(a_long_program_is_captured),
		cmocka_unit_test(a_program_at_the_kernels_limit_is_captured),
		cmocka_unit_test(subprograms_are_captured),
		cmocka_unit_test(fields_past_the_given_size_are_zero),
		cmocka_unit_test(a_failed_load_yields_nothing),
		cmocka_unit_test(other_program_types_are_not_captured),
		cmocka_unit_test(tc_programs_are_captured),
		cmocka_unit_test(own_loads_are_not_captured),
		cmocka_unit_test(loads_of_ignored_processes_are_not_captured),
		cmocka_unit_test(a_program_that_is_gone_is_dropped),
		cmocka_unit_test(maps_are_told_by_their_order),
		cmocka_unit_test(one_map_behind_two_fds_is_refused),
		cmocka_unit_test(maps_bound_by_an_array_are_refused),
		cmocka_unit_test(a_load_by_the_32_bit_call_is_captured),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
