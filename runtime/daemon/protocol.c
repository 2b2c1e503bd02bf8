// SPDX-License-Identifier: Apache-2.0
/* protocol: frames, error replies, and the client's half of a call. Both hone and honed link it;
 * the daemon's half, which must never wait, is server.c. */
#include "runtime/daemon/protocol.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "runtime/common/cleanup.h"

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The head is complete: how long is the text, and is that acceptable? */
static int begin_text(struct hone_frame *frame)
{
	const uint8_t *head = frame->head;

	frame->size = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 |
		      (size_t)head[3] << 24;
	if (frame->size == 0)
		return -EPROTO;
	if (frame->size > frame->max_bytes)
		return -EMSGSIZE;

	frame->text = malloc(frame->size + 1);
	if (!frame->text)
		return -ENOMEM;
	frame->text[frame->size] = '\0';
	return 0;
}

ssize_t hone_frame_feed(struct hone_frame *frame, const void *bytes, size_t n)
{
	const uint8_t *from = bytes;
	size_t used = smaller(n, sizeof(frame->head) - frame->n_head);
	size_t take;
	int err;

	if (frame->is_complete)
		return 0;

	memcpy(frame->head + frame->n_head, from, used);
	frame->n_head += used;
	if (frame->n_head < sizeof(frame->head))
		return (ssize_t)used;

	if (!frame->text) {
		err = begin_text(frame);
		if (err)
			return err;
	}
	take = smaller(n - used, frame->size - frame->have);
	memcpy(frame->text + frame->have, from + used, take);
	frame->have += take;
	frame->is_complete = frame->have == frame->size;
	return (ssize_t)(used + take);
}

int hone_frame_end(const struct hone_frame *frame)
{
	return frame->is_complete || frame->n_head == 0 ? 0 : -EPROTO;
}

void hone_frame_free(struct hone_frame *frame)
{
	size_t max_bytes = frame->max_bytes;

	free(frame->text);
	*frame = (struct hone_frame){.max_bytes = max_bytes};
}

uint8_t *hone_frame_text(const char *text, size_t size, size_t *frame_size)
{
	uint8_t *frame;

	if (size == 0 || size > HONE_WORKER_BYTES_MAX)
		return NULL;
	frame = malloc(size + 4);
	if (!frame)
		return NULL;

	for (unsigned int i = 0; i < 4; i++)
		frame[i] = (uint8_t)(size >> (8 * i));
	memcpy(frame + 4, text, size);
	*frame_size = size + 4;
	return frame;
}

json_t *hone_error(enum hone_exit code, enum hone_reason reason, const char *format, ...)
{
	char message[512];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);

	/* A message can carry a target's bytes: json_pack() would refuse what is not UTF-8. */
	for (char *p = message; *p; p++)
		if ((unsigned char)*p >= 0x80 || (unsigned char)*p < 0x20)
			*p = '?';

	if (reason == HONE_REWRITTEN)
		return json_pack("{s:{s:i,s:s}}", "error", "exit", (int)code, "message", message);
	return json_pack("{s:{s:i,s:s,s:s}}", "error", "exit", (int)code, "message", message,
			 "reason", hone_reason_id(reason));
}

/* ---- the client's half ---- */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Wait until fd is ready, or the deadline. 0, -ETIMEDOUT, -errno. */
static int wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd pfd = {.fd = fd, .events = events};

	for (;;) {
		int64_t left_ms = deadline_ms - now_ms();
		int n = poll(&pfd, 1, left_ms > 0 ? (int)left_ms : 0);

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return TAKE_FD(fd);
}

/* The descriptor goes with the first byte that is sent. */
static ssize_t send_some(int fd, const uint8_t *bytes, size_t n, int netns_fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (netns_fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &netns_fd, sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static int send_request(int fd, const json_t *request, int netns_fd, int64_t deadline_ms)
{
	_cleanup_free_ char *text = json_dumps(request, JSON_COMPACT);
	_cleanup_free_ uint8_t *frame = NULL;
	size_t size = 0, sent = 0;

	if (!text)
		return -ENOMEM;
	frame = hone_frame_text(text, strlen(text), &size);
	if (!frame)
		return -ENOMEM;

	while (sent < size) {
		ssize_t n = send_some(fd, frame + sent, size - sent, sent == 0 ? netns_fd : -1);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0)
			sent += (size_t)n;
		if (sent < size) {
			int err = wait_for(fd, POLLOUT, deadline_ms);

			if (err)
				return err;
		}
	}
	return 0;
}

static int receive_frame(int fd, struct hone_frame *frame, int64_t deadline_ms)
{
	char bytes[4096];

	while (!frame->is_complete) {
		int err = wait_for(fd, POLLIN, deadline_ms);
		ssize_t n, used;

		if (err)
			return err;
		n = recv(fd, bytes, sizeof(bytes), 0);
		if (n == 0)
			return -EPROTO;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return -errno;
		used = hone_frame_feed(frame, bytes, (size_t)n);
		if (used < 0)
			return (int)used;
	}
	return 0;
}

int hone_socket_call(const char *path, const json_t *request, int netns_fd, unsigned int timeout_ms,
		     json_t **reply)
{
	int64_t deadline_ms = now_ms() + timeout_ms;
	struct hone_frame frame = {.max_bytes = HONE_WORKER_BYTES_MAX};
	_cleanup_close_ int fd = connect_to(path);
	json_t *json;
	int err;

	if (fd < 0)
		return fd;
	err = send_request(fd, request, netns_fd, deadline_ms);
	/* A request that the daemon refused half-way (EPIPE) is answered all the same. */
	if (!err || err == -EPIPE || err == -ECONNRESET)
		err = receive_frame(fd, &frame, deadline_ms);
	if (err) {
		hone_frame_free(&frame);
		return err;
	}

	json = json_loadb(frame.text, frame.size, 0, NULL);
	hone_frame_free(&frame);
	if (!json_is_object(json)) {
		json_decref(json);
		return -EPROTO;
	}
	*reply = json;
	return 0;
}
