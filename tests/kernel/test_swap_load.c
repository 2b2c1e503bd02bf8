// SPDX-License-Identifier: Apache-2.0
/* swap: images come and go under load: no packet is lost, duplicated or judged otherwise. The
 * packets are numbered, and counted by the programs that judge them. On XDP, on tc and on tcx.
 * HONE_LONG=1: 1,000 swaps and at least a million packets each. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/types.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/tcx.h"
#include "runtime/deploy/swap.h"
#include "tests/kernel/swap_load.h"
#include "tests/tools/identity_image.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/object_unit.h"
#include "tests/tools/tcx_attach.h"
#include "tests/tools/traffic.h"

#define DIR_OF_UNIT "/sys/fs/bpf/hone/units/v1"

enum {
	EPOCH = 9,
	SWAPS = 100,
	SWAPS_LONG = 1000,
	PACKETS = 50000,
	PACKETS_LONG = 1000000,
	SWAPS_PER_ROOT = 30,  /* then the image is withdrawn, and the root with it */
	SWAPS_PER_BREACH = 7, /* then the guard is broken for a while */
	DROPPED_EVERY = 3,
};

/* How the subject is attached. */
struct way {
	const char *program;
	const char *target; /* NULL: by its id */
	void (*attach)(void);
	bool has_next; /* swap_load_next counts what passes */
};

static struct {
	const struct way *way;
	struct object_unit subject;
	struct bpf_object *next;
	struct hone_deployment deployment;
	struct hone_image image;
	int netns_fd, guard_fd;
	volatile uint64_t *received;
	struct traffic traffic;
	int stack_fd;			  /* what v1 lets pass */
	uint64_t passed[SWAP_LOAD_KINDS]; /* as seen there */
	volatile bool is_over;
	int sender_err;
} t = {.deployment = HONE_DEPLOYMENT_EMPTY};

/* ---- set-up ---- */

static int map_fd(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(t.subject.object, name);

	assert_true(fd >= 0);
	return fd;
}

static void fill_maps(void)
{
	for (__u32 kind = 0; kind < SWAP_LOAD_KINDS; kind += DROPPED_EVERY)
		assert_int_equal(bpf_map_update_elem(map_fd("rules"), &kind, &kind, BPF_ANY), 0);
	for (__u32 slot = 0; slot < SWAP_LOAD_SLOTS; slot++) {
		__u64 before = (__u64)slot - SWAP_LOAD_SLOTS;

		assert_int_equal(bpf_map_update_elem(map_fd("seen"), &slot, &before, BPF_ANY), 0);
	}
}

/* The image says of itself that it is one. */
static void make_image(void)
{
	int n = 0;

	assert_int_equal(identity_image_new(&t.subject.unit, &t.image), 0);
	for (uint32_t i = identity_body; i < t.image.n_insns; i++)
		if (t.image.insns[i].code == (BPF_ALU64 | BPF_MOV | BPF_K) &&
		    t.image.insns[i].imm == SWAP_LOAD_ORIGINAL) {
			t.image.insns[i].imm = SWAP_LOAD_IMAGE;
			n++;
		}
	assert_int_equal(n, 1);
}

static void attach_xdp(void)
{
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex("v1"), t.subject.prog_fd,
					XDP_FLAGS_DRV_MODE, NULL),
			 0);
}

/* The program that counts what passes, on the subject's map. */
static int load_next(void)
{
	struct bpf_program *program;

	t.next = bpf_object__open_file(SWAP_LOAD_OBJECT, NULL);
	assert_non_null(t.next);
	bpf_object__for_each_program(program, t.next) bpf_program__set_autoload(
		program, !strcmp(bpf_program__name(program), "swap_load_next"));
	assert_int_equal(
		bpf_map__reuse_fd(bpf_object__find_map_by_name(t.next, "passed"), map_fd("passed")),
		0);
	assert_int_equal(bpf_object__load(t.next), 0);
	return bpf_program__fd(bpf_object__find_program_by_name(t.next, "swap_load_next"));
}

static void attach_filter(int prog_fd, uint32_t priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex("v1"),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd, .priority = priority, .handle = 1);
	int err = bpf_tc_hook_create(&hook);

	assert_true(err == 0 || err == -EEXIST);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
}

static void attach_tc(void)
{
	attach_filter(t.subject.prog_fd, 1);
	attach_filter(load_next(), 2);
}

static void attach_tcx(void)
{
	uint32_t ifindex = if_nametoindex("v1");
	int err = tcx_attach(ifindex, HONE_TCX_INGRESS, t.subject.prog_fd);

	if (err == -EINVAL) {
		print_message("skip: the kernel has no tcx\n");
		skip();
	}
	assert_int_equal(err, 0);
	assert_int_equal(tcx_attach(ifindex, HONE_TCX_INGRESS, load_next()), 0);
}

static struct way ways[] = {
	{"swap_load", "v1", attach_xdp, false},
	{"swap_load_tc", "tc:v1:ingress:1:1", attach_tc, true},
	{"swap_load_tc", NULL, attach_tcx, true},
};

static int set_up_group(void **state)
{
	(void)state;
	kernel_test_needs_root();
	hone_log_libbpf();
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) || mount("", "/", "", MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		return -1;
	t.netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return t.netns_fd < 0 ? -1 : 0;
}

static int set_up(void **state)
{
	struct hone_target target;
	char id[16];

	t.way = *state;
	t.is_over = false;
	memset(t.passed, 0, sizeof(t.passed));
	assert_int_equal(system("ip link add v0 type veth peer name v1 && ip link set v0 up && "
				"ip link set v1 up"),
			 0);
	assert_int_equal(object_unit_open(SWAP_LOAD_OBJECT, t.way->program, &t.subject), 0);
	fill_maps();
	make_image();
	t.guard_fd = kernel_test_guard();
	kernel_test_guard_set(t.guard_fd, 0, EPOCH);
	t.received = mmap(NULL, sizeof(*t.received), PROT_READ, MAP_SHARED, map_fd("counts"), 0);
	assert_ptr_not_equal(t.received, MAP_FAILED);

	t.way->attach();
	snprintf(id, sizeof(id), "id:%u", t.subject.unit.prog_id);
	assert_int_equal(
		hone_target_resolve(t.way->target ? t.way->target : id, t.netns_fd, &target), 0);
	assert_int_equal(hone_deploy_new(DIR_OF_UNIT, &target, 0, &t.deployment), 0);
	t.stack_fd = traffic_listen("v1");
	return t.stack_fd < 0 ? t.stack_fd : traffic_open("v0", &t.traffic);
}

static int tear_down(void **state)
{
	(void)state;
	traffic_close(&t.traffic);
	close(t.stack_fd);
	assert_int_equal(hone_deploy_remove(&t.deployment, t.netns_fd), 0);
	identity_image_free(&t.image);
	munmap((void *)(uintptr_t)t.received, sizeof(*t.received));
	object_unit_close(&t.subject);
	bpf_object__close(TAKE_PTR(t.next));
	close(t.guard_fd);
	return system("ip link del v0");
}

/* ---- both sides ---- */

static int send_some(void)
{
	int err = traffic_send_batch(&t.traffic, t.received);
	int n = err ? err : traffic_collect(t.stack_fd, t.passed, SWAP_LOAD_KINDS);

	return n < 0 ? n : 0;
}

static void *send_until_over(void *arg)
{
	(void)arg;
	while (!t.is_over && !t.sender_err)
		t.sender_err = send_some();
	if (!t.sender_err)
		t.sender_err = traffic_drain(&t.traffic, t.received);
	return NULL;
}

static void swap_in(void)
{
	struct hone_image_env env = {.maps = &t.subject.maps,
				     .table_fd = hone_load_table(&t.image),
				     .guard_fd = t.guard_fd,
				     .slots_fd = t.deployment.slots_fd,
				     .counts_fd = t.deployment.counts_fd};
	struct hone_loaded loaded;
	char log[HONE_DETAIL_LEN];

	assert_int_equal(hone_load_image(&t.subject.unit, &t.image, &env, &loaded, log), 0);
	assert_int_equal(hone_expected_set(env.table_fd, EPOCH), 0);
	assert_int_equal(hone_deploy_image(&t.deployment, t.netns_fd, &t.subject.unit,
					   &t.subject.maps, loaded.fd, env.table_fd),
			 0);
}

/* The sender is seen to go on between any two swaps. */
static void wait_for_packets(void)
{
	uint64_t wanted = *t.received + TRAFFIC_WINDOW;

	while (*t.received < wanted && !t.sender_err)
		sched_yield();
}

static void swap_until_enough(int n_swaps, uint64_t n_packets)
{
	for (int i = 1; (i <= n_swaps || *t.received < n_packets) && !t.sender_err; i++) {
		swap_in();
		wait_for_packets();
		if (i % SWAPS_PER_BREACH == 0) {
			kernel_test_guard_set(t.guard_fd, 0, EPOCH + 1);
			wait_for_packets();
			kernel_test_guard_set(t.guard_fd, 0, EPOCH);
		}
		if (i % SWAPS_PER_ROOT == 0) {
			assert_int_equal(hone_deploy_withdraw(&t.deployment, t.netns_fd), 0);
			wait_for_packets();
		}
	}
}

/* ---- verdict ---- */

static void expect_numbers_in_a_row(uint64_t sent)
{
	for (__u32 slot = 0; slot < SWAP_LOAD_SLOTS; slot++) {
		__u64 last, expected = (sent - 1) - (sent - 1 - slot) % SWAP_LOAD_SLOTS;

		assert_int_equal(bpf_map_lookup_elem(map_fd("seen"), &slot, &last), 0);
		assert_int_equal(last, expected);
	}
}

/* What came through to the stack (tc: to the next filter) is exactly what no rule drops. A frame
 * that was judged last may still be on its way there. */
static void expect_verdicts(uint64_t sent)
{
	usleep(100000);
	assert_true(traffic_collect(t.stack_fd, t.passed, SWAP_LOAD_KINDS) >= 0);
	for (__u32 kind = 0; t.way->has_next && kind < SWAP_LOAD_KINDS; kind++)
		assert_int_equal(bpf_map_lookup_elem(map_fd("passed"), &kind, &t.passed[kind]), 0);
	for (__u32 kind = 0; kind < SWAP_LOAD_KINDS; kind++) {
		uint64_t n_sent = (sent + SWAP_LOAD_KINDS - 1 - kind) / SWAP_LOAD_KINDS;

		assert_int_equal(t.passed[kind], kind % DROPPED_EVERY ? n_sent : 0);
	}
}

static void no_packet_notices_a_swap(void **state)
{
	bool is_long = getenv("HONE_LONG") != NULL;
	struct swap_load_counts counts;
	pthread_t sender;
	__u32 zero = 0;

	(void)state;
	assert_int_equal(pthread_create(&sender, NULL, send_until_over, NULL), 0);
	swap_until_enough(is_long ? SWAPS_LONG : SWAPS, is_long ? PACKETS_LONG : PACKETS);
	t.is_over = true;
	assert_int_equal(pthread_join(sender, NULL), 0);
	assert_int_equal(bpf_map_lookup_elem(map_fd("counts"), &zero, &counts), 0);
	print_message("%llu packets: %llu by images, %llu by the original; out of turn: %llu\n",
		      (unsigned long long)t.traffic.sent, (unsigned long long)counts.by_image,
		      (unsigned long long)counts.by_original,
		      (unsigned long long)counts.duplicated);
	assert_int_equal(t.sender_err, 0);
	assert_int_equal(counts.received, t.traffic.sent); /* none lost */
	assert_int_equal(counts.duplicated, 0);
	expect_numbers_in_a_row(t.traffic.sent);
	expect_verdicts(t.traffic.sent);
	assert_int_equal(counts.by_nobody, 0);
	assert_int_equal(counts.by_image + counts.by_original, t.traffic.sent);
	assert_true(counts.by_image > t.traffic.sent / 10 && counts.by_original > 0);
}

int main(void)
{
#define SWAP_LOAD(way)                                                                             \
	cmocka_unit_test_prestate_setup_teardown(no_packet_notices_a_swap, set_up, tear_down, way)
	const struct CMUnitTest tests[] = {
		SWAP_LOAD(&ways[0]),
		SWAP_LOAD(&ways[1]),
		SWAP_LOAD(&ways[2]),
	};

	return cmocka_run_group_tests(tests, set_up_group, NULL);
}
