// SPDX-License-Identifier: Apache-2.0
/* grace: wait until every run of a BPF program that is under way has ended.
 *
 * When:  before a snapshot of values that programs store to: a run that read a word before the
 *        control plane wrote it may still put the old bits back.
 * Not:   sleepable programs: they are not runs of XDP or tc.
 * Source: kernel/bpf/syscall.c maybe_wait_bpf_programs(): an update of a map-in-map returns after
 *         an RCU grace period. */
#include <bpf/bpf.h>
#include <errno.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/live/snapshot.h"

/* Made at the first call, gone with the process: making them takes longer than using them. */
struct waiter {
	int outer, inner;
};

static int make_waiter(struct waiter *out)
{
	_cleanup_close_ int inner =
		bpf_map_create(BPF_MAP_TYPE_ARRAY, "hone_grace_in", 4, 4, 1, NULL);
	LIBBPF_OPTS(bpf_map_create_opts, opts, .inner_map_fd = (__u32)inner);
	_cleanup_close_ int outer = -1;

	if (inner < 0)
		return -errno;
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "hone_grace", 4, 4, 1, &opts);
	if (outer < 0)
		return -errno;
	out->inner = TAKE_FD(inner);
	out->outer = TAKE_FD(outer);
	return 0;
}

int hone_rcu_grace(void)
{
	static struct waiter waiter = {.outer = -1, .inner = -1};
	__u32 zero = 0;
	int err = waiter.outer < 0 ? make_waiter(&waiter) : 0;

	if (!err && bpf_map_update_elem(waiter.outer, &zero, &waiter.inner, BPF_ANY))
		err = -errno;
	return err ? hone_log_err(err, "cannot wait for running programs") : 0;
}
