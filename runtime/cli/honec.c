// SPDX-License-Identifier: Apache-2.0
/* honec: run the compiler on a file and tell what it says. It writes into memory that is ours: the
 * output is replaced by us, when all went well. Its death is a refusal. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/cli/command.h"
#include "runtime/common/file.h"
#include "runtime/daemon/session.h"
#include "runtime/daemon/worker.h"

enum { ARGS_MAX = 1024, CPU_SECONDS = 120, REPORT_BYTES_MAX = 256 << 20, OUTPUT_FD = 3 };

/* ---- the process ---- */

static int list_args(const struct hone_build_options *o, const char **argv)
{
	static const char *const levels[] = {"0", "1", "2", "3"};
	const char *const rows[][2] = {
		{"--facts", o->facts},
		{"--program", o->program},
		{"--level", levels[o->level]},
		{"-o", o->output ? "/dev/fd/3" : NULL},
	};
	int n = 0;

	argv[n++] = hone_worker_path();
	argv[n++] = "--build";
	argv[n++] = o->input;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!rows[i][1])
			continue;
		argv[n++] = rows[i][0];
		argv[n++] = rows[i][1];
	}
	argv[n++] = "--";
	for (char *const *arg = o->clang_args; arg && *arg; arg++) {
		if (n + 1 == ARGS_MAX)
			return -E2BIG;
		argv[n++] = *arg;
	}
	argv[n] = NULL;
	return 0;
}

static void become_honec(const char **argv, int output_fd, int report_fd)
{
	struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS}, core = {0, 0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_CORE, &core);
	if (dup2(report_fd, STDOUT_FILENO) < 0)
		_exit(126);
	if (output_fd == OUTPUT_FD)
		fcntl(output_fd, F_SETFD, 0);
	else if (dup2(output_fd, OUTPUT_FD) < 0)
		_exit(126);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int read_report(int fd, json_t **report)
{
	_cleanup_fclose_ FILE *file = fdopen(fd, "r");

	if (!file) {
		close(fd);
		return -errno;
	}
	*report = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL);
	return *report ? 0 : -EPROTO;
}

/* Returns 0 with *report, or -errno with `how`. */
static int run_honec(const char **argv, int output_fd, json_t **report, char how[HONE_HOW_LEN])
{
	int pipe_fds[2], status = 0, err;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0)
		become_honec(argv, output_fd, pipe_fds[1]);
	close(pipe_fds[1]);
	err = read_report(pipe_fds[0], report);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -ECHILD;
	if (!err)
		return 0;
	if (WIFSIGNALED(status))
		snprintf(how, HONE_HOW_LEN, "signal %d", WTERMSIG(status));
	else
		snprintf(how, HONE_HOW_LEN, "exit status %d", WEXITSTATUS(status));
	return err;
}

/* ---- what it says ---- */

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static enum hone_reason reason_of(const char *id)
{
	for (int i = 0; i < HONE_REASON_N; i++)
		if (strcmp(hone_reason_id((enum hone_reason)i), id) == 0)
			return (enum hone_reason)i;
	return HONE_REWRITTEN;
}

void hone_say_site(const struct hone_cli *cli, const json_t *site)
{
	const char *action = text_of(site, "action");
	const char *would = text_of(site, "would");

	hone_say(cli, "  %3lld  %-10s %-16s %-11s ",
		 (long long)json_integer_value(json_object_get(site, "id")), text_of(site, "kind"),
		 text_of(site, "map"), text_of(site, "class"));
	if (action[0])
		hone_say(cli, "%s, %lld entries\n", action,
			 (long long)json_integer_value(json_object_get(site, "entries")));
	else if (would[0])
		hone_say(cli, "would be %s at level 2\n", would);
	else
		hone_say(cli, "%s: %s\n", text_of(site, "reason"), text_of(site, "message"));
}

static void say_program(const struct hone_cli *cli, const json_t *program)
{
	const char *reason = text_of(program, "reason");
	const json_t *site;
	size_t i;

	hone_say(cli, "%s (%s): ", text_of(program, "name"), text_of(program, "section"));
	if (reason[0])
		hone_say(cli, "stays as it is: %s: %s%s%s\n", reason, text_of(program, "message"),
			 text_of(program, "detail")[0] ? ": " : "", text_of(program, "detail"));
	else
		hone_say(cli, "%lld -> %lld instructions\n",
			 (long long)json_integer_value(json_object_get(program, "insns")),
			 (long long)json_integer_value(
				 json_object_get(program, "specialized_insns")));
	json_array_foreach(json_object_get(program, "sites"), i, site) hone_say_site(cli, site);
}

/* A program of honec's report as hone tells it; NULL: not to be understood. */
static json_t *program_json(const json_t *program)
{
	_cleanup_free_ char *unit_text = json_dumps(json_object_get(program, "unit"), 0);
	_cleanup_free_ char *result_text = json_dumps(json_object_get(program, "result"), 0);
	char error[HONE_DETAIL_LEN];
	struct hone_result result = {0};
	struct hone_unit unit = {0};
	json_t *json = NULL;

	if (unit_text && result_text &&
	    !hone_unit_decode(unit_text, strlen(unit_text), &unit, error) &&
	    !hone_result_decode(result_text, strlen(result_text), &result, error)) {
		bool is_refused = result.refused != HONE_REWRITTEN;

		json = hone_result_explain(&result, &unit, false);
		json_object_update_new(
			json,
			json_pack("{s:s,s:s,s:O,s:I,s:I,s:s,s:s,s:s,s:s}", "name",
				  text_of(program, "name"), "section", text_of(program, "section"),
				  "line", json_object_get(program, "line"), "insns",
				  (json_int_t)unit.n_insns, "specialized_insns",
				  (json_int_t)result.image.n_insns, "reason",
				  is_refused ? hone_reason_id(result.refused) : "", "message",
				  is_refused ? hone_reason_text(result.refused) : "", "detail",
				  result.detail, "advice",
				  is_refused ? hone_reason_advice(result.refused) : ""));
	}
	hone_unit_free(&unit);
	hone_result_free(&result);
	return json;
}

static json_t *programs_json(const json_t *report)
{
	json_t *programs = json_array();
	const json_t *program;
	size_t i;

	json_array_foreach(json_object_get(report, "programs"), i, program)
		json_array_append_new(programs, program_json(program));
	return programs;
}

/* What a compiler says of source: to stderr, as compilers do. */
static void say_diagnostics(const json_t *report)
{
	const json_t *diagnostic;
	size_t i;

	json_array_foreach(json_object_get(report, "diagnostics"), i, diagnostic)
		fprintf(stderr, "%s:%lld:%lld: %s: %s\n", text_of(diagnostic, "file"),
			(long long)json_integer_value(json_object_get(diagnostic, "line")),
			(long long)json_integer_value(json_object_get(diagnostic, "column")),
			text_of(diagnostic, "severity"), text_of(diagnostic, "message"));
}

static json_t *reply_json(const struct hone_build_options *o, const json_t *report)
{
	static const char *const of_source[] = {"diagnostics", "functions", "variables"};
	json_t *json = json_pack("{s:s,s:s,s:o}", "input", o->input, "output",
				 o->output ? o->output : "", "programs", programs_json(report));

	for (size_t i = 0; i < sizeof(of_source) / sizeof(of_source[0]); i++)
		if (json_object_get(report, of_source[i]))
			json_object_set(json, of_source[i], json_object_get(report, of_source[i]));
	return json;
}

static enum hone_exit refuse(const struct hone_cli *cli, const struct hone_build_options *o,
			     const json_t *report, json_t *reply)
{
	enum hone_reason reason = reason_of(text_of(report, "refused"));
	_cleanup_json_ json_t *error =
		hone_error(HONE_EXIT_FAILED, reason, "%.200s: %s: %s", o->input,
			   hone_reason_text(reason), text_of(report, "detail"));

	json_object_update(error, reply);
	return hone_fail_reply(cli, error);
}

/* ---- the output ---- */

static enum hone_exit write_output(const struct hone_cli *cli, const char *path, int fd)
{
	struct stat st;
	void *bytes;
	int err;

	if (fstat(fd, &st) || st.st_size == 0)
		return hone_fail(cli, HONE_EXIT_FAILED, "honec wrote nothing");
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return hone_fail(cli, HONE_EXIT_FAILED, "output: %s", strerror(errno));
	err = hone_file_replace(path, bytes, (size_t)st.st_size, 0644);
	munmap(bytes, (size_t)st.st_size);
	if (err)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.200s: cannot be written: %s", path,
				 strerror(-err));
	return HONE_EXIT_OK;
}

static enum hone_exit tell(const struct hone_cli *cli, const struct hone_build_options *o,
			   const json_t *report, int output_fd)
{
	_cleanup_json_ json_t *reply = reply_json(o, report);
	const json_t *program;
	enum hone_exit code;
	size_t i;

	say_diagnostics(report);
	if (text_of(report, "refused")[0] && o->output)
		return refuse(cli, o, report, reply);
	/* To explain a program that is refused is what was asked for. */
	if (text_of(report, "refused")[0] &&
	    json_array_size(json_object_get(reply, "programs")) == 0)
		return refuse(cli, o, report, reply);
	code = o->output ? write_output(cli, o->output, output_fd) : HONE_EXIT_OK;
	if (code)
		return code;
	hone_show(cli, reply);
	json_array_foreach(json_object_get(reply, "programs"), i, program)
		say_program(cli, program);
	return HONE_EXIT_OK;
}

enum hone_exit hone_build(const struct hone_cli *cli, const struct hone_build_options *options)
{
	_cleanup_close_ int output_fd = memfd_create("hone-build", MFD_CLOEXEC);
	_cleanup_json_ json_t *report = NULL;
	const char *argv[ARGS_MAX + 16];
	char how[HONE_HOW_LEN] = "it cannot be started";
	size_t length = strlen(options->input);
	int err = list_args(options, argv);

	if (err || output_fd < 0)
		return hone_fail(cli, HONE_EXIT_FAILED, "%s",
				 err ? "too many arguments" : "memory");
	if (options->clang_args && (length < 2 || strcmp(options->input + length - 2, ".c") != 0))
		return hone_fail(cli, HONE_EXIT_USAGE,
				 "%.200s is no C source: it takes no arguments of clang",
				 options->input);
	err = run_honec(argv, output_fd, &report, how);
	if (err)
		return hone_fail_reason(cli, HONE_EXIT_FAILED, HONE_NO_WORKER_DIED,
					"%.200s: %s (%s)", options->input,
					hone_reason_text(HONE_NO_WORKER_DIED), how);
	return tell(cli, options, report, output_fd);
}
