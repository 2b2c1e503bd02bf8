// SPDX-License-Identifier: Apache-2.0
/* call: one request to the daemon, and waiting for what becomes of a unit. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "runtime/cli/command.h"

enum { CALL_MS = 30000, POLL_MS = 20 };

static bool means_no_daemon(int err)
{
	return err == -ENOENT || err == -ECONNREFUSED || err == -ENAMETOOLONG || err == -ENOTDIR;
}

enum hone_exit hone_no_daemon(const struct hone_cli *cli)
{
	return hone_fail(cli, HONE_EXIT_NO_DAEMON, "no daemon answers at %.120s: start honed",
			 cli->socket);
}

enum hone_exit hone_call(const struct hone_cli *cli, json_t *request, json_t **reply)
{
	_cleanup_json_ json_t *owned = request;
	_cleanup_close_ int netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	_cleanup_json_ json_t *answer = NULL;
	int err;

	if (!owned)
		return hone_fail(cli, HONE_EXIT_USAGE, "the arguments are not UTF-8");
	err = hone_socket_call(cli->socket, owned, netns_fd, CALL_MS, &answer);
	if (means_no_daemon(err))
		return HONE_EXIT_NO_DAEMON;
	if (err)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.120s: %s", cli->socket, strerror(-err));
	if (json_object_get(answer, "error"))
		return hone_fail_reply(cli, answer);
	*reply = TAKE_PTR(answer);
	return HONE_EXIT_OK;
}

/* ---- waiting ---- */

static enum hone_exit exit_of_reason(const char *reason)
{
	static const struct {
		const char *reason;
		enum hone_exit code;
	} rows[] = {
		{"CHECK_VERIFIER", HONE_EXIT_VERIFIER},
		{"CHECK_MISMATCH", HONE_EXIT_MISMATCH},
		{"GATE_NOT_FASTER", HONE_EXIT_GATE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].reason, reason) == 0)
			return rows[i].code;
	return HONE_EXIT_FAILED;
}

static const char *member(const json_t *unit, const char *key)
{
	const char *text = json_string_value(json_object_get(unit, key));

	return text ? text : "";
}

static enum hone_exit outcome(const struct hone_cli *cli, const json_t *unit)
{
	if (strcmp(member(unit, "state"), "refused") != 0 &&
	    strcmp(member(unit, "state"), "generic") != 0)
		return HONE_EXIT_OK;
	if (!member(unit, "reason")[0])
		return HONE_EXIT_OK;
	fprintf(stderr, "hone: %s: %s%s%s\n", member(unit, "target"), member(unit, "message"),
		member(unit, "detail")[0] ? ": " : "", member(unit, "detail"));
	(void)cli;
	return exit_of_reason(member(unit, "reason"));
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void say_progress(const json_t *unit, char *last, size_t size)
{
	const char *state = member(unit, "state");

	if (strcmp(last, state) == 0)
		return;
	snprintf(last, size, "%s", state);
	fprintf(stderr, "%s: %s\n", member(unit, "target"), state);
}

static enum hone_exit refresh(const struct hone_cli *cli, const char *target, json_t **unit)
{
	_cleanup_json_ json_t *reply = NULL;
	enum hone_exit code =
		hone_call(cli, json_pack("{s:s,s:s}", "verb", "status", "target", target), &reply);

	if (code == HONE_EXIT_NO_DAEMON)
		return hone_no_daemon(cli);
	if (code)
		return code;
	json_decref(*unit);
	*unit = json_incref(json_array_get(json_object_get(reply, "units"), 0));
	return HONE_EXIT_OK;
}

enum hone_exit hone_wait(const struct hone_cli *cli, const char *target, unsigned int wait_ms,
			 json_t **unit)
{
	int64_t deadline_ms = now_ms() + wait_ms;
	char last[32] = "";

	for (;;) {
		enum hone_exit code;

		say_progress(*unit, last, sizeof(last));
		if (json_is_true(json_object_get(*unit, "settled")))
			return outcome(cli, *unit);
		if (now_ms() >= deadline_ms)
			break;
		nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
		code = refresh(cli, target, unit);
		if (code)
			return code;
	}
	fprintf(stderr, "hone: %s: not settled after %u ms; see hone status\n", target, wait_ms);
	return wait_ms ? HONE_EXIT_FAILED : HONE_EXIT_OK;
}
