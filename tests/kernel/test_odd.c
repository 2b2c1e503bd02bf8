// SPDX-License-Identifier: Apache-2.0
/* odd: programs as no compiler writes them, but which the kernel accepts: addresses used as
 * numbers, stack slots that are perhaps overwritten. The image decides as the original does.
 * Needs BPF. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "runtime/bpf/abi.h"
#include "tests/tools/asm.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/pair.h"
#include "tests/tools/specialize.h"

enum { PACKETS = 64, PACKET_BYTES = 64 };

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* r6: ctx, r7: data, of which 64 bytes may be read; r0: the verdict of shorter packets */
#define BEGIN                                                                                      \
	ASM_MOV_REG(BPF_REG_6, BPF_REG_1), ASM_LOAD(BPF_W, BPF_REG_7, BPF_REG_1, 0),               \
		ASM_LOAD(BPF_W, BPF_REG_8, BPF_REG_1, 4), ASM_MOV_REG(BPF_REG_2, BPF_REG_7),       \
		ASM_ALU_IMM(BPF_ADD, BPF_REG_2, PACKET_BYTES),                                     \
		ASM_JMP_REG(BPF_JLE, BPF_REG_2, BPF_REG_8, 2), ASM_MOV_IMM(BPF_REG_0, XDP_PASS),   \
		ASM_EXIT()

static void fill(uint8_t *packet, uint32_t number)
{
	for (uint32_t i = 0; i < PACKET_BYTES; i++)
		packet[i] = (uint8_t)(number >> i % 4);
}

static void compare(struct pair *pair)
{
	for (uint32_t i = 0; i < PACKETS; i++) {
		uint8_t packet[PACKET_BYTES];
		uint32_t verdict;

		fill(packet, i);
		if (!pair_agrees(pair, packet, sizeof(packet), &verdict))
			fail_msg("%s", pair->detail);
	}
	assert_int_equal(pair_count(pair, HONE_COUNT_FALLBACK), 0);
}

static void expect_equal(const struct bpf_insn *insns, size_t n, const int *fds, uint32_t n_fds)
{
	struct object_unit subject = {.prog_fd = -1};
	struct hone_result result = {0};
	struct pair pair;

	assert_int_equal(object_unit_describe(insns, n, fds, n_fds, &subject), 0);
	subject.unit.prog_type = BPF_PROG_TYPE_XDP;
	subject.unit.expected_attach_type = BPF_XDP;
	strcpy(subject.unit.license, "GPL");
	assert_int_equal(specialize(&subject, 2, &result), 0);
	if (result.refused != HONE_REWRITTEN)
		fail_msg("%s: %s", hone_reason_id(result.refused), result.detail);
	if (pair_load(&subject.unit, &subject.maps, &subject.maps, &result.image, &pair))
		fail_msg("%s", pair.detail);
	compare(&pair);
	pair_close(&pair);
	hone_result_free(&result);
	object_unit_close(&subject);
}

#define EQUAL(...)                                                                                 \
	const struct bpf_insn insns[] = {__VA_ARGS__};                                             \
	(void)state;                                                                               \
	expect_equal(insns, N(insns), NULL, 0)

static void frame_address_is_not_null(void **state)
{
	EQUAL(BEGIN, ASM_MOV_IMM(BPF_REG_0, XDP_TX), ASM_MOV_REG(BPF_REG_2, BPF_REG_10),
	      ASM_ALU_IMM(BPF_ADD, BPF_REG_2, -8), ASM_JMP_IMM(BPF_JEQ, BPF_REG_2, 0, 1),
	      ASM_MOV_IMM(BPF_REG_0, XDP_DROP), ASM_EXIT());
}

static void frame_addresses_have_an_order(void **state)
{
	EQUAL(BEGIN, ASM_LOAD(BPF_DW, BPF_REG_1, BPF_REG_7, 0),
	      ASM_STORE(BPF_DW, BPF_REG_10, BPF_REG_1, -8),
	      ASM_STORE(BPF_DW, BPF_REG_10, BPF_REG_1, -64), ASM_MOV_IMM(BPF_REG_0, XDP_TX),
	      ASM_MOV_REG(BPF_REG_2, BPF_REG_10), ASM_ALU_IMM(BPF_ADD, BPF_REG_2, -8),
	      ASM_MOV_REG(BPF_REG_3, BPF_REG_10), ASM_ALU_IMM(BPF_ADD, BPF_REG_3, -64),
	      ASM_JMP_REG(BPF_JGT, BPF_REG_2, BPF_REG_3, 1), ASM_MOV_IMM(BPF_REG_0, XDP_DROP),
	      ASM_LOAD(BPF_DW, BPF_REG_1, BPF_REG_10, -8),
	      ASM_LOAD(BPF_DW, BPF_REG_1, BPF_REG_10, -64), ASM_EXIT());
}

static void long_jumps(void **state)
{
	EQUAL(BEGIN, ASM_MOV_IMM(BPF_REG_0, XDP_TX), ASM_LOAD(BPF_B, BPF_REG_1, BPF_REG_7, 0),
	      ASM_JMP_IMM(BPF_JGT, BPF_REG_1, 20, 1), {.code = BPF_JMP32 | BPF_JA, .imm = 1},
	      ASM_MOV_IMM(BPF_REG_0, XDP_DROP), ASM_EXIT());
}

static void distance_of_frame_addresses(void **state)
{
	EQUAL(BEGIN, ASM_LOAD(BPF_DW, BPF_REG_1, BPF_REG_7, 0),
	      ASM_STORE(BPF_DW, BPF_REG_10, BPF_REG_1, -8),
	      ASM_STORE(BPF_DW, BPF_REG_10, BPF_REG_1, -64), ASM_MOV_REG(BPF_REG_2, BPF_REG_10),
	      ASM_ALU_IMM(BPF_ADD, BPF_REG_2, -8), ASM_MOV_REG(BPF_REG_0, BPF_REG_10),
	      ASM_ALU_IMM(BPF_ADD, BPF_REG_0, -64), ASM_ALU_REG(BPF_SUB, BPF_REG_0, BPF_REG_2),
	      ASM_EXIT());
}

/* The context in a slot, unless the packet has a number written over it. */
static void overwritten_context_is_a_number(void **state)
{
	EQUAL(BEGIN, ASM_STORE(BPF_DW, BPF_REG_10, BPF_REG_6, -16),
	      ASM_STORE_IMM(BPF_DW, BPF_REG_10, -8, 7), ASM_LOAD(BPF_B, BPF_REG_1, BPF_REG_7, 0),
	      ASM_ALU_IMM(BPF_AND, BPF_REG_1, 8), ASM_MOV_REG(BPF_REG_2, BPF_REG_10),
	      ASM_ALU_IMM(BPF_ADD, BPF_REG_2, -16), ASM_ALU_REG(BPF_ADD, BPF_REG_2, BPF_REG_1),
	      ASM_STORE_IMM(BPF_DW, BPF_REG_2, 0, 5), ASM_LOAD(BPF_DW, BPF_REG_3, BPF_REG_10, -16),
	      ASM_MOV_IMM(BPF_REG_0, XDP_TX), ASM_JMP_IMM(BPF_JEQ, BPF_REG_3, 5, 1),
	      ASM_MOV_IMM(BPF_REG_0, XDP_DROP), ASM_EXIT());
}

static void overwritten_frame_address_is_a_number(void **state)
{
	EQUAL(BEGIN, ASM_STORE(BPF_DW, BPF_REG_10, BPF_REG_10, -16),
	      ASM_STORE_IMM(BPF_DW, BPF_REG_10, -8, 7), ASM_LOAD(BPF_B, BPF_REG_1, BPF_REG_7, 0),
	      ASM_ALU_IMM(BPF_AND, BPF_REG_1, 8), ASM_MOV_REG(BPF_REG_2, BPF_REG_10),
	      ASM_ALU_IMM(BPF_ADD, BPF_REG_2, -16), ASM_ALU_REG(BPF_ADD, BPF_REG_2, BPF_REG_1),
	      ASM_STORE_IMM(BPF_DW, BPF_REG_2, 0, 5), ASM_LOAD(BPF_DW, BPF_REG_3, BPF_REG_10, -16),
	      ASM_ALU_IMM(BPF_ADD, BPF_REG_3, 1), ASM_MOV_IMM(BPF_REG_0, XDP_TX),
	      ASM_JMP_IMM(BPF_JEQ, BPF_REG_3, 6, 1), ASM_MOV_IMM(BPF_REG_0, XDP_DROP), ASM_EXIT());
}

/* An array whose only value is 1, 2, 3 … */
static int new_array(void)
{
	const uint32_t zero = 0;
	uint8_t value[16];
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "odd", sizeof(zero), sizeof(value), 1, NULL);

	for (uint32_t i = 0; i < sizeof(value); i++)
		value[i] = (uint8_t)(i + 1);
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &zero, value, BPF_ANY), 0);
	return fd;
}

/* r0: the value of index 0, not NULL */
#define ASK_ZERO(fd)                                                                               \
	ASM_STORE_IMM(BPF_W, BPF_REG_10, -4, 0), ASM_MOV_REG(BPF_REG_2, BPF_REG_10),               \
		ASM_ALU_IMM(BPF_ADD, BPF_REG_2, -4), ASM_MAP(BPF_REG_1, fd),                       \
		ASM_CALL(BPF_FUNC_map_lookup_elem), ASM_JMP_IMM(BPF_JNE, BPF_REG_0, 0, 1),         \
		ASM_EXIT()
/* the same by an index that is not a constant */
#define ASK_ANY(fd)                                                                                \
	ASM_LOAD(BPF_W, BPF_REG_1, BPF_REG_7, 0), ASM_ALU_IMM(BPF_AND, BPF_REG_1, 0x40000000),     \
		ASM_STORE(BPF_W, BPF_REG_10, BPF_REG_1, -4), ASM_MOV_REG(BPF_REG_2, BPF_REG_10),   \
		ASM_ALU_IMM(BPF_ADD, BPF_REG_2, -4), ASM_MAP(BPF_REG_1, fd),                       \
		ASM_CALL(BPF_FUNC_map_lookup_elem), ASM_JMP_IMM(BPF_JNE, BPF_REG_0, 0, 1),         \
		ASM_EXIT()

static void fields_of_constants_need_no_alignment(void **state)
{
	int fd = new_array();
	const struct bpf_insn insns[] = {
		BEGIN,
		ASK_ZERO(fd),
		ASM_LOAD(BPF_DW, BPF_REG_1, BPF_REG_0, 3),
		ASM_STORE(BPF_DW, BPF_REG_7, BPF_REG_1, 0),
		ASM_LOAD(BPF_W, BPF_REG_1, BPF_REG_0, 11),
		ASM_STORE(BPF_W, BPF_REG_7, BPF_REG_1, 8),
		ASM_LOAD(BPF_H, BPF_REG_1, BPF_REG_0, 1),
		ASM_STORE(BPF_H, BPF_REG_7, BPF_REG_1, 13),
		ASM_LOAD(BPF_B, BPF_REG_1, BPF_REG_7, 20),
		ASM_ALU_IMM(BPF_AND, BPF_REG_1, 7),
		ASM_ALU_REG(BPF_ADD, BPF_REG_0, BPF_REG_1),
		ASM_LOAD(BPF_DW, BPF_REG_1, BPF_REG_0, 1),
		ASM_STORE(BPF_DW, BPF_REG_7, BPF_REG_1, 16),
		ASM_MOV_IMM(BPF_REG_0, XDP_TX),
		ASM_EXIT(),
	};

	(void)state;
	expect_equal(insns, N(insns), &fd, 1);
	close(fd);
}

/* r0: the checksum of the address in r0 */
#define SUM_OF_ADDRESS()                                                                           \
	ASM_STORE(BPF_DW, BPF_REG_10, BPF_REG_0, -16), ASM_MOV_IMM(BPF_REG_1, 0),                  \
		ASM_MOV_IMM(BPF_REG_2, 0), ASM_MOV_REG(BPF_REG_3, BPF_REG_10),                     \
		ASM_ALU_IMM(BPF_ADD, BPF_REG_3, -16), ASM_MOV_IMM(BPF_REG_4, 8),                   \
		ASM_MOV_IMM(BPF_REG_5, 0), ASM_CALL(BPF_FUNC_csum_diff)

/* A helper reads the address where it was spilled. */
static void addresses_may_be_data(void **state)
{
	int fd = new_array();
	const struct bpf_insn insns[] = {
		BEGIN,
		ASK_ZERO(fd),
		SUM_OF_ADDRESS(),
		ASM_MOV_REG(BPF_REG_9, BPF_REG_0),
		ASK_ANY(fd),
		SUM_OF_ADDRESS(),
		ASM_JMP_REG(BPF_JEQ, BPF_REG_0, BPF_REG_9, 2),
		ASM_MOV_IMM(BPF_REG_0, XDP_DROP),
		ASM_EXIT(),
		ASM_MOV_IMM(BPF_REG_0, XDP_TX),
		ASM_EXIT(),
	};

	(void)state;
	expect_equal(insns, N(insns), &fd, 1);
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	kernel_test_needs_root();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_address_is_not_null),
		cmocka_unit_test(frame_addresses_have_an_order),
		cmocka_unit_test(long_jumps),
		cmocka_unit_test(distance_of_frame_addresses),
		cmocka_unit_test(overwritten_context_is_a_number),
		cmocka_unit_test(overwritten_frame_address_is_a_number),
		cmocka_unit_test(fields_of_constants_need_no_alignment),
		cmocka_unit_test(addresses_may_be_data),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
