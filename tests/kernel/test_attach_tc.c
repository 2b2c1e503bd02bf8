// SPDX-License-Identifier: Apache-2.0
/* attach, discover: programs at tc and tcx hooks are found, and replaced only where they are
 * expected. In namespaces of our own, attached by tc and bpf(2). */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/common/tcx.h"
#include "runtime/deploy/attach.h"
#include "runtime/live/discover.h"
#include "tests/tools/asm.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/tcx_attach.h"

enum { N_PROGS = 4, SHOWN_BYTES = 4096 };

static struct {
	int netns_fd;
	uint32_t ifindex;
	int prog[N_PROGS];
	uint32_t id[N_PROGS];
} t;

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s: failed", command);
}

static int set_up_group(void **state)
{
	static const struct bpf_insn ok[] = {ASM_MOV_IMM(BPF_REG_0, 0), ASM_EXIT()};
	char path[64];

	(void)state;
	kernel_test_needs_root();
	kernel_test_needs_file("/sbin/tc");
	hone_log_libbpf();
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) || mount("", "/", "", MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		return -1;
	t.netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < N_PROGS; i++) {
		struct bpf_prog_info info;

		t.prog[i] = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "attach_tc", "GPL", ok, 2, NULL);
		snprintf(path, sizeof(path), "/sys/fs/bpf/prog%d", i);
		if (t.prog[i] < 0 || bpf_obj_pin(t.prog[i], path) ||
		    hone_prog_info(t.prog[i], &info))
			return -1;
		t.id[i] = info.id;
	}
	return t.netns_fd < 0 ? -1 : 0;
}

static int set_up(void **state)
{
	(void)state;
	run("ip link add v0 type veth peer name v1 && ip link set v0 up && "
	    "tc qdisc add dev v0 clsact");
	t.ifindex = if_nametoindex("v0");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	run("ip link del v0 2>/dev/null || true");
	return 0;
}

static void resolve(const char *text, struct hone_target *out)
{
	int err = hone_target_resolve(text, t.netns_fd, out);

	if (err)
		fail_msg("%s: %s", text, strerror(-err));
}

static void expect(const char *text, const char *name, enum hone_attach_kind kind, int prog)
{
	struct hone_target target, again;

	resolve(text, &target);
	assert_string_equal(target.name, name);
	assert_string_equal(target.ifname, "v0");
	assert_int_equal(target.ifindex, t.ifindex);
	assert_int_equal(target.kind, kind);
	assert_int_equal(target.prog_id, t.id[prog]);
	assert_int_equal(hone_target_query(t.netns_fd, &target, 0, &again), 0);
	assert_int_equal(again.prog_id, t.id[prog]);
	assert_true(hone_target_is_same_point(&target, &again));
}

static void expect_no(const char *text, int err)
{
	struct hone_target target;

	assert_int_equal(hone_target_resolve(text, t.netns_fd, &target), err);
}

static const char *id_text(int prog)
{
	static char text[16];

	snprintf(text, sizeof(text), "id:%u", t.id[prog]);
	return text;
}

static uint32_t id_at(const struct hone_target *at, uint32_t also)
{
	struct hone_target now;

	assert_int_equal(hone_target_query(t.netns_fd, at, also, &now), 0);
	return now.prog_id;
}

static int replace(const struct hone_target *target, int old, int new)
{
	return hone_attach_replace(t.netns_fd, target, t.prog[old], t.prog[new]);
}

/* ---- tc ---- */

static void filters_are_found_by_every_name(void **state)
{
	(void)state;
	expect_no("tc:v0:ingress", -ENOENT);
	run("tc filter add dev v0 ingress bpf da pinned /sys/fs/bpf/prog0");
	expect("tc:v0:ingress", "tc:v0:ingress:49152:1", HONE_ATTACH_CLS_BPF, 0);
	expect("tc:v0:ingress:49152:0x1", "tc:v0:ingress:49152:1", HONE_ATTACH_CLS_BPF, 0);
	expect(id_text(0), "tc:v0:ingress:49152:1", HONE_ATTACH_CLS_BPF, 0);
	expect("/sys/fs/bpf/prog0", "tc:v0:ingress:49152:1", HONE_ATTACH_CLS_BPF, 0);
	expect_no("v0", -ENOENT);
	expect_no("tc:v0:egress", -ENOENT);
	expect_no("tc:v0:ingress:49152:2", -ENOENT);
	expect_no("tc:v9:ingress", -ENODEV);

	run("tc filter add dev v0 egress protocol ip prio 7 handle 3 bpf da "
	    "pinned /sys/fs/bpf/prog1");
	run("tc filter add dev v0 egress protocol ip prio 7 handle 4 bpf da "
	    "pinned /sys/fs/bpf/prog2");
	expect_no("tc:v0:egress", -EMLINK);
	expect("tc:v0:egress:7:3", "tc:v0:egress:7:3", HONE_ATTACH_CLS_BPF, 1);
	expect(id_text(2), "tc:v0:egress:7:4", HONE_ATTACH_CLS_BPF, 2);
	run("tc filter add dev v0 ingress prio 1 bpf da pinned /sys/fs/bpf/prog1");
	expect_no(id_text(1), -EMLINK);
}

static void filters_that_do_not_decide_are_refused(void **state)
{
	(void)state;
	run("tc filter add dev v0 ingress bpf pinned /sys/fs/bpf/prog0 classid 1:1");
	expect_no("tc:v0:ingress", -ENOTSUP);
	expect_no(id_text(0), -ENOTSUP);
}

static void show_filters(char shown[SHOWN_BYTES])
{
	FILE *pipe = popen("tc filter show dev v0 egress", "r");
	size_t n = fread(shown, 1, SHOWN_BYTES - 1, pipe);

	shown[n] = '\0';
	assert_int_equal(pclose(pipe), 0);
}

static void a_filter_keeps_what_is_not_its_program(void **state)
{
	char before[SHOWN_BYTES], between[SHOWN_BYTES], after[SHOWN_BYTES];
	struct hone_target target;

	(void)state;
	run("tc filter add dev v0 egress protocol ip prio 7 handle 3 bpf da skip_hw "
	    "pinned /sys/fs/bpf/prog0 classid 1:2");
	run("tc filter add dev v0 egress prio 8 handle 4 bpf da pinned /sys/fs/bpf/prog2");
	show_filters(before);
	resolve("tc:v0:egress:7:3", &target);
	assert_int_equal(replace(&target, 0, 1), 0);
	assert_int_equal(id_at(&target, 0), t.id[1]);
	show_filters(between);
	assert_string_not_equal(before, between);
	assert_int_equal(replace(&target, 1, 0), 0);
	show_filters(after);
	assert_string_equal(before, after);
	assert_non_null(strstr(before, "protocol ip pref 7"));
	assert_non_null(strstr(before, "flowid 1:2"));
	assert_non_null(strstr(before, "skip_hw"));
}

static void another_filter_is_never_replaced(void **state)
{
	struct hone_target target;

	(void)state;
	run("tc filter add dev v0 ingress prio 7 handle 3 bpf da pinned /sys/fs/bpf/prog0");
	resolve("tc:v0:ingress", &target);
	run("tc filter replace dev v0 ingress prio 7 handle 3 bpf da pinned /sys/fs/bpf/prog2");
	assert_int_equal(replace(&target, 0, 1), -EBUSY);
	assert_int_equal(id_at(&target, 0), t.id[2]);
	run("tc filter del dev v0 ingress prio 7 handle 3 bpf");
	assert_int_equal(replace(&target, 0, 1), -ENOENT);
	expect_no("tc:v0:ingress", -ENOENT);
	run("tc qdisc del dev v0 clsact");
	assert_int_equal(replace(&target, 0, 1), -ENOENT);
	expect_no("tc:v0:ingress", -ENOENT);
	run("ip link del v0");
	assert_int_equal(hone_target_query(t.netns_fd, &target, 0, &target), -ENODEV);
}

/* ---- tcx ---- */

static int attach(uint32_t type, int prog)
{
	int err = tcx_attach(t.ifindex, type, t.prog[prog]);

	if (err == -EINVAL) {
		print_message("skip: the kernel has no tcx\n");
		skip();
	}
	return err;
}

/* What runs, in this order. */
static void expect_row(const int *progs, int n)
{
	struct hone_tcx_entry entries[HONE_TCX_MAX];

	assert_int_equal(hone_tcx_query(t.ifindex, HONE_TCX_INGRESS, entries), n);
	for (int i = 0; i < n; i++)
		assert_int_equal(entries[i].prog_id, t.id[progs[i]]);
}

static void tcx_programs_are_found_and_replaced(void **state)
{
	struct hone_target target;
	char name[HONE_TARGET_NAME];

	(void)state;
	assert_int_equal(attach(HONE_TCX_EGRESS, 0), 0);
	snprintf(name, sizeof(name), "tcx:v0:egress:%u", t.id[0]);
	expect("tcx:v0:egress", name, HONE_ATTACH_TCX, 0);
	expect(name, name, HONE_ATTACH_TCX, 0);
	expect(id_text(0), name, HONE_ATTACH_TCX, 0);
	expect_no("tcx:v0:ingress", -ENOENT);
	expect_no("tc:v0:egress", -ENOENT);

	assert_int_equal(attach(HONE_TCX_INGRESS, 1), 0);
	assert_int_equal(attach(HONE_TCX_INGRESS, 2), 0);
	expect_no("tcx:v0:ingress", -EMLINK);
	resolve(id_text(1), &target);
	assert_int_equal(target.hook, HONE_HOOK_TCX_INGRESS);
	assert_int_equal(replace(&target, 1, 0), 0);
	expect_row((int[]){0, 2}, 2);
	assert_int_equal(id_at(&target, t.id[0]), t.id[0]); /* the point is still the same */
	assert_int_equal(replace(&target, 1, 3), -ENOENT);
	assert_int_equal(tcx_detach(t.ifindex, HONE_TCX_INGRESS, t.prog[0]), 0);
	assert_int_equal(id_at(&target, t.id[0]), t.id[2]);
	assert_int_equal(replace(&target, 0, 1), -ENOENT);
	expect_row((int[]){2}, 1);
}

static void a_tcx_link_is_replaced_in_its_place(void **state)
{
	struct hone_target target, now;

	(void)state;
	assert_int_equal(attach(HONE_TCX_INGRESS, 0), 0);
	{
		_cleanup_close_ int link = tcx_link(t.ifindex, HONE_TCX_INGRESS, t.prog[1]);
		struct bpf_link_info info;

		assert_true(link >= 0);
		assert_int_equal(hone_link_info(link, &info), 0);
		resolve(id_text(1), &target);
		assert_int_equal(target.kind, HONE_ATTACH_TCX_LINK);
		assert_int_equal(target.link_id, info.id);
		assert_int_equal(replace(&target, 0, 2), -EBUSY);
		assert_int_equal(replace(&target, 1, 2), 0);
		expect_row((int[]){0, 2}, 2);
		assert_int_equal(hone_target_query(t.netns_fd, &target, t.id[2], &now), 0);
		assert_int_equal(now.link_id, info.id);
		assert_int_equal(replace(&target, 2, 1), 0);
		expect_row((int[]){0, 1}, 2);
	}
	assert_int_equal(replace(&target, 1, 2), -ENOENT);
	expect_row((int[]){0}, 1);
}

int main(void)
{
#define ATTACH_TC(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ATTACH_TC(filters_are_found_by_every_name),
		ATTACH_TC(filters_that_do_not_decide_are_refused),
		ATTACH_TC(a_filter_keeps_what_is_not_its_program),
		ATTACH_TC(another_filter_is_never_replaced),
		ATTACH_TC(tcx_programs_are_found_and_replaced),
		ATTACH_TC(a_tcx_link_is_replaced_in_its_place),
	};

	return cmocka_run_group_tests(tests, set_up_group, NULL);
}
