// SPDX-License-Identifier: Apache-2.0
/* sharing: who else holds a unit's maps, and who reaches them without holding them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "runtime/common/sys.h"
#include "runtime/live/sharing.h"
#include "tests/tools/asm.h"
#include "tests/tools/kernel_test.h"

enum { FIRST, SECOND, N_MAPS };

/* A unit of one program that holds both maps, and what a test adds to it. */
struct fixture {
	struct hone_unit unit;
	struct hone_map maps[N_MAPS];
	int map_fds[N_MAPS];
	int unit_prog;

	uint32_t ours; /* program to skip; 0: none */
	int answer;    /* of ask() */
	struct hone_effects effects;
	uint32_t n_asked, asked_prog, asked_map;
};

static uint32_t id_of_prog(int fd)
{
	struct bpf_prog_info info;

	assert_int_equal(hone_prog_info(fd, &info), 0);
	return info.id;
}

static int load_holder(int a, int b)
{
	const struct bpf_insn insns[] = {ASM_MAP(BPF_REG_1, a), ASM_MAP(BPF_REG_1, b),
					 ASM_MOV_IMM(BPF_REG_0, 2), ASM_EXIT()};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "sharing", "GPL", insns,
			       sizeof(insns) / sizeof(insns[0]), NULL);

	assert_true(fd >= 0);
	return fd;
}

static int set_up(void **state)
{
	static struct fixture fixture;

	kernel_test_needs_root();
	memset(&fixture, 0, sizeof(fixture));
	for (int i = 0; i < N_MAPS; i++) {
		struct bpf_map_info info;

		fixture.map_fds[i] = bpf_map_create(BPF_MAP_TYPE_HASH, "shared", 4, 8, 8, NULL);
		assert_int_equal(hone_map_info(fixture.map_fds[i], &info), 0);
		fixture.maps[i].id = info.id;
		fixture.maps[i].others.is_unknown = true; /* the walk replaces it */
	}
	fixture.unit_prog = load_holder(fixture.map_fds[FIRST], fixture.map_fds[SECOND]);
	fixture.unit.prog_id = id_of_prog(fixture.unit_prog);
	fixture.unit.n_maps = N_MAPS;
	fixture.unit.maps = fixture.maps;
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	close(fx->unit_prog);
	for (int i = 0; i < N_MAPS; i++)
		close(fx->map_fds[i]);
	return 0;
}

static bool is_ours(void *arg, uint32_t prog_id)
{
	const struct fixture *fx = arg;

	return prog_id == fx->ours;
}

static int ask(void *arg, uint32_t prog_id, uint32_t map_id, struct hone_effects *out)
{
	struct fixture *fx = arg;

	fx->n_asked++;
	fx->asked_prog = prog_id;
	fx->asked_map = map_id;
	if (!fx->answer)
		*out = fx->effects;
	return fx->answer;
}

static void walk(struct fixture *fx)
{
	assert_int_equal(hone_sharing_walk(&fx->unit, is_ours, ask, fx), 0);
}

static void assert_untouched(const struct hone_effects *effects)
{
	static const struct hone_effects none;

	assert_memory_equal(effects, &none, sizeof(none));
}

static void a_unit_alone_has_no_sharers(void **state)
{
	struct fixture *fx = *state;

	walk(fx);
	assert_int_equal(fx->n_asked, 0);
	assert_untouched(&fx->maps[FIRST].others);
	assert_untouched(&fx->maps[SECOND].others);
}

static void a_sharer_is_asked_about_its_maps(void **state)
{
	struct fixture *fx = *state;
	int prog = load_holder(fx->map_fds[SECOND], fx->map_fds[SECOND]);

	fx->effects.writes_keys = true;
	fx->effects.changed[3] = 0x40;
	walk(fx);
	assert_int_equal(fx->n_asked, 1);
	assert_int_equal(fx->asked_prog, id_of_prog(prog));
	assert_int_equal(fx->asked_map, fx->maps[SECOND].id);
	assert_untouched(&fx->maps[FIRST].others);
	assert_memory_equal(&fx->maps[SECOND].others, &fx->effects, sizeof(fx->effects));
	close(prog);
}

static void a_sharer_nobody_knows_is_unknown(void **state)
{
	struct fixture *fx = *state;
	int prog = load_holder(fx->map_fds[FIRST], fx->map_fds[FIRST]);

	fx->answer = -ENOENT;
	walk(fx);
	assert_true(fx->maps[FIRST].others.is_unknown);
	assert_untouched(&fx->maps[SECOND].others);
	close(prog);
}

static void sharers_add_up(void **state)
{
	struct fixture *fx = *state;
	int a = load_holder(fx->map_fds[FIRST], fx->map_fds[FIRST]);
	int b = load_holder(fx->map_fds[FIRST], fx->map_fds[SECOND]);

	fx->effects.changed[0] = 1;
	walk(fx);
	assert_int_equal(fx->n_asked, 3);
	assert_int_equal(fx->maps[FIRST].others.changed[0], 1);
	assert_int_equal(fx->maps[SECOND].others.changed[0], 1);
	close(a);
	close(b);
}

static void our_own_programs_are_skipped(void **state)
{
	struct fixture *fx = *state;
	int prog = load_holder(fx->map_fds[FIRST], fx->map_fds[SECOND]);

	fx->ours = id_of_prog(prog);
	fx->answer = -ENOENT;
	walk(fx);
	assert_int_equal(fx->n_asked, 0);
	assert_untouched(&fx->maps[FIRST].others);
	close(prog);
}

/* ---- reaching a map without holding it ---- */

static int new_outer(int type, int inner)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .inner_map_fd = (uint32_t)inner);
	int fd = bpf_map_create((enum bpf_map_type)type, "outer", 4, 4, 4, &opts);
	uint32_t key = 2;

	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &key, &inner, BPF_ANY), 0);
	return fd;
}

static void check_outer(struct fixture *fx, int type)
{
	int outer = new_outer(type, fx->map_fds[SECOND]);
	int prog;

	walk(fx);
	assert_untouched(&fx->maps[SECOND].others); /* nobody holds the outer map */
	prog = load_holder(outer, outer);
	walk(fx);
	assert_int_equal(fx->n_asked, 0);
	assert_untouched(&fx->maps[FIRST].others);
	assert_true(fx->maps[SECOND].others.is_unknown);
	close(prog);
	close(outer);
}

static void an_outer_map_makes_its_holder_a_writer(void **state)
{
	check_outer(*state, BPF_MAP_TYPE_ARRAY_OF_MAPS);
}

static void an_outer_hash_makes_its_holder_a_writer(void **state)
{
	check_outer(*state, BPF_MAP_TYPE_HASH_OF_MAPS);
}

static void an_iterator_over_a_map_is_a_writer(void **state)
{
	struct fixture *fx = *state;
	static const struct bpf_insn nothing[] = {ASM_MOV_IMM(BPF_REG_0, 0), ASM_EXIT()};
	union bpf_iter_link_info info = {.map.map_fd = (uint32_t)fx->map_fds[FIRST]};
	LIBBPF_OPTS(bpf_prog_load_opts, load_opts, .expected_attach_type = BPF_TRACE_ITER);
	LIBBPF_OPTS(bpf_link_create_opts, link_opts, .iter_info = &info,
		    .iter_info_len = sizeof(info));
	int prog, link;

	load_opts.attach_btf_id =
		(uint32_t)libbpf_find_vmlinux_btf_id("bpf_map_elem", BPF_TRACE_ITER);
	prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, "sharing_iter", "GPL", nothing, 2, &load_opts);
	link = bpf_link_create(prog, 0, BPF_TRACE_ITER, &link_opts);
	assert_true(link >= 0);
	walk(fx);
	assert_true(fx->maps[FIRST].others.is_unknown);
	assert_untouched(&fx->maps[SECOND].others);
	close(link);
	close(prog);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_unit_alone_has_no_sharers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_sharer_is_asked_about_its_maps, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_sharer_nobody_knows_is_unknown, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(sharers_add_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(our_own_programs_are_skipped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_outer_map_makes_its_holder_a_writer, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_outer_hash_makes_its_holder_a_writer, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_iterator_over_a_map_is_a_writer, set_up,
						tear_down),
	};

	return cmocka_run_group_tests_name("sharing", tests, NULL, NULL);
}
