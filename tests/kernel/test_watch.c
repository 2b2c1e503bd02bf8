// SPDX-License-Identifier: Apache-2.0
/* watch: which calls of bpf(2) raise the epochs of a watched map's slot, and when. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "runtime/common/sys.h"
#include "tests/kernel/watch_fixture.h"
#include "tests/tools/asm.h"

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

/* ---- commands ---- */

static int do_update(struct fixture *f)
{
	return fixture_update(f->map, 9, 9) != 0;
}

static int do_update_that_fails(struct fixture *f)
{
	uint32_t key = 1, value = 1;

	return bpf_map_update_elem(f->map, &key, &value, BPF_NOEXIST) != -EEXIST;
}

static int do_delete(struct fixture *f)
{
	uint32_t key = 1;

	return bpf_map_delete_elem(f->map, &key) != 0;
}

static int do_lookup_and_delete(struct fixture *f)
{
	uint32_t key = 1, value;

	return bpf_map_lookup_and_delete_elem(f->map, &key, &value) != 0;
}

static int do_update_batch(struct fixture *f)
{
	uint32_t keys[] = {1, 2}, values[] = {5, 6}, n = 2;

	return bpf_map_update_batch(f->map, keys, values, &n, NULL) != 0;
}

static int do_delete_batch(struct fixture *f)
{
	uint32_t keys[] = {1, 2}, n = 2;

	return bpf_map_delete_batch(f->map, keys, &n, NULL) != 0;
}

static int do_lookup_and_delete_batch(struct fixture *f)
{
	uint32_t keys[FIXTURE_MAX_ENTRIES], values[FIXTURE_MAX_ENTRIES], at;
	uint32_t n = FIXTURE_MAX_ENTRIES;
	int err = bpf_map_lookup_and_delete_batch(f->map, NULL, &at, keys, values, &n, NULL);

	return (err && err != -ENOENT) || n < FIXTURE_KEYS;
}

static int do_update_through_dup(struct fixture *f)
{
	return fixture_update(dup(f->map), 1, 3) != 0;
}

static int do_update_by_id(struct fixture *f)
{
	return fixture_update(bpf_map_get_fd_by_id(f->map_id), 1, 3) != 0;
}

/* The kernel takes what is past `size` as zero: one byte of the fd names it still. */
static int do_update_with_short_attr(struct fixture *f)
{
	union bpf_attr attr = {0};

	attr.map_fd = (uint32_t)f->map;
	return f->map > 255 || fixture_bpf(BPF_MAP_UPDATE_ELEM, &attr, 1) != -EFAULT;
}

static int do_update_of_other(struct fixture *f)
{
	return fixture_update(f->other, 1, 3) != 0;
}

static int do_lookup(struct fixture *f)
{
	uint32_t key = 1, value;

	return bpf_map_lookup_elem(f->map, &key, &value) != 0;
}

static int do_lookup_batch(struct fixture *f)
{
	uint32_t keys[FIXTURE_MAX_ENTRIES], values[FIXTURE_MAX_ENTRIES], at;
	uint32_t n = FIXTURE_MAX_ENTRIES;
	int err = bpf_map_lookup_batch(f->map, NULL, &at, keys, values, &n, NULL);

	return err && err != -ENOENT;
}

/* An fd that may only read makes every write fail. */
static int do_update_through_read_only_fd(struct fixture *f)
{
	union bpf_attr attr = {0};
	long fd;

	attr.map_id = f->map_id;
	attr.open_flags = BPF_F_RDONLY;
	fd = fixture_bpf(BPF_MAP_GET_FD_BY_ID, &attr, sizeof(attr));
	return fd < 0 || fixture_update((int)fd, 1, 3) != -EPERM;
}

/* Programs that hold the outer map reach the inner one from then on. */
static int put_into_outer(int map)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .inner_map_fd = (uint32_t)map);
	int outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "outer", 4, 4, 1, &opts);

	return outer < 0 || fixture_update(outer, 0, (uint32_t)map);
}

static int do_put_into_outer(struct fixture *f)
{
	return put_into_outer(f->map);
}

static int do_put_other_into_outer(struct fixture *f)
{
	return put_into_outer(f->other);
}

static const struct {
	const char *what;
	int (*act)(struct fixture *fx);
	uint64_t n_raises;
} commands[] = {
	{"update", do_update, 1},
	{"update that fails", do_update_that_fails, 1},
	{"delete", do_delete, 1},
	{"lookup and delete", do_lookup_and_delete, 1},
	{"update batch", do_update_batch, 1},
	{"delete batch", do_delete_batch, 1},
	{"lookup and delete batch", do_lookup_and_delete_batch, 1},
	{"update through dup", do_update_through_dup, 1},
	{"update by id", do_update_by_id, 1},
	{"update with a short attr", do_update_with_short_attr, 1},
	{"put into a map-in-map", do_put_into_outer, 1},
	{"put another into a map-in-map", do_put_other_into_outer, 0},
	{"update of another map", do_update_of_other, 0},
	{"lookup", do_lookup, 0},
	{"lookup batch", do_lookup_batch, 0},
	{"update through a read-only fd", do_update_through_read_only_fd, 0},
};

static void commands_raise_what_they_write(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct raised raised = fixture_raised_by(&fx, commands[i].act);

		if (raised.exit_code || raised.begin != commands[i].n_raises ||
		    raised.end != commands[i].n_raises)
			fail_msg("%s: exit code %d, begin +%lu, end +%lu, expected +%lu",
				 commands[i].what, raised.exit_code, raised.begin, raised.end,
				 commands[i].n_raises);
	}
}

static void freeze_raises(void **state)
{
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "frozen", 4, 4, 1, NULL);
	uint64_t begin;

	(void)state;
	assert_int_equal(hone_watch_map(fx.watch, fixture_map_id(map), 10), 0);
	begin = hone_watch_begin(fx.watch, 10);
	assert_int_equal(bpf_map_freeze(map), 0);
	assert_true(hone_watch_begin(fx.watch, 10) > begin);
	assert_true(fixture_settles(&fx, 10));
	assert_int_equal(hone_watch_forget_slot(fx.watch, 10), 0);
	close(map);
}

/* ---- when ---- */

static bool is_in_flight(uint32_t slot)
{
	return hone_watch_begin(fx.watch, slot) > hone_watch_end(fx.watch, slot);
}

static void begin_rises_before_the_write_and_end_after(void **state)
{
	struct blocked blocked;
	uint32_t key = 50, value;

	(void)state;
	fixture_block(&blocked, fx.map, BLOCKED_AT_KEY);
	assert_true(is_in_flight(FIXTURE_SLOT));
	assert_int_equal(bpf_map_lookup_elem(fx.map, &key, &value), -ENOENT);

	assert_int_equal(fixture_unblock(&blocked, key, NULL), 0);
	assert_int_equal(bpf_map_lookup_elem(fx.map, &key, &value), 0);
	assert_true(fixture_settles(&fx, FIXTURE_SLOT));
}

static void a_write_in_flight_is_not_stable(void **state)
{
	struct blocked blocked;
	uint64_t epoch = 4711;

	(void)state;
	fixture_block(&blocked, fx.map, BLOCKED_AT_KEY);
	assert_false(hone_watch_stable(fx.watch, FIXTURE_SLOT, &epoch));
	assert_int_equal(epoch, 4711);
	/* A second writer that comes and goes does not hide the first. */
	assert_int_equal(fixture_update(fx.map, 1, 1), 0);
	assert_false(hone_watch_stable(fx.watch, FIXTURE_SLOT, &epoch));
	fixture_kill(&blocked);
	assert_true(fixture_settles(&fx, FIXTURE_SLOT));
}

static void an_attr_nobody_could_read_raises_before_the_write(void **state)
{
	struct blocked blocked;
	uint32_t key = 51, value = 52;
	union bpf_attr attr = {0};

	(void)state;
	fixture_block(&blocked, fx.other, BLOCKED_AT_ATTR);
	assert_true(is_in_flight(FIXTURE_SLOT));
	/* It turns out to write the watched map; the pointers are those of a forked process. */
	attr.map_fd = (uint32_t)fx.map;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)&value;
	attr.flags = BPF_NOEXIST;
	(void)fixture_unblock(&blocked, 0, &attr);
	assert_true(fixture_settles(&fx, FIXTURE_SLOT));
}

static void a_map_watched_during_a_write_rises_at_its_end(void **state)
{
	struct blocked blocked;
	uint64_t epoch = 0;

	(void)state;
	fixture_block(&blocked, fx.other, BLOCKED_AT_KEY);
	assert_int_equal(hone_watch_map(fx.watch, fixture_map_id(fx.other), 11), 0);
	assert_true(hone_watch_stable(fx.watch, 11, &epoch));
	assert_int_equal(fixture_unblock(&blocked, 53, NULL), 0);
	assert_true(hone_watch_begin(fx.watch, 11) > epoch);
	assert_true(fixture_settles(&fx, 11));
	assert_int_equal(hone_watch_forget_slot(fx.watch, 11), 0);
}

static void a_slot_forgotten_during_a_write_still_gets_its_end(void **state)
{
	struct blocked blocked;

	(void)state;
	assert_int_equal(hone_watch_map(fx.watch, fixture_map_id(fx.other), 12), 0);
	fixture_block(&blocked, fx.other, BLOCKED_AT_KEY);
	assert_int_equal(hone_watch_forget_slot(fx.watch, 12), 0);
	assert_int_equal(fixture_unblock(&blocked, 54, NULL), 0);
	assert_true(fixture_settles(&fx, 12));
}

/* ---- slots and events ---- */

static void one_map_raises_many_slots(void **state)
{
	static const uint32_t slots[] = {0, 63, 64, 200, 255};
	const size_t n = sizeof(slots) / sizeof(slots[0]);
	uint64_t before[sizeof(slots) / sizeof(slots[0])];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(hone_watch_map(fx.watch, fx.map_id, slots[i]), 0);
		before[i] = hone_watch_end(fx.watch, slots[i]);
	}
	assert_int_equal(fixture_update(fx.map, 1, 1), 0);
	for (size_t i = 0; i < n; i++) {
		assert_true(hone_watch_end(fx.watch, slots[i]) > before[i]);
		before[i] = hone_watch_begin(fx.watch, slots[i]);
		assert_int_equal(hone_watch_forget_slot(fx.watch, slots[i]), 0);
		/* no image that was left in place holds any more */
		assert_true(hone_watch_begin(fx.watch, slots[i]) > before[i]);
		before[i] = hone_watch_end(fx.watch, slots[i]);
	}
	assert_int_equal(fixture_update(fx.map, 1, 1), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(hone_watch_end(fx.watch, slots[i]), before[i]);
}

static void slots_out_of_range_are_refused(void **state)
{
	(void)state;
	assert_int_equal(hone_watch_map(fx.watch, fx.map_id, HONE_SLOT_N), -EINVAL);
	assert_int_equal(hone_watch_map(fx.watch, 0, 1), -EINVAL);
	assert_int_equal(hone_watch_forget_slot(fx.watch, HONE_SLOT_N), -EINVAL);
}

static void count_slot(void *arg, uint32_t slot)
{
	uint32_t *counts = arg;

	counts[slot]++;
}

static uint32_t n_told(void)
{
	uint32_t counts[HONE_SLOT_N] = {0};

	assert_true(hone_watch_consume(fx.watch, count_slot, counts) >= 0);
	return counts[FIXTURE_SLOT];
}

static void a_dirty_slot_is_told_once_until_consumed(void **state)
{
	struct pollfd ready = {.fd = hone_watch_fd(fx.watch), .events = POLLIN};

	(void)state;
	(void)n_told();
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(fixture_update(fx.map, 1, i), 0);
	assert_int_equal(poll(&ready, 1, 10000), 1);
	assert_int_equal(n_told(), 1);
	assert_int_equal(fixture_update(fx.map, 1, 1), 0);
	assert_int_equal(n_told(), 1);
}

static void an_end_is_told_where_the_begin_was_consumed(void **state)
{
	struct blocked blocked;

	(void)state;
	(void)n_told();
	fixture_block(&blocked, fx.map, BLOCKED_AT_KEY);
	assert_int_equal(n_told(), 1);
	assert_int_equal(fixture_unblock(&blocked, 55, NULL), 0);
	assert_int_equal(n_told(), 1);
}

static void raising_by_hand_moves_both(void **state)
{
	uint64_t before = hone_watch_begin(fx.watch, 20), epoch = 0;

	(void)state;
	hone_watch_raise(fx.watch, 20);
	assert_true(hone_watch_stable(fx.watch, 20, &epoch));
	assert_int_equal(epoch, before + 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_raise_what_they_write),
		cmocka_unit_test(freeze_raises),
		cmocka_unit_test(begin_rises_before_the_write_and_end_after),
		cmocka_unit_test(a_write_in_flight_is_not_stable),
		cmocka_unit_test(an_attr_nobody_could_read_raises_before_the_write),
		cmocka_unit_test(a_map_watched_during_a_write_rises_at_its_end),
		cmocka_unit_test(a_slot_forgotten_during_a_write_still_gets_its_end),
		cmocka_unit_test(one_map_raises_many_slots),
		cmocka_unit_test(slots_out_of_range_are_refused),
		cmocka_unit_test(a_dirty_slot_is_told_once_until_consumed),
		cmocka_unit_test(an_end_is_told_where_the_begin_was_consumed),
		cmocka_unit_test(raising_by_hand_moves_both),
	};

	return cmocka_run_group_tests_name("watch", tests, set_up, tear_down);
}
