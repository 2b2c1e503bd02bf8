// SPDX-License-Identifier: Apache-2.0
/* swap_fixture: see the header. */
#include "tests/kernel/swap_fixture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/sys.h"
#include "tests/kernel/captures.h"
#include "tests/tools/identity_image.h"
#include "tests/tools/kernel_test.h"

struct swap_fixture t;
static struct captures *captures;

void run(const char *command)
{
	fflush(stdout);
	if (system(command) != 0)
		fail_msg("%s: failed", command);
}

int swap_set_up_group(void **state)
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

int swap_tear_down_group(void **state)
{
	(void)state;
	captures_stop(captures);
	return 0; /* the namespaces end with this process */
}

/* xdp-filter on v0, and a new deployment of it. */
int swap_set_up(void **state)
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

bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

int swap_tear_down(void **state)
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

uint32_t attached_id(void)
{
	uint32_t id = 0;

	assert_int_equal(bpf_xdp_query_id((int)if_nametoindex("v0"), 0, &id), 0);
	return id;
}

uint32_t pinned_id(const char *path)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	struct bpf_prog_info info;

	assert_int_equal(hone_prog_info(fd, &info), 0);
	return info.id;
}

uint32_t slot_id(void)
{
	__u32 key = HONE_PROG_IMAGE, id = 0;

	bpf_map_lookup_elem(t.deployment.slots_fd, &key, &id);
	return id;
}

/* What the attached program says to a UDP packet from 10.1.2.`host`. */
uint32_t verdict_for(uint8_t host)
{
	uint8_t packet[64] = {[12] = 8, [14] = 0x45, [23] = 17, [26] = 10, 1, 2, host, [39] = 20};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 1);
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(attached_id());

	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	return opts.retval;
}

uint64_t images_fallbacks(void)
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
int go_live(void)
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
