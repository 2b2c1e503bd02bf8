// SPDX-License-Identifier: Apache-2.0
/* daemon: put honed together, hand events to sessions, take it apart.
 *
 * Order of opening: the lock comes before anything that changes the kernel, the hooks before the
 * pins are trusted, the socket last, so that whoever gets an answer gets it from a whole daemon. */
#include "runtime/daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/features.h"
#include "runtime/common/file.h"
#include "runtime/common/log.h"
#include "runtime/daemon/netns.h"
#include "runtime/daemon/session.h"
#include "runtime/live/units.h"

enum { HEALTH_MS = 1000, LOCK_WAIT_MS = 2000 };

/* ---- events of the outside ---- */

static void tell_all(struct hone_daemon *daemon, enum hone_event event)
{
	for (struct hone_session *s = daemon->sessions, *next; s; s = next) {
		next = s->next;
		hone_session_event(s, event);
	}
}

static void captured(void *arg, struct hone_captured *what)
{
	struct hone_daemon *daemon = arg;
	struct hone_program *program;

	if (what->refused == HONE_REWRITTEN)
		hone_log_info("%s: program %u captured", what->unit.name, what->unit.prog_id);
	else
		hone_log_warn("%s: program %u: %s: %s", what->unit.name, what->unit.prog_id,
			      hone_reason_text(what->refused), what->detail);
	program = hone_programs_add(daemon->programs, what);
	if (program && daemon->wraps)
		hone_wraps_captured(daemon->wraps, program);
}

static void capture_readable(void *arg, uint32_t events)
{
	struct hone_daemon *daemon = arg;

	(void)events;
	hone_capture_consume(daemon->capture);
}

static void slot_moved(void *arg, uint32_t slot)
{
	struct hone_daemon *daemon = arg;

	for (struct hone_session *session = daemon->sessions; session; session = session->next) {
		if (session->slot == slot) {
			hone_session_event(session, HONE_EVENT_MOVED);
			return;
		}
	}
}

static void watch_readable(void *arg, uint32_t events)
{
	struct hone_daemon *daemon = arg;

	(void)events;
	hone_watch_consume(daemon->watch, slot_moved, daemon);
}

static void analysed(void *arg)
{
	struct hone_daemon *daemon = arg;

	tell_all(daemon, HONE_EVENT_ANALYSED);
}

/* ---- health ---- */

static const char *what_happened(int err)
{
	switch (err) {
	case -EBUSY:
		return "another program is attached now: its owner swapped it";
	case -ENOENT:
		return "nothing is attached any more: its owner unloaded it";
	default:
		return "the interface is gone";
	}
}

static int query_owner(const struct hone_session *session, int netns_fd)
{
	struct hone_target now;
	int err;

	if (session->deploy.dir[0])
		return hone_deploy_is_ours(&session->deploy, netns_fd);
	err = hone_target_query(netns_fd, &session->target, 0, &now);
	if (err)
		return err;
	return now.prog_id == session->unit.prog_id ? 0 : -EBUSY;
}

/* Is the program still there, and still what we think? */
static void look_after(struct hone_session *session)
{
	struct hone_daemon *daemon = session->daemon;

	_cleanup_close_ int netns_fd = hone_netns_open(session->target.netns);
	int err = netns_fd < 0 ? -ENODEV : query_owner(session, netns_fd);

	if (err != -EBUSY && err != -ENOENT && err != -ENODEV) {
		if (hone_busy_is_over(session))
			hone_session_event(session, HONE_EVENT_BEGIN);
		return;
	}
	hone_log_info("%s: %s: %s", session->target.name, session->unit.name, what_happened(err));
	hone_store_drop(&daemon->store, &session->target);
	session->end = HONE_END_LOST;
	hone_session_event(session, HONE_EVENT_END);
}

static int open_watch(struct hone_daemon *daemon);

/* No image relies on these hooks any more; new ones, if they can be had, and all anew. */
static void replace_hooks(struct hone_daemon *daemon)
{
	hone_log_warn("hooks on bpf(2): not to be relied on; all images are withdrawn");
	tell_all(daemon, HONE_EVENT_SICK);
	hone_loop_drop(daemon->loop, &daemon->watch_source);
	hone_watch_close(&daemon->watch);
	if (open_watch(daemon)) {
		hone_log(HONE_LOG_ERR, "hooks on bpf(2): cannot be replaced: ending");
		hone_loop_stop(daemon->loop);
		return;
	}
	for (struct hone_session *s = daemon->sessions; s; s = s->next)
		for (uint32_t i = 0; i < s->unit.n_maps; i++)
			s->unit.maps[i].is_watched = false;
	tell_all(daemon, HONE_EVENT_BEGIN);
}

static void look_after_all(void *arg)
{
	struct hone_daemon *daemon = arg;

	if (!hone_watch_healthy(daemon->watch))
		replace_hooks(daemon);
	for (struct hone_session *s = daemon->sessions, *next; s && daemon->watch; s = next) {
		next = s->next;
		look_after(s);
	}
	hone_programs_prune(daemon->programs);
	hone_timer_set(daemon->loop, &daemon->health, HEALTH_MS);
}

/* ---- policy ---- */

static int read_policy(struct hone_daemon *daemon, struct hone_settings *out)
{
	char error[HONE_DETAIL_LEN];
	int err;

	if (!daemon->config.policy) {
		hone_settings_default(out);
		return 0;
	}
	err = hone_settings_load(daemon->config.policy, out, error);
	if (err)
		hone_log(HONE_LOG_ERR, "policy %s: %s", daemon->config.policy, error);
	return err;
}

static void reload_policy(struct hone_daemon *daemon)
{
	struct hone_settings settings;

	if (read_policy(daemon, &settings)) {
		hone_log_warn("policy: the old one stays in force");
		return;
	}
	hone_settings_free(&daemon->settings);
	daemon->settings = settings;
	hone_log_info("policy: read anew");
	tell_all(daemon, HONE_EVENT_BEGIN);
	hone_wraps_scan(daemon->wraps);
}

static void signalled(void *arg, int signo)
{
	struct hone_daemon *daemon = arg;

	if (signo == SIGHUP) {
		reload_policy(daemon);
		return;
	}
	hone_log_info("signal %d: ending", signo);
	hone_loop_stop(daemon->loop);
}

/* ---- opening ---- */

/* Opening failed: what is missing on this machine? Not asked before, since each probe takes as
 * long as what it stands for. */
static void tell_what_is_missing(void)
{
	for (int i = 0; i < HONE_FEATURE_N; i++) {
		const char *why;

		if (hone_feature_is_needed((enum hone_feature)i) &&
		    !hone_feature((enum hone_feature)i, &why))
			hone_log(HONE_LOG_ERR, "not possible here: %s: %s",
				 hone_feature_what((enum hone_feature)i), why);
	}
}

static int take_lock(struct hone_daemon *daemon)
{
	daemon->lock_fd = hone_store_lock(daemon->config.bpffs, LOCK_WAIT_MS);
	if (daemon->lock_fd == -EBUSY)
		return hone_log_err(-EBUSY, "%s: another honed is running there",
				    daemon->config.bpffs);
	if (daemon->lock_fd < 0)
		return hone_log_err(daemon->lock_fd, "%s: cannot be made or locked",
				    daemon->config.bpffs);
	return 0;
}

static int make_socket_dir(const char *path)
{
	char dir[256];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	return hone_dir_make(dir, 0755);
}

/* What needs no privilege and changes nothing of the kernel. */
static int open_files(struct hone_daemon *daemon)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
	int err = read_policy(daemon, &daemon->settings);

	if (err)
		return err;
	snprintf(daemon->units_dir, sizeof(daemon->units_dir), "%s/units", daemon->config.state);
	err = make_socket_dir(daemon->config.socket);
	if (err)
		return hone_log_err(err, "%s: cannot make its directory", daemon->config.socket);
	err = hone_loop_new(&daemon->loop);
	return err ? err : hone_loop_signals(daemon->loop, signals, signalled, daemon);
}

static int open_watch(struct hone_daemon *daemon)
{
	int err = hone_watch_open(daemon->config.bpffs, &daemon->watch);

	if (!err)
		err = hone_watch_exempt(daemon->watch, getpid());
	if (err)
		return hone_log_err(err, "hooks on bpf(2)");
	daemon->watch_source = (struct hone_source){
		.fd = hone_watch_fd(daemon->watch),
		.fn = watch_readable,
		.arg = daemon,
	};
	return hone_loop_add(daemon->loop, &daemon->watch_source, EPOLLIN);
}

static int open_capture(struct hone_daemon *daemon)
{
	int err = hone_capture_new(captured, daemon, &daemon->capture);

	if (err)
		return hone_log_err(err, "hooks on program loads");
	daemon->capture_source = (struct hone_source){
		.fd = hone_capture_fd(daemon->capture),
		.fn = capture_readable,
		.arg = daemon,
	};
	return hone_loop_add(daemon->loop, &daemon->capture_source, EPOLLIN);
}

static void tell_ready(const struct hone_daemon *daemon)
{
	hone_log_info("ready: %s", daemon->config.socket);
	if (daemon->config.ready_fd >= 0 && write(daemon->config.ready_fd, "ready\n", 6) != 6)
		hone_log_warn("ready-fd: cannot be written");
}

static int open_kernel_side(struct hone_daemon *daemon)
{
	int err = take_lock(daemon);

	if (!err)
		err = open_watch(daemon);
	if (!err)
		err = open_capture(daemon);
	if (err && err != -EBUSY)
		tell_what_is_missing();
	return err;
}

static int open_parts(struct hone_daemon *daemon)
{
	int err = open_files(daemon);

	if (!err)
		err = hone_worker_new(daemon->loop, daemon->config.honec, &daemon->worker);
	if (!err)
		err = hone_programs_new(daemon->units_dir, daemon->worker, analysed, daemon,
					&daemon->programs);
	if (!err)
		err = open_kernel_side(daemon);
	if (!err)
		err = hone_store_open(daemon->config.state, daemon->config.bpffs, &daemon->store);
	return err ? err : hone_wraps_new(daemon, &daemon->wraps);
}

int hone_daemon_open(const struct hone_config *config, struct hone_daemon *daemon)
{
	int err;

	*daemon = (struct hone_daemon){.config = *config, .lock_fd = -1, .store.map_fd = -1};
	signal(SIGPIPE, SIG_IGN);
	err = open_parts(daemon);
	if (err)
		return err;
	hone_units_prune(daemon->units_dir);
	hone_adopt_all(daemon);
	daemon->health = (struct hone_timer){.fn = look_after_all, .arg = daemon};
	look_after_all(daemon);
	hone_wraps_scan(daemon->wraps);
	err = hone_server_new(daemon->loop, config->socket, hone_daemon_answer, daemon,
			      &daemon->server);
	if (!err)
		tell_ready(daemon);
	return err;
}

/* ---- closing ---- */

/* Rows of the store stay: the next daemon takes these units on again. */
static void give_back(struct hone_daemon *daemon)
{
	char units[300];

	while (daemon->sessions) {
		daemon->sessions->end = HONE_END_STOP;
		hone_session_event(daemon->sessions, HONE_EVENT_END);
	}
	snprintf(units, sizeof(units), "%s/units", daemon->config.bpffs);
	if (rmdir(units) && errno != ENOENT)
		hone_log_warn("%s: %s", units, strerror(errno));
	hone_watch_close(&daemon->watch);
	hone_watch_unpin(daemon->config.bpffs);
	hone_store_rest(&daemon->store);
}

void hone_daemon_close(struct hone_daemon *daemon)
{
	bool is_whole = daemon->server != NULL; /* else nothing was taken on, or not by us */

	hone_server_free(&daemon->server);
	if (is_whole && daemon->watch &&
	    (daemon->settings.on_exit == HONE_EXIT_RESTORE || !daemon->sessions))
		give_back(daemon);
	while (daemon->sessions) {
		struct hone_session *session = daemon->sessions;

		hone_session_free(&session);
	}
	hone_wraps_free(&daemon->wraps);
	hone_capture_free(&daemon->capture);
	hone_watch_close(&daemon->watch);
	hone_programs_free(&daemon->programs);
	hone_worker_free(&daemon->worker);
	hone_loop_free(&daemon->loop);
	hone_store_close(&daemon->store);
	hone_settings_free(&daemon->settings);
	if (daemon->lock_fd >= 0)
		close(daemon->lock_fd);
}
