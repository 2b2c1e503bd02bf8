// SPDX-License-Identifier: Apache-2.0
/* wrap: a command under capture: its programs are kept, its exit status and signals are its own. */
#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/sys.h"
#include "runtime/live/capture.h"
#include "runtime/live/units.h"
#include "runtime/live/wrap.h"
#include "tests/tools/kernel_test.h"

static char dir[] = "/tmp/hone-wrap-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	kernel_test_needs_root();
	kernel_test_needs_file(XDP_FILTER_OBJECT("alw_all"));
	/* bpftool pins the object's maps by name: in a bpffs of this test's own */
	if (unshare(CLONE_NEWNS) || mount("", "/", "", MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		return -1;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static struct hone_run_result run(const char *command)
{
	char *const argv[] = {"sh", "-c", (char *)(uintptr_t)command, NULL};
	struct hone_run_result result = {.exit_status = -1};

	fflush(stdout);
	assert_int_equal(hone_run_captured(dir, argv, &result), 0);
	return result;
}

static void the_programs_of_the_command_are_kept(void **state)
{
	struct hone_run_result result;
	struct bpf_prog_info info;
	struct hone_unit unit;
	char command[256], pin[64], detail[HONE_DETAIL_LEN];

	(void)state;
	snprintf(pin, sizeof(pin), "/sys/fs/bpf/hone-wrap-%d", getpid());
	snprintf(command, sizeof(command), "bpftool prog load %s %s && exit 3",
		 XDP_FILTER_OBJECT("alw_all"), pin);
	result = run(command);
	assert_int_equal(result.exit_status, 3);
	assert_true(result.n_captured >= 1); /* others may load at the same time */

	_cleanup_close_ int prog = bpf_obj_get(pin);
	unlink(pin);
	assert_int_equal(hone_prog_info(prog, &info), 0);
	assert_int_equal(hone_units_load(dir, info.id, &unit), 0);
	assert_int_equal(hone_unit_verify(&unit, detail), 0);
	hone_unit_free(&unit);
}

static void the_exit_status_is_passed_through(void **state)
{
	(void)state;
	assert_int_equal(run("exit 0").exit_status, 0);
	assert_int_equal(run("exit 200").exit_status, 200);
	assert_int_equal(run("kill -9 $$").exit_status, 128 + SIGKILL);
}

static void a_command_that_is_not_there_is_127(void **state)
{
	char *const argv[] = {"hone-no-such-command", NULL};
	char *const directory[] = {"/tmp", NULL};
	struct hone_run_result result;

	(void)state;
	fflush(stdout);
	assert_int_equal(hone_run_captured(dir, argv, &result), 0);
	assert_int_equal(result.exit_status, 127);
	assert_int_equal(hone_run_captured(dir, directory, &result), 0);
	assert_int_equal(result.exit_status, 126);
}

/* The command says when its handler is there, by the pipe; the signal goes to us alone. */
static void signals_reach_the_command(void **state)
{
	int ready[2], status;
	char byte;
	pid_t runner;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	fflush(stdout);
	runner = fork();
	if (runner == 0) {
		dup2(ready[1], 9);
		_exit(run("trap 'exit 42' TERM; echo >&9; while :; do sleep 0.05; done")
			      .exit_status);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(kill(runner, SIGTERM), 0);
	assert_int_equal(waitpid(runner, &status, 0), runner);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	close(ready[0]);
}

static void the_callers_signal_mask_is_as_before(void **state)
{
	sigset_t before, after;

	(void)state;
	sigprocmask(SIG_BLOCK, NULL, &before);
	run("exit 0");
	sigprocmask(SIG_BLOCK, NULL, &after);
	for (int i = 1; i < NSIG; i++)
		assert_int_equal(sigismember(&after, i), sigismember(&before, i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_programs_of_the_command_are_kept),
		cmocka_unit_test(the_exit_status_is_passed_through),
		cmocka_unit_test(a_command_that_is_not_there_is_127),
		cmocka_unit_test(signals_reach_the_command),
		cmocka_unit_test(the_callers_signal_mask_is_as_before),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
