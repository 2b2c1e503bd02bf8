// SPDX-License-Identifier: Apache-2.0
/* probes: load, and where it matters attach, the smallest program that needs a feature.
 *
 * Nothing stays behind: all objects are fds of this file's functions. Versions and configuration
 * are never looked at: a locked-down kernel has the code and refuses it. */
#include "runtime/common/probes.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/sys.h"

#define INSN(c, d, s, o, i)                                                                        \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define MOV_IMM(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOV_REG(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define CALL(id) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, id)
#define EXIT() INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define LD_IMM64(d, s, i) INSN(BPF_LD | BPF_DW | BPF_IMM, d, s, 0, i), INSN(0, 0, 0, 0, 0)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char licence[] = "GPL";
static const struct bpf_insn return_0[] = {MOV_IMM(BPF_REG_0, 0), EXIT()};

static void cleanup_btf(struct btf **btf)
{
	btf__free(*btf);
}

/* A failed step: remembers which, keeps errno. */
static int failed(const char **stage, const char *what)
{
	*stage = what;
	return errno ? -errno : -EINVAL;
}

static int load(enum bpf_prog_type type, const struct bpf_insn *insns, size_t n,
		const struct bpf_prog_load_opts *opts)
{
	return bpf_prog_load(type, "hone_probe", licence, insns, n, opts);
}

int probe_PRIVILEGE(const char **stage)
{
	struct bpf_prog_info info;
	_cleanup_close_ int xdp = load(BPF_PROG_TYPE_XDP, return_0, COUNT(return_0), NULL);
	_cleanup_close_ int tp = -1, again = -1;

	if (xdp < 0)
		return failed(stage, "load an XDP program (CAP_BPF, CAP_NET_ADMIN)");
	tp = load(BPF_PROG_TYPE_RAW_TRACEPOINT, return_0, COUNT(return_0), NULL);
	if (tp < 0)
		return failed(stage, "load a tracing program (CAP_PERFMON)");
	if (hone_prog_info(xdp, &info))
		return failed(stage, "read a program's info");
	again = bpf_prog_get_fd_by_id(info.id);
	if (again < 0)
		return failed(stage, "open a program by id (CAP_SYS_ADMIN)");
	return 0;
}

int probe_BTF(const char **stage)
{
	_cleanup_(cleanup_btf) struct btf *btf = btf__load_vmlinux_btf();

	return btf ? 0 : failed(stage, "read the kernel's types");
}

int probe_BPFFS(const char **stage)
{
	struct statfs fs;

	if (statfs("/sys/fs/bpf", &fs))
		return failed(stage, "/sys/fs/bpf");
	errno = ENOENT;
	return fs.f_type == BPF_FS_MAGIC ? 0 : failed(stage, "bpffs is not mounted");
}

/* Load a tracing program for a kernel function or tracepoint, attach it, take it away. */
static int attach_to_kernel(enum bpf_prog_type type, enum bpf_attach_type attach, const char *name,
			    const struct bpf_insn *insns, size_t n, const char **stage)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach);
	_cleanup_close_ int prog = -1, link = -1;
	int id = libbpf_find_vmlinux_btf_id(name, attach);

	if (id < 0) {
		*stage = "find the hook in the kernel's types";
		return id;
	}
	opts.attach_btf_id = (__u32)id;
	prog = load(type, insns, n, &opts);
	if (prog < 0)
		return failed(stage, "load");
	link = bpf_raw_tracepoint_open(NULL, prog);
	return link < 0 ? failed(stage, "attach") : 0;
}

int probe_TP_BTF(const char **stage)
{
	int err = attach_to_kernel(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "sys_enter", return_0,
				   COUNT(return_0), stage);

	return err ? err
		   : attach_to_kernel(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "sys_exit", return_0,
				      COUNT(return_0), stage);
}

/* Types for the probes: int (id 1), struct xdp_md (2), its pointer (3), int (*)(struct xdp_md *)
 * (4), a global function of that type (5), int (*)(void) (6), and a static callback (7). */
enum { T_INT = 1, T_MAIN = 5, T_CALLBACK = 7 };

static struct btf *types_new(const char **stage)
{
	struct btf *btf = btf__new_empty();
	bool ok = btf && btf__add_int(btf, "int", 4, BTF_INT_SIGNED) == T_INT &&
		  btf__add_struct(btf, "xdp_md", 0) == 2 && btf__add_ptr(btf, 2) == 3 &&
		  btf__add_func_proto(btf, T_INT) == 4 && btf__add_func_param(btf, "ctx", 3) == 0 &&
		  btf__add_func(btf, "hone_probe", BTF_FUNC_GLOBAL, 4) == T_MAIN &&
		  btf__add_func_proto(btf, T_INT) == 6 &&
		  btf__add_func(btf, "callback", BTF_FUNC_STATIC, 6) == T_CALLBACK;

	if (!ok || btf__load_into_kernel(btf)) {
		*stage = "load types";
		btf__free(btf);
		return NULL;
	}
	return btf;
}

int probe_TASK_STORAGE(const char **stage)
{
	_cleanup_(cleanup_btf) struct btf *btf = types_new(stage);
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC,
		    .btf_key_type_id = T_INT, .btf_value_type_id = T_INT);
	_cleanup_close_ int map = -1;

	if (!btf)
		return failed(stage, *stage);
	opts.btf_fd = (__u32)btf__fd(btf);
	map = bpf_map_create(BPF_MAP_TYPE_TASK_STORAGE, "hone_probe", 4, 4, 0, &opts);
	if (map < 0)
		return failed(stage, "create a task storage map");

	const struct bpf_insn insns[] = {
		CALL(BPF_FUNC_get_current_task_btf),
		MOV_REG(BPF_REG_2, BPF_REG_0),
		LD_IMM64(BPF_REG_1, BPF_PSEUDO_MAP_FD, map),
		MOV_IMM(BPF_REG_3, 0),
		MOV_IMM(BPF_REG_4, BPF_LOCAL_STORAGE_GET_F_CREATE),
		CALL(BPF_FUNC_task_storage_get),
		MOV_IMM(BPF_REG_0, 0),
		EXIT(),
	};
	return attach_to_kernel(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "sys_exit", insns,
				COUNT(insns), stage);
}

int probe_BPF_LOOP(const char **stage)
{
	enum { CALLBACK_AT = 8 };
	const struct bpf_insn insns[] = {
		MOV_IMM(BPF_REG_1, 1),
		LD_IMM64(BPF_REG_2, BPF_PSEUDO_FUNC, CALLBACK_AT - 2),
		MOV_IMM(BPF_REG_3, 0),
		MOV_IMM(BPF_REG_4, 0),
		CALL(BPF_FUNC_loop),
		MOV_IMM(BPF_REG_0, 0),
		EXIT(),
		MOV_IMM(BPF_REG_0, 1), /* CALLBACK_AT */
		EXIT(),
	};
	const struct bpf_func_info functions[] = {{0, T_MAIN}, {CALLBACK_AT, T_CALLBACK}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .func_info = functions,
		    .func_info_cnt = COUNT(functions), .func_info_rec_size = sizeof(functions[0]));
	_cleanup_(cleanup_btf) struct btf *btf = types_new(stage);
	_cleanup_close_ int prog = -1;

	if (!btf)
		return failed(stage, *stage);
	opts.prog_btf_fd = (__u32)btf__fd(btf);
	prog = load(BPF_PROG_TYPE_XDP, insns, COUNT(insns), &opts);
	return prog < 0 ? failed(stage, "load") : 0;
}

int probe_JIT(const char **stage)
{
	struct bpf_prog_info info;
	_cleanup_close_ int prog = load(BPF_PROG_TYPE_XDP, return_0, COUNT(return_0), NULL);

	if (prog < 0 || hone_prog_info(prog, &info))
		return failed(stage, "load");
	errno = ENOTSUP;
	return info.jited_prog_len > 0 ? 0 : failed(stage, "programs are interpreted");
}

int probe_XDP_TEST_RUN(const char **stage)
{
	char packet[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));
	_cleanup_close_ int prog = load(BPF_PROG_TYPE_XDP, return_0, COUNT(return_0), NULL);

	if (prog < 0)
		return failed(stage, "load");
	return bpf_prog_test_run_opts(prog, &opts) ? failed(stage, "run") : 0;
}

int probe_FENTRY(const char **stage)
{
	return attach_to_kernel(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, "bpf_fentry_test1",
				return_0, COUNT(return_0), stage);
}

int probe_LSM(const char **stage)
{
	return attach_to_kernel(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, "bpf", return_0, COUNT(return_0),
				stage);
}

int probe_FREPLACE(const char **stage)
{
	const struct bpf_func_info functions[] = {{0, T_MAIN}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .func_info = functions, .func_info_cnt = 1,
		    .func_info_rec_size = sizeof(functions[0]));
	_cleanup_(cleanup_btf) struct btf *btf = types_new(stage);
	_cleanup_close_ int target = -1, prog = -1;

	if (!btf)
		return failed(stage, *stage);
	opts.prog_btf_fd = (__u32)btf__fd(btf);
	target = load(BPF_PROG_TYPE_XDP, return_0, COUNT(return_0), &opts);
	if (target < 0)
		return failed(stage, "load a program to replace");
	opts.attach_prog_fd = (__u32)target;
	opts.attach_btf_id = T_MAIN;
	prog = load(BPF_PROG_TYPE_EXT, return_0, COUNT(return_0), &opts);
	return prog < 0 ? failed(stage, "load") : 0;
}
