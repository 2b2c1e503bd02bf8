// SPDX-License-Identifier: GPL-2.0-only
/* capture: copies each XDP and tc program's load out of the loader's memory, as the system call
 * returns.
 *
 * At the return, and only there: what the kernel has just read is still in memory (a constant
 * that the loader never touched is not, at the entry), failed loads cost nothing, the map list
 * and the program id are known, and there is no entry to pair with. Another thread of the loader
 * may have changed its memory meanwhile; user space compares tag and lengths of a reload.
 *
 * Does not see loads that the kernel makes for a SYSCALL program (light skeletons).
 *
 * The record that begins a load is reserved first and submitted last, so that it says how the
 * copy went; its parts are behind it in the ring. */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "runtime/bpf/capture_abi.h"

enum {
	NR_BPF = 321,
	NR_BPF_IA32 = 357, /* 321 is signalfd there */
	X32_BIT = 0x40000000,
	STATUS_COMPAT = 2, /* TS_COMPAT */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, HONE_LOAD_RING_BYTES);
} loads SEC(".maps");

/* Thread groups whose loads are not units: ids in the pid namespace of user space. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u8);
} ignored SEC(".maps");

const volatile __u64 pid_namespace_dev = 0;
const volatile __u64 pid_namespace_inode = 0;

__u64 next_load = 0;
/* Loads of which not even the beginning had room: how many, and the last ones' program ids. */
__u64 n_lost = 0;
__u32 lost_ids[HONE_LOAD_LOST] = {0};

struct call {
	__u64 attr;
	__u32 cmd, attr_size;
};

static __always_inline bool find_bpf_call(struct pt_regs *regs, struct task_struct *task,
					  struct call *call)
{
	__u64 nr = regs->orig_ax;
	bool is_compat;

	if (nr != NR_BPF && nr != NR_BPF_IA32 && nr != (NR_BPF | X32_BIT))
		return false;
	is_compat = task->thread_info.status & STATUS_COMPAT;
	if (is_compat != (nr == NR_BPF_IA32))
		return false;
	if (is_compat) {
		call->cmd = (__u32)regs->bx;
		call->attr = (__u32)regs->cx;
	} else {
		call->cmd = (__u32)regs->di;
		call->attr = regs->si;
	}
	call->attr_size = (__u32)regs->dx;
	return true;
}

static __always_inline bool is_ignored(void)
{
	struct bpf_pidns_info ids;

	if (bpf_get_ns_current_pid_tgid(pid_namespace_dev, pid_namespace_inode, &ids, sizeof(ids)))
		return false;
	return bpf_map_lookup_elem(&ignored, &ids.tgid) != NULL;
}

/* The program behind an fd of this task, or NULL. A program is told from other files by the
 * way its two parts point at each other. */
static __always_inline struct bpf_prog *find_prog(struct task_struct *task, long fd)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(fdt, fd);
	struct file *file = NULL;
	struct bpf_prog *prog;

	if (fd >= BPF_CORE_READ(fdt, max_fds) ||
	    bpf_probe_read_kernel(&file, sizeof(file), files + fd) || !file)
		return NULL;
	prog = BPF_CORE_READ(file, private_data);
	return prog && BPF_CORE_READ(prog, aux, prog) == prog ? prog : NULL;
}

static __always_inline void read_maps(struct hone_load_begin *begin, struct bpf_prog *prog)
{
	struct bpf_map **maps = BPF_CORE_READ(prog, aux, used_maps);

	begin->n_maps = BPF_CORE_READ(prog, aux, used_map_cnt);
	for (__u32 i = 0; i < HONE_LOAD_MAPS; i++) {
		struct bpf_map *map = NULL;

		begin->map_ids[i] = 0;
		if (i < begin->n_maps && !bpf_probe_read_kernel(&map, sizeof(map), maps + i))
			begin->map_ids[i] = BPF_CORE_READ(map, id);
	}
}

/* Fields past the size that the loader gave are zero for the kernel, so for us. */
static __always_inline __u32 read_attr(struct hone_load_begin *begin, const struct call *call)
{
	__u64 size = call->attr_size;

	__builtin_memset(&begin->attr, 0, sizeof(begin->attr));
	__builtin_memset(begin->license, 0, sizeof(begin->license));
	/* The barriers make clang compare the register that the helper gets. */
	barrier_var(size);
	if (size > sizeof(begin->attr))
		size = sizeof(begin->attr);
	barrier_var(size);
	if (bpf_probe_read_user(&begin->attr, size, (void *)call->attr))
		return HONE_LOAD_FAULT;
	if (bpf_probe_read_user_str(begin->license, sizeof(begin->license),
				    (void *)begin->attr.license) < 0)
		return HONE_LOAD_FAULT;
	return HONE_LOAD_COPIED;
}

struct copy {
	__u64 load, from;
	__u32 what, size;
	__u32 n_parts, status;
};

static long copy_part(__u64 index, struct copy *copy)
{
	__u32 offset = (__u32)index * HONE_LOAD_CHUNK;
	struct hone_load_part *part;
	__u64 size;

	if (offset >= copy->size)
		return 1;
	size = copy->size - offset;
	barrier_var(size);
	if (size > HONE_LOAD_CHUNK)
		size = HONE_LOAD_CHUNK;
	part = bpf_ringbuf_reserve(&loads, sizeof(*part), 0);
	if (!part) {
		copy->status = HONE_LOAD_FULL;
		return 1;
	}
	part->kind = HONE_LOAD_PART;
	part->what = copy->what;
	part->load = copy->load;
	part->offset = offset;
	part->size = (__u32)size;
	if (bpf_probe_read_user(part->data, size, (void *)(copy->from + offset))) {
		copy->status = HONE_LOAD_FAULT;
		bpf_ringbuf_discard(part, 0);
		return 1;
	}
	copy->n_parts++;
	bpf_ringbuf_submit(part, 0);
	return 0;
}

static __always_inline void copy_bytes(struct hone_load_begin *begin, __u32 what, __u64 from,
				       __u64 size, __u32 limit)
{
	struct copy copy = {.load = begin->load, .from = from, .what = what, .size = (__u32)size};

	if (begin->status != HONE_LOAD_COPIED || size == 0)
		return;
	if (size > limit) { /* the kernel took less: the loader's memory has changed */
		begin->status = HONE_LOAD_FAULT;
		return;
	}
	bpf_loop(limit / HONE_LOAD_CHUNK + 1, copy_part, &copy, 0);
	begin->n_parts += copy.n_parts;
	begin->status = copy.status;
}

/* A program is what it is without its lines: their loss is none of the load. */
static __always_inline void copy_lines(struct hone_load_begin *begin)
{
	__u64 size = (__u64)begin->attr.line_info_cnt * begin->attr.line_info_rec_size;
	__u32 status = begin->status;

	if (size <= HONE_LOAD_LINE_INFO)
		copy_bytes(begin, HONE_LOAD_OF_LINE_INFO, begin->attr.line_info, size,
			   HONE_LOAD_LINE_INFO);
	if (size > HONE_LOAD_LINE_INFO || begin->status != status)
		begin->attr.line_info_cnt = 0;
	begin->status = status;
}

static __always_inline bool is_network_type(__u32 type)
{
	return type == BPF_PROG_TYPE_XDP || type == BPF_PROG_TYPE_SCHED_CLS ||
	       type == BPF_PROG_TYPE_SCHED_ACT;
}

static __always_inline void remember_loss(__u32 prog_id)
{
	__u64 n = __sync_fetch_and_add(&n_lost, 1);

	lost_ids[n % HONE_LOAD_LOST] = prog_id;
}

SEC("tp_btf/sys_exit")
int capture_load(__u64 *args)
{
	struct pt_regs *regs = (struct pt_regs *)args[0];
	long ret = (long)args[1];
	struct task_struct *task = bpf_get_current_task_btf();
	struct hone_load_begin *begin;
	struct bpf_prog *prog;
	struct call call;

	if (!find_bpf_call(regs, task, &call) || call.cmd != BPF_PROG_LOAD || ret < 0)
		return 0;
	prog = find_prog(task, ret);
	if (!prog || !is_network_type(BPF_CORE_READ(prog, type)) || is_ignored())
		return 0;
	begin = bpf_ringbuf_reserve(&loads, sizeof(*begin), 0);
	if (!begin) {
		remember_loss(BPF_CORE_READ(prog, aux, id));
		return 0;
	}
	begin->kind = HONE_LOAD_BEGIN;
	begin->load = __sync_fetch_and_add(&next_load, 1);
	begin->netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	begin->tgid = bpf_get_current_pid_tgid() >> 32;
	begin->prog_id = BPF_CORE_READ(prog, aux, id);
	begin->prog_type = BPF_CORE_READ(prog, type);
	begin->n_parts = 0;
	begin->reserved = 0;
	read_maps(begin, prog);
	begin->status = read_attr(begin, &call);
	copy_bytes(begin, HONE_LOAD_OF_INSNS, begin->attr.insns,
		   (__u64)begin->attr.insn_cnt * sizeof(struct bpf_insn),
		   HONE_LOAD_INSNS * sizeof(struct bpf_insn));
	copy_bytes(begin, HONE_LOAD_OF_FUNC_INFO, begin->attr.func_info,
		   (__u64)begin->attr.func_info_cnt * begin->attr.func_info_rec_size,
		   HONE_LOAD_FUNC_INFO);
	copy_lines(begin);
	bpf_ringbuf_submit(begin, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
