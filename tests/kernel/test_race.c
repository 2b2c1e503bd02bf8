// SPDX-License-Identifier: Apache-2.0
/* race: a process that writes as fast as it can, others whose calls are denied, and on the other
 * CPU packets judged by an image and a reader of the epochs. Nothing stale, ever; and the same
 * run with a seeded fault in the hooks finds it.
 *
 * HONE_LONG=1: 1,000,000 updates instead of 100,000. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "race.skel.h"
#include "tests/kernel/watch_fixture.h"

enum { RACE_SLOT = 40, N_SHORT = 100000, N_LONG = 1000000, N_SEEDED = 20000 };

struct race {
	struct fixture fx;
	struct race_bpf *skel;
	volatile uint64_t *number; /* as user space sees the map */
	uint64_t *is_over;	   /* shared with the writers */
	uint64_t base_epoch, base_others;
	uint64_t n_reads, n_early, n_late; /* of the epochs; wrong: begin late, end early */
	uint64_t n_published;
};

static void *shared(int fd)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	assert_true(at != MAP_FAILED);
	return at;
}

/* Raises that the writer did not cause. (A daemon elsewhere that verifies what is loaded loads our
 * program again, and with it the map.) */
static uint64_t n_raised_by_others(const struct race *race)
{
	struct hone_watch_counts counts;
	uint64_t n = 0;

	hone_watch_counts(race->fx.watch, &counts);
	for (int i = 0; i < HONE_RAISE_N; i++)
		n += counts.n_raised_all[i];
	return n + counts.n_raised_by_load;
}

static struct race *open_race(enum hone_watch_fault fault)
{
	static struct race one;
	struct race *race = &one;
	int number;

	memset(race, 0, sizeof(*race));
	assert_int_equal(fixture_open(&race->fx, fault), 0);
	race->skel = race_bpf__open();
	assert_non_null(race->skel);
	race->skel->rodata->slot = RACE_SLOT;
	race->skel->bss->expected = UINT64_MAX;
	assert_int_equal(
		bpf_map__reuse_fd(race->skel->maps.guard, hone_watch_guard_fd(race->fx.watch)), 0);
	assert_int_equal(race_bpf__load(race->skel), 0);
	number = bpf_map__fd(race->skel->maps.number);
	race->number = shared(number);
	race->is_over = shared(-1);
	assert_int_equal(hone_watch_map(race->fx.watch, fixture_map_id(number), RACE_SLOT), 0);
	race->base_epoch = hone_watch_begin(race->fx.watch, RACE_SLOT);
	race->base_others = n_raised_by_others(race);
	return race;
}

static int open_sound(void **state)
{
	*state = open_race(HONE_WATCH_FAULT_NONE);
	return 0;
}

static int open_skipping(void **state)
{
	*state = open_race(HONE_WATCH_FAULT_SKIPPED_RAISE);
	return 0;
}

static int open_unpaired(void **state)
{
	*state = open_race(HONE_WATCH_FAULT_UNPAIRED_END);
	return 0;
}

static int close_race(void **state)
{
	struct race *race = *state;

	race_bpf__destroy(race->skel);
	munmap((void *)(uintptr_t)race->number, 4096);
	munmap(race->is_over, 4096);
	fixture_close(&race->fx);
	return 0;
}

/* ---- writers ---- */

/* 1, 2, 3 …, by single updates and by batches, through the fd and through a copy of it. */
static int write_numbers(struct race *race, uint64_t n)
{
	int fds[2] = {bpf_map__fd(race->skel->maps.number), -1};
	uint32_t zero = 0, one;
	int err = 0;

	fds[1] = dup(fds[0]);
	for (uint64_t i = 1; i <= n && !err; i++) {
		one = 1;
		err = i % 3 ? bpf_map_update_elem(fds[i % 2], &zero, &i, BPF_ANY)
			    : bpf_map_update_batch(fds[i % 2], &zero, &i, &one, NULL);
	}
	__atomic_store_n(race->is_over, 1, __ATOMIC_SEQ_CST);
	return err != 0;
}

/* Calls that have an exit and no entry, all the time. */
static int be_denied(struct race *race)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = 4, .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		return 1;
	while (!__atomic_load_n(race->is_over, __ATOMIC_SEQ_CST)) {
		if (fixture_update(bpf_map__fd(race->skel->maps.number), 0, 0) != -EACCES)
			return 1;
		usleep(100);
	}
	return 0;
}

/* ---- readers ---- */

/* begin counts a write before it is seen, end after. Others may have raised all meanwhile, and
 * are counted first. */
static void read_epochs(struct race *race)
{
	uint64_t end = hone_watch_end(race->fx.watch, RACE_SLOT) - race->base_epoch;
	uint64_t others = n_raised_by_others(race) - race->base_others;
	uint64_t number = *race->number;
	uint64_t begin = hone_watch_begin(race->fx.watch, RACE_SLOT) - race->base_epoch;

	race->n_reads++;
	race->n_late += begin < number;
	race->n_early += end > number + others;
}

/* As the daemon does: an epoch at which nothing is in flight, the content, then the image. */
static void publish(struct race *race)
{
	uint64_t epoch;

	if (!hone_watch_stable(race->fx.watch, RACE_SLOT, &epoch) ||
	    epoch == race->skel->bss->expected)
		return;
	race->skel->bss->folded = *race->number;
	race->skel->bss->expected = epoch;
	race->n_published++;
}

static void judge_packets(struct race *race)
{
	char packet[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(race->skel->progs.packets), &opts),
			 0);
}

static pid_t start(struct race *race, uint64_t n)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(n ? write_numbers(race, n) : be_denied(race));
	assert_true(pid > 0);
	return pid;
}

static void end(pid_t pid)
{
	int status = 1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void run(struct race *race, uint64_t n)
{
	pid_t denied = start(race, 0), writer = start(race, n);

	while (!__atomic_load_n(race->is_over, __ATOMIC_SEQ_CST)) {
		for (int i = 0; i < 100; i++)
			read_epochs(race);
		publish(race);
		judge_packets(race);
	}
	end(writer);
	end(denied);
	read_epochs(race);
	judge_packets(race);
	print_message("%lu updates, %lu images; %lu packets, %lu by an image, %lu stale; "
		      "%lu reads of the epochs, %lu begins late, %lu ends early; "
		      "%lu raises by others\n",
		      n, race->n_published, (unsigned long)race->skel->bss->n_packets,
		      (unsigned long)race->skel->bss->n_by_image,
		      (unsigned long)race->skel->bss->n_stale, race->n_reads, race->n_late,
		      race->n_early, n_raised_by_others(race) - race->base_others);
}

static void nothing_is_stale(void **state)
{
	const char *is_long = getenv("HONE_LONG");
	struct race *race = *state;

	run(race, is_long && *is_long == '1' ? N_LONG : N_SHORT);
	assert_true(race->skel->bss->n_by_image > 0);
	assert_int_equal(race->skel->bss->n_stale, 0);
	assert_int_equal(race->n_late, 0);
	assert_int_equal(race->n_early, 0);
	assert_true(fixture_settles(&race->fx, RACE_SLOT));
	assert_true(hone_watch_healthy(race->fx.watch));
}

static void a_skipped_raise_is_caught(void **state)
{
	struct race *race = *state;

	run(race, N_SEEDED);
	assert_true(race->skel->bss->n_stale > 0);
	assert_true(race->n_late > 0);
}

static void an_unpaired_end_is_caught(void **state)
{
	struct race *race = *state;

	run(race, N_SEEDED);
	assert_true(race->n_early > 0);
	assert_false(fixture_settles(&race->fx, RACE_SLOT));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_stale, open_sound, close_race),
		cmocka_unit_test_setup_teardown(a_skipped_raise_is_caught, open_skipping,
						close_race),
		cmocka_unit_test_setup_teardown(an_unpaired_end_is_caught, open_unpaired,
						close_race),
	};

	return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}
