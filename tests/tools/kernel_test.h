/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_test: what tests on the running kernel share: what they need (exit 77 without), a guard
 * map of their own. */
#ifndef HONE_KERNEL_TEST_H
#define HONE_KERNEL_TEST_H

#include <stdint.h>

#define XDP_FILTER_OBJECT(variant) "/usr/lib/x86_64-linux-gnu/bpf/xdpfilt_" variant ".o"

/* Exit 77 with the reason printed where it is missing. */
void kernel_test_needs_root(void);
void kernel_test_needs_file(const char *path);

/* A private guard map as the watch layer has it: one entry, HONE_SLOT_N slots. Owner: caller. */
int kernel_test_guard(void);
/* begin and end of the slot at this offset. */
void kernel_test_guard_set(int guard_fd, uint32_t offset, uint64_t epoch);

#endif
