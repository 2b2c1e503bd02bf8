// SPDX-License-Identifier: Apache-2.0
/* diff_cover: ask honec to mark the blocks of a program, as the daemon asks it. Without honec, or
 * where it refuses, there is no coverage, and that is said. */
#include <string.h>

#include "runtime/cli/diff.h"
#include "runtime/daemon/loop.h"
#include "runtime/daemon/worker.h"

struct question {
	struct hone_loop *loop;
	struct hone_result *out;
};

static void answered(void *arg, struct hone_result *result)
{
	const struct question *question = arg;

	*question->out = *result;
	*result = (struct hone_result){0};
	hone_loop_stop(question->loop);
}

bool hone_diff_cover(const struct hone_unit *unit, struct hone_result *out, char *why)
{
	const struct hone_request request = {
		.kind = HONE_REQUEST_COVER,
		.unit = *unit,
		.policy = {.max_table_bytes = UINT32_MAX,
			   .max_entries = UINT32_MAX,
			   .max_insns = UINT32_MAX},
	};
	struct question question = {.out = out};
	struct hone_worker *worker = NULL;
	int err = hone_loop_new(&question.loop);

	if (!err)
		err = hone_worker_new(question.loop, hone_worker_path(), &worker);
	if (!err)
		err = hone_worker_ask(worker, &request, answered, &question);
	if (!err)
		err = hone_loop_run(question.loop);
	hone_worker_free(&worker);
	hone_loop_free(&question.loop);
	if (err || out->refused)
		snprintf(why, HONE_DETAIL_LEN, "%s%s%.150s",
			 err ? strerror(-err) : hone_reason_text(out->refused),
			 !err && out->detail[0] ? ": " : "", err ? "" : out->detail);
	return !err && !out->refused;
}
