/* SPDX-License-Identifier: Apache-2.0 */
/* swap_fixture: Debian's unmodified xdp-filter on v0 and a deployment of it, in namespaces of our
 * own: network, and mounts for a bpffs and a /run (its lock file) of our own. */
#ifndef HONE_TEST_SWAP_FIXTURE_H
#define HONE_TEST_SWAP_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/deploy/swap.h"

#define DIR_OF_UNIT "/sys/fs/bpf/hone/units/v0"
#define OWNERS_PIN "/sys/fs/bpf/xdp-filter/programs/v0/xdpfilt_alw_all"

enum { EPOCH = 5 }; /* of slot 0 in the guard, and what images expect */

/* The deployment under test, with what its images need. */
struct swap_fixture {
	int netns_fd, guard_fd;
	const struct hone_unit *unit;
	struct hone_maps maps;
	struct hone_target target;
	struct hone_deployment deployment;
};

extern struct swap_fixture t;

/* For cmocka. Each test begins with a new deployment and ends without any. */
int swap_set_up_group(void **state);
int swap_tear_down_group(void **state);
int swap_set_up(void **state);
int swap_tear_down(void **state);

/* A shell command that must succeed. */
void run(const char *command);

bool exists(const char *path);
uint32_t attached_id(void);	      /* to v0; 0: nothing */
uint32_t pinned_id(const char *path); /* of a program */
uint32_t slot_id(void);		      /* of the live image; 0: none */

/* What the attached program says to a UDP packet from 10.1.2.host. */
uint32_t verdict_for(uint8_t host);
uint64_t images_fallbacks(void);

/* Loads a new image and gives it to the deployment. Returns 0 or -errno. */
int go_live(void);

#endif
