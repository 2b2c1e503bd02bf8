// SPDX-License-Identifier: Apache-2.0
/* objects: how many programs and maps the kernel holds: "PROGRAMS MAPS".
 *
 * Asks for ids alone, unlike bpftool, which opens each object: to open and close a PROG_ARRAY
 * between its last close and the emptying that this starts makes the kernel (6.18) keep it for
 * ever (kernel/bpf/arraymap.c prog_array_map_clear(): a reference for work that was queued
 * already). A count that leaks what it counts is none. */
#include <bpf/bpf.h>
#include <stdint.h>
#include <stdio.h>

static unsigned int count(int (*next)(uint32_t, uint32_t *))
{
	unsigned int n = 0;

	for (uint32_t id = 0; !next(id, &id);)
		n++;
	return n;
}

int main(void)
{
	return printf("%u %u\n", count(bpf_prog_get_next_id), count(bpf_map_get_next_id)) < 0;
}
