/* SPDX-License-Identifier: Apache-2.0 */
/* protocol: what hone and honed say to each other, and the framing that honec shares.
 *
 * A frame is a 4-byte little-endian length and as many bytes of JSON. On the daemon's socket a
 * connection carries one request and one reply; the client's network namespace comes along as a
 * descriptor (SCM_RIGHTS), since interface names mean nothing without it.
 *
 *   request: {"verb":"attach", …}
 *   reply:   {"ok":true, …} or {"error":{"exit":1,"message":"…","reason":"NO_…"}} */
#ifndef HONE_PROTOCOL_H
#define HONE_PROTOCOL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler/facts.h"

#define HONE_SOCKET_DEFAULT "/run/hone/honed.sock"
#define HONE_BPFFS_DEFAULT "/sys/fs/bpf/hone"
#define HONE_STATE_DEFAULT "/var/lib/hone"

enum {
	HONE_REQUEST_BYTES_MAX = 1 << 25, /* of a frame on the socket: a unit fits */
	HONE_WORKER_BYTES_MAX = 1 << 28,  /* of a frame to or from honec */
};

/* Exit codes of hone: a contract (docs, scripts). */
enum hone_exit {
	HONE_EXIT_OK = 0,
	HONE_EXIT_FAILED = 1,
	HONE_EXIT_USAGE = 2,
	HONE_EXIT_INACTIVE = 3, /* nothing is specialized there */
	HONE_EXIT_NO_DAEMON = 4,
	HONE_EXIT_VERIFIER = 5,
	HONE_EXIT_MISMATCH = 6,
	HONE_EXIT_GATE = 7,
	HONE_EXIT_IMPOSSIBLE = 77,
};

/* A frame that is coming in, bytes at a time. Zero it but for max_bytes. */
struct hone_frame {
	size_t max_bytes;
	uint8_t head[4];
	size_t n_head;
	size_t size, have;
	char *text; /* size bytes and a NUL */
	bool is_complete;
};

/* hone_frame_feed() - take in what arrived.
 * Returns how many of the n bytes were used (all, unless the frame ended before), -EMSGSIZE (longer
 * than max_bytes), -EPROTO (empty) or -ENOMEM. */
ssize_t hone_frame_feed(struct hone_frame *frame, const void *bytes, size_t n);
/* The input is at its end: 0 if the frame is complete or never began, else -EPROTO. */
int hone_frame_end(const struct hone_frame *frame);
void hone_frame_free(struct hone_frame *frame);

/* hone_frame_text() - length and text as one block that the caller frees; NULL: no memory. */
uint8_t *hone_frame_text(const char *text, size_t size, size_t *frame_size);

/* hone_error() - an error reply. Never NULL but without memory. */
__attribute__((format(printf, 3, 4))) json_t *
hone_error(enum hone_exit code, enum hone_reason reason, const char *format, ...);

/* hone_socket_call() - one request, one reply.
 *
 * netns_fd:   sent along; -1: none
 * timeout_ms: for the whole exchange
 *
 * Returns 0, -ECONNREFUSED or -ENOENT (no daemon), -ETIMEDOUT, -EPROTO (not a reply), or -errno. */
int hone_socket_call(const char *path, const json_t *request, int netns_fd, unsigned int timeout_ms,
		     json_t **reply);

#endif
