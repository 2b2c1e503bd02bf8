// SPDX-License-Identifier: Apache-2.0
/* worker: fork, feed, limit and respawn honec.
 *
 * One question at a time, in order. Whatever ends honec while it is busy (signal, limit, broken
 * frame) answers that question with NO_WORKER_DIED; the next question goes to a new process, which
 * is started at once but no more often than a back-off that doubles with each death allows. */
#include "runtime/daemon/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/daemon/child.h"
#include "runtime/daemon/protocol.h"

enum {
	WALL_MS = 20000,
	CPU_SECONDS = 20,
	BACKOFF_MIN_MS = 50,
	BACKOFF_MAX_MS = 5000,
};

#define RSS_BYTES_MAX (1536ull << 20)

struct question {
	struct question *next;
	uint8_t *frame;
	size_t size, sent;
	hone_worker_fn fn; /* NULL: nobody wants the answer any more */
	void *arg;
};

struct hone_worker {
	struct hone_loop *loop;
	char *path;
	struct hone_child child;
	struct hone_source in, out; /* honec's stdin and stdout */
	struct hone_timer respawn;  /* also delivers refusals: never from within ask() */
	uint64_t backoff_ms;
	struct question *queue; /* the first is being asked, if is_busy */
	bool is_busy;
	struct hone_frame answer;
	char why[HONE_DETAIL_LEN];
};

static void pump(struct hone_worker *worker);

/* ---- answers ---- */

static void question_free(struct question *question)
{
	free(question->frame);
	free(question);
}

/* Give the first question its answer. The callback may ask again, so the queue is settled first. */
static void deliver(struct hone_worker *worker, struct hone_result *result)
{
	struct question *question = worker->queue;

	worker->queue = question->next;
	worker->is_busy = false;
	hone_child_deadline(&worker->child, 0);
	if (question->fn)
		question->fn(question->arg, result);
	hone_result_free(result);
	question_free(question);
}

static void refuse_first(struct hone_worker *worker, enum hone_reason reason, const char *detail)
{
	struct hone_result result = {.refused = reason};

	snprintf(result.detail, sizeof(result.detail), "%s", detail);
	deliver(worker, &result);
}

/* ---- the process ---- */

static void close_pipes(struct hone_worker *worker)
{
	hone_loop_drop(worker->loop, &worker->in);
	hone_loop_drop(worker->loop, &worker->out);
	if (worker->in.fd >= 0)
		close(worker->in.fd);
	if (worker->out.fd >= 0)
		close(worker->out.fd);
	worker->in.fd = worker->out.fd = -1;
	hone_frame_free(&worker->answer);
}

static void schedule_respawn(struct hone_worker *worker)
{
	hone_timer_set(worker->loop, &worker->respawn, worker->backoff_ms);
	worker->backoff_ms *= 2;
	if (worker->backoff_ms > BACKOFF_MAX_MS)
		worker->backoff_ms = BACKOFF_MAX_MS;
}

/* honec is gone, or no longer makes sense and is sent away. */
static void lost(struct hone_worker *worker, const char *how)
{
	hone_child_kill(&worker->child);
	close_pipes(worker);
	snprintf(worker->why, sizeof(worker->why), "honec %s", how);
	hone_log_warn("worker: %s", worker->why);
	schedule_respawn(worker);
	if (worker->is_busy)
		refuse_first(worker, HONE_NO_WORKER_DIED, worker->why);
}

static void ended(void *arg, const char *how)
{
	lost(arg, how[0] ? how : "exited");
}

static void receive(void *arg, uint32_t events)
{
	struct hone_worker *worker = arg;
	static char bytes[65536];
	ssize_t n = read(worker->out.fd, bytes, sizeof(bytes));
	struct hone_result result;
	char error[HONE_DETAIL_LEN];

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* its end is told by the pidfd */
		hone_loop_drop(worker->loop, &worker->out);
		return;
	}
	if (!worker->is_busy || hone_frame_feed(&worker->answer, bytes, (size_t)n) != n) {
		lost(worker, "spoke out of turn");
		return;
	}
	if (!worker->answer.is_complete)
		return;
	if (hone_result_decode(worker->answer.text, worker->answer.size, &result, error)) {
		hone_log_warn("worker: answer: %s", error);
		lost(worker, "gave an answer that cannot be read");
		return;
	}
	hone_frame_free(&worker->answer);
	worker->backoff_ms = BACKOFF_MIN_MS;
	deliver(worker, &result);
	pump(worker);
}

static void send_rest(void *arg, uint32_t events)
{
	struct hone_worker *worker = arg;
	struct question *question = worker->queue;
	ssize_t n;

	(void)events;
	if (!worker->is_busy || question->sent == question->size) {
		hone_loop_drop(worker->loop, &worker->in);
		return;
	}
	n = write(worker->in.fd, question->frame + question->sent, question->size - question->sent);
	if (n > 0)
		question->sent += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		hone_loop_drop(worker->loop, &worker->in); /* the pidfd tells the rest */
	if (question->sent == question->size)
		hone_loop_drop(worker->loop, &worker->in);
}

static void run_honec(const char *path, int in_fd, int out_fd, pid_t parent)
{
	struct rlimit core = {0, 0};

	hone_child_prepare(parent);
	setrlimit(RLIMIT_CORE, &core);
	if (dup2(in_fd, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0)
		_exit(126);
	execl(path, "honec", "--worker", (char *)NULL);
	_exit(127);
}

/* Both pipes and the process. in[1] and out[0] are ours. */
static int fork_honec(struct hone_worker *worker, const int in[2], const int out[2])
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_honec(worker->path, in[0], out[1], parent);
	return hone_child_follow(worker->loop, pid, RSS_BYTES_MAX, ended, worker, &worker->child);
}

static int spawn(struct hone_worker *worker)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1};
	int err = 0;

	if (access(worker->path, X_OK))
		return -errno;
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		err = -errno;
	if (!err && (fcntl(in[1], F_SETFL, O_NONBLOCK) || fcntl(out[0], F_SETFL, O_NONBLOCK)))
		err = -errno;
	if (!err)
		err = fork_honec(worker, in, out);
	if (!err) {
		worker->in.fd = TAKE_FD(in[1]);
		worker->out.fd = TAKE_FD(out[0]);
		err = hone_loop_add(worker->loop, &worker->out, EPOLLIN);
	}
	for (int i = 0; i < 2; i++) {
		hone_cleanup_close(&in[i]);
		hone_cleanup_close(&out[i]);
	}
	if (err) {
		hone_child_kill(&worker->child);
		close_pipes(worker);
	}
	return err;
}

static void try_spawn(struct hone_worker *worker)
{
	int err = spawn(worker);

	if (err) {
		snprintf(worker->why, sizeof(worker->why), "%s: %s", worker->path, strerror(-err));
		hone_log_warn("worker: %s", worker->why);
		schedule_respawn(worker);
		return;
	}
	worker->why[0] = '\0';
}

/* ---- questions ---- */

/* The processor time of a warm process adds up: the limit moves along. */
static void limit_cpu(pid_t pid)
{
	clockid_t clock;
	struct timespec used = {0};
	struct rlimit limit;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used))
		return;
	limit.rlim_cur = (rlim_t)used.tv_sec + 1 + CPU_SECONDS;
	limit.rlim_max = RLIM_INFINITY;
	prlimit(pid, RLIMIT_CPU, &limit, NULL);
}

/* Ask the next question, if honec is idle. */
static void pump(struct hone_worker *worker)
{
	if (worker->is_busy || !worker->queue || !worker->child.pid)
		return;
	worker->is_busy = true;
	limit_cpu(worker->child.pid);
	hone_child_deadline(&worker->child, WALL_MS);
	if (hone_loop_add(worker->loop, &worker->in, EPOLLOUT))
		lost(worker, "cannot be written to");
}

static void respawn_due(void *arg)
{
	struct hone_worker *worker = arg;

	if (!worker->child.pid)
		try_spawn(worker);
	/* Nobody waits for a honec that cannot be started. */
	while (!worker->child.pid && worker->queue)
		refuse_first(worker, HONE_NO_WORKER, worker->why);
	pump(worker);
}

int hone_worker_ask(struct hone_worker *worker, const struct hone_request *request,
		    hone_worker_fn fn, void *arg)
{
	struct question *question = calloc(1, sizeof(*question));
	struct question **at = &worker->queue;
	_cleanup_free_ char *text = NULL;
	int err;

	if (!question)
		return -ENOMEM;
	err = hone_request_encode(request, &text);
	if (!err) {
		question->frame = hone_frame_text(text, strlen(text), &question->size);
		err = question->frame ? 0 : -ENOMEM;
	}
	if (err) {
		question_free(question);
		return err;
	}
	question->fn = fn;
	question->arg = arg;
	while (*at)
		at = &(*at)->next;
	*at = question;
	if (!worker->child.pid && !worker->respawn.is_set)
		hone_timer_set(worker->loop, &worker->respawn, 0);
	pump(worker);
	return 0;
}

void hone_worker_forget(struct hone_worker *worker, const void *arg)
{
	for (struct question *question = worker->queue; question; question = question->next)
		if (question->arg == arg)
			question->fn = NULL;
}

/* ---- life ---- */

int hone_worker_new(struct hone_loop *loop, const char *path, struct hone_worker **out)
{
	_cleanup_free_ struct hone_worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return -ENOMEM;
	worker->path = strdup(path);
	if (!worker->path)
		return -ENOMEM;
	worker->loop = loop;
	worker->in = (struct hone_source){.fd = -1, .fn = send_rest, .arg = worker};
	worker->out = (struct hone_source){.fd = -1, .fn = receive, .arg = worker};
	worker->respawn = (struct hone_timer){.fn = respawn_due, .arg = worker};
	worker->answer.max_bytes = HONE_WORKER_BYTES_MAX;
	worker->backoff_ms = BACKOFF_MIN_MS;
	try_spawn(worker);
	*out = TAKE_PTR(worker);
	return 0;
}

void hone_worker_free(struct hone_worker **worker)
{
	struct hone_worker *w = TAKE_PTR(*worker);

	if (!w)
		return;
	hone_timer_cancel(w->loop, &w->respawn);
	hone_child_kill(&w->child);
	close_pipes(w);
	while (w->queue) {
		struct question *question = w->queue;

		w->queue = question->next;
		question_free(question);
	}
	free(w->path);
	free(w);
}

int hone_worker_pid(const struct hone_worker *worker)
{
	return worker->child.pid;
}

const char *hone_worker_why(const struct hone_worker *worker)
{
	return worker->why;
}

const char *hone_worker_path(void)
{
	static const char *const places[] = {"honec", "../libexec/hone/honec",
					     "../../compiler/honec"};
	static char path[4200];
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n < 0)
		return "honec";
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", self, places[i]);
		if (!access(path, X_OK))
			break;
	}
	return path;
}
