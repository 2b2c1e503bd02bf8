// SPDX-License-Identifier: Apache-2.0
/* units: kept units of real programs; what is no longer true is not handed out. */
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
#include "runtime/common/file.h"
#include "runtime/common/sys.h"
#include "runtime/live/maps.h"
#include "runtime/live/units.h"
#include "tests/tools/asm.h"
#include "tests/tools/kernel_test.h"

enum { N_INSNS = 5 };

/* A running program with one map, its unit, and a directory to keep it in. */
static struct {
	int map_fd, prog_fd;
	struct bpf_insn insns[N_INSNS];
	struct hone_map map;
	struct hone_unit unit;
	char dir[64], file[128];
} t;

static int make_program(void **state)
{
	struct bpf_prog_info info;

	(void)state;
	memset(&t, 0, sizeof(t));
	t.map_fd = bpf_map_create(BPF_MAP_TYPE_HASH, "kept", 4, 8, 16, NULL);
	memcpy(t.insns,
	       (const struct bpf_insn[N_INSNS]){ASM_MAP(BPF_REG_1, t.map_fd),
						ASM_MOV_IMM(BPF_REG_0, 2), ASM_EXIT()},
	       sizeof(t.insns));
	t.prog_fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "kept", "GPL", t.insns, 4, NULL);
	if (hone_prog_info(t.prog_fd, &info) || hone_map_describe(t.map_fd, &t.map))
		return -1;
	t.insns[0].imm = 0; /* the map's index */
	t.unit = (struct hone_unit){
		.name = "kept",
		.license = "GPL",
		.prog_type = BPF_PROG_TYPE_XDP,
		.prog_id = info.id,
		.n_insns = 4,
		.insns = t.insns,
		.n_maps = 1,
		.maps = &t.map,
	};
	memcpy(t.unit.tag, info.tag, sizeof(info.tag));
	strcpy(t.dir, "/tmp/hone-units-XXXXXX");
	if (!mkdtemp(t.dir))
		return -1;
	strcat(t.dir, "/deep");
	snprintf(t.file, sizeof(t.file), "%s/%u-", t.dir, t.unit.prog_id);
	for (int i = 0; i < BPF_TAG_SIZE; i++)
		sprintf(t.file + strlen(t.file), "%02x", info.tag[i]);
	strcat(t.file, ".json");
	return 0;
}

static void close_program(void)
{
	struct bpf_prog_info info;

	close(t.prog_fd);
	t.prog_fd = -1;
	while (hone_prog_info_by_id(t.unit.prog_id, &info) == 0)
		usleep(1000); /* the kernel lets go after a grace period */
}

static int drop_program(void **state)
{
	(void)state;
	close(t.prog_fd);
	close(t.map_fd);
	unlink(t.file);
	rmdir(t.dir);
	*strrchr(t.dir, '/') = '\0';
	rmdir(t.dir);
	return access(t.dir, F_OK) == 0 ? -1 : 0; /* something was left in it */
}

static void expect_load(int expected)
{
	struct hone_unit unit = {0};
	int err = hone_units_load(t.dir, t.unit.prog_id, &unit);

	assert_int_equal(err, expected);
	if (err) {
		assert_null(unit.insns);
		return;
	}
	assert_string_equal(unit.name, "kept");
	assert_int_equal(unit.prog_id, t.unit.prog_id);
	assert_int_equal(unit.n_insns, 4);
	assert_memory_equal(unit.insns, t.insns, 4 * sizeof(t.insns[0]));
	assert_int_equal(unit.n_maps, 1);
	assert_int_equal(unit.maps[0].id, t.map.id);
	assert_int_equal(unit.maps[0].max_entries, 16);
	hone_unit_free(&unit);
}

static void a_kept_unit_comes_back(void **state)
{
	struct stat st;

	(void)state;
	expect_load(-ENOENT);
	assert_int_equal(hone_units_save(t.dir, &t.unit), 0);
	assert_int_equal(stat(t.file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	expect_load(0);
	assert_int_equal(hone_units_save(t.dir, &t.unit), 0);
	expect_load(0);
}

static void a_forgotten_unit_does_not(void **state)
{
	(void)state;
	assert_int_equal(hone_units_forget(t.dir, t.unit.prog_id), 0);
	assert_int_equal(hone_units_save(t.dir, &t.unit), 0);
	assert_int_equal(hone_units_forget(t.dir, t.unit.prog_id + 1), 0);
	expect_load(0);
	assert_int_equal(hone_units_forget(t.dir, t.unit.prog_id), 0);
	expect_load(-ENOENT);
}

static void prune_drops_what_is_gone_and_only_that(void **state)
{
	(void)state;
	assert_int_equal(hone_units_prune("/nonexistent/units"), 0);
	assert_int_equal(hone_units_save(t.dir, &t.unit), 0);
	assert_int_equal(hone_units_prune(t.dir), 0);
	expect_load(0);
	close_program();
	expect_load(-ENOENT);
	assert_int_equal(hone_units_prune(t.dir), 1);
	assert_int_equal(access(t.file, F_OK), -1);
}

static void replace_in_file(const char *from, const char *to)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	char *at;

	assert_int_equal(strlen(from), strlen(to));
	assert_int_equal(hone_file_read(t.file, 1 << 20, &text, &size), 0);
	at = strstr(text, from);
	assert_non_null(at);
	memcpy(at, to, strlen(to));
	assert_int_equal(hone_file_replace(t.file, text, size, 0600), 0);
}

static void a_unit_of_another_boot_is_stale(void **state)
{
	char boot[HONE_BOOT_ID_LEN];

	(void)state;
	assert_int_equal(hone_boot_id(boot), 0);
	assert_int_equal(hone_units_save(t.dir, &t.unit), 0);
	replace_in_file(boot, "00000000-0000-0000-0000-000000000000");
	expect_load(-ESTALE);
}

static void a_unit_with_a_foreign_map_is_stale(void **state)
{
	uint32_t id = t.map.id;

	(void)state;
	t.map.id = id + 1;
	assert_int_equal(hone_units_save(t.dir, &t.unit), 0);
	expect_load(-ESTALE);
	t.map.id = id;
}

static void a_damaged_file_is_refused(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "{\"boot\":1}", "null"};

	(void)state;
	assert_int_equal(hone_units_save(t.dir, &t.unit), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		hone_file_replace(t.file, texts[i], strlen(texts[i]), 0600);
		expect_load(-EINVAL);
	}
	assert_int_equal(hone_units_save(t.dir, &t.unit), 0);
	replace_in_file("\"insns\"", "\"insnz\"");
	expect_load(-EINVAL);
}

static void a_directory_that_cannot_be_made_is_told(void **state)
{
	(void)state;
	assert_int_equal(hone_units_save("/proc/hone", &t.unit), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kept_unit_comes_back),
		cmocka_unit_test(a_forgotten_unit_does_not),
		cmocka_unit_test(prune_drops_what_is_gone_and_only_that),
		cmocka_unit_test(a_unit_of_another_boot_is_stale),
		cmocka_unit_test(a_unit_with_a_foreign_map_is_stale),
		cmocka_unit_test(a_damaged_file_is_refused),
		cmocka_unit_test(a_directory_that_cannot_be_made_is_told),
	};
	struct CMUnitTest each[sizeof(tests) / sizeof(tests[0])];

	kernel_test_needs_root();
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		each[i] = tests[i];
		each[i].setup_func = make_program;
		each[i].teardown_func = drop_program;
	}
	return cmocka_run_group_tests(each, NULL, NULL);
}
