// SPDX-License-Identifier: Apache-2.0
/* capture: what the usual loaders load, unmodified, in namespaces of our own (network, and mounts
 * for a bpffs of our own): each program comes out, and a copy made of it is the same. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/bpf/capture_abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/sys.h"
#include "tests/kernel/captures.h"
#include "tests/tools/asm.h"

#define OBJECTS "/usr/lib/x86_64-linux-gnu/bpf/"
#define FILTER OBJECTS "xdpfilt_dny_all.o"
#define PIN "/sys/fs/bpf/program"

static struct captures *captures;
static uint64_t netns;

static int set_up(void **state)
{
	struct stat st;

	(void)state;
	captures = captures_start();
	if (access(FILTER, R_OK)) {
		printf("skip: needs xdp-tools (%s)\n", FILTER);
		exit(77);
	}
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) || mount("", "/", "", MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL) ||
	    system("ip link add v0 type veth peer name v1") || stat("/proc/self/ns/net", &st))
		return -1;
	netns = st.st_ino;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	captures_stop(captures);
	return 0; /* the namespaces end with this process */
}

static void run(const char *command)
{
	fflush(stdout);
	if (system(command) != 0)
		fail_msg("%s: failed", command);
}

static uint32_t attached_program(void)
{
	uint32_t id = 0;

	assert_int_equal(bpf_xdp_query_id((int)if_nametoindex("v0"), 0, &id), 0);
	assert_int_not_equal(id, 0);
	return id;
}

static uint32_t pinned_program(void)
{
	_cleanup_close_ int fd = bpf_obj_get(PIN);
	struct bpf_prog_info info;

	assert_int_equal(hone_prog_info(fd, &info), 0);
	return info.id;
}

static const struct hone_unit *expect_captured(uint32_t prog_id)
{
	const struct hone_captured *captured = captures_of_program(captures, prog_id);
	char detail[HONE_DETAIL_LEN];

	assert_non_null(captured);
	assert_string_equal(captured->detail, "");
	assert_int_equal(captured->refused, HONE_REWRITTEN);
	assert_int_equal(captured->netns, netns);
	assert_int_equal(hone_unit_verify(&captured->unit, detail), 0);
	return &captured->unit;
}

/* The maps of xdpfilt_dny_all.o in the order in which its code uses them. */
static void expect_filter(const struct hone_unit *unit)
{
	assert_string_equal(unit->name, "xdpfilt_dny_all");
	assert_string_equal(unit->license, "GPL");
	assert_int_equal(unit->prog_type, BPF_PROG_TYPE_XDP);
	assert_int_equal(unit->n_maps, 5);
	for (uint32_t i = 0; i < unit->n_maps; i++)
		assert_int_equal(unit->maps[i].index, i);
	assert_int_not_equal(unit->btf_id, 0);
	assert_true(unit->n_func_info > 0);
	assert_true(unit->n_line_info > 0);
}

static void libbpf_pinned_by_bpftool(void **state)
{
	(void)state;
	run("bpftool prog load " FILTER " " PIN);
	expect_filter(expect_captured(pinned_program()));
	unlink(PIN);
}

static void iproute2(void **state)
{
	(void)state;
	run("ip link set dev v0 xdp obj " FILTER " sec xdp");
	expect_filter(expect_captured(attached_program()));
	run("ip link set dev v0 xdp off");
}

static void xdp_loader(void **state)
{
	(void)state;
	run("xdp-loader load -m skb v0 " FILTER);
	expect_captured(attached_program());
	run("xdp-loader unload -a v0");
}

static void xdp_filter(void **state)
{
	(void)state;
	run("xdp-filter load -m skb v0");
	expect_captured(attached_program());
	run("xdp-filter unload v0");
}

/* A program in several functions, with the types of each. */
static int load_dispatcher(void *arg)
{
	struct bpf_object *object = bpf_object__open_file(OBJECTS "xdp-dispatcher.o", NULL);
	struct bpf_program *program;
	struct bpf_prog_info info;

	(void)arg;
	if (!object || bpf_object__load(object))
		return -1;
	program = bpf_object__find_program_by_name(object, "xdp_dispatcher");
	return program && !hone_prog_info(bpf_program__fd(program), &info) ? (int)info.id : -1;
}

static void functions_with_types(void **state)
{
	const struct hone_unit *unit;
	struct loader loader;

	(void)state;
	loader_start(&loader, load_dispatcher, NULL);
	assert_true(loader.result > 0);
	unit = expect_captured((uint32_t)loader.result);
	assert_true(unit->n_func_info > 1);
	loader_stop(&loader);
}

/* ---- by the system call itself ---- */

static int new_btf(void)
{
	struct btf *btf = btf__new_empty();
	const void *data;
	__u32 size;
	int fd;

	if (!btf || btf__add_int(btf, "int", 4, BTF_INT_SIGNED) < 0)
		return -1;
	data = btf__raw_data(btf, &size);
	fd = data ? bpf_btf_load(data, size, NULL) : -1;
	btf__free(btf);
	return fd;
}

/* The only fd of the map is one that was opened by its id. */
static int map_by_id(void)
{
	int made = bpf_map_create(BPF_MAP_TYPE_HASH, "by_id", 4, 8, 33, NULL);
	struct bpf_map_info info;
	int fd;

	if (hone_map_info(made, &info))
		return -1;
	fd = bpf_map_get_fd_by_id(info.id);
	close(made);
	return fd;
}

/* arg: by_array: the map is named by its place in fd_array. */
static int load_by_hand(void *arg)
{
	bool by_array = *(const bool *)arg;
	const int fds[] = {-1, map_by_id()};
	const struct bpf_insn insns[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW,
		 .dst_reg = BPF_REG_1,
		 .src_reg = by_array ? BPF_PSEUDO_MAP_IDX : BPF_PSEUDO_MAP_FD,
		 .imm = by_array ? 1 : fds[1]},
		{0},
		ASM_MOV_IMM(BPF_REG_0, 2),
		ASM_EXIT(),
	};
	const struct hone_load_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insn_cnt = sizeof(insns) / sizeof(insns[0]),
		.insns = (uintptr_t)insns,
		.license = (uintptr_t)"GPL",
		.prog_btf_fd = (uint32_t)new_btf(),
		.func_info_rec_size = sizeof(struct bpf_func_info),
		.fd_array = by_array ? (uintptr_t)fds : 0,
	};

	return raw_load(&attr, sizeof(attr));
}

static void map_by_id_and_types_of_no_function(void **state)
{
	bool by_array = false;
	const struct hone_unit *unit;
	struct loader loader;

	(void)state;
	loader_start(&loader, load_by_hand, &by_array);
	assert_true(loader.result > 0);
	unit = expect_captured((uint32_t)loader.result);
	assert_int_equal(unit->n_maps, 1);
	assert_string_equal(unit->maps[0].name, "by_id");
	assert_int_equal(unit->n_func_info, 0);
	loader_stop(&loader);
}

/* The kernel's tag covers the places, which nothing keeps: a copy could not be compared. */
static void maps_named_by_place_are_refused(void **state)
{
	const struct hone_captured *captured;
	bool by_array = true;
	struct loader loader;

	(void)state;
	loader_start(&loader, load_by_hand, &by_array);
	assert_true(loader.result > 0);
	captured = captures_of_program(captures, (uint32_t)loader.result);
	assert_non_null(captured);
	assert_int_equal(captured->refused, HONE_NO_CAPTURE_FORM);
	assert_non_null(strstr(captured->detail, "fd_array"));
	loader_stop(&loader);
}

/* Each program which xdp-tools bring. */
static void all_filters(void **state)
{
	static const char *const variants[] = {"alw_all", "alw_eth", "alw_ip",	"alw_tcp",
					       "alw_udp", "dny_all", "dny_eth", "dny_ip",
					       "dny_tcp", "dny_udp"};

	(void)state;
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		char command[256];

		snprintf(command, sizeof(command), "bpftool prog load %sxdpfilt_%s.o %s", OBJECTS,
			 variants[i], PIN);
		run(command);
		expect_captured(pinned_program());
		unlink(PIN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libbpf_pinned_by_bpftool),
		cmocka_unit_test(iproute2),
		cmocka_unit_test(xdp_loader),
		cmocka_unit_test(xdp_filter),
		cmocka_unit_test(functions_with_types),
		cmocka_unit_test(map_by_id_and_types_of_no_function),
		cmocka_unit_test(maps_named_by_place_are_refused),
		cmocka_unit_test(all_filters),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
