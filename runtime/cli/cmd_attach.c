// SPDX-License-Identifier: Apache-2.0
/* attach: take a program on, and say what became of it.
 *
 * A program that was loaded before the daemon is known by its object: that is put together here,
 * where the operator's paths mean what they say, and not in the daemon, which verifies the outcome.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "runtime/cli/command.h"
#include "runtime/common/file.h"
#include "runtime/live/discover.h"
#include "runtime/live/object.h"

struct attach_options {
	const char *target;
	unsigned int level;
	unsigned int wait_ms;
	const char *object, *program;
};

enum { OBJECT_BYTES_MAX = 256 << 20 };

static const struct attach_options defaults = {.level = 2, .wait_ms = 30000};

static const struct hone_option options[] = {
	ARG(attach_options, target, TEXT, "TARGET",
	    "interface, tc:NAME:ingress, tcx:NAME:ingress, id:N or a pin"),
	OPT(attach_options, level, LEVEL, "level", "N",
	    "0 observe, 1 constants, 2 tables, 3 as 2 (2)"),
	OPT(attach_options, wait_ms, UINT, "wait-ms", "N",
	    "for the outcome; 0: do not wait (30000)"),
	OPT(attach_options, object, TEXT, "object", "FILE.o",
	    "what the program was loaded from, if that was before honed"),
	OPT(attach_options, program, TEXT, "program", "NAME", "in the object"),
	{0},
};

static bool is_attached(const struct hone_cli *cli, const char *target)
{
	_cleanup_json_ json_t *request = json_pack("{s:s,s:s}", "verb", "status", "target", target);
	_cleanup_json_ json_t *reply = NULL;
	_cleanup_close_ int netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	return request && !hone_socket_call(cli->socket, request, netns_fd, 5000, &reply) &&
	       json_object_get(reply, "units");
}

/* What TARGET runs, out of the object. Returns 0 or -errno with `detail`. */
static int put_together(const struct attach_options *o, char **text, char *detail)
{
	_cleanup_close_ int netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *object = NULL;
	struct hone_target target;
	struct hone_unit unit;
	size_t size;
	int err = hone_file_read(o->object, OBJECT_BYTES_MAX, &object, &size);

	snprintf(detail, HONE_DETAIL_LEN, "%s", strerror(-err));
	if (err)
		return err;
	err = hone_target_resolve(o->target, netns_fd, &target);
	snprintf(detail, HONE_DETAIL_LEN, "%.60s: no program can be found there", o->target);
	if (err)
		return err;
	err = hone_object_unit(object, size, o->program, target.prog_id, &unit, detail);
	if (err)
		return err;
	err = hone_unit_encode(&unit, text);
	hone_unit_free(&unit);
	return err;
}

/* Adds what the object says to the request. */
static enum hone_exit add_unit(const struct hone_cli *cli, const struct attach_options *o,
			       json_t *request)
{
	_cleanup_free_ char *text = NULL;
	char detail[HONE_DETAIL_LEN];
	int err;

	if (!o->object || is_attached(cli, o->target))
		return HONE_EXIT_OK;
	err = put_together(o, &text, detail);
	if (err == -EBADMSG)
		return hone_fail_reason(cli, HONE_EXIT_FAILED, HONE_NO_OBJECT_DIFFERS,
					"%.200s: %s: %s", o->object,
					hone_reason_text(HONE_NO_OBJECT_DIFFERS), detail);
	if (err)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.200s: %s", o->object, detail);
	json_object_set_new(request, "unit", json_loads(text, 0, NULL));
	return HONE_EXIT_OK;
}

static enum hone_exit do_attach(struct hone_cli *cli, const void *opts)
{
	const struct attach_options *o = opts;
	_cleanup_json_ json_t *reply = NULL, *unit = NULL;
	json_t *request = json_pack("{s:s,s:s,s:i}", "verb", "attach", "target", o->target, "level",
				    (int)o->level);
	enum hone_exit code = request ? add_unit(cli, o, request) : HONE_EXIT_OK;

	if (code) {
		json_decref(request);
		return code;
	}
	code = hone_call(cli, request, &reply);
	if (code == HONE_EXIT_NO_DAEMON)
		return hone_no_daemon(cli);
	if (code)
		return code;
	unit = json_incref(json_object_get(reply, "unit"));
	code = hone_wait(cli, o->target, o->wait_ms, &unit);
	hone_show(cli, unit);
	hone_say_unit(cli, unit);
	return code;
}

const struct hone_command hone_cmd_attach = {
	.name = "attach",
	.summary = "take a program on",
	.options = options,
	.defaults = &defaults,
	.size = sizeof(defaults),
	.run = do_attach,
};
