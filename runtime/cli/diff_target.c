// SPDX-License-Identifier: Apache-2.0
/* diff_target: a unit and its live image, from the daemon that made it.
 *
 * The image is right only for maps as they were then: what the guard says has to be the same
 * before and after the run. */
#include <errno.h>
#include <string.h>

#include "runtime/cli/diff.h"

static enum hone_exit ask(const struct hone_cli *cli, const char *text, json_t **reply)
{
	enum hone_exit code =
		hone_call(cli, json_pack("{s:s,s:s}", "verb", "image", "target", text), reply);

	return code == HONE_EXIT_NO_DAEMON ? hone_no_daemon(cli) : code;
}

static json_t *guard_of(const json_t *reply)
{
	return json_object_get(json_object_get(reply, "status"), "guard");
}

static int decode(const json_t *reply, struct hone_diff_target *out, char *error)
{
	_cleanup_free_ char *unit = json_dumps(json_object_get(reply, "unit"), 0);
	_cleanup_free_ char *image = json_dumps(json_object_get(reply, "image"), 0);
	int err;

	if (!unit || !image)
		return -EINVAL;
	err = hone_unit_decode(unit, strlen(unit), &out->program.unit, error);
	return err ? err : hone_result_decode(image, strlen(image), &out->image, error);
}

enum hone_exit hone_diff_target_open(const struct hone_cli *cli, const char *text,
				     struct hone_diff_target *out)
{
	_cleanup_json_ json_t *reply = NULL;
	char error[HONE_DETAIL_LEN] = "not an answer";
	enum hone_exit code;
	int err;

	*out = (struct hone_diff_target){.program = {.text = text}};
	code = ask(cli, text, &reply);
	if (code)
		return code;
	if (!json_is_true(json_object_get(guard_of(reply), "valid")))
		return hone_fail(cli, HONE_EXIT_INACTIVE,
				 "%.100s: its maps have changed, packets meet the original", text);
	if (decode(reply, out, error))
		return hone_fail(cli, HONE_EXIT_FAILED, "the daemon's answer: %s", error);
	out->guard = json_incref(guard_of(reply));
	err = hone_maps_open(&out->program.unit, &out->program.maps);
	if (err)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.100s: its maps: %s", text,
				 strerror(-err));
	return HONE_EXIT_OK;
}

bool hone_diff_target_is_stale(const struct hone_cli *cli, const struct hone_diff_target *target)
{
	_cleanup_json_ json_t *reply = NULL;

	return ask(cli, target->program.text, &reply) ||
	       !json_equal(guard_of(reply), target->guard);
}

void hone_diff_target_close(struct hone_diff_target *target)
{
	hone_diff_program_close(&target->program);
	hone_result_free(&target->image);
	json_decref(target->guard);
	target->guard = NULL;
}
