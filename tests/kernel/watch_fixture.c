// SPDX-License-Identifier: Apache-2.0
/* watch_fixture: see the header. */
#include "tests/kernel/watch_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "runtime/common/features.h"
#include "runtime/common/sys.h"
#include "tests/tools/kernel_test.h"

enum { PAGE_BYTES = 4096, TRIES = 200, SETTLE_TRIES = 300 };

static void needs(enum hone_feature feature)
{
	const char *why = "";

	if (hone_feature(feature, &why))
		return;
	printf("skip: %s: %s\n", hone_feature_what(feature), why);
	exit(77);
}

static int new_map(const char *name)
{
	return bpf_map_create(BPF_MAP_TYPE_HASH, name, 4, 4, FIXTURE_MAX_ENTRIES, NULL);
}

uint32_t fixture_map_id(int map)
{
	struct bpf_map_info info;

	assert_int_equal(hone_map_info(map, &info), 0);
	return info.id;
}

int fixture_open(struct fixture *fx, enum hone_watch_fault fault)
{
	static int n_opened;

	kernel_test_needs_root();
	needs(HONE_FEATURE_TP_BTF);
	needs(HONE_FEATURE_TASK_STORAGE);
	memset(fx, 0, sizeof(*fx));
	(void)snprintf(fx->dir, sizeof(fx->dir), "/sys/fs/bpf/hone-watch-%d-%d", getpid(),
		       n_opened++);
	if (hone_watch_open_faulty(fx->dir, fault, &fx->watch))
		return -1;
	fx->map = new_map("watched");
	fx->other = new_map("other");
	if (fx->map < 0 || fx->other < 0)
		return -1;
	fx->map_id = fixture_map_id(fx->map);
	return hone_watch_map(fx->watch, fx->map_id, FIXTURE_SLOT);
}

void fixture_close(struct fixture *fx)
{
	hone_watch_close(&fx->watch);
	(void)hone_watch_unpin(fx->dir);
	(void)rmdir(fx->dir);
	close(fx->map);
	close(fx->other);
}

long fixture_bpf(int cmd, const void *attr, size_t size)
{
	long result = syscall(SYS_bpf, cmd, attr, size);

	return result < 0 ? -errno : result;
}

long fixture_update(int map, uint32_t key, uint32_t value)
{
	union bpf_attr attr = {0};

	attr.map_fd = (uint32_t)map;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)&value;
	return fixture_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
}

bool fixture_settles(const struct fixture *fx, uint32_t slot)
{
	uint64_t epoch;

	for (int i = 0; i < SETTLE_TRIES; i++) {
		if (hone_watch_stable(fx->watch, slot, &epoch))
			return true;
		usleep(10000);
	}
	return false;
}

/* ---- what a process raises ---- */

static void read_raised(const struct fixture *fx, struct raised *out)
{
	struct hone_watch_counts counts;

	hone_watch_counts(fx->watch, &counts);
	out->begin = hone_watch_begin(fx->watch, FIXTURE_SLOT);
	out->end = hone_watch_end(fx->watch, FIXTURE_SLOT);
	for (int i = 0; i < HONE_RAISE_N; i++)
		out->by_all[i] = counts.n_raised_all[i];
	out->by_load = counts.n_raised_by_load;
}

/* Was every call that raised more than the map it names made by pid? */
static bool is_by(const struct fixture *fx, pid_t pid, const struct raised *raised)
{
	struct hone_watch_counts counts;
	uint64_t n = raised->by_load;

	hone_watch_counts(fx->watch, &counts);
	for (int i = 0; i < HONE_RAISE_N; i++)
		n += raised->by_all[i];
	return n == 0 || (counts.last_tgid == pid && raised->begin >= n);
}

static int exit_code_of(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool measure(struct fixture *fx, int (*act)(struct fixture *fx), struct raised *out)
{
	struct raised before;
	pid_t pid;

	for (uint32_t key = 1; key <= FIXTURE_KEYS; key++)
		assert_int_equal(fixture_update(fx->map, key, key), 0);
	(void)fixture_settles(fx, FIXTURE_SLOT);
	read_raised(fx, &before);
	pid = fork();
	if (pid == 0)
		_exit(act(fx));
	assert_true(pid > 0);
	out->exit_code = exit_code_of(pid);
	read_raised(fx, out);
	out->begin -= before.begin;
	out->end -= before.end;
	for (int i = 0; i < HONE_RAISE_N; i++)
		out->by_all[i] -= before.by_all[i];
	out->by_load -= before.by_load;
	return is_by(fx, pid, out);
}

struct raised fixture_raised_by(struct fixture *fx, int (*act)(struct fixture *fx))
{
	struct raised raised;

	for (int i = 0; i < TRIES; i++) {
		if (measure(fx, act, &raised))
			return raised;
	}
	fail_msg("%d measurements were all disturbed by other processes", TRIES);
	return raised;
}

/* ---- a process that hangs in bpf(2) ---- */

struct channel {
	int uffd; /* in the child's fd table */
	void *page;
	int is_ready;
};

static void miss_page(struct channel *channel)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};

	channel->page =
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	channel->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	range.range.start = (uintptr_t)channel->page;
	range.range.len = PAGE_BYTES;
	if (channel->page == MAP_FAILED || channel->uffd < 0 ||
	    ioctl(channel->uffd, UFFDIO_API, &api) || ioctl(channel->uffd, UFFDIO_REGISTER, &range))
		_exit(125);
}

static int hang(struct channel *channel, int map, enum blocked_at at)
{
	uint32_t value = 77;
	union bpf_attr attr = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* of a test that fails */
	miss_page(channel);
	attr.map_fd = (uint32_t)map;
	attr.key = (uintptr_t)channel->page;
	attr.value = (uintptr_t)&value;
	__atomic_store_n(&channel->is_ready, 1, __ATOMIC_SEQ_CST);
	return (int)-fixture_bpf(BPF_MAP_UPDATE_ELEM, at == BLOCKED_AT_KEY ? &attr : channel->page,
				 sizeof(attr));
}

static int take_uffd(pid_t pid, int uffd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, uffd, 0);

	assert_true(fd >= 0);
	close(pidfd);
	return fd;
}

void fixture_block(struct blocked *blocked, int map, enum blocked_at at)
{
	struct channel *channel =
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct uffd_msg message;
	struct pollfd ready = {.events = POLLIN};

	assert_true(channel != MAP_FAILED);
	blocked->pid = fork();
	if (blocked->pid == 0)
		_exit(hang(channel, map, at));
	while (!__atomic_load_n(&channel->is_ready, __ATOMIC_SEQ_CST)) {
		assert_int_equal(waitpid(blocked->pid, NULL, WNOHANG), 0);
		usleep(1000);
	}
	blocked->uffd = take_uffd(blocked->pid, channel->uffd);
	blocked->page = channel->page;
	ready.fd = blocked->uffd;
	assert_int_equal(poll(&ready, 1, 20000), 1);
	assert_int_equal(read(blocked->uffd, &message, sizeof(message)), sizeof(message));
	assert_int_equal(message.event, UFFD_EVENT_PAGEFAULT);
	munmap(channel, PAGE_BYTES);
}

int fixture_unblock(struct blocked *blocked, uint32_t key, const union bpf_attr *attr)
{
	_Alignas(PAGE_BYTES) static char content[PAGE_BYTES];
	struct uffdio_copy copy = {
		.dst = (uintptr_t)blocked->page, .src = (uintptr_t)content, .len = PAGE_BYTES};

	memset(content, 0, sizeof(content));
	memcpy(content, &key, sizeof(key));
	if (attr)
		memcpy(content, attr, sizeof(*attr));
	assert_int_equal(ioctl(blocked->uffd, UFFDIO_COPY, &copy), 0);
	close(blocked->uffd);
	return exit_code_of(blocked->pid);
}

void fixture_kill(struct blocked *blocked)
{
	kill(blocked->pid, SIGKILL);
	close(blocked->uffd);
	(void)exit_code_of(blocked->pid);
}
