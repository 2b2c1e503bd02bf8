// SPDX-License-Identifier: Apache-2.0
/* swap: root, images and back again around Debian's unmodified xdp-filter. Killed meanwhile:
 * test_swap_kill.c; under traffic: test_swap_load.c. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/sys.h"
#include "runtime/deploy/pins.h"
#include "tests/kernel/swap_fixture.h"
#include "tests/tools/asm.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/object_unit.h"

static int load_other(void)
{
	const struct bpf_insn insns[] = {ASM_MOV_IMM(BPF_REG_0, XDP_PASS), ASM_EXIT()};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "other", "GPL", insns, 2, NULL);

	assert_true(fd >= 0);
	return fd;
}

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

static void an_owner_may_put_the_original_back(void **state)
{
	int ifindex = (int)if_nametoindex("v0");

	(void)state;
	assert_int_equal(go_live(), 0);
	assert_int_equal(hone_deploy_is_ours(&t.deployment, t.netns_fd), 0);
	assert_int_equal(
		bpf_xdp_attach(ifindex, t.deployment.original_fd, XDP_FLAGS_DRV_MODE, NULL), 0);
	assert_int_equal(hone_deploy_is_ours(&t.deployment, t.netns_fd), -EBUSY);
	assert_int_equal(hone_deploy_withdraw(&t.deployment, t.netns_fd), 0);
	assert_int_equal(hone_deploy_is_ours(&t.deployment, t.netns_fd), 0);
	assert_int_equal(attached_id(), t.target.prog_id);
	assert_int_equal(pinned_id(OWNERS_PIN), t.target.prog_id);
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

/* Somebody removed one of our pins while nobody looked. */
static void without_all_pins_the_original_is_put_back(void **state)
{
	static const char *const pins[] = {DIR_OF_UNIT "/counts", DIR_OF_UNIT "/slots"};

	(void)state;
	for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
		assert_int_equal(go_live(), 0);
		hone_deploy_close(&t.deployment);
		assert_int_equal(unlink(pins[i]), 0);
		assert_int_equal(
			hone_deploy_adopt(DIR_OF_UNIT, t.netns_fd, &t.target, 0, &t.deployment),
			-EUCLEAN);
		assert_int_equal(attached_id(), t.target.prog_id);
		assert_int_equal(pinned_id(OWNERS_PIN), t.target.prog_id);
		hone_deploy_sweep(DIR_OF_UNIT);
		assert_false(exists(DIR_OF_UNIT));
		assert_int_equal(hone_deploy_new(DIR_OF_UNIT, &t.target, 0, &t.deployment), 0);
	}
}

/* What is attached cannot be told: the root stays what it is, and so do the pins that name it. */
static void a_withdrawal_that_fails_can_be_repeated(void **state)
{
	_cleanup_close_ int not_a_netns = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uint32_t root;

	(void)state;
	assert_int_equal(go_live(), 0);
	root = t.deployment.root_id;
	assert_true(hone_deploy_withdraw(&t.deployment, not_a_netns) < 0);
	assert_int_equal(slot_id(), 0);
	assert_int_equal(attached_id(), root);
	assert_int_equal(pinned_id(OWNERS_PIN), root);
	assert_int_equal(hone_deploy_withdraw(&t.deployment, t.netns_fd), 0);
	assert_int_equal(attached_id(), t.target.prog_id);
	assert_int_equal(pinned_id(OWNERS_PIN), t.target.prog_id);
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

#define SWAP_TEST(name) cmocka_unit_test_setup_teardown(name, swap_set_up, swap_tear_down)

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
		SWAP_TEST(an_owner_may_put_the_original_back),
		SWAP_TEST(a_restart_adopts_a_live_image),
		SWAP_TEST(rubbish_is_not_adopted),
		SWAP_TEST(without_all_pins_the_original_is_put_back),
		SWAP_TEST(a_withdrawal_that_fails_can_be_repeated),
		SWAP_TEST(pins_of_maps_are_left_alone),
		SWAP_TEST(a_pin_keeps_its_mode),
		SWAP_TEST(a_link_is_updated_and_restored),
		SWAP_TEST(the_interface_vanishes),
	};

	return cmocka_run_group_tests(tests, swap_set_up_group, swap_tear_down_group);
}
