// SPDX-License-Identifier: Apache-2.0
/* discover: targets in two private network namespaces whose interfaces have the same numbers. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/live/discover.h"
#include "tests/tools/asm.h"
#include "tests/tools/kernel_test.h"

enum { IFINDEX = 77 }; /* the same in both namespaces */

static struct {
	int home, here, there; /* namespaces */
	int prog, other_prog;
	uint32_t prog_id, other_prog_id;
	char pins[64];
} t;

static const struct bpf_insn pass[] = {ASM_MOV_IMM(BPF_REG_0, 2), ASM_EXIT()};

static int open_netns(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* A namespace with a veth pair v0 (number IFINDEX) and v1. The test is back home on return. */
static int make_netns(void)
{
	char command[128];
	int fd;

	snprintf(command, sizeof(command),
		 "ip link add v0 index %d type veth peer name v1 && ip link set v0 up", IFINDEX);
	if (unshare(CLONE_NEWNET) || system(command))
		return -1;
	fd = open_netns();
	return setns(t.home, CLONE_NEWNET) ? -1 : fd;
}

static uint32_t id_of(int prog)
{
	struct bpf_prog_info info;

	assert_int_equal(hone_prog_info(prog, &info), 0);
	return info.id;
}

static int set_up(void **state)
{
	(void)state;
	kernel_test_needs_root();
	hone_log_libbpf();
	t.home = open_netns();
	t.here = make_netns();
	t.there = make_netns();
	t.prog = bpf_prog_load(BPF_PROG_TYPE_XDP, "discover", "GPL", pass, 2, NULL);
	t.other_prog = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "discover", "GPL", pass, 2, NULL);
	snprintf(t.pins, sizeof(t.pins), "/sys/fs/bpf/hone-discover-%d", getpid());
	if (t.here < 0 || t.there < 0 || t.prog < 0 || t.other_prog < 0 || mkdir(t.pins, 0700))
		return -1;
	t.prog_id = id_of(t.prog);
	t.other_prog_id = id_of(t.other_prog);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rmdir(t.pins);
	close(t.here);
	close(t.there);
	return 0;
}

/* Attach by netlink; prog < 0 takes away. */
static void attach(int netns, int prog, uint32_t flags)
{
	int previous = hone_netns_enter(netns);

	assert_true(previous >= 0);
	assert_int_equal(bpf_xdp_attach(IFINDEX, prog, flags, NULL), 0);
	hone_netns_leave(previous);
}

static int attach_link(int netns)
{
	int previous = hone_netns_enter(netns);
	int link = bpf_link_create(t.prog, IFINDEX, BPF_XDP, NULL);

	hone_netns_leave(previous);
	assert_true(link >= 0);
	return link;
}

static void expect_to_be_home(void)
{
	_cleanup_close_ int now = open_netns();
	struct stat is, was;

	assert_int_equal(fstat(now, &is), 0);
	assert_int_equal(fstat(t.home, &was), 0);
	assert_int_equal(is.st_ino, was.st_ino);
}

static void expect(const char *text, enum hone_attach_kind kind)
{
	struct hone_target target;
	struct stat st;

	assert_int_equal(hone_target_resolve(text, t.here, &target), 0);
	assert_string_equal(target.ifname, "v0");
	assert_int_equal(target.ifindex, IFINDEX);
	assert_int_equal(target.prog_id, t.prog_id);
	assert_int_equal(target.kind, kind);
	assert_int_equal(fstat(t.here, &st), 0);
	assert_int_equal(target.netns, st.st_ino);
	expect_to_be_home();
}

/* The three ways to name the one attachment. */
static void expect_by_all_names(enum hone_attach_kind kind)
{
	char id[32], pin[96];

	expect("v0", kind);
	snprintf(id, sizeof(id), "id:%u", t.prog_id);
	expect(id, kind);
	snprintf(pin, sizeof(pin), "%s/prog", t.pins);
	assert_int_equal(bpf_obj_pin(t.prog, pin), 0);
	expect(pin, kind);
	unlink(pin);
}

static void driver_mode_is_found(void **state)
{
	(void)state;
	attach(t.here, t.prog, XDP_FLAGS_DRV_MODE);
	expect_by_all_names(HONE_ATTACH_NETLINK_DRV);
	attach(t.here, -1, XDP_FLAGS_DRV_MODE);
}

static void generic_mode_is_found(void **state)
{
	(void)state;
	attach(t.here, t.prog, XDP_FLAGS_SKB_MODE);
	expect_by_all_names(HONE_ATTACH_NETLINK_SKB);
	attach(t.here, -1, XDP_FLAGS_SKB_MODE);
}

static void a_link_is_found(void **state)
{
	_cleanup_close_ int link = attach_link(t.here);
	struct bpf_link_info info;
	struct hone_target target;
	char pin[96];

	(void)state;
	expect_by_all_names(HONE_ATTACH_LINK);
	assert_int_equal(hone_link_info(link, &info), 0);
	assert_int_equal(hone_target_resolve("v0", t.here, &target), 0);
	assert_int_equal(target.link_id, info.id);

	snprintf(pin, sizeof(pin), "%s/link", t.pins);
	assert_int_equal(bpf_obj_pin(link, pin), 0);
	expect(pin, HONE_ATTACH_LINK);
	unlink(pin);
}

/* Same program, same interface number: here by netlink, there by a link. */
static void a_link_of_another_namespace_is_not_ours(void **state)
{
	struct hone_target target;

	(void)state;
	attach(t.here, t.prog, XDP_FLAGS_DRV_MODE);
	{
		_cleanup_close_ int link = attach_link(t.there);

		expect("v0", HONE_ATTACH_NETLINK_DRV);
		assert_int_equal(hone_target_query(t.there,
						   &(struct hone_target){.ifindex = IFINDEX}, 0,
						   &target),
				 0);
		assert_int_equal(target.kind, HONE_ATTACH_LINK);
	}
	attach(t.here, -1, XDP_FLAGS_DRV_MODE);
}

static void links_that_cannot_be_told_apart_are_refused(void **state)
{
	_cleanup_close_ int here = attach_link(t.here);
	_cleanup_close_ int there = attach_link(t.there);
	struct hone_target target;

	(void)state;
	assert_int_equal(hone_target_resolve("v0", t.here, &target), -EMLINK);
}

static void a_program_attached_twice_is_ambiguous_by_id(void **state)
{
	struct hone_target target;
	char id[32];
	int previous;

	(void)state;
	attach(t.here, t.prog, XDP_FLAGS_DRV_MODE);
	previous = hone_netns_enter(t.here);
	assert_int_equal(
		bpf_xdp_attach((int)if_nametoindex("v1"), t.prog, XDP_FLAGS_DRV_MODE, NULL), 0);
	hone_netns_leave(previous);
	snprintf(id, sizeof(id), "id:%u", t.prog_id);
	assert_int_equal(hone_target_resolve(id, t.here, &target), -EMLINK);
	expect("v0", HONE_ATTACH_NETLINK_DRV);

	previous = hone_netns_enter(t.here);
	assert_int_equal(bpf_xdp_detach((int)if_nametoindex("v1"), XDP_FLAGS_DRV_MODE, NULL), 0);
	hone_netns_leave(previous);
	attach(t.here, -1, XDP_FLAGS_DRV_MODE);
}

static void wrong_targets_are_refused(void **state)
{
	struct {
		const char *text;
		int err;
	} rows[] = {
		{"v0", -ENOENT},
		{"nothere", -ENODEV},
		{"", -EINVAL},
		{"an-interface-name-too-long", -EINVAL},
		{"id:", -EINVAL},
		{"id:x", -EINVAL},
		{"id:-1", -EINVAL},
		{"id:0", -EINVAL},
		{"id:1 ", -EINVAL},
		{"id:99999999999", -EINVAL},
		{"id:4294967295", -ENOENT},
		{"/sys/fs/bpf/hone-discover-nothing", -ENOENT},
		{"/etc/passwd", -EINVAL},
		{"/sys/fs/bpf", -EINVAL},
	};
	struct hone_target target = {.ifindex = 1234};
	char id[32];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(hone_target_resolve(rows[i].text, t.here, &target), rows[i].err);
	snprintf(id, sizeof(id), "id:%u", t.other_prog_id);
	assert_int_equal(hone_target_resolve(id, t.here, &target), -ENOTSUP);
	snprintf(id, sizeof(id), "id:%u", t.prog_id);
	assert_int_equal(hone_target_resolve(id, t.here, &target), -ENOENT);
	assert_int_equal(
		hone_target_query(t.here, &(struct hone_target){.ifindex = 4711}, 0, &target),
		-ENODEV);
	assert_int_equal(target.ifindex, 1234);
}

static void a_pinned_map_is_refused(void **state)
{
	_cleanup_close_ int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "discover", 4, 4, 1, NULL);
	struct hone_target target;
	char pin[96];

	(void)state;
	snprintf(pin, sizeof(pin), "%s/map", t.pins);
	assert_int_equal(bpf_obj_pin(map, pin), 0);
	assert_int_equal(hone_target_resolve(pin, t.here, &target), -ENOTSUP);
	unlink(pin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(driver_mode_is_found),
		cmocka_unit_test(generic_mode_is_found),
		cmocka_unit_test(a_link_is_found),
		cmocka_unit_test(a_link_of_another_namespace_is_not_ours),
		cmocka_unit_test(links_that_cannot_be_told_apart_are_refused),
		cmocka_unit_test(a_program_attached_twice_is_ambiguous_by_id),
		cmocka_unit_test(wrong_targets_are_refused),
		cmocka_unit_test(a_pinned_map_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
