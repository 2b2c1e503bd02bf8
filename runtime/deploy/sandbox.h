/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox: an image with everything it needs, on private maps and with a private guard, so that
 * it can be run without anybody noticing. For check.c and gate.c. */
#ifndef HONE_SANDBOX_H
#define HONE_SANDBOX_H

#include <sched.h>

#include "compiler/facts.h"
#include "runtime/deploy/load.h"

struct hone_sandbox {
	int table_fd, guard_fd, slots_fd, counts_fd;
	struct hone_loaded original, image;
};

#define HONE_SANDBOX_EMPTY {-1, -1, -1, -1, {.fd = -1}, {.fd = -1}}

/* hone_sandbox_open() - load original and image on `maps` (copies), guard valid.
 * Returns 0 (out->image.fd is -1 and log tells why where the verifier refused the image), or
 * -errno. Close in any case. */
int hone_sandbox_open(const struct hone_unit *unit, const struct hone_maps *maps,
		      const struct hone_image *image, struct hone_sandbox *out, char *log);
void hone_sandbox_close(struct hone_sandbox *sandbox);

/* hone_sandbox_break_guard() - as a write to a watched map would. */
int hone_sandbox_break_guard(const struct hone_sandbox *sandbox);

/* hone_sandbox_count() - sum over all CPUs of one of HONE_COUNT_*. Returns 0 or -errno. */
int hone_sandbox_count(const struct hone_sandbox *sandbox, uint32_t counter, uint64_t *out);

/* hone_cpu_pin() - keep this thread on its current CPU; *was is for hone_cpu_unpin(). */
int hone_cpu_pin(cpu_set_t *was);
void hone_cpu_unpin(const cpu_set_t *was);

#endif
