// SPDX-License-Identifier: Apache-2.0
/* kernel_test: see the header. */
#include "tests/tools/kernel_test.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/bpf/abi.h"

enum { SKIP = 77 };

void kernel_test_needs_root(void)
{
	if (geteuid() == 0)
		return;
	printf("skip: needs root\n");
	exit(SKIP);
}

void kernel_test_needs_file(const char *path)
{
	if (access(path, R_OK) == 0)
		return;
	printf("skip: needs %s\n", path);
	exit(SKIP);
}

int kernel_test_guard(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "test_guard", sizeof(__u32),
			      HONE_SLOT_N * sizeof(struct hone_guard_slot), 1, &opts);
}

void kernel_test_guard_set(int guard_fd, uint32_t offset, uint64_t epoch)
{
	static struct hone_guard_slot slots[HONE_SLOT_N];
	struct hone_guard_slot *slot = (void *)((char *)slots + offset);
	__u32 zero = 0;

	if (bpf_map_lookup_elem(guard_fd, &zero, slots))
		abort();
	slot->begin = slot->end = epoch;
	if (bpf_map_update_elem(guard_fd, &zero, slots, BPF_ANY))
		abort();
}
