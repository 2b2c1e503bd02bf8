// SPDX-License-Identifier: GPL-2.0-only
/* watch: raises the epochs of units whose maps are written through bpf(2), by any process.
 *
 * When:  entry and exit of every bpf(2) call. Other system calls pay two compares.
 * Does:  entry: what may the call write? begin + 1 of each slot that depends on it, before the
 *        kernel looks at the arguments. exit: end + 1 of exactly those slots (what the entry
 *        raised is kept in task storage: a call that seccomp denied has an exit, no entry).
 *        Program loads and iterator links raise at their exit, when it is known what they hold.
 * Not:   stores of programs through value pointers, helpers of programs, mmap: the class of a map
 *        answers for those (architecture.md section 5, rules 2 and 3).
 *
 * What a call may write:
 *   - the map that its fd names, where nobody else can change the fd table or bpf_attr before the
 *     kernel uses them: files->count == 1, mm_users == 1;
 *   - nothing, where the fd then is no map or a map opened read-only: else any process could keep
 *     every unit on its original;
 *   - everything otherwise: shared files or memory (another thread may dup2 over the fd, or
 *     rewrite bpf_attr), and a bpf_attr that cannot be read in a process that holds a map.
 * Hence a process with threads can force the fallback with calls that fail; it costs speed, never
 * a wrong packet, and control.n_raised_all tells. Out of scope: bpf_attr in memory that is
 * MAP_SHARED with a process that rewrites it in the window, and other abuse by who may write the
 * map anyway.
 *
 * A map that is put into a map-in-map counts as written: programs of the outer map reach it then.
 *
 * A map that gets watched while a write to it is under way: the entry kept the map's id, the exit
 * looks again, and raises what the entry could not.
 *
 * Source: kernel/bpf/syscall.c __sys_bpf(), kernel/entry/common.c (seccomp before sys_enter).
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "runtime/bpf/watch_call.h"
#include "runtime/bpf/watch_raise.h"

/* A task's call of bpf(2) from its entry to its exit. */
struct call {
	__u32 is_open;
	__u32 scope;
	__u32 map;		     /* id, or ANY_MAP */
	__u32 inner;		     /* where map is a map-in-map: what is put into it */
	__u32 is_settled;	     /* a call of this task was seen from its entry on */
	struct hone_slot_set raised; /* end is due */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct call);
} hone_calls SEC(".maps");

/* hone's own processes, by thread group leader; goes with the process. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} hone_exempt SEC(".maps");

static __always_inline bool is_exempt(struct task_struct *task)
{
	return bpf_task_storage_get(&hone_exempt, task->group_leader, NULL, 0) != NULL;
}

/* Can someone else change what the call's arguments mean, until the kernel has used them? */
static __always_inline bool is_shared(struct task_struct *task)
{
	return task->files->count.counter != 1 || task->mm->mm_users.counter != 1;
}

/* Which maps a call that starts may write. *why is set with ANY_MAP. */
static __always_inline void find_written(struct task_struct *task,
					 const struct hone_watch_control *control,
					 const struct args *args, enum scope scope,
					 struct call *out, enum hone_raise_all *why)
{
	struct files_struct *files = task->files;
	struct bpf_map *map;
	struct file *file;
	__u32 fd;

	out->map = ANY_MAP;
	*why = HONE_RAISE_THREADS;
	if (is_shared(task) && !is_exempt(task))
		return;

	*why = HONE_RAISE_UNREADABLE;
	if (!control->map_fops) /* nothing learnt yet */
		return;
	if (read_fd(args, scope, &fd)) {
		out->map = holds_any(files, control) ? ANY_MAP : NO_MAP;
		return;
	}
	if (find_file(files, fd, &file))
		return;
	if (scope == SCOPE_RUN) {
		*why = HONE_RAISE_SYSCALL_PROG;
		out->map = find_map_of_run(control, file);
		return;
	}
	map = map_of_file(control, file);
	out->map = map ? READ_FIELD(map, id) : NO_MAP;
	if (map && is_outer(map))
		out->inner = find_inner(files, control, args);
}

/* ---- entry ---- */

static __always_inline void finish(struct call *call)
{
	call->is_open = 0;
	hone_raise(&call->raised, RAISE_END);
}

/* Slots that depend on what the call may write. */
static __always_inline void find_slots_of(const struct hone_watch_control *control,
					  const struct call *call, struct hone_slot_set *out)
{
	find_slots(control, call->map, out);
	if (call->inner != NO_MAP)
		add_slots(control, call->inner, out);
}

static __always_inline int enter(const struct args *args, enum scope scope)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct hone_watch_control *control = control_of();
	enum hone_raise_all why = HONE_RAISE_THREADS;
	struct call now = {.scope = scope, .is_open = 1, .is_settled = 1};
	struct call *call;

	if (!control)
		return 0;
	call = bpf_task_storage_get(&hone_calls, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (call && call->is_open) /* its exit could not be recognised */
		finish(call);
	if (scope != SCOPE_LOAD && scope != SCOPE_LINK) {
		find_written(task, control, args, scope, &now, &why);
		find_slots_of(control, &now, &now.raised);
		if (now.map == ANY_MAP || now.inner == ANY_MAP)
			count_all(control, why);
		hone_raise(&now.raised, RAISE_BEGIN);
	}
	if (call)
		*call = now;
	else /* begin stays ahead of end; hone_watch_healthy() tells */
		__sync_fetch_and_add(&control->n_unpaired, 1);
	return 0;
}

SEC("tp_btf/sys_enter")
int hone_enter(__u64 *ctx) /* struct pt_regs *, long nr */
{
	struct pt_regs *regs = (void *)ctx[0];
	long nr = (long)ctx[1];
	struct args args;
	enum scope scope;

	if (!is_bpf(nr))
		return 0;
	read_args(regs, nr, &args);
	scope = find_scope(args.cmd);
	return scope == SCOPE_NONE ? 0 : enter(&args, scope);
}

/* ---- exit ---- */

/* The call may have written a map that was not yet watched when it started. */
static __always_inline void finish_write(struct hone_watch_control *control, struct call *call)
{
	struct hone_slot_set late;
	__u64 any = 0;

	find_slots_of(control, call, &late);
	for (__u32 word = 0; word < HONE_SLOT_WORDS; word++) {
		late.words[word] &= ~call->raised.words[word];
		any |= late.words[word];
	}
	if (any && (call->map == ANY_MAP || call->inner == ANY_MAP))
		count_all(control, HONE_RAISE_UNSEEN);
	hone_raise(&late, RAISE_BEGIN | RAISE_END);
	finish(call);
}

/* A new program may write every map that it holds. */
static __always_inline void raise_held(struct hone_watch_control *control, struct file *file)
{
	struct bpf_prog *prog = READ_FIELD(file, private_data);
	struct bpf_prog_aux *aux = READ_FIELD(prog, aux);
	__u32 n = READ_FIELD(aux, used_map_cnt);
	struct bpf_map **maps = READ_FIELD(aux, used_maps);
	struct hone_slot_set all = {};
	__u64 any = 0;

	for (__u32 i = 0; i < USED_MAPS_MAX && i < n; i++) {
		struct bpf_map *map = NULL;

		if (bpf_probe_read_kernel(&map, sizeof(map), maps + i) || !map) {
			raise_all(control, HONE_RAISE_UNREADABLE);
			return;
		}
		add_slots(control, READ_FIELD(map, id), &all);
	}
	for (__u32 word = 0; word < HONE_SLOT_WORDS; word++)
		any |= all.words[word];
	if (!any)
		return;
	__sync_fetch_and_add(&control->n_raised_by_load, 1);
	control->last_tgid = bpf_get_current_pid_tgid() >> 32;
	hone_raise(&all, RAISE_BEGIN | RAISE_END);
}

static __always_inline void finish_load(struct task_struct *task,
					struct hone_watch_control *control, __u32 fd)
{
	struct file *file = NULL;

	if (is_exempt(task))
		return;
	if (find_file(task->files, fd, &file) || !file ||
	    (__u64)READ_FIELD(file, f_op) != control->prog_fops)
		raise_all(control, HONE_RAISE_UNREADABLE);
	else
		raise_held(control, file);
}

static __always_inline void finish_link(struct task_struct *task,
					struct hone_watch_control *control, __u32 fd)
{
	struct file *file = NULL;
	struct bpf_link *link;
	__u32 type;

	if (is_exempt(task))
		return;
	if (is_shared(task) || find_file(task->files, fd, &file) || !file) {
		raise_all(control, HONE_RAISE_LINK);
		return;
	}
	link = READ_FIELD(file, private_data);
	type = READ_FIELD(link, type);
	if (type == BPF_LINK_TYPE_ITER || type == BPF_LINK_TYPE_TRACING)
		raise_all(control, HONE_RAISE_LINK);
}

/* An exit whose entry was not seen. Denied by seccomp: nothing was written. But a call that was
 * under way when the hooks were attached looks the same: believe so once per older task. */
static __always_inline void finish_unseen(struct task_struct *task,
					  struct hone_watch_control *control, struct call *call)
{
	struct hone_slot_set set = control->in_use;

	if (fault == FAULT_UNPAIRED_END)
		hone_raise(&set, RAISE_END);
	if ((call && call->is_settled) || task->start_time >= control->attached_ns)
		return;
	call = bpf_task_storage_get(&hone_calls, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (call)
		call->is_settled = 1;
	raise_all(control, HONE_RAISE_UNSEEN);
}

SEC("tp_btf/sys_exit")
int hone_exit(__u64 *ctx) /* struct pt_regs *, long ret */
{
	struct pt_regs *regs = (void *)ctx[0];
	long ret = (long)ctx[1];
	long nr = (long)regs->orig_ax;
	struct hone_watch_control *control;
	struct task_struct *task;
	struct args args;
	struct call *call;

	if (!is_bpf(nr))
		return 0;
	read_args(regs, nr, &args);
	if (find_scope(args.cmd) == SCOPE_NONE)
		return 0;
	task = bpf_get_current_task_btf();
	control = control_of();
	if (!control)
		return 0;
	call = bpf_task_storage_get(&hone_calls, task, NULL, 0);
	if (!call || !call->is_open) {
		finish_unseen(task, control, call);
		return 0;
	}
	if (call->scope == SCOPE_LOAD && ret >= 0)
		finish_load(task, control, (__u32)ret);
	if (call->scope == SCOPE_LINK && ret >= 0)
		finish_link(task, control, (__u32)ret);
	finish_write(control, call);
	return 0;
}

/* ---- setting up ---- */

static __always_inline struct file *own_file(__u32 fd)
{
	struct file *file = NULL;

	find_file(bpf_get_current_task_btf()->files, fd, &file);
	return file;
}

/* Run once after the hooks are attached, before a slot is in use: what do maps and programs look
 * like in an fd table? Asked of fds of known kinds instead of assumed. */
SEC("syscall")
int learn(struct hone_watch_learn *in)
{
	struct hone_watch_control *control = control_of();
	struct file *writable = own_file(in->writable_map_fd);
	struct file *readable = own_file(in->readable_map_fd);
	struct file *prog = own_file(in->prog_fd);

	if (!control || !writable || !readable || !prog)
		return 0;
	control->write_modes =
		(__u64)READ_FIELD(writable, f_mode) & ~(__u64)READ_FIELD(readable, f_mode);
	control->prog_fops = (__u64)READ_FIELD(prog, f_op);
	control->map_fops = (__u64)READ_FIELD(writable, f_op);
	control->attached_ns = bpf_ktime_get_ns();
	control->layout = HONE_WATCH_LAYOUT;
	in->is_known = control->write_modes && control->map_fops != control->prog_fops &&
		       control->map_fops == (__u64)READ_FIELD(readable, f_op);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
