// SPDX-License-Identifier: Apache-2.0
/* wrap: one command between the start and the end of a capture. What the command leaves running
 * behind it and loads later is not seen. */
#include "runtime/live/wrap.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/live/capture.h"
#include "runtime/live/units.h"

struct run {
	const char *units_dir;
	struct hone_run_result *result;
};

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

static void keep(void *arg, struct hone_captured *captured)
{
	const struct run *run = arg;

	if (hone_captured_verify(captured)) {
		hone_unit_free(&captured->unit); /* gone */
		return;
	}
	if (captured->refused != HONE_REWRITTEN) {
		hone_log_warn("program %u (%s): %s%s%s", captured->unit.prog_id,
			      captured->unit.name, hone_reason_text(captured->refused),
			      captured->detail[0] ? ": " : "", captured->detail);
		run->result->n_refused++;
	} else if (hone_units_save(run->units_dir, &captured->unit) == 0) {
		run->result->n_captured++;
	}
	hone_unit_free(&captured->unit);
}

static int block_signals(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(&set, passed_on[i]);
	sigprocmask(SIG_BLOCK, &set, before);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A terminal has sent its signals to the command as well: the same process group. */
static void pass_on(int signals, pid_t child)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD && info.ssi_code != SI_KERNEL)
			kill(child, (int)info.ssi_signo);
}

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t spawn(char *const argv[], const sigset_t *mask)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	_exit(hone_log_err(-errno, "%s", argv[0]) == -ENOENT ? 127 : 126);
}

static void consume_until_exit(struct hone_capture *capture, int signals, pid_t child, int *status)
{
	struct pollfd fds[] = {
		{.fd = hone_capture_fd(capture), .events = POLLIN},
		{.fd = signals, .events = POLLIN},
	};

	while (waitpid(child, status, WNOHANG) == 0) {
		poll(fds, 2, -1);
		if (fds[0].revents)
			hone_capture_consume(capture);
		if (fds[1].revents)
			pass_on(signals, child);
	}
	hone_capture_consume(capture); /* what came between the last look and the exit */
}

int hone_run_captured(const char *units_dir, char *const argv[], struct hone_run_result *out)
{
	struct hone_run_result result = {0};
	struct run run = {.units_dir = units_dir, .result = &result};
	struct hone_capture *capture = NULL;
	_cleanup_close_ int signals = -1;
	sigset_t before;
	int status = 0, err;
	pid_t child;

	err = hone_capture_new(keep, &run, &capture);
	if (err)
		return err;
	signals = block_signals(&before);
	child = signals < 0 ? -1 : spawn(argv, &before);
	if (child < 0) {
		err = hone_log_err(-errno, "%s: cannot start a process", argv[0]);
	} else {
		consume_until_exit(capture, signals, child, &status);
		result.exit_status = exit_status(status);
		*out = result;
	}
	hone_capture_free(&capture);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return err;
}
