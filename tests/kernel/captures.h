/* SPDX-License-Identifier: Apache-2.0 */
/* captures: a running capture with what it delivered, and loaders in processes of their own
 * (loads of the capturing process are not units). */
#ifndef HONE_TEST_CAPTURES_H
#define HONE_TEST_CAPTURES_H

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/live/capture.h"

enum { CAPTURES_MAX = 1024 };

struct captures {
	struct hone_capture *capture;
	unsigned int n;
	struct hone_captured all[CAPTURES_MAX];
};

/* Group set-up and tear-down around one struct captures; skips (77) without privileges. */
struct captures *captures_start(void);
void captures_stop(struct captures *captures);

/* Consume, then the newest delivery of a program, or of a loader; NULL: none. */
struct hone_captured *captures_of_program(struct captures *captures, uint32_t prog_id);
struct hone_captured *captures_of_loader(struct captures *captures, pid_t pid);

/* A child process. It runs `load`, tells what that returns (a program's id or -errno), keeps
 * what it opened until loader_stop(). */
struct loader {
	pid_t pid;
	int stop_fd;
	int result; /* of load */
};

void loader_start(struct loader *loader, int (*load)(void *arg), void *arg);
void loader_stop(struct loader *loader);

/* Load with the system call itself; attr_size as given. Returns the program's id or -errno; the
 * program stays open. */
int raw_load(const void *attr, unsigned int attr_size);

#endif
