/* SPDX-License-Identifier: Apache-2.0 */
/* capture_abi: what capture.bpf.c writes into its ring buffer for each program load. Like abi.h:
 * only fixed-width types, the includer provides them. */
#ifndef HONE_CAPTURE_ABI_H
#define HONE_CAPTURE_ABI_H

enum {
	HONE_LOAD_MAPS = 64,	       /* MAX_USED_MAPS of the kernel */
	HONE_LOAD_INSNS = 1000000,     /* BPF_COMPLEXITY_LIMIT_INSNS of the kernel */
	HONE_LOAD_FUNC_INFO = 65536,   /* more than 256 subprograms of at most 252 bytes */
	HONE_LOAD_LINE_INFO = 1 << 20, /* of more, and of what cannot be read, none is taken */
	HONE_LOAD_LICENSE = 128,
	HONE_LOAD_CHUNK = 4096,
	HONE_LOAD_LOST = 64, /* remembered losses */
	HONE_LOAD_RING_BYTES = 16 << 20,
};

/* union bpf_attr of BPF_PROG_LOAD up to the last field that we look at. Its own declaration,
 * since neither the build machine's headers nor its kernel need to know all of it. */
struct hone_load_attr {
	__u32 prog_type;
	__u32 insn_cnt;
	__u64 insns;
	__u64 license;
	__u32 log_level;
	__u32 log_size;
	__u64 log_buf;
	__u32 kern_version;
	__u32 prog_flags;
	char prog_name[16];
	__u32 prog_ifindex;
	__u32 expected_attach_type;
	__u32 prog_btf_fd;
	__u32 func_info_rec_size;
	__u64 func_info;
	__u32 func_info_cnt;
	__u32 line_info_rec_size;
	__u64 line_info;
	__u32 line_info_cnt;
	__u32 attach_btf_id;
	__u32 attach_prog_fd;
	__u32 core_relo_cnt;
	__u64 fd_array;
	__u64 core_relos;
	__u32 core_relo_rec_size;
	__u32 log_true_size;
	__s32 prog_token_fd;
	__u32 fd_array_cnt;
};

enum hone_load_kind { HONE_LOAD_BEGIN = 1, HONE_LOAD_PART = 2 };

enum hone_load_status {
	HONE_LOAD_COPIED,
	HONE_LOAD_FAULT, /* the loader's memory could not be read */
	HONE_LOAD_FULL,	 /* no room in the ring buffer */
};

enum hone_load_what {
	HONE_LOAD_OF_INSNS,
	HONE_LOAD_OF_FUNC_INFO,
	HONE_LOAD_OF_LINE_INFO,
	HONE_LOAD_OF_N,
};

/* One load. Its parts follow, exactly n_parts, with those of other loads between them. */
struct hone_load_begin {
	__u32 kind;
	__u32 status;
	__u64 load; /* unique while the hook lives */
	__u64 netns;
	__u32 tgid;
	__u32 prog_id;
	__u32 prog_type;
	__u32 n_parts;
	__u32 n_maps; /* of the kernel's list, at the end of the load */
	__u32 reserved;
	__u32 map_ids[HONE_LOAD_MAPS];
	struct hone_load_attr attr;
	char license[HONE_LOAD_LICENSE];
};

struct hone_load_part {
	__u32 kind;
	__u32 what;
	__u64 load;
	__u32 offset;
	__u32 size;
	__u8 data[HONE_LOAD_CHUNK];
};

#endif
