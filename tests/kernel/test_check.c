// SPDX-License-Identifier: Apache-2.0
/* check: equal programs pass, a program that is wrong in one place does not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "runtime/bpf/abi.h"
#include "runtime/deploy/check.h"
#include "runtime/deploy/packets.h"
#include "tests/tools/asm.h"
#include "tests/tools/identity_image.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/object_unit.h"

enum { N_PACKETS = 6000, BATCH = 500, PORTS = 4096 };

static const struct hone_check_opts few = {.n_packets = N_PACKETS, .batch = BATCH, .seed = 1};

/* A small program with everything that can go wrong:
 * counts by the packet's last source MAC byte, drops what is in the set `blocked` (IPv4
 * destinations), writes a byte into the packet. */
enum { COUNTS, BLOCKED };
static const struct bpf_insn small[] = {
	ASM_LOAD(BPF_W, BPF_REG_2, BPF_REG_1, 4),
	ASM_LOAD(BPF_W, BPF_REG_7, BPF_REG_1, 0),
	ASM_MOV_REG(BPF_REG_3, BPF_REG_7),
	ASM_ALU_IMM(BPF_ADD, BPF_REG_3, 34),
	ASM_MOV_IMM(BPF_REG_0, XDP_ABORTED),
	ASM_JMP_REG(BPF_JGT, BPF_REG_3, BPF_REG_2, 24), /* 5 */
	ASM_LOAD(BPF_B, BPF_REG_3, BPF_REG_7, 11),
	ASM_STORE(BPF_W, BPF_REG_10, BPF_REG_3, -4),
	ASM_MOV_REG(BPF_REG_2, BPF_REG_10),
	ASM_ALU_IMM(BPF_ADD, BPF_REG_2, -4),
	ASM_MAP(BPF_REG_1, COUNTS), /* 10 */
	ASM_CALL(BPF_FUNC_map_lookup_elem),
	ASM_JMP_IMM(BPF_JEQ, BPF_REG_0, 0, 3),
	ASM_LOAD(BPF_DW, BPF_REG_1, BPF_REG_0, 0),
	ASM_ALU_IMM(BPF_ADD, BPF_REG_1, 1), /* 15 */
	ASM_STORE(BPF_DW, BPF_REG_0, BPF_REG_1, 0),
	ASM_LOAD(BPF_W, BPF_REG_3, BPF_REG_7, 30),
	ASM_STORE(BPF_W, BPF_REG_10, BPF_REG_3, -4),
	ASM_MOV_REG(BPF_REG_2, BPF_REG_10),
	ASM_ALU_IMM(BPF_ADD, BPF_REG_2, -4),
	ASM_MAP(BPF_REG_1, BLOCKED), /* 21 */
	ASM_CALL(BPF_FUNC_map_lookup_elem),
	ASM_MOV_REG(BPF_REG_1, BPF_REG_0),
	ASM_STORE_IMM(BPF_B, BPF_REG_7, 13, 0x42), /* 25 */
	ASM_MOV_IMM(BPF_REG_0, XDP_DROP),
	ASM_JMP_IMM(BPF_JNE, BPF_REG_1, 0, 2),
	ASM_MOV_IMM(BPF_REG_0, XDP_PASS), /* 28 */
	ASM_JMP_IMM(BPF_JA, 0, 0, 0),
	ASM_EXIT(),
};
enum { COUNT_INSN = 15, BYTE_INSN = 25, VERDICT_INSN = 28, BRANCH_INSN = 27 };

static struct object_unit subject;
static struct hone_image image;

static int map_of(enum bpf_map_type type, __u32 value_size, __u32 n_entries)
{
	int fd = bpf_map_create(type, type == BPF_MAP_TYPE_HASH ? "blocked" : "counts", 4,
				value_size, n_entries, NULL);

	assert_true(fd >= 0);
	return fd;
}

static int set_up(void **state)
{
	const int fds[] = {map_of(BPF_MAP_TYPE_PERCPU_ARRAY, 8, PORTS),
			   map_of(BPF_MAP_TYPE_HASH, 4, 1000)};

	(void)state;
	subject = (struct object_unit){.prog_fd = -1};
	for (__u32 i = 0; i < 100; i++) {
		__u32 address = 0x0100000a + (i << 24);

		assert_int_equal(bpf_map_update_elem(fds[BLOCKED], &address, &i, BPF_ANY), 0);
	}
	struct bpf_insn insns[sizeof(small) / sizeof(small[0])];

	memcpy(insns, small, sizeof(small));
	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD &&
		    insns[i].code == (BPF_LD | BPF_IMM | BPF_DW))
			insns[i].imm = fds[insns[i].imm];
	subject.unit.prog_type = BPF_PROG_TYPE_XDP;
	subject.unit.expected_attach_type = BPF_XDP;
	strcpy(subject.unit.name, "small");
	strcpy(subject.unit.license, "GPL");
	assert_int_equal(
		object_unit_describe(insns, sizeof(small) / sizeof(small[0]), fds, 2, &subject), 0);
	close(fds[0]);
	close(fds[1]);
	return identity_image_new(&subject.unit, &image);
}

static int tear_down(void **state)
{
	(void)state;
	identity_image_free(&image);
	object_unit_close(&subject);
	return 0;
}

static struct hone_check_result check(const struct hone_check_opts *opts)
{
	struct hone_check_result result;

	assert_int_equal(hone_check_image(&subject.unit, &subject.maps, &image, opts, &result), 0);
	return result;
}

static struct bpf_insn *body(uint32_t insn)
{
	return &image.insns[identity_body + insn];
}

static void assert_mismatch(const char *where)
{
	struct hone_check_result result = check(&few);

	assert_int_equal(result.refused, HONE_CHECK_MISMATCH);
	assert_non_null(strstr(result.detail, where));
}

static void equal_program_passes(void **state)
{
	struct hone_check_result result = check(&few);

	(void)state;
	assert_string_equal(result.detail, "");
	assert_int_equal(result.refused, HONE_REWRITTEN);
	assert_int_equal(result.n_packets, N_PACKETS);
	assert_true(hone_check_count(&result, XDP_ABORTED) > N_PACKETS / 100);
	assert_true(hone_check_count(&result, XDP_DROP) > N_PACKETS / 100); /* keys of `blocked` */
	assert_true(hone_check_count(&result, XDP_PASS) > N_PACKETS / 4);
}

static void sees_a_wrong_verdict(void **state)
{
	(void)state;
	body(VERDICT_INSN)->imm = XDP_TX;
	assert_mismatch("2 (");
}

static void sees_a_flipped_branch(void **state)
{
	(void)state;
	body(BRANCH_INSN)->code = BPF_JMP | BPF_JEQ | BPF_K;
	assert_mismatch("packet of");
}

static void sees_a_lost_count(void **state)
{
	(void)state;
	body(COUNT_INSN)->imm = 0;
	assert_mismatch("map counts");
}

static void sees_a_double_count(void **state)
{
	(void)state;
	body(COUNT_INSN)->imm = 2;
	assert_mismatch("map counts");
}

static void sees_a_changed_byte(void **state)
{
	(void)state;
	body(BYTE_INSN)->imm = 0x43;
	assert_mismatch("packet of");
}

static void sees_an_image_that_ignores_its_guard(void **state)
{
	(void)state;
	image.insns[6] = (struct bpf_insn)ASM_MOV_REG(BPF_REG_2, BPF_REG_1); /* expected = begin */
	assert_mismatch("guard: 0 packets");
}

static void sees_an_image_that_never_decides(void **state)
{
	(void)state;
	image.insns[7].code = BPF_JMP | BPF_JNE | BPF_X;
	assert_mismatch("guard: ");
}

static void tells_the_verifiers_refusal(void **state)
{
	struct hone_check_result result;

	(void)state;
	*body(28) = (struct bpf_insn)ASM_MOV_REG(BPF_REG_0, BPF_REG_5);
	result = check(&few);
	assert_int_equal(result.refused, HONE_CHECK_VERIFIER);
	assert_non_null(strstr(result.detail, "R5 !read_ok"));
}

static void cannot_judge_a_random_program(void **state)
{
	struct hone_check_result result;

	(void)state;
	subject.unit.insns[28] = (struct bpf_insn)ASM_CALL(BPF_FUNC_get_prandom_u32);
	subject.unit.insns[29] = (struct bpf_insn)ASM_ALU_IMM(BPF_AND, BPF_REG_0, 1);
	identity_image_free(&image);
	assert_int_equal(identity_image_new(&subject.unit, &image), 0);
	result = check(&few);
	assert_int_equal(result.refused, HONE_CHECK_NONDETERMINISTIC);
}

static void refuses_maps_that_cannot_be_copied(void **state)
{
	struct hone_check_result result;
	int fd = bpf_map_create(BPF_MAP_TYPE_CGROUP_STORAGE, "jobs", 16, 4, 0, NULL);

	(void)state;
	assert_true(fd >= 0);
	close(subject.maps.fd[BLOCKED]);
	subject.maps.fd[BLOCKED] = fd;
	assert_int_equal(hone_map_describe(fd, &subject.unit.maps[BLOCKED]), 0);
	result = check(&few);
	assert_int_equal(result.refused, HONE_CHECK_NOT_CLONED);
	assert_non_null(strstr(result.detail, "jobs"));
}

static void keys_take_turns_in_packets(void **state)
{
	struct hone_packets *packets;
	static struct hone_packet packet;
	uint32_t n_dst = 0, n_src = 0, n_beside = 0;

	(void)state;
	assert_int_equal(hone_packets_new(&subject.unit, &subject.maps, 1, &packets), 0);
	for (int i = 0; i < 20000; i++) {
		const uint8_t *src = packet.bytes + 26, *dst = packet.bytes + 30;

		hone_packets_next(packets, &packet);
		if (packet.bytes[12] != 8 || packet.bytes[13] != 0)
			continue;
		n_src += src[0] == 10 && !src[1] && !src[2] && src[3] >= 1 && src[3] <= 100;
		n_dst += dst[0] == 10 && !dst[1] && !dst[2] && dst[3] >= 1 && dst[3] <= 100;
		n_beside += (dst[0] == 9 || dst[0] == 11) && !dst[1] && !dst[2];
	}
	assert_true(n_src > 1000 && n_dst > 1000 && n_beside > 200);
	hone_packets_free(&packets);
}

/* ---- redirects ---- */

/* Redirects to key 0 of one of two maps with the same content. */
static const struct bpf_insn redirecting[] = {
	ASM_MAP(BPF_REG_1, 0),	   ASM_MOV_IMM(BPF_REG_2, 0), /* 2 */
	ASM_MOV_IMM(BPF_REG_3, 0), ASM_CALL(BPF_FUNC_redirect_map), ASM_EXIT(),
};
enum { TARGET_MAP_INSN = 0, TARGET_INSN = 2 };

static int devmap(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_DEVMAP, "targets", 4, 4, 2, NULL);

	assert_true(fd >= 0);
	for (__u32 key = 0, lo = 1; key < 2; key++)
		assert_int_equal(bpf_map_update_elem(fd, &key, &lo, BPF_ANY), 0);
	return fd;
}

static int set_up_redirect(void **state)
{
	const int fds[] = {devmap(), devmap()};
	struct bpf_insn insns[sizeof(redirecting) / sizeof(redirecting[0])];

	(void)state;
	memcpy(insns, redirecting, sizeof(redirecting));
	insns[TARGET_MAP_INSN].imm = fds[0];
	subject = (struct object_unit){.prog_fd = -1};
	subject.unit.prog_type = BPF_PROG_TYPE_XDP;
	subject.unit.expected_attach_type = BPF_XDP;
	strcpy(subject.unit.name, "redirecting");
	strcpy(subject.unit.license, "GPL");
	assert_int_equal(
		object_unit_describe(insns, sizeof(insns) / sizeof(insns[0]), fds, 2, &subject), 0);
	close(fds[0]);
	close(fds[1]);
	return identity_image_new(&subject.unit, &image);
}

static void equal_redirects_pass(void **state)
{
	struct hone_check_result result = check(&few);

	(void)state;
	assert_string_equal(result.detail, "");
	assert_int_equal(result.refused, HONE_REWRITTEN);
	assert_int_equal(hone_check_count(&result, XDP_REDIRECT), N_PACKETS);
}

static void sees_a_redirect_to_another_key(void **state)
{
	(void)state;
	body(TARGET_INSN)->imm = 1;
	assert_mismatch("redirect to 0 of map 0, other to 1 of 0");
}

static void sees_a_redirect_through_another_map(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < image.n_relocs; i++)
		if (image.relocs[i].insn == identity_body + TARGET_MAP_INSN)
			image.relocs[i].map = 1;
	assert_mismatch("redirect to 0 of map 0, other to 0 of 1");
}

static void sees_a_redirect_to_another_interface(void **state)
{
	const struct bpf_insn to_lo[] = {ASM_MOV_IMM(BPF_REG_1, 1), ASM_MOV_IMM(BPF_REG_2, 0),
					 ASM_CALL(BPF_FUNC_redirect), ASM_EXIT()};

	(void)state;
	memcpy(subject.unit.insns, to_lo, sizeof(to_lo));
	subject.unit.n_insns = sizeof(to_lo) / sizeof(to_lo[0]);
	identity_image_free(&image);
	assert_int_equal(identity_image_new(&subject.unit, &image), 0);
	assert_int_equal(check(&few).refused, HONE_REWRITTEN);
	body(0)->imm = 2;
	assert_mismatch("redirect to 1 of map -1, other to 2 of -1");
}

/* A real program, with the time it takes. */
static void xdp_filter_equals_itself(void **state)
{
	const struct hone_check_opts opts = {.n_packets = 50000, .batch = 1000, .seed = 5};
	struct hone_check_result result;
	struct timespec from, to;

	(void)state;
	tear_down(NULL);
	kernel_test_needs_file(XDP_FILTER_OBJECT("dny_all"));
	assert_int_equal(object_unit_open(XDP_FILTER_OBJECT("dny_all"), NULL, &subject), 0);
	assert_int_equal(identity_image_new(&subject.unit, &image), 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	result = check(&opts);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_string_equal(result.detail, "");
	assert_int_equal(result.refused, HONE_REWRITTEN);
	print_message("%.0f packets/s\n", 50000 / ((double)(to.tv_sec - from.tv_sec) +
						   (double)(to.tv_nsec - from.tv_nsec) / 1e9));
}

#define REDIRECT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_redirect, tear_down)
#define CHECK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHECK_TEST(equal_program_passes),
		CHECK_TEST(sees_a_wrong_verdict),
		CHECK_TEST(sees_a_flipped_branch),
		CHECK_TEST(sees_a_lost_count),
		CHECK_TEST(sees_a_double_count),
		CHECK_TEST(sees_a_changed_byte),
		CHECK_TEST(sees_an_image_that_ignores_its_guard),
		CHECK_TEST(sees_an_image_that_never_decides),
		CHECK_TEST(tells_the_verifiers_refusal),
		CHECK_TEST(cannot_judge_a_random_program),
		CHECK_TEST(refuses_maps_that_cannot_be_copied),
		CHECK_TEST(keys_take_turns_in_packets),
		REDIRECT_TEST(equal_redirects_pass),
		REDIRECT_TEST(sees_a_redirect_to_another_key),
		REDIRECT_TEST(sees_a_redirect_through_another_map),
		REDIRECT_TEST(sees_a_redirect_to_another_interface),
		CHECK_TEST(xdp_filter_equals_itself),
	};

	kernel_test_needs_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
