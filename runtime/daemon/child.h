/* SPDX-License-Identifier: Apache-2.0 */
/* child: a process of ours with limits, and word of its end.
 *
 * Memory is watched as peak RSS: an address space limit would kill what merely reserves. */
#ifndef HONE_CHILD_H
#define HONE_CHILD_H

#include <sys/types.h>

#include "runtime/daemon/loop.h"

enum { HONE_HOW_LEN = 96 };

struct hone_child {
	pid_t pid; /* 0: none */
	struct hone_loop *loop;
	struct hone_source end; /* pidfd */
	struct hone_timer look;
	uint64_t max_rss_bytes;
	uint64_t deadline_ms; /* 0: none */
	const char *killed_for;
	void (*fn)(void *arg, const char *how); /* how: "" is exit status 0 */
	void *arg;
};

/* hone_child_follow() - call fn(arg, how) once when pid, a child of ours, has ended and was
 * reaped. Kills it past the limits. On failure the process is killed and reaped. */
int hone_child_follow(struct hone_loop *loop, pid_t pid, uint64_t max_rss_bytes,
		      void (*fn)(void *arg, const char *how), void *arg, struct hone_child *out);

/* hone_child_deadline() - kill it after wall_ms from now; 0: no longer. */
void hone_child_deadline(struct hone_child *child, uint64_t wall_ms);

/* hone_child_kill() - kill, reap, forget: fn is not called. Harmless without a process. */
void hone_child_kill(struct hone_child *child);

/* hone_child_prepare() - first thing in the forked process: die with the parent, default signals.
 */
void hone_child_prepare(pid_t parent);

/* ---- job.c: a function in a process of its own ---- */

struct hone_job;

struct hone_job_limits {
	uint64_t wall_ms;
	uint64_t cpu_seconds;
	uint64_t rss_bytes;
};

/* hone_job_start() - run fn(arg, result) in a forked child; then done(done_arg, result, how) here.
 *
 * result_size: bytes that the child fills and the parent gets, at most 32 KiB
 * done:        result is NULL when the child died or was killed; how says why
 *
 * The job frees itself after done(). Returns 0 or -errno. */
int hone_job_start(struct hone_loop *loop, const struct hone_job_limits *limits,
		   void (*fn)(void *arg, void *result), void *arg, size_t result_size,
		   void (*done)(void *arg, const void *result, const char *how), void *done_arg,
		   struct hone_job **out);
void hone_job_cancel(struct hone_job **job); /* done is not called */

#endif
