// SPDX-License-Identifier: Apache-2.0
/* measure: tc programs run from a wrapper of their own type, and each packet is as the first one
 * was, whatever the one before it has become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "measure_skb.skel.h"
#include "runtime/deploy/measure.h"
#include "tests/tools/kernel_test.h"

enum { PAIRS = 3, PACKETS = 512, PHASE = PACKETS / 2 + PACKETS / 8 + 1 };

static struct hone_tuple trace[HONE_TRACE_N];

static int set_up(void **state)
{
	(void)state;
	kernel_test_needs_root();
	hone_trace_flows(trace, 1000, 1);
	return 0;
}

static int fd_of(struct measure_skb_bpf *skel, const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(skel->obj, name));
}

static void every_packet_is_as_the_first(void **state)
{
	static const char *const names[] = {"fields", "tag", "grow", "shrink"};
	const struct hone_measure_opts opts = {
		.pairs = PAIRS, .packets = PACKETS, .trace = trace, .restores = true};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct measure_skb_bpf *skel = measure_skb_bpf__open_and_load();
		struct hone_measure_result result;
		int fd = fd_of(skel, names[i]);

		assert_non_null(skel);
		assert_int_equal(hone_measure(fd, fd, &opts, &result), 0);
		/* A, A again and B, and the packet at which the last segment ends */
		assert_int_equal(skel->bss->n_runs, PAIRS * 6 * PHASE + 1);
		if (skel->bss->n_spoilt)
			fail_msg("%s: %llu of %llu packets were spoilt", names[i],
				 (unsigned long long)skel->bss->n_spoilt,
				 (unsigned long long)skel->bss->n_runs);
		assert_true(result.a_ns > 0 && result.baseline_ns > 0);
		measure_skb_bpf__destroy(skel);
	}
}

/* Without restoring, the mutants are seen: the test above can fail. */
static void without_it_they_are_not(void **state)
{
	const struct hone_measure_opts opts = {.pairs = PAIRS, .packets = PACKETS, .trace = trace};
	struct measure_skb_bpf *skel = measure_skb_bpf__open_and_load();
	struct hone_measure_result result;
	int fd = fd_of(skel, "fields");

	(void)state;
	assert_int_equal(hone_measure(fd, fd, &opts, &result), 0);
	assert_true(skel->bss->n_spoilt > 0);
	measure_skb_bpf__destroy(skel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_packet_is_as_the_first),
		cmocka_unit_test(without_it_they_are_not),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
