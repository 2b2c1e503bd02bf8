// SPDX-License-Identifier: Apache-2.0
/* child: follow one forked process by its pidfd and enforce its limits from outside. Does not
 * start it, and knows nothing of what it says. */
#include "runtime/daemon/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "runtime/common/cleanup.h"

enum { LOOK_MS = 50 };

void hone_child_prepare(pid_t parent)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

/* Resident bytes; 0 when it cannot be read (it just ended). */
static uint64_t rss_bytes(pid_t pid)
{
	char path[64];
	unsigned long long pages = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%*u %llu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void look(void *arg)
{
	struct hone_child *child = arg;

	if (child->deadline_ms && hone_now_ms() >= child->deadline_ms)
		child->killed_for = "time limit";
	else if (child->max_rss_bytes && rss_bytes(child->pid) > child->max_rss_bytes)
		child->killed_for = "memory limit";
	if (child->killed_for)
		kill(child->pid, SIGKILL);
	else
		hone_timer_set(child->loop, &child->look, LOOK_MS);
}

static void forget(struct hone_child *child)
{
	hone_timer_cancel(child->loop, &child->look);
	hone_loop_drop(child->loop, &child->end);
	if (child->end.fd >= 0)
		close(child->end.fd);
	child->end.fd = -1;
	child->pid = 0;
}

static void tell_how(const struct hone_child *child, int status, char how[HONE_HOW_LEN])
{
	how[0] = '\0';
	if (WIFSIGNALED(status)) {
		int signo = WTERMSIG(status);

		if (child->killed_for)
			snprintf(how, HONE_HOW_LEN, "killed: %s", child->killed_for);
		else
			snprintf(how, HONE_HOW_LEN, "killed by signal %d (SIG%s)", signo,
				 sigabbrev_np(signo) ? sigabbrev_np(signo) : "?");
	} else if (WEXITSTATUS(status) != 0) {
		snprintf(how, HONE_HOW_LEN, "exited with status %d", WEXITSTATUS(status));
	}
}

static void ended(void *arg, uint32_t events)
{
	struct hone_child *child = arg;
	char how[HONE_HOW_LEN];
	int status;

	(void)events;
	if (waitpid(child->pid, &status, WNOHANG) != child->pid)
		return;
	tell_how(child, status, how);
	forget(child);
	child->fn(child->arg, how);
}

int hone_child_follow(struct hone_loop *loop, pid_t pid, uint64_t max_rss_bytes,
		      void (*fn)(void *arg, const char *how), void *arg, struct hone_child *out)
{
	int err = 0;

	*out = (struct hone_child){
		.pid = pid,
		.loop = loop,
		.end = {.fd = pidfd_open(pid, 0), .fn = ended, .arg = out},
		.look = {.fn = look, .arg = out},
		.max_rss_bytes = max_rss_bytes,
		.fn = fn,
		.arg = arg,
	};
	if (out->end.fd < 0)
		err = -errno;
	if (!err)
		err = hone_loop_add(loop, &out->end, EPOLLIN);
	if (err) {
		hone_child_kill(out);
		return err;
	}
	hone_timer_set(loop, &out->look, LOOK_MS);
	return 0;
}

void hone_child_deadline(struct hone_child *child, uint64_t wall_ms)
{
	child->deadline_ms = wall_ms ? hone_now_ms() + wall_ms : 0;
}

void hone_child_kill(struct hone_child *child)
{
	pid_t pid = child->pid;

	if (!pid)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	forget(child);
}
