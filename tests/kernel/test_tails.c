// SPDX-License-Identifier: Apache-2.0
/* tails: a unit that goes on in other programs: they are followed, copied, compared with all their
 * maps; what is too deep, turns in circles or was not captured is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "compiler/compiler.h"
#include "runtime/common/sys.h"
#include "runtime/deploy/check.h"
#include "runtime/deploy/gate.h"
#include "runtime/deploy/sandbox.h"
#include "runtime/live/chain.h"
#include "runtime/live/sharing.h"
#include "tests/tools/asm.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/specialize.h"

enum { ENTRY, FIRST, SECOND, THIRD, OTHER, N_PROGRAMS, MARK = 0x5a13, DEEP_MAX = 40 };

static const char *const names[] = {"entry", "first", "second", "third", "other"};
static const struct hone_check_opts few = {.n_packets = 20000, .batch = 1000, .seed = 3};

static struct bpf_object *object;
static struct object_unit programs[N_PROGRAMS];
static struct hone_result analyses[N_PROGRAMS];
static bool is_captured[N_PROGRAMS];
static struct hone_chain chain;
static struct hone_result image;

static int map_fd(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	assert_true(fd >= 0);
	return fd;
}

static void put(const char *map, uint32_t key, uint32_t program)
{
	assert_int_equal(
		bpf_map_update_elem(map_fd(map), &key, &programs[program].prog_fd, BPF_ANY), 0);
}

static void analyse(const struct hone_unit *unit, struct hone_result *out)
{
	const struct hone_request request = {.kind = HONE_REQUEST_ANALYSE, .unit = *unit};

	hone_compile(&request, out);
	assert_int_equal(out->refused, HONE_REWRITTEN);
}

static int find(void *arg, uint32_t prog_id, struct hone_chain_program *out)
{
	(void)arg;
	for (int i = 0; i < N_PROGRAMS; i++) {
		if (programs[i].unit.prog_id != prog_id || !is_captured[i])
			continue;
		*out = (struct hone_chain_program){&programs[i].unit, &analyses[i]};
		return 0;
	}
	return -ENOENT;
}

static void follow(void)
{
	hone_chain_free(&chain);
	assert_int_equal(
		hone_chain_new(&programs[ENTRY].unit, &programs[ENTRY].maps, find, NULL, &chain),
		0);
}

static void assert_refused(enum hone_reason reason, const char *detail)
{
	follow();
	assert_int_equal(chain.refused, reason);
	assert_non_null(strstr(chain.detail, detail));
}

/* ---- fixture: entry -> first -> second -> third ---- */

static int set_up(void **state)
{
	(void)state;
	object = bpf_object__open_file(TAILS_OBJECT, NULL);
	if (!object || bpf_object__load(object))
		return -1;
	for (int i = 0; i < N_PROGRAMS; i++) {
		if (object_unit_of(object, bpf_object__find_program_by_name(object, names[i]),
				   &programs[i]))
			return -1;
		analyse(&programs[i].unit, &analyses[i]);
		is_captured[i] = true;
	}
	put("steps", 0, FIRST);
	put("steps", 1, SECOND);
	put("more", 1, THIRD);
	for (uint32_t i = 0; i < 20; i++) {
		uint32_t address = 0x0100000a + (i << 24), one = 1;
		uint64_t none = 0;

		if (bpf_map_update_elem(map_fd("blocked"), &address, &one, BPF_ANY) ||
		    bpf_map_update_elem(map_fd("sources"), &address, &none, BPF_ANY))
			return -1;
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hone_chain_free(&chain);
	hone_result_free(&image);
	image = (struct hone_result){0};
	for (int i = 0; i < N_PROGRAMS; i++) {
		object_unit_close(&programs[i]);
		hone_result_free(&analyses[i]);
		analyses[i] = (struct hone_result){0};
	}
	bpf_object__close(object);
	return 0;
}

/* ---- who writes what ---- */

static bool is_ours(void *arg, uint32_t prog_id)
{
	(void)arg;
	(void)prog_id;
	return false;
}

static int ask(void *arg, uint32_t prog_id, uint32_t map_id, struct hone_effects *out)
{
	(void)arg;
	for (int p = 0; p < N_PROGRAMS; p++)
		for (uint32_t i = 0; i < programs[p].unit.n_maps; i++)
			if (programs[p].unit.prog_id == prog_id &&
			    programs[p].unit.maps[i].id == map_id) {
				*out = analyses[p].effects[i];
				return 0;
			}
	return -ENOENT;
}

static struct hone_map *map_of(struct hone_unit *unit, const char *name)
{
	for (uint32_t i = 0; i < unit->n_maps; i++)
		if (!strcmp(unit->maps[i].name, name))
			return &unit->maps[i];
	fail_msg("no map %s", name);
	return NULL;
}

static void specialize_entry(void)
{
	assert_int_equal(hone_sharing_walk(&programs[ENTRY].unit, is_ours, ask, NULL), 0);
	assert_int_equal(specialize(&programs[ENTRY], 2, &image), 0);
	if (image.refused != HONE_REWRITTEN)
		fail_msg("%s: %s", hone_reason_id(image.refused), image.detail);
}

static void a_map_that_a_target_writes_is_no_config(void **state)
{
	struct hone_unit *unit = &programs[ENTRY].unit;
	uint32_t limits = map_of(unit, "limits")->index, n_folded = 0;

	(void)state;
	assert_int_equal(hone_class_of(&unit->maps[limits], &analyses[ENTRY].effects[limits]),
			 HONE_CLASS_CONFIG);
	specialize_entry();
	assert_int_equal(unit->maps[limits].class, HONE_CLASS_KEYS_FIXED);
	assert_int_equal(map_of(unit, "blocked")->class, HONE_CLASS_CONFIG);
	for (uint32_t i = 0; i < image.n_sites; i++) {
		bool is_folded = image.sites[i].action[0] != '\0';

		n_folded += is_folded;
		assert_false(is_folded && image.sites[i].map == (int32_t)limits);
	}
	assert_int_equal(n_folded, 1); /* blocked */
}

/* ---- following ---- */

static void follows_each_program_once(void **state)
{
	(void)state;
	follow();
	assert_int_equal(chain.refused, HONE_REWRITTEN);
	assert_int_equal(chain.depth, 3);
	assert_int_equal(chain.n_targets, 3);
	assert_int_equal(chain.unit.n_maps, 8);
	for (uint32_t i = 0; i < programs[ENTRY].unit.n_maps; i++)
		assert_int_equal(chain.unit.maps[i].id, programs[ENTRY].unit.maps[i].id);
	map_of(&chain.unit, "more"); /* which entry does not hold */
	map_of(&chain.unit, "learned");
}

static void an_entry_that_nobody_calls_does_not_count(void **state)
{
	(void)state;
	is_captured[OTHER] = false;
	put("steps", 3, OTHER);
	put("more", 0, ENTRY);
	follow();
	assert_int_equal(chain.refused, HONE_REWRITTEN);
	assert_int_equal(chain.n_targets, 3);
}

static void refuses_a_cycle(void **state)
{
	(void)state;
	put("more", 1, FIRST);
	assert_refused(HONE_NO_TAIL_CYCLE, "program ");
	put("more", 1, ENTRY);
	assert_refused(HONE_NO_TAIL_CYCLE, "program ");
	put("more", 1, SECOND);
	assert_refused(HONE_NO_TAIL_CYCLE, "program second");
}

static void refuses_a_target_that_was_not_captured(void **state)
{
	(void)state;
	is_captured[THIRD] = false;
	assert_refused(HONE_NO_TAIL_TARGET, "program third, id ");
}

/* ---- depth ---- */

static struct object_unit deep[DEEP_MAX];
static struct hone_result deep_analyses[DEEP_MAX];
static uint32_t n_deep;

static int find_deep(void *arg, uint32_t prog_id, struct hone_chain_program *out)
{
	(void)arg;
	for (uint32_t i = 0; i < n_deep; i++)
		if (deep[i].unit.prog_id == prog_id) {
			*out = (struct hone_chain_program){&deep[i].unit, &deep_analyses[i]};
			return 0;
		}
	return -ENOENT;
}

/* Calls entry `key` of the array, or whichever the packet's interface says. */
static void load_step(int array_fd, uint32_t key, bool key_is_known, struct object_unit *out)
{
	const struct bpf_insn insns[] = {
		key_is_known ? (struct bpf_insn)ASM_MOV_IMM(BPF_REG_3, (int)key)
			     : (struct bpf_insn)ASM_LOAD(BPF_W, BPF_REG_3, BPF_REG_1,
							 offsetof(struct xdp_md, rx_queue_index)),
		ASM_MAP(BPF_REG_2, array_fd),
		ASM_CALL(BPF_FUNC_tail_call),
		ASM_MOV_IMM(BPF_REG_0, XDP_PASS),
		ASM_EXIT(),
	};
	struct bpf_prog_info info;
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "deep", "GPL", insns,
			       sizeof(insns) / sizeof(insns[0]), NULL);

	assert_true(fd >= 0);
	*out = (struct object_unit){.prog_fd = fd};
	assert_int_equal(hone_prog_info(fd, &info), 0);
	out->unit.prog_type = BPF_PROG_TYPE_XDP;
	out->unit.prog_id = info.id;
	strcpy(out->unit.name, "deep");
	strcpy(out->unit.license, "GPL");
	assert_int_equal(
		object_unit_describe(insns, sizeof(insns) / sizeof(insns[0]), &array_fd, 1, out),
		0);
}

static void assert_deep(uint32_t depth, enum hone_reason reason, bool key_is_known)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "deep", 4, 4, DEEP_MAX, NULL);

	assert_true(fd >= 0);
	n_deep = depth + 1;
	for (uint32_t i = 0; i < n_deep; i++) {
		load_step(fd, i, key_is_known || i > 0, &deep[i]);
		analyse(&deep[i].unit, &deep_analyses[i]);
		if (i > 0) {
			uint32_t key = i - 1;

			assert_int_equal(bpf_map_update_elem(fd, &key, &deep[i].prog_fd, BPF_ANY),
					 0);
		}
	}
	assert_int_equal(hone_chain_new(&deep[0].unit, &deep[0].maps, find_deep, NULL, &chain), 0);
	assert_int_equal(chain.refused, reason);
	assert_int_equal(chain.depth, depth);
	for (uint32_t i = 0; i < n_deep; i++) {
		close(deep[i].prog_fd);
		object_unit_close(&deep[i]);
		hone_result_free(&deep_analyses[i]);
		deep_analyses[i] = (struct hone_result){0};
	}
	close(fd);
}

static void refuses_what_is_too_deep(void **state)
{
	(void)state;
	assert_deep(HONE_CHAIN_DEPTH_MAX, HONE_REWRITTEN, true);
	hone_chain_free(&chain);
	assert_deep(HONE_CHAIN_DEPTH_MAX + 1, HONE_NO_TAIL_DEPTH, true);
	hone_chain_free(&chain);
	assert_deep(32, HONE_NO_TAIL_DEPTH, true);
	assert_non_null(strstr(chain.detail, "32 tail calls"));
}

/* One that can go anywhere: the longest way counts. */
static void an_unknown_index_leads_everywhere(void **state)
{
	(void)state;
	assert_deep(5, HONE_REWRITTEN, false);
	assert_int_equal(chain.n_targets, 5);
}

/* ---- the differential run ---- */

static struct hone_check_result checked(const struct hone_chain *with)
{
	struct hone_check_opts opts = few;
	struct hone_check_result result;

	opts.chain = with;
	assert_int_equal(hone_check_image(&programs[ENTRY].unit, &programs[ENTRY].maps,
					  &image.image, &opts, &result),
			 0);
	if (result.refused != HONE_REWRITTEN)
		print_message("%s: %s\n", hone_reason_id(result.refused), result.detail);
	return result;
}

static uint32_t sum_of(const char *map)
{
	uint64_t value;
	uint32_t sum = 0;

	for (uint32_t key = 0; key < 8; key++)
		if (!bpf_map_lookup_elem(map_fd(map), &key, &value))
			sum += (uint32_t)value;
	return sum;
}

static void image_equals_its_original_all_the_way(void **state)
{
	struct hone_check_result result;

	(void)state;
	specialize_entry();
	follow();
	result = checked(&chain);
	assert_int_equal(result.refused, HONE_REWRITTEN);
	assert_true(hone_check_count(&result, XDP_TX) > few.n_packets / 4); /* third's */
	assert_true(hone_check_count(&result, XDP_DROP) > 100);
	assert_int_equal(sum_of("marks"), 0); /* all of that on copies */
}

static struct bpf_insn *find_insn(int32_t imm)
{
	for (uint32_t i = 0; i < image.image.n_insns; i++)
		if (image.image.insns[i].imm == imm)
			return &image.image.insns[i];
	fail_msg("the image has no instruction with %d", imm);
	return NULL;
}

/* Metadata that the next program takes away. */
static void sees_what_only_a_targets_map_shows(void **state)
{
	struct hone_check_result result;

	(void)state;
	specialize_entry();
	follow();
	find_insn(MARK)->imm = MARK + 1;
	result = checked(&chain);
	assert_int_equal(result.refused, HONE_CHECK_MISMATCH);
	assert_non_null(strstr(result.detail, "map marks"));
}

static void sees_a_call_that_goes_elsewhere(void **state)
{
	struct hone_image *code = &image.image;

	(void)state;
	specialize_entry();
	follow();
	for (uint32_t i = code->n_insns; i-- > 0;) { /* the guard's is the other one */
		if (code->insns[i].code != (BPF_JMP | BPF_CALL) ||
		    code->insns[i].imm != BPF_FUNC_tail_call)
			continue;
		code->insns[i] = (struct bpf_insn)ASM_MOV_IMM(BPF_REG_0, 0);
		if (checked(&chain).refused == HONE_CHECK_MISMATCH)
			return;
		code->insns[i] = (struct bpf_insn)ASM_CALL(BPF_FUNC_tail_call);
	}
	fail_msg("no call was missed");
}

static void refuses_programs_that_it_was_not_told_of(void **state)
{
	struct hone_check_result result;

	(void)state;
	specialize_entry();
	result = checked(NULL);
	assert_int_equal(result.refused, HONE_CHECK_NOT_CLONED);
	assert_non_null(strstr(result.detail, "map steps"));
}

static void measures_the_whole_chain(void **state)
{
	struct hone_gate_opts opts = {.pairs = 5, .packets = 512, .seed = 1};
	struct hone_gate_result result;

	(void)state;
	specialize_entry();
	follow();
	opts.chain = &chain;
	assert_int_equal(hone_gate_run(&programs[ENTRY].unit, &programs[ENTRY].maps, &image.image,
				       &opts, &result),
			 0);
	assert_int_equal(result.pairs, 5);
	assert_int_equal(sum_of("marks"), 0);
}

/* ---- on the owner's own maps ---- */

static uint32_t verdict_of(int prog_fd)
{
	uint8_t packet[64] = {[12] = 8, [26] = 9};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(prog_fd, &opts), 0);
	return opts.retval;
}

/* The image goes through the owner's arrays: what he puts there, the next packet meets. */
static void next_packet_follows_the_owner(void **state)
{
	struct hone_sandbox sandbox;
	char log[HONE_DETAIL_LEN] = "";
	uint32_t zero = 0, one = 1;

	(void)state;
	specialize_entry();
	assert_int_equal(hone_sandbox_open(&programs[ENTRY].unit, &programs[ENTRY].maps,
					   &image.image, &sandbox, log),
			 0);
	assert_true(sandbox.image.fd >= 0);
	assert_int_equal(verdict_of(sandbox.image.fd), XDP_TX);
	put("steps", 1, OTHER);
	assert_int_equal(verdict_of(sandbox.image.fd), XDP_REDIRECT);
	put("steps", 0, OTHER);
	assert_int_equal(verdict_of(sandbox.image.fd), XDP_REDIRECT);
	assert_int_equal(bpf_map_delete_elem(map_fd("steps"), &zero), 0);
	assert_int_equal(verdict_of(sandbox.image.fd), XDP_PASS); /* entry's own end */
	put("steps", 0, FIRST);
	assert_int_equal(bpf_map_delete_elem(map_fd("steps"), &one), 0);
	assert_int_equal(verdict_of(sandbox.image.fd), XDP_PASS); /* first's */
	assert_int_equal(verdict_of(sandbox.original.fd), XDP_PASS);
	hone_sandbox_close(&sandbox);
}

#define TAILS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TAILS_TEST(follows_each_program_once),
		TAILS_TEST(an_entry_that_nobody_calls_does_not_count),
		TAILS_TEST(refuses_a_cycle),
		TAILS_TEST(refuses_a_target_that_was_not_captured),
		TAILS_TEST(refuses_what_is_too_deep),
		TAILS_TEST(an_unknown_index_leads_everywhere),
		TAILS_TEST(a_map_that_a_target_writes_is_no_config),
		TAILS_TEST(image_equals_its_original_all_the_way),
		TAILS_TEST(sees_what_only_a_targets_map_shows),
		TAILS_TEST(sees_a_call_that_goes_elsewhere),
		TAILS_TEST(refuses_programs_that_it_was_not_told_of),
		TAILS_TEST(measures_the_whole_chain),
		TAILS_TEST(next_packet_follows_the_owner),
	};

	kernel_test_needs_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
