/* SPDX-License-Identifier: Apache-2.0 */
/* swap: the only file that changes what packets meet.
 *
 * A deployment is one unit's kernel objects, all pinned below <dir> so that they outlive the
 * daemon: slots, counts, original, and while an image is live: root, image, table. Offline verbs
 * work on the pins alone. Order of every change: packets meet the original or a valid image. */
#ifndef HONE_SWAP_H
#define HONE_SWAP_H

#include "compiler/facts.h"
#include "runtime/deploy/load.h"
#include "runtime/live/discover.h"

/* fds are owned by the deployment; -1: not there. */
struct hone_deployment {
	char dir[256]; /* <bpffs>/units/<hone_target_unit_name()> */
	struct hone_target target;
	uint32_t slot; /* guard slot */
	int original_fd, slots_fd, counts_fd;
	int root_fd, image_fd, table_fd;
	uint32_t root_id, image_id;
};

/* Nothing pinned, nothing open: what hone_deploy_close() leaves alone. */
#define HONE_DEPLOYMENT_EMPTY                                                                      \
	{.original_fd = -1,                                                                        \
	 .slots_fd = -1,                                                                           \
	 .counts_fd = -1,                                                                          \
	 .root_fd = -1,                                                                            \
	 .image_fd = -1,                                                                           \
	 .table_fd = -1}

/* hone_deploy_new() - pin the original, a new PROG_ARRAY (with the original in place) and the
 * counters. Nothing that packets meet changes. -EEXIST: dir is in use. */
int hone_deploy_new(const char *dir, const struct hone_target *target, uint32_t slot,
		    struct hone_deployment *out);

/* hone_deploy_adopt() - the same from what is pinned below dir, and from what is attached.
 * -ENOENT: nothing there. -EUCLEAN: there is, but not whole: hone_deploy_sweep(); the original was
 * put back if it is known. Pins that nothing uses are removed; without the root on the interface
 * the image is withdrawn. */
int hone_deploy_adopt(const char *dir, int netns_fd, const struct hone_target *target,
		      uint32_t slot, struct hone_deployment *out);

/* hone_deploy_sweep() - remove what a deployment that is not whole left below dir. Without its pin
 * the kernel empties the slots. */
void hone_deploy_sweep(const char *dir);

/* hone_deploy_is_ours() - 0: the root is attached, or, while there is none, the original. -EBUSY:
 * something else is, be it the original that its owner put back in the root's place;
 * -ENOENT: nothing; -ENODEV: the interface is gone. */
int hone_deploy_is_ours(const struct hone_deployment *deployment, int netns_fd);

void hone_deploy_close(struct hone_deployment *deployment); /* the pins stay */

/* hone_deploy_image() - make an image what packets meet: pin image and table, set the slot;
 * install the root first if there is none (attach, re-point the owner's bpffs pins that name the
 * original). Then withdraw the previous image's `expected` for good and drop it. Takes over
 * image_fd and table_fd on success. The caller has stored the new image's `expected`. */
int hone_deploy_image(struct hone_deployment *deployment, int netns_fd,
		      const struct hone_unit *unit, const struct hone_maps *maps, int image_fd,
		      int table_fd);

/* hone_deploy_withdraw() - no image any more: empty the slot, withdraw `expected`, put the
 * original back in the root's place, restore the owner's pins. Idempotent. netns_fd -1: the
 * namespace is gone. On an error no image is left, but the root is: try again later. */
int hone_deploy_withdraw(struct hone_deployment *deployment, int netns_fd);

/* hone_deploy_remove() - withdraw, then remove every pin below dir and dir itself. */
int hone_deploy_remove(struct hone_deployment *deployment, int netns_fd);

#endif
