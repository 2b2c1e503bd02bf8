// SPDX-License-Identifier: Apache-2.0
/* server: accept, read one frame, answer, close.
 *
 * A connection has CONNECTION_MS from accept to its last byte; whatever a client does or leaves
 * undone, the loop never waits for it. What cannot be read is answered with an error and closed. */
#include "runtime/daemon/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/daemon/protocol.h"

enum { CONNECTION_MS = 5000, CONNECTIONS_MAX = 64 };

struct connection {
	struct hone_server *server;
	struct connection *next;
	struct hone_source source;
	struct hone_timer limit;
	struct hone_frame request;
	int netns_fd;
	uint8_t *reply;
	size_t reply_size, sent;
};

struct hone_server {
	struct hone_loop *loop;
	struct hone_source listening;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	hone_server_fn fn;
	void *arg;
	struct connection *connections;
	unsigned int n_connections;
};

static void hang_up(struct connection *connection)
{
	struct hone_server *server = connection->server;
	struct connection **at = &server->connections;

	while (*at != connection)
		at = &(*at)->next;
	*at = connection->next;
	server->n_connections--;

	hone_timer_cancel(server->loop, &connection->limit);
	hone_loop_drop(server->loop, &connection->source);
	close(connection->source.fd);
	if (connection->netns_fd >= 0)
		close(connection->netns_fd);
	hone_frame_free(&connection->request);
	free(connection->reply);
	free(connection);
}

static void limit_reached(void *arg)
{
	hang_up(arg);
}

/* ---- reply ---- */

static void send_rest(struct connection *connection)
{
	ssize_t n = send(connection->source.fd, connection->reply + connection->sent,
			 connection->reply_size - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		connection->sent += (size_t)n;
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		hang_up(connection);
		return;
	}
	if (connection->sent == connection->reply_size) {
		hang_up(connection);
		return;
	}
	if (hone_loop_add(connection->server->loop, &connection->source, EPOLLOUT))
		hang_up(connection);
}

/* Takes over the reply. */
static void answer(struct connection *connection, json_t *reply)
{
	_cleanup_json_ json_t *owned = reply;
	_cleanup_free_ char *text = owned ? json_dumps(owned, JSON_COMPACT) : NULL;

	if (text)
		connection->reply = hone_frame_text(text, strlen(text), &connection->reply_size);
	if (!connection->reply) {
		hone_log_warn("socket: no memory for a reply");
		hang_up(connection);
		return;
	}
	send_rest(connection);
}

static void answer_bad(struct connection *connection, int err)
{
	const char *cause = err == -EMSGSIZE ? "the frame is larger than 32 MiB"
			    : err == -EPROTO ? "the frame is truncated or empty"
					     : "the frame cannot be read";

	answer(connection, hone_error(HONE_EXIT_USAGE, HONE_REWRITTEN, "request: %s", cause));
}

static void answer_request(struct connection *connection)
{
	struct hone_server *server = connection->server;
	json_error_t where;
	_cleanup_json_ json_t *request = json_loadb(
		connection->request.text, connection->request.size, JSON_REJECT_DUPLICATES, &where);
	json_t *reply;

	if (!request)
		reply = hone_error(HONE_EXIT_USAGE, HONE_REWRITTEN, "request: not JSON: %s",
				   where.text);
	else if (!json_is_object(request))
		reply = hone_error(HONE_EXIT_USAGE, HONE_REWRITTEN, "request: not an object");
	else
		reply = server->fn(server->arg, request, connection->netns_fd);
	answer(connection, reply);
}

/* ---- request ---- */

/* Keep the first descriptor that came along, close all others. */
static void take_descriptors(struct connection *connection, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (connection->netns_fd < 0)
				connection->netns_fd = fd;
			else
				close(fd);
		}
	}
}

static ssize_t receive(struct connection *connection, char *bytes, size_t size)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = bytes, .iov_len = size};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(connection->source.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n >= 0)
		take_descriptors(connection, &msg);
	return n;
}

static void readable(struct connection *connection)
{
	char bytes[16384];
	ssize_t n = receive(connection, bytes, sizeof(bytes));
	ssize_t used;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		hang_up(connection);
		return;
	}
	if (n == 0) {
		if (hone_frame_end(&connection->request))
			answer_bad(connection, -EPROTO);
		else
			hang_up(connection); /* said nothing */
		return;
	}
	used = hone_frame_feed(&connection->request, bytes, (size_t)n);
	if (used < 0)
		answer_bad(connection, (int)used);
	else if (connection->request.is_complete)
		answer_request(connection);
}

static void connection_event(void *arg, uint32_t events)
{
	struct connection *connection = arg;

	if (connection->reply)
		send_rest(connection);
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		readable(connection);
}

static void accept_one(void *arg, uint32_t events)
{
	struct hone_server *server = arg;
	_cleanup_close_ int fd =
		accept4(server->listening.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *connection;

	(void)events;
	if (fd < 0 || server->n_connections >= CONNECTIONS_MAX)
		return;
	connection = calloc(1, sizeof(*connection));
	if (!connection)
		return;

	connection->server = server;
	connection->netns_fd = -1;
	connection->request.max_bytes = HONE_REQUEST_BYTES_MAX;
	connection->limit = (struct hone_timer){.fn = limit_reached, .arg = connection};
	connection->source =
		(struct hone_source){.fd = fd, .fn = connection_event, .arg = connection};
	if (hone_loop_add(server->loop, &connection->source, EPOLLIN)) {
		free(connection);
		return;
	}
	(void)TAKE_FD(fd);
	hone_timer_set(server->loop, &connection->limit, CONNECTION_MS);
	connection->next = server->connections;
	server->connections = connection;
	server->n_connections++;
}

/* ---- listening ---- */

static bool somebody_listens(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* EAGAIN: there, but its backlog is full */
	return fd >= 0 && (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) ||
			   errno == EAGAIN);
}

static int listen_on(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;
	mode_t mask;
	int err;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	if (somebody_listens(&address))
		return -EADDRINUSE;
	if (unlink(path) && errno != ENOENT)
		return -errno;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0177); /* 0600 from the start: no moment in which others may connect */
	err = bind(fd, (const struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	umask(mask);
	if (err)
		return err;
	if (listen(fd, CONNECTIONS_MAX))
		return -errno;
	return TAKE_FD(fd);
}

int hone_server_new(struct hone_loop *loop, const char *path, hone_server_fn fn, void *arg,
		    struct hone_server **out)
{
	_cleanup_free_ struct hone_server *server = calloc(1, sizeof(*server));
	int fd, err;

	if (!server)
		return -ENOMEM;
	fd = listen_on(path);
	if (fd < 0)
		return hone_log_err(fd, "%s: cannot listen", path);

	strcpy(server->path, path);
	server->loop = loop;
	server->fn = fn;
	server->arg = arg;
	server->listening = (struct hone_source){.fd = fd, .fn = accept_one, .arg = server};
	err = hone_loop_add(loop, &server->listening, EPOLLIN);
	if (err) {
		close(fd);
		return err;
	}
	*out = TAKE_PTR(server);
	return 0;
}

void hone_server_free(struct hone_server **server)
{
	struct hone_server *s = TAKE_PTR(*server);

	if (!s)
		return;
	while (s->connections)
		hang_up(s->connections);
	hone_loop_drop(s->loop, &s->listening);
	close(s->listening.fd);
	unlink(s->path);
	free(s);
}
