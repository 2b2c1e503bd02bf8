/* SPDX-License-Identifier: Apache-2.0 */
/* daemon: what honed is made of. One per process, passed around; no globals. */
#ifndef HONE_DAEMON_H
#define HONE_DAEMON_H

#include <linux/types.h>

#include <jansson.h>

#include "runtime/bpf/abi.h"
#include "runtime/daemon/loop.h"
#include "runtime/daemon/policy.h"
#include "runtime/daemon/programs.h"
#include "runtime/daemon/server.h"
#include "runtime/daemon/store.h"
#include "runtime/daemon/worker.h"
#include "runtime/live/capture.h"
#include "runtime/live/watch.h"

struct hone_session;
struct hone_wraps;

struct hone_config {
	const char *socket;
	const char *bpffs;
	const char *state;
	const char *policy; /* NULL: defaults */
	const char *honec;
	int ready_fd; /* -1: none */
};

struct hone_daemon {
	struct hone_config config;
	struct hone_settings settings;
	struct hone_store store;
	char units_dir[256];
	int lock_fd;
	struct hone_loop *loop;
	struct hone_server *server;
	struct hone_worker *worker;
	struct hone_programs *programs;
	struct hone_capture *capture;
	struct hone_source capture_source;
	struct hone_watch *watch;
	struct hone_source watch_source;
	struct hone_wraps *wraps;
	struct hone_timer health;
	struct hone_session *sessions;
	bool is_stopping;
};

/* ---- config.c ---- */

/* hone_config_parse() - honed's command line. Returns -1 to go on, else the exit code. */
int hone_config_parse(int argc, char **argv, struct hone_config *out);

/* ---- daemon.c ---- */

/* hone_daemon_open() - lock, hooks, worker, what is pinned, socket: in this order.
 * Returns 0 or -errno, logged. */
int hone_daemon_open(const struct hone_config *config, struct hone_daemon *daemon);
/* hone_daemon_close() - as the policy's on_exit says. */
void hone_daemon_close(struct hone_daemon *daemon);

/* ---- attach.c: taking on, and who is meant ---- */

/* hone_daemon_attach() - take on what is attached at target, at this level. *out borrowed.
 * Returns 0, or -errno with *error an error reply. */
int hone_daemon_attach(struct hone_daemon *daemon, const struct hone_target *target,
		       unsigned int level, struct hone_session **out, json_t **error);

/* hone_daemon_learn() - what target runs, from elsewhere than a capture. Takes over unit.
 * Returns 0, or -errno with *error an error reply. */
int hone_daemon_learn(struct hone_daemon *daemon, const struct hone_target *target,
		      struct hone_unit *unit, json_t **error);

/* The session that an operator's TARGET means; NULL: none. */
struct hone_session *hone_daemon_find(struct hone_daemon *daemon, const char *text, int netns_fd);
struct hone_session *hone_daemon_at(struct hone_daemon *daemon, const struct hone_target *point);

/* A guard slot that no session and no row of the store uses; -ENOSPC. */
int hone_daemon_slot(const struct hone_daemon *daemon);

/* The row of the store that describes the session now; saved. */
int hone_daemon_save(struct hone_daemon *daemon, const struct hone_session *session);

/* ---- verbs.c ---- */

json_t *hone_daemon_answer(void *daemon, const json_t *request, int netns_fd);

/* ---- wraps.c: programs that the policy takes on by itself ---- */

int hone_wraps_new(struct hone_daemon *daemon, struct hone_wraps **out);
void hone_wraps_free(struct hone_wraps **wraps);
/* A program was captured: look for where it gets attached. */
void hone_wraps_captured(struct hone_wraps *wraps, const struct hone_program *program);
/* Look at everything that is attached in our own network namespace. */
void hone_wraps_scan(struct hone_wraps *wraps);

#endif
