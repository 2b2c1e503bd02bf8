// SPDX-License-Identifier: Apache-2.0
/* measure: the wrapper brings the packets it should where it should, as often as it should. What
 * comes out as times is printed and never judged. Needs BPF and Debian's xdp-filter objects. */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "runtime/deploy/measure.h"
#include "tests/tools/asm.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/object_unit.h"

enum {
	PAIRS = 3,
	PACKETS = 512,
	PHASE = PACKETS / 2 + PACKETS / 8 + 1, /* timed and warm-up */
	CPUS_MAX = 256,
	XDP_FILTER_COUNTER_SHIFT = 6,
};

static struct hone_tuple trace[HONE_TRACE_N];

static int set_up(void **state)
{
	(void)state;
	kernel_test_needs_root();
	kernel_test_needs_file(XDP_FILTER_OBJECT("alw_all"));
	hone_trace_flows(trace, 1000, 1);
	return 0;
}

static struct hone_measure_opts opts(void)
{
	return (struct hone_measure_opts){.pairs = PAIRS, .packets = PACKETS, .trace = trace};
}

static int count_map(uint32_t n)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "counts", 4, 8, n, NULL);

	assert_true(fd >= 0);
	return fd;
}

static uint64_t count_of(int fd, uint32_t at)
{
	uint64_t count;

	assert_int_equal(bpf_map_lookup_elem(fd, &at, &count), 0);
	return count;
}

static int load_xdp(const struct bpf_insn *insns, size_t n, uint32_t flags,
		    enum bpf_attach_type attach_type)
{
	LIBBPF_OPTS(bpf_prog_load_opts, load, .prog_flags = flags,
		    .expected_attach_type = attach_type);
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "measured", "GPL", insns, n, &load);

	assert_true(fd >= 0);
	return fd;
}

#define N(insns) (sizeof(insns) / sizeof((insns)[0]))

/* counts[0] += 1. r1 and r2 are lost. */
#define COUNT(fd, offset)                                                                          \
	ASM_MAP_VALUE(BPF_REG_1, fd, offset), ASM_LOAD(BPF_DW, BPF_REG_2, BPF_REG_1, 0),           \
		ASM_ALU_IMM(BPF_ADD, BPF_REG_2, 1), ASM_STORE(BPF_DW, BPF_REG_1, BPF_REG_2, 0)
enum { COUNT_INSNS = 5 };

static int load_counting(int map_fd, uint32_t flags, enum bpf_attach_type attach_type)
{
	const struct bpf_insn insns[] = {
		COUNT(map_fd, 0),
		ASM_MOV_IMM(BPF_REG_0, XDP_DROP),
		ASM_EXIT(),
	};

	return load_xdp(insns, N(insns), flags, attach_type);
}

static void print(const struct hone_measure_result *result)
{
	print_message("A %.1f ns, B %.1f ns, wrapper %.1f ns, ratio %.3f (minima %.3f, net %.3f), "
		      "A/A %.3f, noise %.3f\n",
		      result->a_ns, result->b_ns, result->baseline_ns, result->ratio,
		      result->ratio_min, result->net_ratio, result->aa_ratio, result->noise);
}

static void gives_figures_for_the_pairs_asked(void **state)
{
	struct object_unit filter;
	struct hone_measure_opts longer = opts();
	struct hone_measure_result result;

	(void)state;
	assert_int_equal(object_unit_open(XDP_FILTER_OBJECT("alw_all"), NULL, &filter), 0);
	longer.pairs = 101;
	longer.packets = 1024;
	assert_int_equal(hone_measure(filter.prog_fd, filter.prog_fd, &longer, &result), 0);
	print(&result);
	assert_int_equal(result.pairs, 101);
	assert_true(result.a_ns > 0 && result.b_ns > 0 && result.baseline_ns > 0);
	assert_true(result.ratio > 0 && result.ratio_min > 0 && result.net_ratio > 0);
	assert_true(result.aa_ratio > 0 && result.noise >= 0);
	object_unit_close(&filter);
}

static void runs_each_side_as_often_as_said(void **state)
{
	int a_counts = count_map(1), b_counts = count_map(1);
	int a_fd = load_counting(a_counts, 0, BPF_XDP), b_fd = load_counting(b_counts, 0, BPF_XDP);
	struct hone_measure_opts asked = opts();
	struct hone_measure_result result;

	(void)state;
	assert_int_equal(hone_measure(a_fd, b_fd, &asked, &result), 0);
	/* One more: the packet at which the last segment ends. */
	assert_int_equal(count_of(a_counts, 0), PAIRS * 4 * PHASE + 1);
	assert_int_equal(count_of(b_counts, 0), PAIRS * 2 * PHASE);
	close(a_fd);
	close(b_fd);
	close(a_counts);
	close(b_counts);
}

static void measures_more_pairs_than_one_run_holds(void **state)
{
	int counts = count_map(1), fd = load_counting(counts, 0, BPF_XDP);
	struct hone_measure_opts asked = {.pairs = 1100, .packets = 2, .trace = trace};
	struct hone_measure_result result;

	(void)state;
	assert_int_equal(hone_measure(fd, fd, &asked, &result), 0);
	assert_int_equal(result.pairs, 1100);
	/* phases of two packets, three runs */
	assert_int_equal(count_of(counts, 0), 1100 * 6 * 2 + 3);
	close(fd);
	close(counts);
}

/* ---- what the packets are ---- */

static uint64_t port_count(const struct object_unit *filter, uint16_t port)
{
	uint64_t values[CPUS_MAX], sum = 0;
	uint32_t key = htons(port);

	for (uint32_t i = 0; i < filter->unit.n_maps; i++) {
		if (strcmp(filter->unit.maps[i].name, "filter_ports"))
			continue;
		assert_int_equal(bpf_map_lookup_elem(filter->maps.fd[i], &key, values), 0);
		for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
			sum += values[cpu] >> XDP_FILTER_COUNTER_SHIFT;
		return sum;
	}
	fail_msg("no map of ports");
	return 0;
}

static void set_port(const struct object_unit *filter, uint16_t port, uint64_t flags)
{
	uint64_t values[CPUS_MAX];
	uint32_t key = htons(port);

	for (int i = 0; i < CPUS_MAX; i++)
		values[i] = flags;
	for (uint32_t i = 0; i < filter->unit.n_maps; i++)
		if (!strcmp(filter->unit.maps[i].name, "filter_ports"))
			assert_int_equal(
				bpf_map_update_elem(filter->maps.fd[i], &key, values, BPF_ANY), 0);
}

/* Bits as in xdp-filter's common_kern_user.h. */
struct port_rule {
	uint16_t port;
	uint64_t flags;
	uint8_t proto;
};

/* Every packet goes from port 1111 to port 2222, by UDP and TCP in turn. */
static void reaches_port_lookups_of_both_protocols(void **state)
{
	enum { SRC = 1, DST = 2, TCP = 4, UDP = 8, FROM = 1111, TO = 2222 };
	static const struct port_rule rules[] = {
		{FROM, SRC | UDP, IPPROTO_UDP},
		{FROM, SRC | TCP, IPPROTO_TCP},
		{TO, DST | UDP, IPPROTO_UDP},
		{TO, DST | TCP, IPPROTO_TCP},
	};
	/* Six of eight phases; half of the packets are of the protocol. */
	const uint64_t expected = PAIRS * 6 * PHASE / 2;
	struct hone_tuple own[HONE_TRACE_N];
	struct hone_measure_opts asked = opts();
	struct hone_measure_result result;
	struct object_unit filter;

	(void)state;
	hone_trace_flows(own, 100, 2);
	for (uint32_t i = 0; i < HONE_TRACE_N; i++) {
		own[i].sport = htons(FROM);
		own[i].dport = htons(TO);
		own[i].proto = i % 2 ? IPPROTO_UDP : IPPROTO_TCP;
	}
	asked.trace = own;
	for (size_t i = 0; i < N(rules); i++) {
		assert_int_equal(object_unit_open(XDP_FILTER_OBJECT("alw_all"), NULL, &filter), 0);
		set_port(&filter, rules[i].port, rules[i].flags);
		assert_int_equal(hone_measure(filter.prog_fd, filter.prog_fd, &asked, &result), 0);
		/* phases have odd lengths */
		assert_in_range(port_count(&filter, rules[i].port), expected - 6 * PAIRS,
				expected + 6 * PAIRS);
		object_unit_close(&filter);
	}
}

/* The frame as the template has it: counts[0] += 1 where not; then leave traces in it. */
static int load_spoiling(int counts_fd, int adjust_head)
{
	const struct bpf_insn insns[] = {
		ASM_MOV_REG(BPF_REG_6, BPF_REG_1),
		ASM_LOAD(BPF_W, BPF_REG_7, BPF_REG_6, 0),
		ASM_LOAD(BPF_W, BPF_REG_8, BPF_REG_6, 4),
		ASM_MOV_REG(BPF_REG_1, BPF_REG_8),
		ASM_ALU_REG(BPF_SUB, BPF_REG_1, BPF_REG_7),
		ASM_JMP_IMM(BPF_JNE, BPF_REG_1, 64, 14), /* → bad */
		ASM_MOV_REG(BPF_REG_1, BPF_REG_7),
		ASM_ALU_IMM(BPF_ADD, BPF_REG_1, 64),
		ASM_JMP_REG(BPF_JGT, BPF_REG_1, BPF_REG_8, 11), /* → bad */
		ASM_LOAD(BPF_B, BPF_REG_1, BPF_REG_7, 0),
		ASM_JMP_IMM(BPF_JNE, BPF_REG_1, 2, 9), /* → bad */
		ASM_LOAD(BPF_B, BPF_REG_1, BPF_REG_7, 11),
		ASM_JMP_IMM(BPF_JNE, BPF_REG_1, 2, 7), /* → bad */
		ASM_LOAD(BPF_B, BPF_REG_1, BPF_REG_7, 22),
		ASM_JMP_IMM(BPF_JNE, BPF_REG_1, 64, 5), /* → bad */
		ASM_STORE_IMM(BPF_B, BPF_REG_7, 0, 0xee),
		ASM_STORE_IMM(BPF_B, BPF_REG_7, 11, 0xee),
		ASM_STORE_IMM(BPF_B, BPF_REG_7, 22, 0xee),
		ASM_STORE_IMM(BPF_H, BPF_REG_7, 24, 0xee),
		{.code = BPF_JMP | BPF_JA, .off = COUNT_INSNS},
		COUNT(counts_fd, 0), /* bad */
		ASM_MOV_REG(BPF_REG_1, BPF_REG_6),
		ASM_MOV_IMM(BPF_REG_2, adjust_head),
		ASM_CALL(BPF_FUNC_xdp_adjust_head),
		ASM_MOV_IMM(BPF_REG_0, XDP_TX),
		ASM_EXIT(),
	};

	return load_xdp(insns, N(insns), 0, BPF_XDP);
}

static void restores_what_a_program_changes(void **state)
{
	static const int adjustments[] = {0, -20, 14};
	struct hone_measure_opts asked = opts();
	struct hone_measure_result result;

	(void)state;
	asked.restores = true;
	for (size_t i = 0; i < N(adjustments); i++) {
		int counts = count_map(1), fd = load_spoiling(counts, adjustments[i]);

		assert_int_equal(hone_measure(fd, fd, &asked, &result), 0);
		assert_int_equal(count_of(counts, 0), 0);
		close(fd);
		close(counts);
	}
}

static void tells_that_a_program_ate_the_frame(void **state)
{
	struct hone_measure_opts asked = opts();
	struct hone_measure_result result = {.pairs = 77};
	int counts = count_map(1), fd = load_spoiling(counts, 14);

	(void)state;
	assert_int_equal(hone_measure(fd, fd, &asked, &result), -EIO);
	assert_int_equal(result.pairs, 77);
	close(fd);
	close(counts);
}

/* ---- what programs it takes ---- */

static void takes_programs_of_every_kind(void **state)
{
	static const uint32_t flags[] = {0, BPF_F_XDP_HAS_FRAGS};
	static const enum bpf_attach_type types[] = {0, BPF_XDP};
	struct hone_measure_opts asked = opts();
	struct hone_measure_result result;
	int counts = count_map(1);

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		int fd = load_counting(counts, flags[i / 2], types[i % 2]);

		assert_int_equal(hone_measure(fd, fd, &asked, &result), 0);
		close(fd);
	}
	close(counts);
}

static void refuses_programs_of_two_kinds(void **state)
{
	struct hone_measure_opts asked = opts();
	struct hone_measure_result result;
	int counts = count_map(1);
	int plain = load_counting(counts, 0, BPF_XDP);
	int frags = load_counting(counts, BPF_F_XDP_HAS_FRAGS, BPF_XDP);

	(void)state;
	assert_int_equal(hone_measure(plain, frags, &asked, &result), -ENOTSUP);
	assert_int_equal(count_of(counts, 0), 0);
	close(plain);
	close(frags);
	close(counts);
}

static void refuses_impossible_options(void **state)
{
	struct hone_measure_opts no_pairs = opts(), no_packets = opts(), no_trace = opts();
	struct hone_measure_result result;
	int counts = count_map(1), fd = load_counting(counts, 0, BPF_XDP);

	(void)state;
	no_pairs.pairs = 0;
	no_packets.packets = 1;
	no_trace.trace = NULL;
	assert_int_equal(hone_measure(fd, fd, &no_pairs, &result), -EINVAL);
	assert_int_equal(hone_measure(fd, fd, &no_packets, &result), -EINVAL);
	assert_int_equal(hone_measure(fd, fd, &no_trace, &result), -EINVAL);
	close(fd);
	close(counts);
}

/* ---- around it ---- */

static void leaves_the_thread_on_the_cpus_it_had(void **state)
{
	struct hone_measure_opts asked = opts();
	struct hone_measure_result result;
	int counts = count_map(1), fd = load_counting(counts, 0, BPF_XDP);
	cpu_set_t had, has;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(had), &had), 0);
	assert_int_equal(hone_measure(fd, fd, &asked, &result), 0);
	assert_int_equal(sched_getaffinity(0, sizeof(has), &has), 0);
	assert_true(CPU_EQUAL(&had, &has));
	close(fd);
	close(counts);
}

static void tells_that_the_kernel_counts_run_times(void **state)
{
	struct hone_measure_opts asked = opts();
	struct hone_measure_result result;
	int counts = count_map(1), fd = load_counting(counts, 0, BPF_XDP), stats_fd;

	(void)state;
	stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	assert_true(stats_fd >= 0);
	assert_int_equal(hone_measure(fd, fd, &asked, &result), 0);
	close(stats_fd);
	assert_true(result.stats_on);
	close(fd);
	close(counts);
}

static void traces_are_flows_and_the_same_again(void **state)
{
	static struct hone_tuple again[HONE_TRACE_N];
	uint32_t n_tcp = 0, n_distinct = 0;

	(void)state;
	hone_trace_flows(again, 1000, 1);
	assert_memory_equal(again, trace, sizeof(trace));
	for (uint32_t i = 0; i < HONE_TRACE_N; i++) {
		uint32_t first = ntohl(trace[i].saddr) >> 24, j = 0;

		assert_in_range(first, 11, 126);
		n_tcp += trace[i].proto == IPPROTO_TCP;
		while (memcmp(&trace[j], &trace[i], sizeof(trace[0])))
			j++;
		n_distinct += j == i;
	}
	assert_int_equal(n_distinct, 1000);
	assert_in_range(n_tcp, HONE_TRACE_N * 2 / 5, HONE_TRACE_N * 3 / 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_figures_for_the_pairs_asked),
		cmocka_unit_test(runs_each_side_as_often_as_said),
		cmocka_unit_test(measures_more_pairs_than_one_run_holds),
		cmocka_unit_test(reaches_port_lookups_of_both_protocols),
		cmocka_unit_test(restores_what_a_program_changes),
		cmocka_unit_test(tells_that_a_program_ate_the_frame),
		cmocka_unit_test(takes_programs_of_every_kind),
		cmocka_unit_test(refuses_programs_of_two_kinds),
		cmocka_unit_test(refuses_impossible_options),
		cmocka_unit_test(leaves_the_thread_on_the_cpus_it_had),
		cmocka_unit_test(tells_that_the_kernel_counts_run_times),
		cmocka_unit_test(traces_are_flows_and_the_same_again),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
