// SPDX-License-Identifier: Apache-2.0
/* watch: callers of bpf(2) that are not simple: other ABIs, denied calls, fds that name no map,
 * threads, programs that run and programs that are loaded. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "runtime/common/sys.h"
#include "tests/kernel/watch_fixture.h"
#include "tests/tools/asm.h"

enum { NR_BPF_IA32 = 357, N_DENIED = 10, NOBODY = 65534 };

static struct fixture fx;

static int set_up(void **state)
{
	(void)state;
	return fixture_open(&fx, HONE_WATCH_FAULT_NONE);
}

static int tear_down(void **state)
{
	(void)state;
	fixture_close(&fx);
	return 0;
}

static uint64_t n_all(const struct raised *raised)
{
	uint64_t n = 0;

	for (int i = 0; i < HONE_RAISE_N; i++)
		n += raised->by_all[i];
	return n;
}

static void assert_raises_once(int (*act)(struct fixture *f))
{
	struct raised raised = fixture_raised_by(&fx, act);

	assert_int_equal(raised.exit_code, 0);
	assert_int_equal(n_all(&raised), 0);
	assert_int_equal(raised.begin, 1);
	assert_int_equal(raised.end, 1);
}

static void assert_raises_nothing(int (*act)(struct fixture *f))
{
	struct raised raised = fixture_raised_by(&fx, act);

	assert_int_equal(raised.exit_code, 0);
	assert_int_equal(raised.begin, 0);
	assert_int_equal(raised.end, 0);
}

static void assert_raises_all(int (*act)(struct fixture *f), enum hone_raise_all cause, uint64_t n)
{
	struct raised raised = fixture_raised_by(&fx, act);

	assert_int_equal(raised.exit_code, 0);
	assert_int_equal(raised.by_all[cause], n);
	assert_int_equal(n_all(&raised), n);
	assert_int_equal(raised.begin, n);
	assert_int_equal(raised.end, n);
}

/* ---- ia32 ---- */

/* As a 32-bit process does it: the kernel's compat entry takes int 0x80 from any. */
static int do_ia32_update(struct fixture *f)
{
	struct {
		union bpf_attr attr;
		uint32_t key, value;
	} *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		      -1, 0);
	long result = NR_BPF_IA32;
	uint32_t value = 0;

	if (low == MAP_FAILED)
		return 1;
	low->key = 2;
	low->value = 357;
	low->attr.map_fd = (uint32_t)f->map;
	low->attr.key = (uintptr_t)&low->key;
	low->attr.value = (uintptr_t)&low->value;
	__asm__ volatile("int $0x80"
			 : "+a"(result)
			 : "b"((long)BPF_MAP_UPDATE_ELEM), "c"(low), "d"(sizeof(low->attr))
			 : "r8", "r9", "r10", "r11", "memory", "cc");
	return result != 0 || bpf_map_lookup_elem(f->map, &low->key, &value) || value != 357;
}

static void a_32_bit_call_raises(void **state)
{
	struct raised raised = fixture_raised_by(&fx, do_ia32_update);

	(void)state;
	if (raised.exit_code < 0) {
		print_message("skip: this kernel has no ia32 entry\n");
		skip();
	}
	assert_raises_once(do_ia32_update);
}

/* ---- denied by seccomp: an exit without an entry ---- */

static int deny_bpf(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = 4, .filter = code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

static int do_denied(struct fixture *f)
{
	int n = 0;

	if (deny_bpf())
		return 1;
	for (int i = 0; i < N_DENIED; i++)
		n += fixture_update(f->map, 1, 1) == -EACCES;
	return n != N_DENIED;
}

static void denied_calls_raise_nothing(void **state)
{
	(void)state;
	assert_raises_nothing(do_denied);
}

static int do_update_then_denied(struct fixture *f)
{
	return fixture_update(f->map, 1, 1) || do_denied(f);
}

/* What the allowed call raised is not raised again. */
static void denied_calls_after_an_allowed_one_raise_nothing(void **state)
{
	(void)state;
	assert_raises_once(do_update_then_denied);
}

/* Denied calls during another's write must not supply the end that it owes. */
static void denied_calls_do_not_end_a_write_in_flight(void **state)
{
	struct blocked blocked;
	pid_t pid;
	uint64_t epoch;

	(void)state;
	fixture_block(&blocked, fx.map, BLOCKED_AT_KEY);
	pid = fork();
	if (pid == 0)
		_exit(do_denied(&fx));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(hone_watch_stable(fx.watch, FIXTURE_SLOT, &epoch));
	assert_int_equal(fixture_unblock(&blocked, 1, NULL), 0);
	assert_true(fixture_settles(&fx, FIXTURE_SLOT));
}

/* Hooks of their own for the seeded faults. */
static struct fixture faulty;

static int open_unpaired(void **state)
{
	(void)state;
	return fixture_open(&faulty, HONE_WATCH_FAULT_UNPAIRED_END);
}

static int open_skipping(void **state)
{
	(void)state;
	return fixture_open(&faulty, HONE_WATCH_FAULT_SKIPPED_RAISE);
}

static int close_faulty(void **state)
{
	(void)state;
	fixture_close(&faulty);
	return 0;
}

static void a_seeded_unpaired_end_is_seen(void **state)
{
	struct raised raised = fixture_raised_by(&faulty, do_denied);

	(void)state;
	assert_int_equal(raised.exit_code, 0);
	assert_true(raised.end >= raised.begin + N_DENIED);
}

static void a_seeded_skipped_raise_is_seen(void **state)
{
	(void)state;
	assert_int_equal(fixture_update(faulty.map, 1, 1), 0);
	assert_int_equal(hone_watch_begin(faulty.watch, FIXTURE_SLOT), 0);
}

/* ---- fds that name no map ---- */

static int do_garbage(struct fixture *f)
{
	static const int commands[] = {BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_BATCH, BPF_PROG_RUN,
				       BPF_MAP_FREEZE};
	static const int fds[] = {-1, 0, 1, 2, 500, 1 << 20};
	union bpf_attr attr;

	(void)f;
	if (close_range(3, ~0U, 0) || setresuid(NOBODY, NOBODY, NOBODY))
		return 1;
	for (size_t c = 0; c < sizeof(commands) / sizeof(commands[0]); c++) {
		for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
			memset(&attr, 0, sizeof(attr));
			attr.map_fd = (uint32_t)fds[i];
			attr.batch.map_fd = (uint32_t)fds[i];
			(void)fixture_bpf(commands[c], &attr, sizeof(attr));
		}
		(void)fixture_bpf(commands[c], NULL, sizeof(attr));
		(void)fixture_bpf(commands[c], (void *)-4096L, sizeof(attr));
		(void)fixture_bpf(commands[c], &attr, 0);
	}
	return 0;
}

static void fds_that_name_no_map_raise_nothing(void **state)
{
	(void)state;
	assert_raises_nothing(do_garbage);
}

static int do_unreadable(struct fixture *f)
{
	(void)f;
	return fixture_bpf(BPF_MAP_UPDATE_ELEM, NULL, sizeof(union bpf_attr)) != -EFAULT;
}

static void an_unreadable_attr_of_who_holds_a_map_raises_all(void **state)
{
	(void)state;
	assert_raises_all(do_unreadable, HONE_RAISE_UNREADABLE, 1);
}

/* ---- threads ---- */

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static int with_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, wait_for_ever, NULL);
}

static int do_update_beside_thread(struct fixture *f)
{
	return with_thread() || fixture_update(f->other, 1, 1);
}

static int do_garbage_beside_thread(struct fixture *f)
{
	(void)f;
	return with_thread() || fixture_update(-1, 1, 1) != -EBADF;
}

/* The fd table is private again; bpf_attr is not. */
static int do_update_beside_memory_sharer(struct fixture *f)
{
	return with_thread() || unshare(CLONE_FILES) || fixture_update(f->other, 1, 1);
}

static int share_files(void *arg)
{
	(void)arg;
	pause();
	return 0;
}

/* The memory is private; another process may dup2() over the fd. */
static int do_update_beside_files_sharer(struct fixture *f)
{
	static char stack[65536];
	int pid = clone(share_files, stack + sizeof(stack), CLONE_FILES | SIGCHLD, NULL);
	int failed = pid < 0 || fixture_update(f->other, 1, 1);

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return failed;
}

static void calls_that_others_may_change_raise_all(void **state)
{
	(void)state;
	assert_raises_all(do_update_beside_thread, HONE_RAISE_THREADS, 1);
	assert_raises_all(do_garbage_beside_thread, HONE_RAISE_THREADS, 1);
	assert_raises_all(do_update_beside_memory_sharer, HONE_RAISE_THREADS, 1);
	assert_raises_all(do_update_beside_files_sharer, HONE_RAISE_THREADS, 1);
}

/* ---- programs ---- */

static int load(enum bpf_prog_type type, uint32_t flags, const struct bpf_insn *insns, size_t n)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = flags);

	return bpf_prog_load(type, "watch_test", "GPL", insns, n, &opts);
}

static const struct bpf_insn nothing[] = {ASM_MOV_IMM(BPF_REG_0, 0), ASM_EXIT()};

static int do_run_syscall_prog(struct fixture *f)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int prog = load(BPF_PROG_TYPE_SYSCALL, BPF_F_SLEEPABLE, nothing, 2);

	(void)f;
	return prog < 0 || bpf_prog_test_run_opts(prog, &opts);
}

static int do_run_xdp_prog(struct fixture *f)
{
	char packet[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));
	int prog = load(BPF_PROG_TYPE_XDP, 0, nothing, 2);

	(void)f;
	return prog < 0 || bpf_prog_test_run_opts(prog, &opts);
}

static void only_syscall_programs_raise_when_run(void **state)
{
	(void)state;
	assert_raises_all(do_run_syscall_prog, HONE_RAISE_SYSCALL_PROG, 1);
	assert_raises_nothing(do_run_xdp_prog);
}

static int load_holder(int map)
{
	const struct bpf_insn insns[] = {ASM_MAP(BPF_REG_1, map), ASM_MOV_IMM(BPF_REG_0, 2),
					 ASM_EXIT()};

	return load(BPF_PROG_TYPE_XDP, 0, insns, sizeof(insns) / sizeof(insns[0]));
}

static int do_load_holder(struct fixture *f)
{
	return load_holder(f->map) < 0;
}

static int do_load_holder_of_other(struct fixture *f)
{
	return load_holder(f->other) < 0;
}

static int do_load_that_fails(struct fixture *f)
{
	return load_holder(f->map + 1000) >= 0;
}

static void a_load_raises_the_maps_that_the_program_holds(void **state)
{
	(void)state;
	assert_raises_once(do_load_holder);
	assert_raises_nothing(do_load_holder_of_other);
	assert_raises_nothing(do_load_that_fails);
}

/* Exempt, then does both. */
static int do_load_and_update_exempt(struct fixture *f)
{
	return hone_watch_exempt(f->watch, getpid()) || load_holder(f->map) < 0 || with_thread() ||
	       fixture_update(f->other, 1, 1) || fixture_update(f->map, 1, 1);
}

static void an_exempt_process_raises_by_its_updates_only(void **state)
{
	(void)state;
	assert_raises_once(do_load_and_update_exempt);
}

static void exempting_nobody_fails(void **state)
{
	(void)state;
	assert_true(hone_watch_exempt(fx.watch, 1 << 30) < 0);
}

/* An iterator over elements may write to them, and its map is named by the link alone. */
static int do_link_iterator(struct fixture *f)
{
	union bpf_iter_link_info info = {.map.map_fd = (uint32_t)f->map};
	LIBBPF_OPTS(bpf_prog_load_opts, load_opts, .expected_attach_type = BPF_TRACE_ITER);
	LIBBPF_OPTS(bpf_link_create_opts, link_opts, .iter_info = &info,
		    .iter_info_len = sizeof(info));
	int prog;

	load_opts.attach_btf_id =
		(uint32_t)libbpf_find_vmlinux_btf_id("bpf_map_elem", BPF_TRACE_ITER);
	prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, "watch_iter", "GPL", nothing, 2, &load_opts);
	return prog < 0 || bpf_link_create(prog, 0, BPF_TRACE_ITER, &link_opts) < 0;
}

static void a_link_of_an_iterator_raises_all(void **state)
{
	(void)state;
	assert_raises_all(do_link_iterator, HONE_RAISE_LINK, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_32_bit_call_raises),
		cmocka_unit_test(denied_calls_raise_nothing),
		cmocka_unit_test(denied_calls_after_an_allowed_one_raise_nothing),
		cmocka_unit_test(denied_calls_do_not_end_a_write_in_flight),
		cmocka_unit_test_setup_teardown(a_seeded_unpaired_end_is_seen, open_unpaired,
						close_faulty),
		cmocka_unit_test_setup_teardown(a_seeded_skipped_raise_is_seen, open_skipping,
						close_faulty),
		cmocka_unit_test(fds_that_name_no_map_raise_nothing),
		cmocka_unit_test(an_unreadable_attr_of_who_holds_a_map_raises_all),
		cmocka_unit_test(calls_that_others_may_change_raise_all),
		cmocka_unit_test(only_syscall_programs_raise_when_run),
		cmocka_unit_test(a_load_raises_the_maps_that_the_program_holds),
		cmocka_unit_test(an_exempt_process_raises_by_its_updates_only),
		cmocka_unit_test(exempting_nobody_fails),
		cmocka_unit_test(a_link_of_an_iterator_raises_all),
	};

	return cmocka_run_group_tests_name("watch_callers", tests, set_up, tear_down);
}
