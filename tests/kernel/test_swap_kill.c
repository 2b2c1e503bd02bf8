// SPDX-License-Identifier: Apache-2.0
/* swap: killed at random moments between attach and withdrawal, traffic is right before anybody
 * cleans up, and what is left can be adopted. HONE_LONG=1: 200 kills instead of 20. */
#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/kernel/swap_fixture.h"

enum { KILLS = 20, KILLS_LONG = 200, SWAPS = 5 };

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

#define SWAP_TEST(name) cmocka_unit_test_setup_teardown(name, swap_set_up, swap_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SWAP_TEST(killed_at_any_moment_it_can_be_adopted),
	};

	return cmocka_run_group_tests(tests, swap_set_up_group, swap_tear_down_group);
}
