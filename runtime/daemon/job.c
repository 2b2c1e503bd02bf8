// SPDX-License-Identifier: Apache-2.0
/* job: run something long or dangerous (a differential run, a measurement) in a forked child
 * that has the daemon's descriptors and memory, and bring back a fixed-size result. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "runtime/common/cleanup.h"
#include "runtime/daemon/child.h"

enum { RESULT_BYTES_MAX = 32768 }; /* fits a pipe: the child never waits for us */

struct hone_job {
	struct hone_child child;
	int result_fd;
	size_t result_size;
	void (*done)(void *arg, const void *result, const char *how);
	void *done_arg;
	struct hone_job **owner; /* nulled when the job ends */
};

static void job_free(struct hone_job *job)
{
	hone_child_kill(&job->child);
	close(job->result_fd);
	free(job);
}

void hone_job_cancel(struct hone_job **job)
{
	if (*job)
		job_free(TAKE_PTR(*job));
}

static void job_ended(void *arg, const char *how)
{
	struct hone_job *job = arg;
	_cleanup_free_ void *result = malloc(job->result_size);
	bool is_whole = false;

	if (how[0] == '\0' && result)
		is_whole =
			read(job->result_fd, result, job->result_size) == (ssize_t)job->result_size;
	if (how[0] == '\0' && !is_whole)
		how = "gave no result";

	*job->owner = NULL;
	job->done(job->done_arg, is_whole ? result : NULL, how);
	job_free(job);
}

static void run_in_child(const struct hone_job_limits *limits, void (*fn)(void *arg, void *result),
			 void *arg, size_t result_size, int result_fd)
{
	struct rlimit cpu = {limits->cpu_seconds, limits->cpu_seconds};
	struct rlimit core = {0, 0};
	void *result = calloc(1, result_size);

	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_CORE, &core);
	if (!result)
		_exit(1);
	fn(arg, result);
	_exit(write(result_fd, result, result_size) == (ssize_t)result_size ? 0 : 1);
}

int hone_job_start(struct hone_loop *loop, const struct hone_job_limits *limits,
		   void (*fn)(void *arg, void *result), void *arg, size_t result_size,
		   void (*done)(void *arg, const void *result, const char *how), void *done_arg,
		   struct hone_job **out)
{
	_cleanup_free_ struct hone_job *job = calloc(1, sizeof(*job));
	_cleanup_close_ int write_fd = -1;
	pid_t parent = getpid(), pid;
	int pipe_fds[2], err;

	if (!job)
		return -ENOMEM;
	if (result_size > RESULT_BYTES_MAX)
		return -E2BIG;
	if (pipe2(pipe_fds, O_CLOEXEC))
		return -errno;
	job->result_fd = pipe_fds[0];
	write_fd = pipe_fds[1];

	pid = fork();
	if (pid < 0) {
		err = -errno;
		close(job->result_fd);
		return err;
	}
	if (pid == 0) {
		hone_child_prepare(parent);
		run_in_child(limits, fn, arg, result_size, write_fd);
	}

	err = hone_child_follow(loop, pid, limits->rss_bytes, job_ended, job, &job->child);
	if (err) {
		close(job->result_fd);
		return err;
	}
	hone_child_deadline(&job->child, limits->wall_ms);
	job->result_size = result_size;
	job->done = done;
	job->done_arg = done_arg;
	job->owner = out;
	*out = TAKE_PTR(job);
	return 0;
}
