/* SPDX-License-Identifier: Apache-2.0 */
/* server: the daemon's end of the socket. One request per connection; nobody is waited for. */
#ifndef HONE_SERVER_H
#define HONE_SERVER_H

#include <jansson.h>

#include "runtime/daemon/loop.h"

struct hone_server;

/* Answers one request, at once. netns_fd: the client's network namespace, borrowed; -1: none.
 * Returns the reply (the server frees it); NULL: no memory. */
typedef json_t *(*hone_server_fn)(void *arg, const json_t *request, int netns_fd);

/* hone_server_new() - listen on a Unix socket (mode 0600). A socket that nobody listens on is
 * replaced. Returns 0, -EADDRINUSE (somebody listens there), or -errno. Logged. */
int hone_server_new(struct hone_loop *loop, const char *path, hone_server_fn fn, void *arg,
		    struct hone_server **out);
/* The socket's file goes as well. */
void hone_server_free(struct hone_server **server);

#endif
