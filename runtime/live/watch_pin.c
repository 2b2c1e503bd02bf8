// SPDX-License-Identifier: Apache-2.0
/* watch_pin: makes the hooks on bpf(2), pins them, finds them again.
 *
 * When:  at a start of the daemon or of an offline command.
 * Owner: the pins. `kill -9` leaves all of them, or, while they are being made, some: then the
 *        last one (the entry hook's link) is missing, and the next start begins anew.
 * Not:   what the hooks say: watch.c. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/live/watch_internal.h"
#include "watch.skel.h"

enum pin_kind { PIN_MAP, PIN_PROG, PIN_LINK };

struct pin {
	const char *name;
	enum pin_kind kind;
	__u32 type;		  /* of the map, program or link */
	__u32 value_bytes;	  /* of the map: another version of hone had other structs */
	const char *hook;	  /* of a link */
	enum hone_watch_pin prog; /* of a link */
};

static const struct pin pins_table[HONE_WATCH_PIN_N] = {
	[HONE_WATCH_PIN_GUARD] = {"guard", PIN_MAP, BPF_MAP_TYPE_ARRAY, sizeof(struct hone_guard)},
	[HONE_WATCH_PIN_CONTROL] = {"control", PIN_MAP, BPF_MAP_TYPE_ARRAY,
				    sizeof(struct hone_watch_control)},
	[HONE_WATCH_PIN_WATCHED] = {"watched", PIN_MAP, BPF_MAP_TYPE_HASH,
				    sizeof(struct hone_slot_set)},
	[HONE_WATCH_PIN_EVENTS] = {"events", PIN_MAP, BPF_MAP_TYPE_RINGBUF},
	[HONE_WATCH_PIN_EXEMPT] = {"exempt", PIN_MAP, BPF_MAP_TYPE_TASK_STORAGE, sizeof(__u32)},
	[HONE_WATCH_PIN_EXIT_PROG] = {"exit-prog", PIN_PROG, BPF_PROG_TYPE_TRACING},
	[HONE_WATCH_PIN_ENTER_PROG] = {"enter-prog", PIN_PROG, BPF_PROG_TYPE_TRACING},
	[HONE_WATCH_PIN_EXIT] = {"exit-link", PIN_LINK, BPF_LINK_TYPE_RAW_TRACEPOINT,
				 .hook = "sys_exit", .prog = HONE_WATCH_PIN_EXIT_PROG},
	[HONE_WATCH_PIN_ENTER] = {"enter-link", PIN_LINK, BPF_LINK_TYPE_RAW_TRACEPOINT,
				  .hook = "sys_enter", .prog = HONE_WATCH_PIN_ENTER_PROG},
};

static int pin_path(const char *dir, enum hone_watch_pin pin, char out[PATH_MAX])
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, pins_table[pin].name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

void hone_watch_pins_close(struct hone_watch_pins *pins)
{
	for (int i = 0; i < HONE_WATCH_PIN_N; i++) {
		if (pins->fd[i] >= 0)
			close(pins->fd[i]);
		pins->fd[i] = -1;
	}
}

/* ---- finding ---- */

static int check_map(int fd, const struct pin *pin)
{
	struct bpf_map_info info;
	int err = hone_map_info(fd, &info);

	if (err)
		return err;
	return info.type == pin->type && info.value_size == pin->value_bytes ? 0 : -EUCLEAN;
}

static int check_prog(int fd, const struct pin *pin)
{
	struct bpf_prog_info info;
	int err = hone_prog_info(fd, &info);

	if (err)
		return err;
	return info.type == pin->type ? 0 : -EUCLEAN;
}

/* A raw tracepoint's link can neither be detached nor updated: while it exists, it is attached
 * (kernel/bpf/syscall.c bpf_raw_tp_link_lops). */
static int check_link(int fd, const struct pin *pin, int prog_fd)
{
	char hook[32] = "";
	struct bpf_link_info info = {
		.raw_tracepoint = {.tp_name = (__u64)(uintptr_t)hook, .tp_name_len = sizeof(hook)},
	};
	__u32 size = sizeof(info);
	struct bpf_prog_info prog;
	int err = hone_prog_info(prog_fd, &prog);

	if (!err && bpf_obj_get_info_by_fd(fd, &info, &size))
		err = -errno;
	if (err)
		return err;
	return info.type == pin->type && info.prog_id == prog.id && !strcmp(hook, pin->hook)
		       ? 0
		       : -EUCLEAN;
}

/* Is it this map that the entry hook works with, or one that was pinned in its place? */
static int check_is_used(int fd, int prog_fd)
{
	struct bpf_map_info info;
	__u32 ids[16], n = 0;
	int err = hone_map_info(fd, &info);

	err = err ?: hone_prog_map_ids(prog_fd, ids, sizeof(ids) / sizeof(ids[0]), &n);
	if (err)
		return err;
	for (__u32 i = 0; i < n; i++) {
		if (ids[i] == info.id)
			return 0;
	}
	return -EUCLEAN;
}

static int check(const struct hone_watch_pins *pins, int i)
{
	const struct pin *pin = &pins_table[i];

	switch (pin->kind) {
	case PIN_MAP:
		return check_map(pins->fd[i], pin)
			       ?: check_is_used(pins->fd[i], pins->fd[HONE_WATCH_PIN_ENTER_PROG]);
	case PIN_PROG:
		return check_prog(pins->fd[i], pin);
	case PIN_LINK:
		return check_link(pins->fd[i], pin, pins->fd[pin->prog]);
	}
	return -EUCLEAN;
}

static int find_all(const char *dir, struct hone_watch_pins *out)
{
	int n_found = 0;

	for (int i = 0; i < HONE_WATCH_PIN_N; i++) {
		char path[PATH_MAX];
		int err = pin_path(dir, (enum hone_watch_pin)i, path);

		if (err)
			return err;
		out->fd[i] = bpf_obj_get(path);
		if (out->fd[i] < 0 && errno != ENOENT)
			return hone_log_err(-errno, "%s: cannot open the pin", path);
		n_found += out->fd[i] >= 0;
	}
	if (n_found == 0)
		return -ENOENT;
	return n_found == HONE_WATCH_PIN_N ? 0 : -EUCLEAN;
}

int hone_watch_pins_find(const char *dir, struct hone_watch_pins *out)
{
	int err;

	memset(out->fd, -1, sizeof(out->fd));
	err = find_all(dir, out);
	for (int i = 0; !err && i < HONE_WATCH_PIN_N; i++)
		err = check(out, i);
	if (err)
		hone_watch_pins_close(out);
	return err;
}

int hone_watch_pins_check(const char *dir)
{
	for (int i = 0; i < HONE_WATCH_PIN_N; i++) {
		char path[PATH_MAX];
		int err = pin_path(dir, (enum hone_watch_pin)i, path);

		if (err)
			return err;
		if (access(path, F_OK))
			return hone_log_err(-errno, "%s: the pin is gone", path);
	}
	return 0;
}

/* ---- making ---- */

/* Ask fds of known kinds what maps and programs look like to the hooks. */
static int learn(const struct watch_bpf *skel)
{
	LIBBPF_OPTS(bpf_map_create_opts, readable_opts, .map_flags = BPF_F_RDONLY);
	_cleanup_close_ int writable =
		bpf_map_create(BPF_MAP_TYPE_ARRAY, "hone_learn", 4, 4, 1, NULL);
	_cleanup_close_ int readable =
		bpf_map_create(BPF_MAP_TYPE_ARRAY, "hone_learn", 4, 4, 1, &readable_opts);
	struct hone_watch_learn in = {
		.writable_map_fd = (__u32)writable,
		.readable_map_fd = (__u32)readable,
		.prog_fd = (__u32)bpf_program__fd(skel->progs.learn),
	};
	/* The kernel writes what the program leaves in its context back to ctx_in. */
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &in, .ctx_size_in = sizeof(in));

	if (writable < 0 || readable < 0)
		return hone_log_err(-errno, "watch: cannot create a map");
	if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.learn), &run))
		return hone_log_err(-errno, "watch: cannot run a SYSCALL program");
	if (!in.is_known)
		return hone_log_err(-EOPNOTSUPP, "watch: the fd table cannot be read as expected");
	return 0;
}

static int take(struct hone_watch_pins *out, enum hone_watch_pin pin, int fd)
{
	out->fd[pin] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return out->fd[pin] < 0 ? -errno : 0;
}

/* Our own references to what the skeleton made. */
static int take_all(const struct watch_bpf *skel, struct hone_watch_pins *out)
{
	int err = take(out, HONE_WATCH_PIN_GUARD, bpf_map__fd(skel->maps.hone_guard));

	err = err ?: take(out, HONE_WATCH_PIN_CONTROL, bpf_map__fd(skel->maps.hone_control));
	err = err ?: take(out, HONE_WATCH_PIN_WATCHED, bpf_map__fd(skel->maps.hone_watched));
	err = err ?: take(out, HONE_WATCH_PIN_EVENTS, bpf_map__fd(skel->maps.hone_events));
	err = err ?: take(out, HONE_WATCH_PIN_EXEMPT, bpf_map__fd(skel->maps.hone_exempt));
	err = err ?: take(out, HONE_WATCH_PIN_EXIT_PROG, bpf_program__fd(skel->progs.hone_exit));
	err = err ?: take(out, HONE_WATCH_PIN_ENTER_PROG, bpf_program__fd(skel->progs.hone_enter));
	err = err ?: take(out, HONE_WATCH_PIN_EXIT, bpf_link__fd(skel->links.hone_exit));
	return err ?: take(out, HONE_WATCH_PIN_ENTER, bpf_link__fd(skel->links.hone_enter));
}

/* The exit first: an entry whose exit is not seen would leave its slots raised for ever. */
static int attach(struct watch_bpf *skel)
{
	skel->links.hone_exit = bpf_program__attach(skel->progs.hone_exit);
	if (!skel->links.hone_exit)
		return hone_log_err(-errno, "watch: cannot attach to sys_exit");
	skel->links.hone_enter = bpf_program__attach(skel->progs.hone_enter);
	if (!skel->links.hone_enter)
		return hone_log_err(-errno, "watch: cannot attach to sys_enter");
	return 0;
}

static int pin_all(const char *dir, const struct hone_watch_pins *pins)
{
	for (int i = 0; i < HONE_WATCH_PIN_N; i++) {
		char path[PATH_MAX];
		int err = pin_path(dir, (enum hone_watch_pin)i, path);

		if (!err && bpf_obj_pin(pins->fd[i], path))
			err = -errno;
		if (err)
			return hone_log_err(err, "%s: cannot pin", path);
	}
	return 0;
}

static int make(struct watch_bpf *skel, const char *dir, enum hone_watch_fault fault,
		struct hone_watch_pins *out)
{
	int err;

	skel->rodata->fault = fault;
	if (watch_bpf__load(skel))
		return hone_log_err(-errno, "watch: cannot load the hooks");
	err = attach(skel);
	err = err ?: learn(skel);
	err = err ?: take_all(skel, out);
	return err ?: pin_all(dir, out);
}

int hone_watch_pins_make(const char *dir, enum hone_watch_fault fault, struct hone_watch_pins *out)
{
	struct watch_bpf *skel = watch_bpf__open();
	int err;

	memset(out->fd, -1, sizeof(out->fd));
	if (!skel)
		return hone_log_err(-errno, "watch: cannot open the hooks");
	err = make(skel, dir, fault, out);
	watch_bpf__destroy(skel); /* our references stay */
	if (err) {
		hone_watch_pins_close(out);
		(void)hone_watch_pins_remove(dir);
	}
	return err;
}

/* ---- taking away ---- */

/* The entry hook goes first, the exit hook then ends what is under way. */
int hone_watch_pins_remove(const char *dir)
{
	int first_err = 0;

	for (int i = HONE_WATCH_PIN_N - 1; i >= 0; i--) {
		char path[PATH_MAX];
		int err = pin_path(dir, (enum hone_watch_pin)i, path);

		if (!err && unlink(path) && errno != ENOENT)
			err = hone_log_err(-errno, "%s: cannot remove the pin", path);
		first_err = first_err ?: err;
	}
	return first_err;
}
