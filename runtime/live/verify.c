// SPDX-License-Identifier: Apache-2.0
/* verify: does a unit mean the running program? Load it once more and compare.
 *
 * The tag is a hash of the instructions with map references taken out, which are compared one by
 * one; the lengths are those of the verified and of the machine code, which also depend on maps,
 * flags and attach type. */
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/live/capture.h"
#include "runtime/live/maps.h"

static void cleanup_maps(struct hone_maps *maps)
{
	hone_maps_close(maps);
}

/* A copy of the instructions with fds for map indexes. Returns NULL with *err set. */
static struct bpf_insn *with_fds(const struct hone_unit *unit, const struct hone_maps *maps,
				 int *err)
{
	struct bpf_insn *insns = calloc(unit->n_insns + 1, sizeof(*insns));

	*err = -ENOMEM;
	if (!insns)
		return NULL;
	memcpy(insns, unit->insns, unit->n_insns * sizeof(*insns));
	for (uint32_t i = 0; i < unit->n_insns; i++) {
		struct bpf_insn *insn = &insns[i];

		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		i++; /* its second half */
		if (insn->src_reg != BPF_PSEUDO_MAP_FD && insn->src_reg != BPF_PSEUDO_MAP_VALUE)
			continue;
		if (insn->imm < 0 || (uint32_t)insn->imm >= maps->n) {
			free(insns);
			*err = -EINVAL;
			return NULL;
		}
		insn->imm = maps->fd[insn->imm];
	}
	*err = 0;
	return insns;
}

static int load_copy(const struct hone_unit *unit)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .kern_version = unit->kern_version,
		    .prog_flags = unit->prog_flags,
		    .expected_attach_type = (enum bpf_attach_type)unit->expected_attach_type);
	_cleanup_(cleanup_maps) struct hone_maps maps = HONE_MAPS_EMPTY;
	_cleanup_free_ struct bpf_insn *insns = NULL;
	_cleanup_close_ int btf = -1;
	int err = hone_maps_open(unit, &maps);
	int fd;

	if (err)
		return err;
	insns = with_fds(unit, &maps, &err);
	if (!insns)
		return err;
	if (unit->btf_id && unit->n_func_info > 0) {
		btf = bpf_btf_get_fd_by_id(unit->btf_id);
		if (btf < 0)
			return -errno;
		opts.prog_btf_fd = (__u32)btf;
		opts.func_info = unit->func_info;
		opts.func_info_cnt = unit->n_func_info;
		opts.func_info_rec_size = unit->func_info_rec_size;
	}
	/* No verifier log: a log that is too small turns success into ENOSPC. */
	fd = bpf_prog_load((enum bpf_prog_type)unit->prog_type, unit->name, unit->license, insns,
			   unit->n_insns, &opts);
	return fd < 0 ? -errno : fd;
}

static uint64_t tag_number(const uint8_t *tag)
{
	uint64_t number = 0;

	for (int i = 0; i < BPF_TAG_SIZE; i++)
		number = number << 8 | tag[i];
	return number;
}

static int compare(const struct bpf_prog_info *running, const struct bpf_prog_info *copy,
		   char *detail)
{
	const char *what = NULL;
	uint32_t is = 0, was = 0;

	if (memcmp(running->tag, copy->tag, sizeof(copy->tag)) != 0) {
		snprintf(detail, HONE_DETAIL_LEN, "tag %016" PRIx64 ", running: %016" PRIx64,
			 tag_number(copy->tag), tag_number(running->tag));
		return -EBADMSG;
	}
	if (running->xlated_prog_len != copy->xlated_prog_len) {
		what = "verified length";
		is = copy->xlated_prog_len;
		was = running->xlated_prog_len;
	} else if (running->jited_prog_len != copy->jited_prog_len) {
		what = "machine code length";
		is = copy->jited_prog_len;
		was = running->jited_prog_len;
	} else {
		return 0;
	}
	snprintf(detail, HONE_DETAIL_LEN, "%s: %u, running: %u bytes", what, is, was);
	return -EBADMSG;
}

/* ---- which maps the instructions name ---- */

/* A program's verified instructions, in which the kernel shows maps by their ids. */
static struct bpf_insn *read_code(int prog_fd, uint32_t *n_insns, int *err)
{
	struct bpf_prog_info info;
	struct bpf_insn *insns;
	uint32_t length, size = sizeof(info);

	*err = hone_prog_info(prog_fd, &info);
	if (*err)
		return NULL;
	length = info.xlated_prog_len;
	*err = -ENOMEM;
	insns = malloc(length + 1);
	if (!insns)
		return NULL;
	info = (struct bpf_prog_info){.xlated_prog_len = length,
				      .xlated_prog_insns = (uint64_t)(uintptr_t)insns};
	*err = bpf_obj_get_info_by_fd(prog_fd, &info, &size) ? -errno : 0;
	if (!*err && (!info.xlated_prog_insns || info.xlated_prog_len != length))
		*err = -EACCES; /* not to be shown: blinded */
	if (*err) {
		free(insns);
		return NULL;
	}
	*n_insns = length / (uint32_t)sizeof(*insns);
	return insns;
}

/* Id of the map that an instruction names; 0: none. */
static int32_t map_named(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW) && (insn->src_reg == BPF_PSEUDO_MAP_FD ||
							     insn->src_reg == BPF_PSEUDO_MAP_VALUE)
		       ? insn->imm
		       : 0;
}

int hone_same_map_references(int prog_fd, int other_fd)
{
	uint32_t n = 0, n_other = 0;
	int err;
	_cleanup_free_ struct bpf_insn *insns = read_code(prog_fd, &n, &err);
	_cleanup_free_ struct bpf_insn *other = insns ? read_code(other_fd, &n_other, &err) : NULL;

	if (!insns || !other)
		return err;
	if (n != n_other)
		return -EBADMSG;
	for (uint32_t i = 0; i < n; i++)
		if (map_named(&insns[i]) != map_named(&other[i]))
			return -EBADMSG;
	return 0;
}

/* ---- what differs ---- */

static void describe_insn(const struct bpf_insn *insn, char out[32])
{
	snprintf(out, 32, "%02x r%u r%u %d %d", insn->code, insn->dst_reg, insn->src_reg, insn->off,
		 insn->imm);
}

/* Adds to detail, for a copy of another tag, where the verified instructions differ first. */
static void find_difference(int prog_fd, int copy_fd, char *detail)
{
	uint32_t n = 0, n_copy = 0, i = 0;
	int err;
	_cleanup_free_ struct bpf_insn *is = read_code(prog_fd, &n, &err);
	_cleanup_free_ struct bpf_insn *copy = is ? read_code(copy_fd, &n_copy, &err) : NULL;
	size_t used = strlen(detail);
	char a[32] = "none", b[32] = "none";

	if (!is || !copy)
		return;
	while (i < n && i < n_copy && !memcmp(&is[i], &copy[i], sizeof(*is)))
		i++;
	if (i < n)
		describe_insn(&is[i], a);
	if (i < n_copy)
		describe_insn(&copy[i], b);
	snprintf(detail + used, HONE_DETAIL_LEN - used,
		 "; %u verified instructions, running: %u; first difference at %u: %s, running: %s",
		 n_copy, n, i, b, a);
}

/* ---- all of it ---- */

int hone_unit_verify(const struct hone_unit *unit, char *detail)
{
	struct bpf_prog_info running, copied;
	/* Held open, so that its maps and BTF stay. */
	_cleanup_close_ int prog = bpf_prog_get_fd_by_id(unit->prog_id);
	_cleanup_close_ int copy = -1;
	int err;

	detail[0] = '\0';
	if (prog < 0)
		return -errno;
	err = hone_prog_info(prog, &running);
	if (err)
		return err;
	copy = load_copy(unit);
	if (copy < 0) {
		snprintf(detail, HONE_DETAIL_LEN, "load of a copy: %s", strerror(-copy));
		return copy == -ENOENT ? -EBADMSG : copy;
	}
	err = hone_prog_info(copy, &copied);
	if (!err)
		err = compare(&running, &copied, detail);
	if (err == -EBADMSG)
		find_difference(prog, copy, detail);
	if (err)
		return err;
	/* The kernel cannot show more than some 4 MiB, nor what it blinded. */
	err = hone_same_map_references(prog, copy) == -EBADMSG ? -EBADMSG : 0;
	if (err)
		snprintf(detail, HONE_DETAIL_LEN, "which maps are named where");
	return err;
}

void hone_unit_drop_code(struct hone_unit *unit)
{
	free(unit->insns);
	free(unit->func_info);
	free(unit->line_info);
	unit->insns = NULL;
	unit->func_info = unit->line_info = NULL;
	unit->n_insns = unit->n_func_info = unit->n_line_info = 0;
}

int hone_captured_verify(struct hone_captured *captured)
{
	int err;

	if (captured->refused != HONE_REWRITTEN)
		return 0;
	err = hone_unit_verify(&captured->unit, captured->detail);
	if (!err || err == -ENOENT)
		return err;
	captured->refused = HONE_NO_CAPTURE_DIFFERS;
	hone_unit_drop_code(&captured->unit);
	return 0;
}
