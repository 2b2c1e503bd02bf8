// SPDX-License-Identifier: Apache-2.0
/* fuzz_policy: any text as a policy file. A refusal says why and changes nothing; what is taken is
 * within the limits, and can be asked about any program. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/daemon/policy.h"

static void promise(bool holds)
{
	if (!holds)
		abort();
}

static void check_settings(const struct hone_settings *settings)
{
	struct hone_unit unit = {.name = "xdp_prog"};
	const struct hone_policy_program *row = hone_settings_match(settings, &unit, "eth0");

	promise(settings->quiet_ms <= 60000 && settings->max_insns <= 1000000);
	promise(settings->max_verified >= 1 && settings->max_verified <= 1000000);
	promise(settings->max_verified_ratio >= 0 && settings->gate_min_ratio >= 0);
	promise(!row || (row >= settings->programs &&
			 row < settings->programs + settings->n_programs && row->level <= 3));
	for (uint32_t i = 0; i < settings->n_never_fold; i++)
		promise(memchr(settings->never_fold[i], 0, HONE_NAME_LEN));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hone_settings settings = {.quiet_ms = 4711};
	char error[HONE_DETAIL_LEN] = "";
	int err = hone_settings_parse((const char *)data, size, &settings, error);

	if (err) {
		promise(error[0] && settings.quiet_ms == 4711);
		return 0;
	}
	check_settings(&settings);
	hone_settings_free(&settings);
	return 0;
}
