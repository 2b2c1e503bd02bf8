// SPDX-License-Identifier: Apache-2.0
/* store: what an operator chose is known again from the map, from the file, and from the younger
 * of the two where they differ. */
#include <bpf/bpf.h>
#include <errno.h>
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
#include "runtime/daemon/choices.h"
#include "runtime/daemon/store.h"
#include "tests/tools/kernel_test.h"

static char state_dir[64], bpffs_dir[64], file[96], map[96];

static int make_dirs(void **state)
{
	(void)state;
	strcpy(state_dir, "/tmp/hone-test-store.XXXXXX");
	snprintf(bpffs_dir, sizeof(bpffs_dir), "/sys/fs/bpf/hone-test-store-%d", getpid());
	if (!mkdtemp(state_dir) || mkdir(bpffs_dir, 0700))
		return -1;
	snprintf(file, sizeof(file), "%s/operator.json", state_dir);
	snprintf(map, sizeof(map), "%s/choices", bpffs_dir);
	return 0;
}

static int remove_dirs(void **state)
{
	char images[96];

	(void)state;
	snprintf(images, sizeof(images), "%s/images", state_dir);
	unlink(file);
	unlink(map);
	rmdir(images);
	return rmdir(state_dir) | rmdir(bpffs_dir);
}

static struct hone_choice choice_of(uint32_t ifindex, unsigned int level)
{
	return (struct hone_choice){
		.target = {.ifindex = ifindex, .netns = 4026531840, .ifname = "v0", .prog_id = 7},
		.prog_id = 7,
		.slot = 3,
		.level = level,
		.is_paused = true,
		.generation = 5,
	};
}

static void put(uint32_t ifindex, unsigned int level)
{
	struct hone_choice choice = choice_of(ifindex, level);
	struct hone_store store;

	assert_int_equal(hone_store_open(state_dir, bpffs_dir, &store), 0);
	assert_int_equal(hone_store_put(&store, &choice), 0);
	hone_store_close(&store);
}

/* The level of a row; -1: there is none. */
static int level_of(uint32_t ifindex)
{
	const struct hone_choice asked = choice_of(ifindex, 0), *row;
	struct hone_store store;
	int level;

	assert_int_equal(hone_store_open(state_dir, bpffs_dir, &store), 0);
	row = hone_store_find(&store, &asked.target);
	level = row ? (int)row->level : -1;
	if (row) {
		assert_true(row->is_paused);
		assert_int_equal(row->slot, 3);
		assert_int_equal(row->generation, 5);
		assert_string_equal(row->target.ifname, "v0");
	}
	hone_store_close(&store);
	return level;
}

static void either_place_is_enough(void **state)
{
	(void)state;
	put(1, 2);
	put(2, 1);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(level_of(1), 2);
	put(1, 0); /* writes the file anew, with both rows */
	assert_int_equal(unlink(map), 0);
	assert_int_equal(level_of(1), 0);
	assert_int_equal(level_of(2), 1);
	put(3, 1); /* makes the map anew, with all rows */
	assert_int_equal(unlink(file), 0);
	assert_int_equal(level_of(1), 0);
	assert_int_equal(level_of(2), 1);
	assert_int_equal(level_of(3), 1);
}

static void younger_row_counts(void **state)
{
	char kept[128];

	(void)state;
	snprintf(kept, sizeof(kept), "%s.kept", file);
	put(1, 2);
	assert_int_equal(rename(file, kept), 0);
	put(1, 0);
	assert_int_equal(rename(kept, file), 0); /* an old file: the map's row is younger */
	assert_int_equal(level_of(1), 0);
}

static void file_that_cannot_be_written(void **state)
{
	(void)state;
	put(1, 2);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(mkdir(file, 0700), 0); /* root may write anything but this */
	{
		struct hone_choice choice = choice_of(1, 0);
		struct hone_store store = {.map_fd = hone_choices_find(bpffs_dir)};

		assert_true(store.map_fd >= 0);
		strcpy(store.dir, state_dir);
		strcpy(store.bpffs, bpffs_dir);
		assert_int_equal(hone_store_put(&store, &choice), 0);
		hone_store_close(&store);
	}
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(level_of(1), 0);
}

static void dropped_row_is_gone(void **state)
{
	const struct hone_choice dropped = choice_of(1, 0);
	struct hone_store store;

	(void)state;
	put(1, 2);
	put(2, 2);
	assert_int_equal(hone_store_open(state_dir, bpffs_dir, &store), 0);
	assert_int_equal(hone_store_drop(&store, &dropped.target), 0);
	hone_store_close(&store);
	assert_int_equal(level_of(1), -1);
	assert_int_equal(level_of(2), 2);
}

/* Two filters and the XDP program of one interface are three rows; each comes back as it was. */
static void points_of_an_interface_are_apart(void **state)
{
	struct hone_choice choice = choice_of(1, 1);
	struct hone_store store;
	const struct hone_choice *row;

	(void)state;
	put(1, 2);
	assert_int_equal(hone_store_open(state_dir, bpffs_dir, &store), 0);
	choice.target.hook = HONE_HOOK_TC_EGRESS;
	choice.target.kind = HONE_ATTACH_CLS_BPF;
	choice.target.priority = 49152;
	choice.target.handle = 1;
	assert_int_equal(hone_store_put(&store, &choice), 0);
	choice.target.handle = 2;
	choice.level = 3;
	assert_int_equal(hone_store_put(&store, &choice), 0);
	hone_store_close(&store);

	assert_int_equal(hone_store_open(state_dir, bpffs_dir, &store), 0);
	assert_int_equal(store.n_choices, 3);
	row = hone_store_find(&store, &choice.target);
	assert_non_null(row);
	assert_int_equal(row->level, 3);
	assert_string_equal(row->target.name, "tc:v0:egress:49152:2");
	hone_store_close(&store);
	assert_int_equal(level_of(1), 2);
}

static void rest_leaves_the_file(void **state)
{
	struct hone_store store;

	(void)state;
	put(1, 2);
	assert_int_equal(hone_store_open(state_dir, bpffs_dir, &store), 0);
	hone_store_rest(&store);
	hone_store_close(&store);
	assert_int_equal(access(map, F_OK), -1);
	assert_int_equal(level_of(1), 2);
}

static void what_cannot_be_read_is_left_out(void **state)
{
	char key[HONE_CHOICE_KEY] = "9-9", text[HONE_CHOICE_TEXT];
	_cleanup_close_ int fd = -1;

	(void)state;
	put(1, 2);
	fd = hone_choices_find(bpffs_dir);
	memset(text, '{', sizeof(text));
	assert_int_equal(bpf_map_update_elem(fd, key, text, BPF_ANY), 0);
	assert_int_equal(level_of(1), 2);
	assert_int_equal(level_of(9), -1);
}

static void something_else_is_pinned_there(void **state)
{
	_cleanup_close_ int other = bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", 4, 4, 1, NULL);

	(void)state;
	assert_int_equal(bpf_obj_pin(other, map), 0);
	assert_int_equal(hone_choices_find(bpffs_dir), -EUCLEAN);
	put(1, 2); /* the file is enough */
	assert_int_equal(level_of(1), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define STORE(name) cmocka_unit_test_setup_teardown(name, make_dirs, remove_dirs)
		STORE(either_place_is_enough),		 STORE(younger_row_counts),
		STORE(file_that_cannot_be_written),	 STORE(dropped_row_is_gone),
		STORE(points_of_an_interface_are_apart), STORE(rest_leaves_the_file),
		STORE(what_cannot_be_read_is_left_out),	 STORE(something_else_is_pinned_there),
	};

	kernel_test_needs_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
