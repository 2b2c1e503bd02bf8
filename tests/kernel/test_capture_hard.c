// SPDX-License-Identifier: Apache-2.0
/* capture: loads that cannot be copied are told as refused, not left out. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/bpf/capture_abi.h"
#include "runtime/common/sys.h"
#include "tests/kernel/captures.h"
#include "tests/tools/asm.h"

/* Enough instructions to fill the ring twice. */
enum { PAGE = 4096, N_INSNS = 60000, N_LOADS = 2 * HONE_LOAD_RING_BYTES / (N_INSNS * 8) };

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

/* ---- memory that goes away during the call ---- */

struct fault {
	int uffd;
	bool is_change;	       /* the instructions become others, and are not unmapped */
	char *insns, *licence; /* a page each; the licence's is filled when the kernel asks */
};

static void *answer_fault(void *arg)
{
	const struct fault *fault = arg;
	char page[PAGE] __attribute__((aligned(PAGE))) = "GPL";
	struct uffdio_copy copy = {
		.dst = (__u64)(unsigned long)fault->licence,
		.src = (__u64)(unsigned long)page,
		.len = PAGE,
	};
	struct uffd_msg message;

	/* The kernel has the instructions and waits for the licence. */
	if (read(fault->uffd, &message, sizeof(message)) != sizeof(message))
		abort();
	if (fault->is_change)
		((struct bpf_insn *)(void *)fault->insns)->imm = 1;
	else
		munmap(fault->insns, PAGE);
	if (ioctl(fault->uffd, UFFDIO_COPY, &copy))
		abort();
	return NULL;
}

static char *new_page(void)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int load_vanishing(void *arg)
{
	const struct bpf_insn pass[] = {ASM_MOV_IMM(BPF_REG_0, 2), ASM_EXIT()};
	struct fault fault = {
		.uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC),
		.is_change = *(bool *)arg,
		.insns = new_page(),
		.licence = new_page(),
	};
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {
		.range = {.start = (__u64)(unsigned long)fault.licence, .len = PAGE},
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	const struct hone_load_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insn_cnt = 2,
		.insns = (__u64)(unsigned long)fault.insns,
		.license = (__u64)(unsigned long)fault.licence,
		.prog_name = "vanishing",
	};
	pthread_t thread;
	int result;

	if (fault.uffd < 0)
		return -ENOSYS;
	memcpy(fault.insns, pass, sizeof(pass));
	if (ioctl(fault.uffd, UFFDIO_API, &api) || ioctl(fault.uffd, UFFDIO_REGISTER, &range) ||
	    pthread_create(&thread, NULL, answer_fault, &fault))
		return -EIO;
	result = raw_load(&attr, sizeof(attr));
	pthread_join(thread, NULL);
	return result;
}

static void expect_refusal(bool is_change, enum hone_reason reason)
{
	struct hone_captured *captured;
	struct loader loader;

	loader_start(&loader, load_vanishing, &is_change);
	if (loader.result == -ENOSYS) {
		loader_stop(&loader);
		print_message("this kernel has no userfaultfd\n");
		skip();
	}
	assert_true(loader.result > 0);
	captured = captures_of_program(captures, (uint32_t)loader.result);
	loader_stop(&loader);
	assert_non_null(captured);
	assert_int_equal(captured->refused, reason);
	assert_string_equal(captured->unit.name, "vanishing");
	assert_int_equal(captured->unit.n_insns, 0);
}

static void unreadable_memory_is_told(void **state)
{
	(void)state;
	expect_refusal(false, HONE_NO_CAPTURE_FAULT);
}

static void changed_memory_is_told(void **state)
{
	(void)state;
	expect_refusal(true, HONE_NO_CAPTURE_DIFFERS);
}

/* ---- more than the ring holds ---- */

static int load_many(void *arg)
{
	static struct bpf_insn insns[N_INSNS];
	const struct hone_load_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insn_cnt = N_INSNS,
		.insns = (__u64)(unsigned long)insns,
		.license = (__u64)(unsigned long)"GPL",
		.prog_name = "many",
	};

	(void)arg;
	for (int i = 0; i < N_INSNS - 1; i++)
		insns[i] = (struct bpf_insn)ASM_MOV_IMM(BPF_REG_0, 2);
	insns[N_INSNS - 1] = (struct bpf_insn)ASM_EXIT();
	for (int i = 0; i < N_LOADS; i++) {
		int id = raw_load(&attr, sizeof(attr));

		if (id < 0)
			return id;
	}
	return N_LOADS;
}

static void a_full_ring_is_told_for_each_program(void **state)
{
	unsigned int n_captured = 0, n_refused = 0, n_foreign = 0, first = captures->n;
	struct loader loader;

	(void)state;
	loader_start(&loader, load_many, NULL);
	assert_int_equal(loader.result, N_LOADS);
	captures_of_loader(captures, loader.pid);
	for (unsigned int i = first; i < captures->n; i++) {
		if (strcmp(captures->all[i].unit.name, "many") != 0)
			n_foreign++;
		else if (captures->all[i].refused == HONE_REWRITTEN)
			n_captured++;
		else if (captures->all[i].refused == HONE_NO_CAPTURE_FULL)
			n_refused++;
	}
	loader_stop(&loader);
	print_message("%u captured, %u refused, %u of others\n", n_captured, n_refused, n_foreign);
	assert_true(n_captured > 0 && n_refused > 0);
	if (n_foreign == 0) /* whoever loads meanwhile takes up room for what is told */
		assert_int_equal(n_captured + n_refused, N_LOADS);
}

/* ---- what the tag does not say ---- */

static int load_naming(int first, int second, int third)
{
	const struct bpf_insn insns[] = {ASM_MAP(BPF_REG_1, first), ASM_MAP(BPF_REG_1, second),
					 ASM_MAP(BPF_REG_1, third), ASM_MOV_IMM(BPF_REG_0, 2),
					 ASM_EXIT()};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "naming", "GPL", insns,
			       sizeof(insns) / sizeof(insns[0]), NULL);

	assert_true(fd >= 0);
	return fd;
}

static void one_tag_may_stand_for_other_maps(void **state)
{
	int a = bpf_map_create(BPF_MAP_TYPE_ARRAY, "a", 4, 4, 1, NULL);
	int b = bpf_map_create(BPF_MAP_TYPE_ARRAY, "b", 4, 4, 1, NULL);
	int progs[] = {load_naming(a, b, a), load_naming(a, b, a), load_naming(a, b, b)};
	struct bpf_prog_info info[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(hone_prog_info(progs[i], &info[i]), 0);
		assert_memory_equal(info[i].tag, info[0].tag, sizeof(info[0].tag));
	}
	assert_int_equal(hone_same_map_references(progs[0], progs[1]), 0);
	assert_int_equal(hone_same_map_references(progs[0], progs[2]), -EBADMSG);
	for (int i = 0; i < 3; i++)
		close(progs[i]);
	close(a);
	close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unreadable_memory_is_told),
		cmocka_unit_test(changed_memory_is_told),
		cmocka_unit_test(a_full_ring_is_told_for_each_program),
		cmocka_unit_test(one_tag_may_stand_for_other_maps),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
