// SPDX-License-Identifier: Apache-2.0
/* watch: hooks that outlive their maker, are found again, replaced when they are not whole, and
 * told apart from hooks that can be relied on. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "runtime/common/sys.h"
#include "tests/kernel/watch_fixture.h"

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

static void remove_pin(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", fx.dir, name);
	assert_int_equal(unlink(path), 0);
}

static void hooks_work_while_nobody_has_them_open(void **state)
{
	uint64_t before = hone_watch_begin(fx.watch, FIXTURE_SLOT);

	(void)state;
	hone_watch_close(&fx.watch);
	assert_null(fx.watch);
	assert_int_equal(fixture_update(fx.map, 1, 1), 0);
	assert_int_equal(hone_watch_open(fx.dir, &fx.watch), 0);
	assert_true(hone_watch_is_adopted(fx.watch));
	assert_true(hone_watch_begin(fx.watch, FIXTURE_SLOT) > before);
	assert_true(fixture_settles(&fx, FIXTURE_SLOT));
}

static void adopted_hooks_keep_their_maps(void **state)
{
	struct bpf_map_info was, is;
	uint64_t before;

	(void)state;
	assert_int_equal(hone_map_info(hone_watch_guard_fd(fx.watch), &was), 0);
	hone_watch_close(&fx.watch);
	assert_int_equal(hone_watch_open_existing(fx.dir, &fx.watch), 0);
	assert_int_equal(hone_map_info(hone_watch_guard_fd(fx.watch), &is), 0);
	assert_int_equal(is.id, was.id);
	before = hone_watch_end(fx.watch, FIXTURE_SLOT);
	assert_int_equal(fixture_update(fx.map, 1, 1), 0);
	assert_true(hone_watch_end(fx.watch, FIXTURE_SLOT) > before);
}

static void nothing_pinned_is_told(void **state)
{
	struct hone_watch *watch = NULL;

	(void)state;
	assert_int_equal(hone_watch_open_existing("/sys/fs/bpf/hone-watch-none", &watch), -ENOENT);
	assert_null(watch);
}

static void whole_hooks_are_healthy(void **state)
{
	(void)state;
	assert_true(hone_watch_healthy(fx.watch));
}

static struct hone_guard *old_guard(void)
{
	struct hone_guard *guard =
		mmap(NULL, sizeof(*guard), PROT_READ, MAP_SHARED, hone_watch_guard_fd(fx.watch), 0);

	assert_true(guard != MAP_FAILED);
	return guard;
}

/* What a maker that was killed half-way leaves, or an operator's rm. */
static void hooks_that_are_not_whole_are_replaced(void **state)
{
	struct hone_watch *watch = NULL;
	struct hone_guard *old = old_guard();
	uint64_t before[HONE_SLOT_N];

	(void)state;
	for (int i = 0; i < HONE_SLOT_N; i++)
		before[i] = old->slots[i].begin;
	remove_pin("enter-link");
	assert_false(hone_watch_healthy(fx.watch));
	assert_int_equal(hone_watch_open_existing(fx.dir, &watch), -EUCLEAN);

	assert_int_equal(hone_watch_open(fx.dir, &watch), 0);
	assert_false(hone_watch_is_adopted(watch));
	assert_true(hone_watch_healthy(watch));
	for (int i = 0; i < HONE_SLOT_N; i++)
		assert_true(old->slots[i].begin > before[i]);
	munmap(old, sizeof(*old));
	hone_watch_close(&fx.watch);
	fx.watch = watch;
}

static void hooks_with_a_swapped_pin_are_not_adopted(void **state)
{
	struct hone_watch *watch = NULL;
	char path[256];
	int map = bpf_map_create(BPF_MAP_TYPE_HASH, "hone_watched", sizeof(__u32),
				 sizeof(struct hone_slot_set), 1, NULL);

	(void)state;
	remove_pin("watched");
	(void)snprintf(path, sizeof(path), "%s/watched", fx.dir);
	assert_int_equal(bpf_obj_pin(map, path), 0); /* alike, but the hooks use another */
	assert_int_equal(hone_watch_open_existing(fx.dir, &watch), -EUCLEAN);
	close(map);
}

static void a_directory_that_is_no_bpffs_is_refused(void **state)
{
	struct hone_watch *watch = NULL;
	char dir[] = "/tmp/hone-watch-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_true(hone_watch_open(dir, &watch) < 0);
	assert_null(watch);
	assert_int_equal(rmdir(dir), 0);
}

static void unpinning_leaves_nothing(void **state)
{
	uint64_t epoch = hone_watch_begin(fx.watch, FIXTURE_SLOT);

	(void)state;
	assert_int_equal(hone_watch_unpin(fx.dir), 0);
	/* no image that was left in place holds any more */
	assert_true(hone_watch_begin(fx.watch, FIXTURE_SLOT) > epoch);
	assert_int_equal(rmdir(fx.dir), 0);
	assert_int_equal(hone_watch_unpin(fx.dir), 0);
}

/* ---- a write that started before there were hooks ---- */

static void a_write_under_way_when_hooks_come_raises_at_its_end(void **state)
{
	struct blocked blocked;
	struct fixture late;
	uint64_t epoch = 0;

	(void)state;
	fixture_block(&blocked, fx.map, BLOCKED_AT_KEY);
	assert_int_equal(fixture_open(&late, HONE_WATCH_FAULT_NONE), 0);
	assert_int_equal(hone_watch_map(late.watch, fx.map_id, 30), 0);
	assert_true(hone_watch_stable(late.watch, 30, &epoch));
	assert_int_equal(fixture_unblock(&blocked, 60, NULL), 0);
	assert_true(hone_watch_begin(late.watch, 30) > epoch);
	assert_true(fixture_settles(&late, 30));
	fixture_close(&late);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hooks_work_while_nobody_has_them_open, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(adopted_hooks_keep_their_maps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_pinned_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(whole_hooks_are_healthy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hooks_that_are_not_whole_are_replaced, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(hooks_with_a_swapped_pin_are_not_adopted, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_directory_that_is_no_bpffs_is_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(unpinning_leaves_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_write_under_way_when_hooks_come_raises_at_its_end,
						set_up, tear_down),
	};

	return cmocka_run_group_tests_name("watch_pins", tests, NULL, NULL);
}
