// SPDX-License-Identifier: Apache-2.0
/* swap: the only file that changes what packets meet.
 *
 * Pins below dir, and what they are for when the daemon dies at any line of this file:
 *   original     what packets met before, and meet again after a withdrawal
 *   slots        PROG_ARRAY: [IMAGE] what the root calls, [ORIGINAL] what a broken guard calls
 *   counts       per-CPU counters
 *   root         exists before it is attached, goes after it was replaced
 *   image_N      image with program id N, and
 *   table_N      its own table; N is live if and only if slots[IMAGE] is program N
 *
 * Whoever comes next looks at the slot and at the interface, not at a record of intentions: a pin
 * that neither of them uses is rubbish and goes at adoption. */
#include "runtime/deploy/swap.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/file.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/deploy/attach.h"
#include "runtime/deploy/pins.h"

enum { PATH_BYTES = 640 };

static const struct hone_deployment nothing = {
	.original_fd = -1,
	.slots_fd = -1,
	.counts_fd = -1,
	.root_fd = -1,
	.image_fd = -1,
	.table_fd = -1,
};

/* ---- names ---- */

static const char *path_of(const struct hone_deployment *deployment, const char *name,
			   char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "%s/%s", deployment->dir, name);
	return path;
}

static const char *path_of_id(const struct hone_deployment *deployment, const char *name,
			      uint32_t id, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "%s/%s_%u", deployment->dir, name, id);
	return path;
}

static int pin(const struct hone_deployment *deployment, const char *name, int fd)
{
	char path[PATH_BYTES];
	int err = hone_pin_replace(path_of(deployment, name, path), fd);

	return err ? hone_log_err(err, "%s: cannot pin", path) : 0;
}

static int get(const struct hone_deployment *deployment, const char *name)
{
	char path[PATH_BYTES];
	int fd = bpf_obj_get(path_of(deployment, name, path));

	return fd < 0 ? -errno : fd;
}

/* Remove pins that start with prefix, except those of program `keep`. */
static void unpin(const struct hone_deployment *deployment, const char *prefix, uint32_t keep)
{
	char path[PATH_BYTES], kept[32];
	DIR *dir = opendir(deployment->dir);
	struct dirent *entry;

	if (!dir)
		return;
	snprintf(kept, sizeof(kept), "_%u", keep);
	while ((entry = readdir(dir))) {
		const char *number = strrchr(entry->d_name, '_');

		if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) ||
		    (keep && number && !strcmp(number, kept)))
			continue;
		snprintf(path, sizeof(path), "%s/%.255s", deployment->dir, entry->d_name);
		unlink(path);
	}
	closedir(dir);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static uint32_t id_of(int prog_fd)
{
	struct bpf_prog_info info;

	return prog_fd >= 0 && !hone_prog_info(prog_fd, &info) ? info.id : 0;
}

/* ---- the slot ---- */

static int slot_set(const struct hone_deployment *deployment, uint32_t slot, int prog_fd)
{
	return bpf_map_update_elem(deployment->slots_fd, &slot, &prog_fd, BPF_ANY) ? -errno : 0;
}

/* Program id in a slot; 0: empty. */
static uint32_t slot_get(const struct hone_deployment *deployment, uint32_t slot)
{
	uint32_t id = 0;

	return bpf_map_lookup_elem(deployment->slots_fd, &slot, &id) ? 0 : id;
}

static void slot_empty(const struct hone_deployment *deployment, uint32_t slot)
{
	bpf_map_delete_elem(deployment->slots_fd, &slot);
}

/* ---- a deployment as a whole ---- */

int hone_deploy_new(const char *dir, const struct hone_target *target, uint32_t slot,
		    struct hone_deployment *out)
{
	struct hone_deployment deployment = nothing;
	int err;

	if (strlen(dir) >= sizeof(deployment.dir))
		return -ENAMETOOLONG;
	strcpy(deployment.dir, dir);
	deployment.target = *target;
	deployment.slot = slot;
	if (!access(dir, F_OK))
		return -EEXIST;
	err = hone_dir_make(dir, 0700);
	if (err)
		return hone_log_err(err, "%s: cannot make", dir);

	deployment.original_fd = bpf_prog_get_fd_by_id(target->prog_id);
	err = deployment.original_fd < 0 ? -errno : 0;
	if (!err)
		err = deployment.slots_fd = hone_load_slots();
	if (err >= 0)
		err = deployment.counts_fd = hone_load_counts();
	if (err >= 0)
		err = slot_set(&deployment, HONE_PROG_ORIGINAL, deployment.original_fd);
	if (!err)
		err = pin(&deployment, "slots", deployment.slots_fd);
	if (!err)
		err = pin(&deployment, "counts", deployment.counts_fd);
	if (!err) /* last: what adoption looks for first */
		err = pin(&deployment, "original", deployment.original_fd);
	if (err < 0) {
		hone_log_err(err, "%s: cannot deploy", target->name);
		unpin(&deployment, "", 0);
		rmdir(dir);
		hone_deploy_close(&deployment);
		return err;
	}
	*out = deployment;
	return 0;
}

void hone_deploy_sweep(const char *dir)
{
	struct hone_deployment deployment = nothing;

	snprintf(deployment.dir, sizeof(deployment.dir), "%s", dir);
	unpin(&deployment, "", 0);
	rmdir(dir);
}

void hone_deploy_close(struct hone_deployment *deployment)
{
	close_fd(&deployment->original_fd);
	close_fd(&deployment->slots_fd);
	close_fd(&deployment->counts_fd);
	close_fd(&deployment->root_fd);
	close_fd(&deployment->image_fd);
	close_fd(&deployment->table_fd);
	*deployment = nothing;
}

/* What is attached now: 1 the root, 0 the original, -EBUSY something else, or -errno. */
static int attached(const struct hone_deployment *deployment, int netns_fd)
{
	struct hone_target now;
	int err = hone_target_query(netns_fd, &deployment->target, deployment->root_id, &now);

	if (err)
		return err;
	if (deployment->root_id && now.prog_id == deployment->root_id)
		return 1;
	return now.prog_id == deployment->target.prog_id ? 0 : -EBUSY;
}

int hone_deploy_is_ours(const struct hone_deployment *deployment, int netns_fd)
{
	int what = attached(deployment, netns_fd);

	if (what < 0)
		return what;
	return what == 0 && deployment->root_fd >= 0 ? -EBUSY : 0;
}

/* Open the image that the slot names, with its table; without both there is none. */
static void adopt_image(struct hone_deployment *deployment)
{
	char path[PATH_BYTES];
	uint32_t id = slot_get(deployment, HONE_PROG_IMAGE);

	if (!id)
		return;
	deployment->image_fd = bpf_obj_get(path_of_id(deployment, "image", id, path));
	deployment->table_fd = bpf_obj_get(path_of_id(deployment, "table", id, path));
	if (deployment->image_fd >= 0 && deployment->table_fd >= 0) {
		deployment->image_id = id;
		return;
	}
	slot_empty(deployment, HONE_PROG_IMAGE);
	close_fd(&deployment->image_fd);
	close_fd(&deployment->table_fd);
}

int hone_deploy_adopt(const char *dir, int netns_fd, const struct hone_target *target,
		      uint32_t slot, struct hone_deployment *out)
{
	struct hone_deployment deployment = nothing;

	if (strlen(dir) >= sizeof(deployment.dir))
		return -ENAMETOOLONG;
	strcpy(deployment.dir, dir);
	deployment.original_fd = get(&deployment, "original");
	deployment.slots_fd = get(&deployment, "slots");
	deployment.counts_fd = get(&deployment, "counts");
	deployment.root_fd = get(&deployment, "root");
	if (deployment.root_fd < 0)
		deployment.root_fd = -1;
	deployment.root_id = id_of(deployment.root_fd);
	deployment.target = *target;
	deployment.target.prog_id = id_of(deployment.original_fd);
	deployment.slot = slot;
	if (deployment.original_fd < 0 || deployment.slots_fd < 0 || deployment.counts_fd < 0) {
		if (deployment.original_fd >= 0) /* somebody removed pins of ours */
			hone_deploy_withdraw(&deployment, netns_fd);
		hone_deploy_close(&deployment);
		return access(dir, F_OK) ? -ENOENT : -EUCLEAN;
	}
	adopt_image(&deployment);
	unpin(&deployment, "image_", deployment.image_id);
	unpin(&deployment, "table_", deployment.image_id);

	if (attached(&deployment, netns_fd) == 1)
		/* it may have died between the attachment and the owner's pins */
		hone_pins_repoint(deployment.target.prog_id, deployment.root_fd, deployment.dir);
	else if (deployment.root_id || deployment.image_id)
		hone_deploy_withdraw(&deployment, netns_fd);
	*out = deployment;
	return 0;
}

/* ---- an image goes live ---- */

/* The root in the original's place. The slot is still empty: packets meet the same as before. */
static int install_root(struct hone_deployment *deployment, int netns_fd,
			const struct hone_unit *unit, const struct hone_maps *maps)
{
	char log[HONE_DETAIL_LEN] = "";
	struct hone_loaded root;
	int err = hone_load_root(unit, maps, deployment->slots_fd, &root, log);

	if (err)
		return hone_log_err(err, "%s: cannot load the root (%s)", deployment->target.name,
				    log);
	deployment->root_fd = root.fd;
	deployment->root_id = root.id;
	err = pin(deployment, "root", root.fd);
	if (!err)
		err = hone_attach_replace(netns_fd, &deployment->target, deployment->original_fd,
					  root.fd);
	if (err) {
		unpin(deployment, "root", 0);
		close_fd(&deployment->root_fd);
		deployment->root_id = 0;
		return err;
	}
	err = hone_pins_repoint(deployment->target.prog_id, root.fd, deployment->dir);
	return err < 0 ? err : 0;
}

/* Withdraw the image for good: its `expected` equals no epoch any more. */
static void forget_image(struct hone_deployment *deployment)
{
	if (deployment->table_fd >= 0)
		hone_expected_set(deployment->table_fd, HONE_EPOCH_NEVER);
	close_fd(&deployment->image_fd);
	close_fd(&deployment->table_fd);
	deployment->image_id = 0;
}

static int pin_image(const struct hone_deployment *deployment, uint32_t id, int image_fd,
		     int table_fd)
{
	char path[PATH_BYTES];
	int err = hone_pin_replace(path_of_id(deployment, "table", id, path), table_fd);

	if (!err)
		err = hone_pin_replace(path_of_id(deployment, "image", id, path), image_fd);
	return err ? hone_log_err(err, "%s: cannot pin", path) : 0;
}

int hone_deploy_image(struct hone_deployment *deployment, int netns_fd,
		      const struct hone_unit *unit, const struct hone_maps *maps, int image_fd,
		      int table_fd)
{
	uint32_t id = id_of(image_fd);
	bool is_first = deployment->root_fd < 0;
	int err = pin_image(deployment, id, image_fd, table_fd);

	if (!err && is_first)
		err = install_root(deployment, netns_fd, unit, maps);
	if (!err)
		err = slot_set(deployment, HONE_PROG_IMAGE, image_fd);
	if (err) {
		unpin(deployment, "image_", deployment->image_id);
		unpin(deployment, "table_", deployment->image_id);
		if (is_first)
			hone_deploy_withdraw(deployment, netns_fd);
		return hone_log_err(err, "%s: cannot go live", deployment->target.name);
	}
	forget_image(deployment);
	deployment->image_fd = image_fd;
	deployment->table_fd = table_fd;
	deployment->image_id = id;
	unpin(deployment, "image_", id);
	unpin(deployment, "table_", id);
	return 0;
}

/* ---- and back ---- */

/* The original in the root's place. Where the owner was faster, there is nothing to put back. */
static int replace_root(const struct hone_deployment *deployment, int netns_fd)
{
	int err = netns_fd < 0 ? -ENODEV : attached(deployment, netns_fd);

	if (err == 1)
		err = hone_attach_replace(netns_fd, &deployment->target, deployment->root_fd,
					  deployment->original_fd);
	return err == -EBUSY || err == -ENODEV || err == -ENOENT ? 0 : err;
}

int hone_deploy_withdraw(struct hone_deployment *deployment, int netns_fd)
{
	slot_empty(deployment, HONE_PROG_IMAGE); /* from here on the root is the original */
	forget_image(deployment);
	if (deployment->root_fd >= 0) {
		int err = replace_root(deployment, netns_fd);

		if (err) /* packets meet the root, which is the original: try again later */
			return err;
		hone_pins_repoint(deployment->root_id, deployment->original_fd, deployment->dir);
	}
	unpin(deployment, "image_", 0);
	unpin(deployment, "table_", 0);
	unpin(deployment, "root", 0);
	close_fd(&deployment->root_fd);
	deployment->root_id = 0;
	return 0;
}

int hone_deploy_remove(struct hone_deployment *deployment, int netns_fd)
{
	int err = hone_deploy_withdraw(deployment, netns_fd);

	if (err)
		return err;
	unpin(deployment, "", 0);
	if (rmdir(deployment->dir) && errno != ENOENT)
		err = hone_log_err(-errno, "%s: cannot remove", deployment->dir);
	hone_deploy_close(deployment);
	return err;
}
