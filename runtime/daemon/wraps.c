// SPDX-License-Identifier: Apache-2.0
/* wraps: programs that the policy takes on without a command.
 *
 * A program is captured when it is loaded, which is before it is attached. One that the policy
 * names is looked for in its loader's network namespace as long as it is loaded: every POLL_MS at
 * first, every REST_MS after CALM_MS. In our own namespace rtnetlink tells of attachments at any
 * time, too. What an operator detached or paused stays so. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/daemon/daemon.h"
#include "runtime/daemon/netns.h"
#include "runtime/daemon/session.h"
#include "runtime/live/discover.h"

enum { POLL_MS = 50, REST_MS = 1000, CALM_MS = 10000 };

/* A network namespace in which something that the policy names was loaded. */
struct place {
	struct place *next;
	uint64_t netns;
	uint64_t calm_ms; /* when it is looked into less often */
};

struct hone_wraps {
	struct hone_daemon *daemon;
	struct place *places;
	struct hone_timer poll;
	struct hone_source links; /* rtnetlink */
	struct hone_timer scan;	  /* coalesces a burst of rtnetlink messages */
};

static void free_names(struct if_nameindex **names)
{
	if (*names)
		if_freenameindex(*names);
}

/* Has an operator said no to this very program here? */
static bool is_declined(const struct hone_daemon *daemon, const struct hone_target *target)
{
	const struct hone_choice *choice = hone_store_find(&daemon->store, target);

	return choice && choice->is_detached && choice->prog_id == target->prog_id;
}

static void consider(struct hone_daemon *daemon, const struct hone_target *target)
{
	struct hone_session *session = hone_daemon_at(daemon, target);
	const struct hone_policy_program *row;
	const struct hone_program *program;
	json_t *error = NULL;

	if (session && (target->prog_id == session->unit.prog_id ||
			target->prog_id == session->deploy.root_id))
		return;
	program = hone_programs_find(daemon->programs, target->prog_id);
	if (!program || program->refused != HONE_REWRITTEN)
		return;
	row = hone_settings_match(&daemon->settings, &program->unit, target->ifname);
	if (!row || is_declined(daemon, target))
		return;
	if (session) { /* of a program that is no longer attached */
		session->end = HONE_END_LOST;
		hone_session_event(session, HONE_EVENT_END);
	}
	hone_log_info("%s: %s: taken on by the policy", target->name, program->unit.name);
	if (hone_daemon_attach(daemon, target, row->level, &session, &error))
		hone_log_warn("%s: the policy's program cannot be attached: %s", target->name,
			      json_string_value(
				      json_object_get(json_object_get(error, "error"), "message")));
	json_decref(error);
}

/* Everything that is attached in one network namespace. */
static void look_into(struct hone_daemon *daemon, int netns_fd)
{
	_cleanup_(free_names) struct if_nameindex *names = NULL;
	int previous_fd = hone_netns_enter(netns_fd);

	if (previous_fd < 0)
		return;
	names = if_nameindex();
	hone_netns_leave(previous_fd);

	for (const struct if_nameindex *name = names; name && name->if_index; name++) {
		struct hone_targets targets = {0};

		(void)hone_target_list(netns_fd, name->if_index, &targets);
		for (uint32_t i = 0; i < targets.n; i++)
			consider(daemon, &targets.at[i]);
		hone_targets_free(&targets);
	}
}

/* Was this program loaded to be taken on, as far as one can tell before it is attached? */
static bool is_named(const struct hone_wraps *wraps, const struct hone_program *program)
{
	return program->refused == HONE_REWRITTEN && program->netns &&
	       hone_settings_match(&wraps->daemon->settings, &program->unit, NULL);
}

static bool is_awaited(const struct hone_wraps *wraps, uint64_t netns)
{
	const struct hone_program *program = NULL;

	while ((program = hone_programs_next(wraps->daemon->programs, program)))
		if (program->netns == netns && is_named(wraps, program))
			return true;
	return false;
}

static void poll_places(void *arg)
{
	struct hone_wraps *wraps = arg;
	struct place **at = &wraps->places;
	bool is_calm = true;

	while (*at) {
		struct place *place = *at;
		_cleanup_close_ int netns_fd = hone_netns_open(place->netns);

		if (netns_fd >= 0)
			look_into(wraps->daemon, netns_fd);
		if (netns_fd >= 0 && is_awaited(wraps, place->netns)) {
			is_calm &= hone_now_ms() >= place->calm_ms;
			at = &place->next;
			continue;
		}
		*at = place->next;
		free(place);
	}
	if (wraps->places)
		hone_timer_set(wraps->daemon->loop, &wraps->poll, is_calm ? REST_MS : POLL_MS);
}

void hone_wraps_captured(struct hone_wraps *wraps, const struct hone_program *program)
{
	struct place *place = wraps->places;

	if (!is_named(wraps, program))
		return;
	while (place && place->netns != program->netns)
		place = place->next;
	if (!place) {
		place = calloc(1, sizeof(*place));
		if (!place)
			return;
		place->netns = program->netns;
		place->next = wraps->places;
		wraps->places = place;
	}
	place->calm_ms = hone_now_ms() + CALM_MS;
	hone_timer_set(wraps->daemon->loop, &wraps->poll, POLL_MS);
}

void hone_wraps_scan(struct hone_wraps *wraps)
{
	_cleanup_close_ int netns_fd = hone_netns_open(hone_netns_inode(-1));

	if (wraps->daemon->settings.n_programs > 0 && netns_fd >= 0)
		look_into(wraps->daemon, netns_fd);
}

static void scan_due(void *arg)
{
	hone_wraps_scan(arg);
}

/* What the messages say does not matter: something changed at some interface. */
static void link_event(void *arg, uint32_t events)
{
	struct hone_wraps *wraps = arg;
	char bytes[8192];

	(void)events;
	while (recv(wraps->links.fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	if (!wraps->scan.is_set)
		hone_timer_set(wraps->daemon->loop, &wraps->scan, POLL_MS);
}

static int listen_links(struct hone_wraps *wraps)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK,
				      .nl_groups = RTMGRP_LINK | RTMGRP_TC};

	wraps->links.fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (wraps->links.fd < 0 ||
	    bind(wraps->links.fd, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return hone_loop_add(wraps->daemon->loop, &wraps->links, EPOLLIN);
}

int hone_wraps_new(struct hone_daemon *daemon, struct hone_wraps **out)
{
	struct hone_wraps *wraps = calloc(1, sizeof(*wraps));
	int err;

	if (!wraps)
		return -ENOMEM;
	wraps->daemon = daemon;
	wraps->poll = (struct hone_timer){.fn = poll_places, .arg = wraps};
	wraps->scan = (struct hone_timer){.fn = scan_due, .arg = wraps};
	wraps->links = (struct hone_source){.fd = -1, .fn = link_event, .arg = wraps};
	err = listen_links(wraps);
	if (err) {
		hone_wraps_free(&wraps);
		return hone_log_err(err, "rtnetlink: cannot listen");
	}
	*out = wraps;
	return 0;
}

void hone_wraps_free(struct hone_wraps **wraps)
{
	struct hone_wraps *w = TAKE_PTR(*wraps);

	if (!w)
		return;
	hone_timer_cancel(w->daemon->loop, &w->poll);
	hone_timer_cancel(w->daemon->loop, &w->scan);
	hone_loop_drop(w->daemon->loop, &w->links);
	if (w->links.fd >= 0)
		close(w->links.fd);
	while (w->places) {
		struct place *place = w->places;

		w->places = place->next;
		free(place);
	}
	free(w);
}
