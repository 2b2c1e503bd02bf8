// SPDX-License-Identifier: Apache-2.0
/* swap: root, images and back again around Debian's unmodified xdp-filter, in namespaces of our
 * own (network, and mounts for a bpffs of our own). Traffic meanwhile: test_swap_load.c. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/sys.h"
#include "runtime/deploy/pins.h"
#include "runtime/deploy/swap.h"
#include "tests/kernel/captures.h"
#include "tests/tools/asm.h"
#include "tests/tools/identity_image.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/object_unit.h"

#define DIR_OF_UNIT "/sys/fs/bpf/hone/units/v0"
#define OWNERS_PIN "/sys/fs/bpf/xdp-filter/programs/v0/xdpfilt_alw_all"

enum { EPOCH = 5, KILLS = 20, KILLS_LONG = 200, SWAPS = 5 };

static struct captures *captures;

/* One deployment with what its images need. */
static struct {
	int netns_fd, guard_fd;
	const struct hone_unit *unit;
	struct hone_maps maps;
	struct hone_target target;
	struct hone_deployment deployment;
} t;

/* ---- set-up ---- */

static void run(const char *command)
{
	fflush(stdout);
	if (system(command) != 0)
		fail_msg("%s: failed", command);
}

static int set_up_group(void **state)
{
	(void)state;
	kernel_test_needs_root();
	kernel_test_needs_file(XDP_FILTER_OBJECT("alw_all"));
	captures = captures_start();
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) || mount("", "/", "", MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL) ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL) || /* xdp-filter's lock file */
	    system("ip link add v0 type veth peer name v1 && ip link set v0 up && "
		   "ip link set v1 up"))
		return -1;
	t.netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	t.guard_fd = kernel_test_guard();
	kernel_test_guard_set(t.guard_fd, 0, EPOCH);
	return t.netns_fd < 0 || t.guard_fd < 0 ? -1 : 0;
}

static int tear_down_group(void **state)
{
	(void)state;
	captures_stop(captures);
	return 0; /* the namespaces end with this process */
}

/* xdp-filter on v0, and a new deployment of it. */
static int set_up(void **state)
{
	(void)state;
	run("xdp-filter load -m native v0 >/dev/null");
	assert_int_equal(hone_target_resolve("v0", t.netns_fd, &t.target), 0);
	assert_int_equal(t.target.kind, HONE_ATTACH_NETLINK_DRV);
	t.unit = &captures_of_program(captures, t.target.prog_id)->unit;
	assert_int_equal(hone_maps_open(t.unit, &t.maps), 0);
	assert_int_equal(hone_deploy_new(DIR_OF_UNIT, &t.target, 0, &t.deployment), 0);
	return 0;
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int tear_down(void **state)
{
	(void)state;
	hone_deploy_remove(&t.deployment, t.netns_fd);
	hone_deploy_close(&t.deployment);
	hone_maps_close(&t.maps);
	if (exists(OWNERS_PIN))
		run("xdp-filter unload v0");
	return 0;
}

/* ---- what is ---- */

static uint32_t attached_id(void)
{
	uint32_t id = 0;

	assert_int_equal(bpf_xdp_query_id((int)if_nametoindex("v0"), 0, &id), 0);
	return id;
}

static uint32_t pinned_id(const char *path)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	struct bpf_prog_info info;

	assert_int_equal(hone_prog_info(fd, &info), 0);
	return info.id;
}

static uint32_t slot_id(void)
{
	__u32 key = HONE_PROG_IMAGE, id = 0;

	bpf_map_lookup_elem(t.deployment.slots_fd, &key, &id);
	return id;
}

/* What the attached program says to a UDP packet from 10.1.2.`host`. */
static uint32_t verdict_for(uint8_t host)
{
	uint8_t packet[64] = {[12] = 8, [14] = 0x45, [23] = 17, [26] = 10, 1, 2, host, [39] = 20};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 1);
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(attached_id());

	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	return opts.retval;
}

static uint64_t images_fallbacks(void)
{
	const struct hone_deployment *d = &t.deployment;
	__u64 values[1024];
	__u32 key = HONE_COUNT_FALLBACK;
	uint64_t sum = 0;

	assert_int_equal(bpf_map_lookup_elem(d->counts_fd, &key, values), 0);
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
		sum += values[cpu];
	return sum;
}

/* ---- what is done ---- */

/* Loads an image and gives it to the deployment. */
static int go_live(void)
{
	struct hone_image_env env = {.maps = &t.maps,
				     .guard_fd = t.guard_fd,
				     .slots_fd = t.deployment.slots_fd,
				     .counts_fd = t.deployment.counts_fd};
	char log[HONE_DETAIL_LEN];
	struct hone_image image;
	struct hone_loaded loaded = {.fd = -1};
	int err = identity_image_new(t.unit, &image);

	env.table_fd = hone_load_table(&image);
	if (!err)
		err = hone_load_image(t.unit, &image, &env, &loaded, log);
	if (!err)
		err = hone_expected_set(env.table_fd, EPOCH);
	if (!err)
		err = hone_deploy_image(&t.deployment, t.netns_fd, t.unit, &t.maps, loaded.fd,
					env.table_fd);
	identity_image_free(&image);
	if (err) {
		close(loaded.fd);
		close(env.table_fd);
	}
	return err;
}

static int load_other(void)
{
	const struct bpf_insn insns[] = {ASM_MOV_IMM(BPF_REG_0, XDP_PASS), ASM_EXIT()};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "other", "GPL", insns, 2, NULL);

	assert_true(fd >= 0);
	return fd;
}

/* ---- tests ---- */

static void a_new_deployment_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(attached_id(), t.target.prog_id);
	assert_int_equal(pinned_id(OWNERS_PIN), t.target.prog_id);
	assert_int_equal(pinned_id(DIR_OF_UNIT "/original"), t.target.prog_id);
	assert_int_equal(hone_deploy_is_ours(&t.deployment, t.netns_fd), 0);
	assert_int_equal(hone_deploy_new(DIR_OF_UNIT, &t.target, 0, &t.deployment), -EEXIST);
}

static void owners_tools_work_while_an_image_is_live(void **state)
{
	(void)state;
	assert_int_equal(go_live(), 0);
	assert_int_not_equal(attached_id(), t.target.prog_id);
	assert_int_equal(attached_id(), t.deployment.root_id);
	assert_int_equal(pinned_id(OWNERS_PIN), t.deployment.root_id);
	run("xdp-filter status | grep -q 'v0.*native'");
	assert_int_equal(verdict_for(3), XDP_PASS);
	run("xdp-filter ip -m src 10.1.2.3");
	run("xdp-filter status | grep -q 10.1.2.3");
	assert_int_equal(verdict_for(3), XDP_DROP);
	assert_int_equal(verdict_for(4), XDP_PASS);
	assert_int_equal(images_fallbacks(), 0); /* the image decided these */
}

static void withdrawal_restores_program_and_pins(void **state)
{
	(void)state;
	assert_int_equal(go_live(), 0);
	run("xdp-filter ip -m src 10.1.2.3");
	assert_int_equal(hone_deploy_withdraw(&t.deployment, t.netns_fd), 0);
	assert_int_equal(attached_id(), t.target.prog_id);
	assert_int_equal(pinned_id(OWNERS_PIN), t.target.prog_id);
	assert_false(exists(DIR_OF_UNIT "/root"));
	assert_int_equal(verdict_for(3), XDP_DROP);
	assert_int_equal(hone_deploy_withdraw(&t.deployment, t.netns_fd), 0); /* again: nothing */
	assert_int_equal(go_live(), 0);
	assert_int_equal(attached_id(), t.deployment.root_id);
	assert_int_equal(hone_deploy_remove(&t.deployment, t.netns_fd), 0);
	assert_false(exists(DIR_OF_UNIT));
	assert_int_equal(attached_id(), t.target.prog_id);
}

static void the_next_image_withdraws_the_one_before(void **state)
{
	uint32_t first, root;
	uint64_t epoch;
	_cleanup_close_ int table_fd = -1;
	char path[128];

	(void)state;
	assert_int_equal(go_live(), 0);
	first = t.deployment.image_id;
	root = t.deployment.root_id;
	table_fd = dup(t.deployment.table_fd);
	assert_int_equal(go_live(), 0);
	assert_int_not_equal(t.deployment.image_id, first);
	assert_int_equal(slot_id(), t.deployment.image_id);
	assert_int_equal(attached_id(), root); /* the root stays */
	assert_int_equal(hone_expected_get(table_fd, &epoch), 0);
	assert_true(epoch == HONE_EPOCH_NEVER);
	snprintf(path, sizeof(path), DIR_OF_UNIT "/image_%u", first);
	assert_false(exists(path));
	snprintf(path, sizeof(path), DIR_OF_UNIT "/image_%u", t.deployment.image_id);
	assert_int_equal(pinned_id(path), t.deployment.image_id);
}

static void a_broken_guard_leads_to_the_original(void **state)
{
	(void)state;
	assert_int_equal(go_live(), 0);
	assert_int_equal(verdict_for(3), XDP_PASS);
	assert_int_equal(images_fallbacks(), 0);
	kernel_test_guard_set(t.guard_fd, 0, EPOCH + 1);
	assert_int_equal(verdict_for(3), XDP_PASS);
	assert_int_equal(images_fallbacks(), 1);
	kernel_test_guard_set(t.guard_fd, 0, EPOCH);
}

static void the_owner_unloads(void **state)
{
	(void)state;
	assert_int_equal(go_live(), 0);
	run("xdp-filter unload v0");
	assert_int_equal(attached_id(), 0);
	assert_false(exists(OWNERS_PIN));
	assert_int_equal(hone_deploy_is_ours(&t.deployment, t.netns_fd), -ENOENT);
	assert_int_equal(hone_deploy_remove(&t.deployment, t.netns_fd), 0);
	assert_false(exists(DIR_OF_UNIT));
	assert_int_equal(attached_id(), 0);
}

static void what_the_owner_attached_meanwhile_stays(void **state)
{
	_cleanup_close_ int other = load_other();
	int ifindex = (int)if_nametoindex("v0");
	uint32_t id;

	(void)state;
	assert_int_equal(go_live(), 0);
	assert_int_equal(bpf_xdp_attach(ifindex, other, XDP_FLAGS_DRV_MODE, NULL), 0);
	id = attached_id();
	assert_int_equal(hone_deploy_is_ours(&t.deployment, t.netns_fd), -EBUSY);
	assert_int_equal(hone_deploy_withdraw(&t.deployment, t.netns_fd), 0);
	assert_int_equal(attached_id(), id);
	assert_int_equal(pinned_id(OWNERS_PIN), t.target.prog_id);
	assert_int_equal(go_live(), -EBUSY);
	assert_int_equal(attached_id(), id);
	assert_int_equal(slot_id(), 0);
	assert_false(exists(DIR_OF_UNIT "/root"));
	assert_int_equal(hone_deploy_remove(&t.deployment, t.netns_fd), 0);
	assert_int_equal(attached_id(), id);
	assert_int_equal(bpf_xdp_attach(ifindex, -1, XDP_FLAGS_DRV_MODE, NULL), 0);
	run("rm -r /sys/fs/bpf/xdp-filter"); /* what its owner did not unload */
}

static void a_restart_adopts_a_live_image(void **state)
{
	uint32_t image, root;

	(void)state;
	assert_int_equal(go_live(), 0);
	image = t.deployment.image_id;
	root = t.deployment.root_id;
	hone_deploy_close(&t.deployment);
	assert_int_equal(hone_deploy_adopt(DIR_OF_UNIT, t.netns_fd, &t.target, 0, &t.deployment),
			 0);
	assert_int_equal(t.deployment.image_id, image);
	assert_int_equal(t.deployment.root_id, root);
	assert_int_equal(t.deployment.target.prog_id, t.target.prog_id);
	assert_int_equal(go_live(), 0);
	assert_int_equal(attached_id(), root);
}

static void rubbish_is_not_adopted(void **state)
{
	_cleanup_close_ int other = load_other();

	(void)state;
	assert_int_equal(hone_pin_replace(DIR_OF_UNIT "/image_77", other), 0);
	assert_int_equal(hone_pin_replace(DIR_OF_UNIT "/table_77", t.guard_fd), 0);
	assert_int_equal(hone_pin_replace(DIR_OF_UNIT "/root", other), 0); /* not attached */
	assert_int_equal(hone_pin_replace(OWNERS_PIN "_hone_tmp", other), 0);
	assert_int_equal(
		hone_pin_replace("/sys/fs/bpf/xdp-filter/programs/v0/hone_tmp_4194305", other), 0);
	hone_deploy_close(&t.deployment);
	assert_int_equal(hone_deploy_adopt(DIR_OF_UNIT, t.netns_fd, &t.target, 0, &t.deployment),
			 0);
	assert_int_equal(t.deployment.image_fd, -1);
	assert_int_equal(t.deployment.root_fd, -1);
	assert_false(exists(DIR_OF_UNIT "/image_77"));
	assert_false(exists(DIR_OF_UNIT "/table_77"));
	assert_false(exists(DIR_OF_UNIT "/root"));
	assert_false(exists("/sys/fs/bpf/xdp-filter/programs/v0/hone_tmp_4194305"));
	assert_true(exists(OWNERS_PIN "_hone_tmp")); /* somebody else's, whatever its name */
	unlink(OWNERS_PIN "_hone_tmp");
	assert_int_equal(attached_id(), t.target.prog_id);
}

/* Ids of maps and of programs are numbered apart, so that some are equal. */
static void pins_of_maps_are_left_alone(void **state)
{
	struct bpf_prog_info as_program;
	struct bpf_map_info map;

	(void)state;
	assert_int_equal(hone_prog_info(t.guard_fd, &as_program), -EINVAL);
	assert_int_equal(hone_map_info(t.guard_fd, &map), 0);
	assert_int_equal(hone_pin_replace("/sys/fs/bpf/map", t.guard_fd), 0);
	assert_int_equal(hone_pins_repoint(map.id, t.deployment.original_fd, DIR_OF_UNIT), 0);
	unlink("/sys/fs/bpf/map");
}

static void a_pin_keeps_its_mode(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(chmod(OWNERS_PIN, 0640), 0);
	assert_int_equal(go_live(), 0);
	assert_int_equal(stat(OWNERS_PIN, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

/* ---- links ---- */

static void a_link_is_updated_and_restored(void **state)
{
	struct hone_deployment by_netlink = t.deployment;
	struct hone_maps maps = t.maps;
	const struct hone_unit *unit = t.unit;
	struct object_unit subject;
	struct bpf_link_info info;
	int link_fd;

	(void)state;
	assert_int_equal(object_unit_open(XDP_FILTER_OBJECT("alw_all"), NULL, &subject), 0);
	link_fd = bpf_link_create(subject.prog_fd, (int)if_nametoindex("v1"), BPF_XDP, NULL);
	assert_true(link_fd >= 0);
	assert_int_equal(hone_target_resolve("v1", t.netns_fd, &t.target), 0);
	assert_int_equal(t.target.kind, HONE_ATTACH_LINK);
	t.unit = &subject.unit;
	t.maps = subject.maps;
	assert_int_equal(hone_deploy_new(DIR_OF_UNIT "_link", &t.target, 0, &t.deployment), 0);

	assert_int_equal(go_live(), 0);
	assert_int_equal(hone_link_info(link_fd, &info), 0);
	assert_int_equal(info.prog_id, t.deployment.root_id);
	assert_int_equal(hone_deploy_withdraw(&t.deployment, t.netns_fd), 0);
	assert_int_equal(hone_link_info(link_fd, &info), 0);
	assert_int_equal(info.prog_id, t.target.prog_id);

	assert_int_equal(go_live(), 0);
	close(link_fd); /* the owner's process ends */
	assert_int_equal(hone_deploy_is_ours(&t.deployment, t.netns_fd), -ENOENT);
	assert_int_equal(hone_deploy_remove(&t.deployment, t.netns_fd), 0);
	object_unit_close(&subject);
	t.deployment = by_netlink;
	t.maps = maps;
	t.unit = unit;
	assert_int_equal(hone_target_resolve("v0", t.netns_fd, &t.target), 0);
}

static void the_interface_vanishes(void **state)
{
	(void)state;
	assert_int_equal(go_live(), 0);
	run("ip link del v0");
	assert_int_equal(hone_deploy_is_ours(&t.deployment, t.netns_fd), -ENODEV);
	assert_int_equal(hone_deploy_remove(&t.deployment, t.netns_fd), 0);
	assert_false(exists(DIR_OF_UNIT));
	run("rm -r /sys/fs/bpf/xdp-filter");
	run("ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up");
}

/* ---- killed anywhere ---- */

static int live_and_back(void)
{
	int err = 0;

	for (int i = 0; !err && i < SWAPS; i++)
		err = go_live();
	return err ? err : hone_deploy_withdraw(&t.deployment, t.netns_fd);
}

/* Moments from which to choose: those of one round. */
static useconds_t measure_round(void)
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(live_and_back(), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (useconds_t)((to.tv_sec - from.tv_sec) * 1000000 +
			    (to.tv_nsec - from.tv_nsec) / 1000);
}

static void live_and_back_until_killed(void)
{
	while (!live_and_back())
		;
	_exit(1);
}

static void adopt_and_look(void)
{
	uint32_t attached = attached_id();

	assert_int_equal(verdict_for(3), XDP_DROP); /* before anybody cleans up */
	assert_int_equal(verdict_for(4), XDP_PASS);
	assert_int_equal(hone_deploy_adopt(DIR_OF_UNIT, t.netns_fd, &t.target, 0, &t.deployment),
			 0);
	assert_int_equal(attached_id(), attached);
	assert_true(attached == t.target.prog_id || attached == t.deployment.root_id);
	assert_int_equal(pinned_id(OWNERS_PIN), attached);
	assert_int_equal(slot_id(), t.deployment.image_id);
	assert_int_equal(verdict_for(3), XDP_DROP);
	assert_int_equal(verdict_for(4), XDP_PASS);
}

static void killed_at_any_moment_it_can_be_adopted(void **state)
{
	int n = getenv("HONE_LONG") ? KILLS_LONG : KILLS, n_live = 0;
	useconds_t round_us = measure_round();

	(void)state;
	run("xdp-filter ip -m src 10.1.2.3");
	for (int i = 0; i < n; i++) {
		unsigned int random, status;
		pid_t child;

		assert_int_equal(getrandom(&random, sizeof(random), 0), sizeof(random));
		child = fork();
		if (child == 0)
			live_and_back_until_killed();
		usleep(random % round_us);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, (int *)&status, 0), child);
		assert_true(WIFSIGNALED(status));
		hone_deploy_close(&t.deployment);
		adopt_and_look();
		n_live += t.deployment.image_fd >= 0;
		run("xdp-filter status | grep -q 'v0.*native'");
		assert_int_equal(hone_deploy_withdraw(&t.deployment, t.netns_fd), 0);
		assert_int_equal(attached_id(), t.target.prog_id);
		assert_int_equal(pinned_id(OWNERS_PIN), t.target.prog_id);
	}
	print_message("%d kills, %d with an image live; a round of %d images takes %u ms\n", n,
		      n_live, SWAPS, round_us / 1000);
	assert_int_equal(hone_deploy_remove(&t.deployment, t.netns_fd), 0);
	run("test -z \"$(find /sys/fs/bpf -name 'hone_tmp_*')\"");
}

#define SWAP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SWAP_TEST(a_new_deployment_changes_nothing),
		SWAP_TEST(owners_tools_work_while_an_image_is_live),
		SWAP_TEST(withdrawal_restores_program_and_pins),
		SWAP_TEST(the_next_image_withdraws_the_one_before),
		SWAP_TEST(a_broken_guard_leads_to_the_original),
		SWAP_TEST(the_owner_unloads),
		SWAP_TEST(what_the_owner_attached_meanwhile_stays),
		SWAP_TEST(a_restart_adopts_a_live_image),
		SWAP_TEST(rubbish_is_not_adopted),
		SWAP_TEST(pins_of_maps_are_left_alone),
		SWAP_TEST(a_pin_keeps_its_mode),
		SWAP_TEST(a_link_is_updated_and_restored),
		SWAP_TEST(the_interface_vanishes),
		SWAP_TEST(killed_at_any_moment_it_can_be_adopted),
	};

	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
