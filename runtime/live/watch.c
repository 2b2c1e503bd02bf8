// SPDX-License-Identifier: Apache-2.0
/* watch: epochs of slots, which maps raise them, and events when they were raised.
 *
 * When:  all the time; hone_watch_consume() when its fd is readable.
 * Not:   the hooks themselves (bpf/watch.bpf.c) and their pins (watch_pin.c). One process at a
 *        time changes the set of watched maps; raising and reading epochs needs no such care. */
#include "runtime/live/watch.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/file.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/live/watch_internal.h"

/* ---- opening ---- */

static void *map_value(int fd, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void raise_epochs(struct hone_guard_slot *slot)
{
	__atomic_fetch_add(&slot->begin, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&slot->end, 1, __ATOMIC_SEQ_CST);
}

static int on_event(void *arg, void *data, size_t size)
{
	struct hone_watch *watch = arg;
	const struct hone_watch_event *event = data;

	if (size < sizeof(*event) || event->slot >= HONE_SLOT_N)
		return 0;
	/* Cleared first: a write from now on is told again. */
	__atomic_store_n(&watch->guard->slots[event->slot].is_dirty, 0, __ATOMIC_SEQ_CST);
	watch->fn(watch->arg, event->slot);
	return 0;
}

static int open_views(struct hone_watch *watch)
{
	watch->guard = map_value(watch->pins.fd[HONE_WATCH_PIN_GUARD], sizeof(*watch->guard));
	if (!watch->guard)
		return hone_log_err(-errno, "watch: cannot map the guard");
	watch->control = map_value(watch->pins.fd[HONE_WATCH_PIN_CONTROL], sizeof(*watch->control));
	if (!watch->control)
		return hone_log_err(-errno, "watch: cannot map the control data");
	watch->ring =
		ring_buffer__new(watch->pins.fd[HONE_WATCH_PIN_EVENTS], on_event, watch, NULL);
	if (!watch->ring)
		return hone_log_err(-errno, "watch: cannot map the events");
	return 0;
}

static void close_views(struct hone_watch *watch)
{
	ring_buffer__free(watch->ring);
	if (watch->guard)
		munmap(watch->guard, sizeof(*watch->guard));
	if (watch->control)
		munmap(watch->control, sizeof(*watch->control));
	hone_watch_pins_close(&watch->pins);
	watch->ring = NULL;
	watch->guard = NULL;
	watch->control = NULL;
}

static int find(struct hone_watch *watch)
{
	int err = hone_watch_pins_find(watch->dir, &watch->pins);

	err = err ?: open_views(watch);
	if (!err && watch->control->layout != HONE_WATCH_LAYOUT)
		err = -EUCLEAN;
	watch->is_adopted = !err;
	return err;
}

static int make(struct hone_watch *watch, enum hone_watch_fault fault)
{
	int err = hone_dir_make(watch->dir, 0700);

	if (err)
		return hone_log_err(err, "%s: cannot make the directory", watch->dir);
	err = hone_watch_pins_make(watch->dir, fault, &watch->pins);
	return err ?: open_views(watch);
}

static int find_or_make(struct hone_watch *watch, enum hone_watch_fault fault)
{
	int err = find(watch);

	if (!err && !hone_watch_healthy(watch))
		err = -EUCLEAN;
	if (err == -EUCLEAN) {
		hone_log_warn("%s: these hooks cannot be relied on; making new ones", watch->dir);
		(void)hone_watch_unpin(watch->dir);
	}
	if (err != -EUCLEAN && err != -ENOENT)
		return err;
	close_views(watch);
	watch->is_adopted = false;
	return make(watch, fault);
}

static struct hone_watch *new_watch(const char *dir)
{
	struct hone_watch *watch = calloc(1, sizeof(*watch));
	int n;

	if (!watch)
		return NULL;
	memset(watch->pins.fd, -1, sizeof(watch->pins.fd));
	n = snprintf(watch->dir, sizeof(watch->dir), "%s", dir);
	if (n < 0 || (size_t)n >= sizeof(watch->dir)) {
		free(watch);
		errno = ENAMETOOLONG;
		return NULL;
	}
	return watch;
}

void hone_watch_close(struct hone_watch **watch)
{
	if (!*watch)
		return;
	close_views(*watch);
	free(*watch);
	*watch = NULL;
}

int hone_watch_open_faulty(const char *dir, enum hone_watch_fault fault, struct hone_watch **out)
{
	struct hone_watch *watch = new_watch(dir);
	int err = watch ? find_or_make(watch, fault) : -errno;

	if (err)
		hone_watch_close(&watch);
	else
		*out = watch;
	return err;
}

int hone_watch_open(const char *dir, struct hone_watch **out)
{
	return hone_watch_open_faulty(dir, HONE_WATCH_FAULT_NONE, out);
}

int hone_watch_open_existing(const char *dir, struct hone_watch **out)
{
	struct hone_watch *watch = new_watch(dir);
	int err = watch ? find(watch) : -errno;

	if (err)
		hone_watch_close(&watch);
	else
		*out = watch;
	return err;
}

bool hone_watch_is_adopted(const struct hone_watch *watch)
{
	return watch->is_adopted;
}

int hone_watch_guard_fd(const struct hone_watch *watch)
{
	return watch->pins.fd[HONE_WATCH_PIN_GUARD];
}

/* ---- which maps raise which slots ---- */

static uint64_t bit_of(uint32_t slot)
{
	return UINT64_C(1) << (slot % 64);
}

/* In use before the map is watched: from then on "raise all" reaches the slot. */
int hone_watch_map(struct hone_watch *watch, uint32_t map_id, uint32_t slot)
{
	int fd = watch->pins.fd[HONE_WATCH_PIN_WATCHED];
	struct hone_slot_set set = {0};

	if (slot >= HONE_SLOT_N || map_id == 0)
		return -EINVAL;
	__atomic_fetch_or(&watch->control->in_use.words[slot / 64], bit_of(slot), __ATOMIC_SEQ_CST);
	if (bpf_map_lookup_elem(fd, &map_id, &set) && errno != ENOENT)
		return hone_log_err(-errno, "watch: cannot read the slots of map %u", map_id);
	set.words[slot / 64] |= bit_of(slot);
	if (bpf_map_update_elem(fd, &map_id, &set, BPF_ANY))
		return hone_log_err(-errno, "watch: cannot watch map %u", map_id);
	return 0;
}

void hone_watch_raise(struct hone_watch *watch, uint32_t slot)
{
	raise_epochs(&watch->guard->slots[slot]);
}

static bool is_empty(const struct hone_slot_set *set)
{
	for (int i = 0; i < HONE_SLOT_WORDS; i++) {
		if (set->words[i])
			return false;
	}
	return true;
}

static int forget_in_map(int fd, uint32_t map_id, uint32_t slot)
{
	struct hone_slot_set set = {0};
	int err;

	if (bpf_map_lookup_elem(fd, &map_id, &set))
		return -errno;
	if (!(set.words[slot / 64] & bit_of(slot)))
		return 0;
	set.words[slot / 64] &= ~bit_of(slot);
	err = is_empty(&set) ? bpf_map_delete_elem(fd, &map_id)
			     : bpf_map_update_elem(fd, &map_id, &set, BPF_EXIST);
	return err ? -errno : 0;
}

int hone_watch_forget_slot(struct hone_watch *watch, uint32_t slot)
{
	int fd = watch->pins.fd[HONE_WATCH_PIN_WATCHED];
	uint32_t map_id = 0, next = 0;
	bool has_more;
	int err = 0;

	if (slot >= HONE_SLOT_N)
		return -EINVAL;
	hone_watch_raise(watch, slot); /* whatever still compares with it is out of use */
	has_more = !bpf_map_get_next_key(fd, NULL, &next);
	while (has_more && !err) {
		map_id = next;
		has_more = !bpf_map_get_next_key(fd, &map_id, &next);
		err = forget_in_map(fd, map_id, slot);
	}
	if (err)
		return hone_log_err(err, "watch: cannot forget slot %u", slot);
	__atomic_fetch_and(&watch->control->in_use.words[slot / 64], ~bit_of(slot),
			   __ATOMIC_SEQ_CST);
	return 0;
}

int hone_watch_exempt(struct hone_watch *watch, pid_t tgid)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, tgid, 0);
	__u32 yes = 1;

	if (pidfd < 0)
		return hone_log_err(-errno, "process %d: cannot be opened", tgid);
	if (bpf_map_update_elem(watch->pins.fd[HONE_WATCH_PIN_EXEMPT], &pidfd, &yes, BPF_ANY))
		return hone_log_err(-errno, "process %d: cannot be exempted", tgid);
	return 0;
}

/* ---- epochs ---- */

uint64_t hone_watch_begin(const struct hone_watch *watch, uint32_t slot)
{
	return __atomic_load_n(&watch->guard->slots[slot].begin, __ATOMIC_SEQ_CST);
}

uint64_t hone_watch_end(const struct hone_watch *watch, uint32_t slot)
{
	return __atomic_load_n(&watch->guard->slots[slot].end, __ATOMIC_SEQ_CST);
}

/* `end` first: if begin is not beyond it, no write was in flight when `end` was read. */
bool hone_watch_stable(const struct hone_watch *watch, uint32_t slot, uint64_t *epoch)
{
	uint64_t end = hone_watch_end(watch, slot);
	uint64_t begin = hone_watch_begin(watch, slot);

	if (begin != end)
		return false;
	*epoch = begin;
	return true;
}

void hone_watch_counts(const struct hone_watch *watch, struct hone_watch_counts *out)
{
	for (int i = 0; i < HONE_RAISE_N; i++)
		out->n_raised_all[i] =
			__atomic_load_n(&watch->control->n_raised_all[i], __ATOMIC_RELAXED);
	out->n_raised_by_load =
		__atomic_load_n(&watch->control->n_raised_by_load, __ATOMIC_RELAXED);
	out->last_tgid = (pid_t)watch->control->last_tgid;
}

/* ---- events ---- */

int hone_watch_fd(const struct hone_watch *watch)
{
	return ring_buffer__epoll_fd(watch->ring);
}

int hone_watch_consume(struct hone_watch *watch, void (*fn)(void *arg, uint32_t slot), void *arg)
{
	watch->fn = fn;
	watch->arg = arg;
	return ring_buffer__consume(watch->ring);
}

/* ---- taking away ---- */

/* Without hooks nothing raises an epoch: no image may compare with one that holds. */
static void raise_all(const char *dir)
{
	char path[PATH_MAX + sizeof("/guard")];
	_cleanup_close_ int fd = -1;
	struct hone_guard *guard;

	(void)snprintf(path, sizeof(path), "%s/guard", dir);
	fd = bpf_obj_get(path);
	guard = fd < 0 ? NULL : map_value(fd, sizeof(*guard));
	if (!guard)
		return;
	for (int i = 0; i < HONE_SLOT_N; i++)
		raise_epochs(&guard->slots[i]);
	munmap(guard, sizeof(*guard));
}

int hone_watch_unpin(const char *dir)
{
	raise_all(dir);
	return hone_watch_pins_remove(dir);
}

/* ---- health ---- */

/* Runs of a hook that the kernel left out; -errno where that cannot be told. */
static int64_t skipped_runs(int prog_fd)
{
	struct bpf_prog_info info;
	int err = hone_prog_info(prog_fd, &info);

	return err ?: (int64_t)info.recursion_misses;
}

bool hone_watch_healthy(struct hone_watch *watch)
{
	if (hone_watch_pins_check(watch->dir))
		return false;
	if (skipped_runs(watch->pins.fd[HONE_WATCH_PIN_ENTER_PROG]) ||
	    skipped_runs(watch->pins.fd[HONE_WATCH_PIN_EXIT_PROG])) {
		hone_log_warn("watch: the kernel skipped runs of the hooks");
		return false;
	}
	if (watch->control->n_unpaired) {
		hone_log_warn("watch: no memory to pair entries with exits");
		return false;
	}
	return true;
}
