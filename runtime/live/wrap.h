/* SPDX-License-Identifier: Apache-2.0 */
/* wrap: run a command so that the programs it loads are captured, without a daemon. */
#ifndef HONE_WRAP_H
#define HONE_WRAP_H

#include <stdint.h>

struct hone_run_result {
	int exit_status; /* the command's; 128 + n: it died of signal n; 127, 126: not run */
	uint32_t n_captured;
	uint32_t n_refused;
};

/* hone_run_captured() - capture while a command runs; keep the units (units.h).
 *
 * All loads of that time are kept, also those of other processes: a unit is a fact about a
 * program, whoever loaded it. Signals which ask to end are passed on to the command.
 *
 * units_dir: for hone_units_save()
 * argv:      command and arguments, NULL at the end; looked up in PATH
 *
 * Returns 0 when the command was run or could not be (exit_status 127, 126), or -errno when
 * nothing was run, because capture is not possible. Single-threaded callers only: it forks. */
int hone_run_captured(const char *units_dir, char *const argv[], struct hone_run_result *out);

#endif
