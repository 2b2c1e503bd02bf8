/* SPDX-License-Identifier: Apache-2.0 */
/* watch_call: what a call of bpf(2) names: command, fd, the map or program behind it. Reads only.
 * Of watch.bpf.c. */
#ifndef HONE_WATCH_CALL_H
#define HONE_WATCH_CALL_H

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "runtime/bpf/watch_raise.h"

/* Numbers of bpf(2). With ia32's number the arguments are in ia32's registers; which entry was
 * taken is not asked: a call that is not bpf(2) after all is at worst a raise too many. */
enum {
	NR_BPF = 321,
	NR_BPF_X32 = 0x40000000 + 321,
	NR_BPF_IA32 = 357,
};

enum {
	ATTR_FD_SINGLE = 0, /* offsets of the fd in union bpf_attr */
	ATTR_FD_BATCH = 36,
	ATTR_VALUE = 16,    /* of the value's address, in single updates */
	FDS_MAX = 1 << 20,  /* of a table that is searched */
	USED_MAPS_MAX = 64, /* kernel: MAX_USED_MAPS */
};

/* What a command means to us. */
enum scope {
	SCOPE_NONE,   /* writes no map */
	SCOPE_SINGLE, /* writes the map whose fd is first in bpf_attr */
	SCOPE_BATCH,  /* the same, as batches have it */
	SCOPE_RUN,    /* runs a program, which may make bpf(2) calls itself */
	SCOPE_LOAD,   /* makes a program, which may write the maps it holds */
	SCOPE_LINK,   /* makes a link: an iterator's writes need one, and what changes programs */
};

/* A field of a kernel object whose address was read from memory: as a load that cannot fault where
 * the kernel has the cast (6.2), else by a helper call per field, some ten times the cost. */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

#define READ_FIELD(at, field)                                                                      \
	(bpf_rdonly_cast                                                                           \
		 ? ((typeof(at))bpf_rdonly_cast(at, bpf_core_type_id_kernel(typeof(*(at)))))       \
			   ->field                                                                 \
		 : BPF_CORE_READ(at, field))

struct args {
	__u32 cmd;
	__u32 size;
	__u64 attr;
};

static __always_inline bool is_bpf(long nr)
{
	return nr == NR_BPF || nr == NR_BPF_IA32 || nr == NR_BPF_X32;
}

static __always_inline void read_args(struct pt_regs *regs, long nr, struct args *out)
{
	if (nr == NR_BPF_IA32) {
		out->cmd = (__u32)regs->bx;
		out->attr = (__u32)regs->cx;
		out->size = (__u32)regs->dx;
	} else {
		out->cmd = (__u32)regs->di;
		out->attr = regs->si;
		out->size = (__u32)regs->dx;
	}
}

static __always_inline enum scope find_scope(__u32 cmd)
{
	switch (cmd & 0xffff) { /* later kernels keep a flag above */
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_LOOKUP_AND_DELETE_ELEM:
	case BPF_MAP_FREEZE:
		return SCOPE_SINGLE;
	case BPF_MAP_UPDATE_BATCH:
	case BPF_MAP_DELETE_BATCH:
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
		return SCOPE_BATCH;
	case BPF_PROG_RUN:
		return SCOPE_RUN;
	case BPF_PROG_LOAD:
		return SCOPE_LOAD;
	case BPF_LINK_CREATE:
	case BPF_RAW_TRACEPOINT_OPEN:
		return SCOPE_LINK;
	default:
		return SCOPE_NONE;
	}
}

/* The fd in bpf_attr; the kernel takes bytes past `size` as 0. */
static __always_inline long read_fd(const struct args *args, enum scope scope, __u32 *fd)
{
	__u32 at = scope == SCOPE_BATCH ? ATTR_FD_BATCH : ATTR_FD_SINGLE;
	__u32 n = args->size > at ? args->size - at : 0;

	*fd = 0;
	if (n >= sizeof(*fd))
		return bpf_probe_read_user(fd, sizeof(*fd), (void *)(args->attr + at));
	return bpf_probe_read_user(fd, n & 3, (void *)(args->attr + at));
}

/* The file behind an fd. Returns 0 with *file NULL where there is none, or an error. */
static __always_inline long find_file(struct files_struct *files, __u32 fd, struct file **file)
{
	struct fdtable *fdt = files->fdt;

	*file = NULL;
	if (fd >= fdt->max_fds)
		return 0;
	return bpf_probe_read_kernel(file, sizeof(*file), fdt->fd + fd);
}

/* The map behind a file, if the file may write it. */
static __always_inline struct bpf_map *map_of_file(const struct hone_watch_control *control,
						   struct file *file)
{
	if (!file || (__u64)READ_FIELD(file, f_op) != control->map_fops)
		return NULL;
	if (!((__u64)READ_FIELD(file, f_mode) & control->write_modes))
		return NULL;
	return READ_FIELD(file, private_data);
}

static __always_inline bool is_outer(struct bpf_map *map)
{
	__u32 type = READ_FIELD(map, map_type);

	return type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_HASH_OF_MAPS;
}

/* The map that an update puts into a map-in-map: programs that hold the outer one reach it then. */
static __always_inline __u32 find_inner(struct files_struct *files,
					const struct hone_watch_control *control,
					const struct args *args)
{
	struct bpf_map *map;
	struct file *file;
	__u64 value;
	__u32 fd;

	if ((args->cmd & 0xffff) == BPF_MAP_UPDATE_BATCH)
		return ANY_MAP;
	if ((args->cmd & 0xffff) != BPF_MAP_UPDATE_ELEM || args->size < ATTR_VALUE + sizeof(value))
		return NO_MAP;
	if (bpf_probe_read_user(&value, sizeof(value), (void *)(args->attr + ATTR_VALUE)) ||
	    bpf_probe_read_user(&fd, sizeof(fd), (void *)value) || find_file(files, fd, &file))
		return ANY_MAP;
	if (!file || (__u64)READ_FIELD(file, f_op) != control->map_fops)
		return NO_MAP;
	map = READ_FIELD(file, private_data);
	return READ_FIELD(map, id);
}

/* A SYSCALL program may do anything that bpf(2) can; others only what their maps allow. */
static __always_inline __u32 find_map_of_run(const struct hone_watch_control *control,
					     struct file *file)
{
	struct bpf_prog *prog;

	if (!file || (__u64)READ_FIELD(file, f_op) != control->prog_fops)
		return NO_MAP;
	prog = READ_FIELD(file, private_data);
	return READ_FIELD(prog, type) == BPF_PROG_TYPE_SYSCALL ? ANY_MAP : NO_MAP;
}

struct search {
	struct file **fds;
	const struct hone_watch_control *control;
	bool is_found;
};

static long search_fd(__u32 fd, struct search *search)
{
	struct file *file = NULL;
	__u64 f_op;

	if (bpf_probe_read_kernel(&file, sizeof(file), search->fds + fd)) {
		search->is_found = true;
		return 1;
	}
	if (!file)
		return 0;
	f_op = (__u64)READ_FIELD(file, f_op);
	search->is_found = f_op == search->control->map_fops || f_op == search->control->prog_fops;
	return search->is_found;
}

/* Does a private fd table hold a map or a program? If not, no fd in bpf_attr names one. */
static __noinline bool holds_any(struct files_struct *files,
				 const struct hone_watch_control *control)
{
	struct search search = {.fds = files->fdt->fd, .control = control};
	__u32 n = files->fdt->max_fds;

	if (n > FDS_MAX)
		return true;
	bpf_loop(n, search_fd, &search, 0);
	return search.is_found;
}

#endif
