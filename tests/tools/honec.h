/* SPDX-License-Identifier: Apache-2.0 */
/* honec: tests ask the compiler as the daemon does, as a worker process: they need no LLVM. */
#ifndef HONE_TEST_HONEC_H
#define HONE_TEST_HONEC_H

#include <sys/types.h>

#include "compiler/facts.h"

struct honec {
	pid_t pid;
	int in_fd, out_fd; /* of the worker */
};

/* Starts the worker that was built with the test. Returns 0 or -errno. */
int honec_start(struct honec *out);
/* Ends it; returns its exit status, or -1 if it was killed. */
int honec_stop(struct honec *honec);

/* One request, one result (hone_result_free()). Returns 0, or -errno: the worker went away. */
int honec_ask(const struct honec *honec, const struct hone_request *request,
	      struct hone_result *out);
/* The same as text; the caller frees *reply. */
int honec_ask_text(const struct honec *honec, const char *text, char **reply);

/* A policy that limits nothing. */
struct hone_policy honec_policy(unsigned int level);

#endif
