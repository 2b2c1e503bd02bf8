// SPDX-License-Identifier: Apache-2.0
/* load: instructions, with map indexes and relocations in them, into the kernel.
 *
 * When:    a unit is taken on (copy), checked, measured, deployed (image).
 * Not:     attaching, pinning; the root (root.c); deciding whether an image may be used.
 * The first load is without a verifier log, which is the fast case; a refusal loads again with
 * one to learn why. A log that is too small turns success into ENOSPC, so the first errno counts.
 */
#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/deploy/load.h"
#include "runtime/deploy/load_program.h"

enum { LOG_BYTES = 4 << 20 };

bool hone_insn_is_ld_imm64(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

/* The end of the log, without the statistics that follow the message. */
static void copy_log_end(char *log, char *text)
{
	char *stats = strstr(text, "\nprocessed ");
	size_t size;

	if (stats)
		*stats = '\0';
	size = strlen(text);
	while (size > 0 && text[size - 1] == '\n')
		text[--size] = '\0';
	if (size >= HONE_DETAIL_LEN)
		text += size - (HONE_DETAIL_LEN - 1);
	snprintf(log, HONE_DETAIL_LEN, "%s", text);
}

static void explain_refusal(const struct hone_program_load *load, struct bpf_prog_load_opts opts,
			    char *log)
{
	_cleanup_free_ char *text = calloc(1, LOG_BYTES);
	_cleanup_close_ int fd = -1;

	log[0] = '\0';
	if (!text)
		return;
	opts.log_level = 1;
	opts.log_buf = text;
	opts.log_size = LOG_BYTES;
	fd = bpf_prog_load((enum bpf_prog_type)load->unit->prog_type, load->unit->name,
			   load->unit->license, load->insns, load->n_insns, &opts);
	copy_log_end(log, text);
}

static int read_loaded(int fd, struct hone_loaded *out)
{
	struct bpf_prog_info info;
	int err = hone_prog_info(fd, &info);

	if (err)
		return err;
	out->id = info.id;
	out->n_verified = info.verified_insns;
	return 0;
}

int hone_program_load(const struct hone_program_load *load, struct hone_loaded *out, char *log)
{
	const struct hone_unit *unit = load->unit;
	_cleanup_close_ int btf_fd = -1;
	_cleanup_close_ int fd = -1;
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .kern_version = unit->kern_version,
		    .prog_flags = unit->prog_flags,
		    .expected_attach_type = (enum bpf_attach_type)unit->expected_attach_type);
	int err;

	if ((load->n_func_info > 0 || load->n_line_info > 0) && (unit->btf_id || load->btf_fd)) {
		btf_fd = load->btf_fd ? dup(load->btf_fd) : bpf_btf_get_fd_by_id(unit->btf_id);
		if (btf_fd < 0)
			return hone_log_err(-errno, "%s: cannot open BTF %u", unit->name,
					    unit->btf_id);
		opts.prog_btf_fd = (__u32)btf_fd;
		opts.func_info = load->func_info;
		opts.func_info_cnt = load->n_func_info;
		opts.func_info_rec_size = load->n_func_info ? hone_func_info_size(unit) : 0;
		opts.line_info = load->line_info;
		opts.line_info_cnt = load->n_line_info;
		opts.line_info_rec_size = load->n_line_info ? unit->line_info_rec_size : 0;
	}

	fd = bpf_prog_load((enum bpf_prog_type)unit->prog_type, unit->name, unit->license,
			   load->insns, load->n_insns, &opts);
	if (fd < 0) {
		err = -errno;
		if (log)
			explain_refusal(load, opts, log);
		return err;
	}

	err = read_loaded(fd, out);
	if (err)
		return err;
	out->fd = TAKE_FD(fd);
	return 0;
}

int hone_maps_resolve(const struct hone_unit *unit, const struct hone_maps *maps,
		      struct bpf_insn *insns, uint32_t n_insns)
{
	for (uint32_t i = 0; i < n_insns; i++) {
		if (!hone_insn_is_ld_imm64(&insns[i]))
			continue;
		if (i + 1 >= n_insns)
			return hone_log_err(-EINVAL, "%s: instruction %u is cut off", unit->name,
					    i);
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD ||
		    insns[i].src_reg == BPF_PSEUDO_MAP_VALUE) {
			if (insns[i].imm < 0 || (uint32_t)insns[i].imm >= maps->n)
				return hone_log_err(-EINVAL,
						    "%s: instruction %u names map %d of %u",
						    unit->name, i, insns[i].imm, maps->n);
			insns[i].imm = maps->fd[insns[i].imm];
		}
		i++;
	}
	return 0;
}

/* Maps which no instruction names (libbpf binds .rodata so) belong to the program all the same. */
int hone_maps_bind(const struct hone_unit *unit, const struct hone_maps *maps, int prog_fd)
{
	for (uint32_t i = 0; i < maps->n; i++)
		if (bpf_prog_bind_map(prog_fd, maps->fd[i], NULL))
			return hone_log_err(-errno, "%s: cannot bind map %u", unit->name, i);
	return 0;
}

/* The unit's own records, unless functions were added that they do not know. */
static int load_with_functions(const struct hone_unit *unit, const struct bpf_insn *insns,
			       struct hone_loaded *out, char *log)
{
	struct hone_program_load load = {.unit = unit,
					 .insns = insns,
					 .n_insns = unit->n_insns,
					 .func_info = unit->func_info,
					 .n_func_info = unit->n_func_info};
	struct hone_func_info functions;
	int err;

	if (hone_func_info_count(insns, unit->n_insns) <= unit->n_func_info)
		return hone_program_load(&load, out, log);
	err = hone_func_info_make(unit, insns, unit->n_insns, NULL, &functions);
	if (err)
		return err;
	load.func_info = functions.records;
	load.n_func_info = functions.records ? functions.n : 0;
	load.btf_fd = functions.btf_fd < 0 ? 0 : functions.btf_fd;
	err = hone_program_load(&load, out, log);
	hone_func_info_free(&functions);
	return err;
}

int hone_load_original(const struct hone_unit *unit, const struct hone_maps *maps,
		       struct hone_loaded *out, char *log)
{
	_cleanup_free_ struct bpf_insn *insns = calloc(unit->n_insns, sizeof(*insns));
	struct hone_loaded loaded;
	int err;

	if (log)
		log[0] = '\0';
	if (!insns)
		return -ENOMEM;
	memcpy(insns, unit->insns, unit->n_insns * sizeof(*insns));
	err = hone_maps_resolve(unit, maps, insns, unit->n_insns);
	if (err)
		return err;
	err = load_with_functions(unit, insns, &loaded, log);
	if (err)
		return err;
	err = hone_maps_bind(unit, maps, loaded.fd);
	if (err) {
		close(loaded.fd);
		return err;
	}
	*out = loaded;
	return 0;
}

int hone_load_table(const struct hone_image *image)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	_cleanup_close_ int fd = -1;
	__u32 zero = 0;

	if (image->table_bytes < sizeof(uint64_t))
		return hone_log_err(-EINVAL,
				    "image: a table of %u bytes has no place for `expected`",
				    image->table_bytes);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "hone_table", sizeof(zero), image->table_bytes, 1,
			    &opts);
	if (fd < 0)
		return hone_log_err(-errno, "image: cannot create a table of %u bytes",
				    image->table_bytes);
	if (bpf_map_update_elem(fd, &zero, image->table, BPF_ANY))
		return hone_log_err(-errno, "image: cannot fill the table");
	return TAKE_FD(fd);
}

int hone_load_slots(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "hone_slots", sizeof(__u32), sizeof(__u32),
				HONE_PROG_N, NULL);

	return fd < 0 ? hone_log_err(-errno, "slots: cannot create the map") : fd;
}

int hone_load_counts(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "hone_counts", sizeof(__u32),
				sizeof(__u64), HONE_COUNT_N, NULL);

	return fd < 0 ? hone_log_err(-errno, "counts: cannot create the map") : fd;
}

/* What a relocation of each kind puts into its ld_imm64. */
struct reference {
	int fd;
	uint32_t offset;
	uint8_t pseudo;
};

static int find_reference(const struct hone_image_env *env, const struct hone_reloc *reloc,
			  struct reference *out)
{
	static const uint8_t pseudo[] = {
		[HONE_RELOC_MAP] = BPF_PSEUDO_MAP_FD,
		[HONE_RELOC_MAP_VALUE] = BPF_PSEUDO_MAP_VALUE,
		[HONE_RELOC_TABLE] = BPF_PSEUDO_MAP_VALUE,
		[HONE_RELOC_GUARD] = BPF_PSEUDO_MAP_VALUE,
		[HONE_RELOC_SLOTS] = BPF_PSEUDO_MAP_FD,
		[HONE_RELOC_COUNTS] = BPF_PSEUDO_MAP_FD,
	};
	static_assert(sizeof(pseudo) == HONE_RELOC_N, "a new relocation needs a pseudo source");
	const int own_fd[HONE_RELOC_N] = {
		[HONE_RELOC_MAP] = -1,
		[HONE_RELOC_MAP_VALUE] = -1,
		[HONE_RELOC_TABLE] = env->table_fd,
		[HONE_RELOC_GUARD] = env->guard_fd,
		[HONE_RELOC_SLOTS] = env->slots_fd,
		[HONE_RELOC_COUNTS] = env->counts_fd,
	};

	if ((uint32_t)reloc->kind >= HONE_RELOC_N)
		return -EINVAL;
	out->pseudo = pseudo[reloc->kind];
	out->fd = own_fd[reloc->kind];
	out->offset = out->pseudo == BPF_PSEUDO_MAP_VALUE ? reloc->offset : 0;
	if (reloc->kind == HONE_RELOC_GUARD &&
	    __builtin_add_overflow(reloc->offset, env->guard_offset, &out->offset))
		return -EINVAL;
	if (reloc->kind == HONE_RELOC_MAP || reloc->kind == HONE_RELOC_MAP_VALUE) {
		if (reloc->map >= env->maps->n)
			return -EINVAL;
		out->fd = env->maps->fd[reloc->map];
	}
	return out->fd < 0 ? -EINVAL : 0;
}

static int resolve_relocs(const struct hone_image *image, const struct hone_image_env *env,
			  struct bpf_insn *insns)
{
	struct reference to;

	for (uint32_t i = 0; i < image->n_relocs; i++) {
		const struct hone_reloc *reloc = &image->relocs[i];
		uint32_t at = reloc->insn;

		if (at >= image->n_insns || image->n_insns - at < 2 ||
		    !hone_insn_is_ld_imm64(&insns[at]) || find_reference(env, reloc, &to))
			return hone_log_err(-EINVAL,
					    "image: relocation %u (instruction %u, kind %u)", i, at,
					    reloc->kind);
		insns[at].src_reg = to.pseudo & 0xfU;
		insns[at].imm = to.fd;
		insns[at + 1].imm = (int32_t)to.offset;
	}
	return 0;
}

/* The original's records at the image's instructions; NULL: none. The caller frees them. */
static uint8_t *image_lines(const struct hone_unit *unit, const struct hone_image *image)
{
	uint32_t size = unit->line_info_rec_size;
	_cleanup_free_ uint8_t *records = calloc(image->n_lines + 1, size + 1);

	for (uint32_t i = 0; records && i < image->n_lines; i++) {
		const struct hone_line *line = &image->lines[i];

		if (line->record >= unit->n_line_info || size < sizeof(line->insn))
			return NULL;
		memcpy(records + (size_t)i * size, unit->line_info + (size_t)line->record * size,
		       size);
		memcpy(records + (size_t)i * size, &line->insn, sizeof(line->insn));
	}
	return TAKE_PTR(records);
}

int hone_load_image(const struct hone_unit *unit, const struct hone_image *image,
		    const struct hone_image_env *env, struct hone_loaded *out, char *log)
{
	_cleanup_free_ struct bpf_insn *insns = calloc(image->n_insns, sizeof(*insns));
	_cleanup_free_ uint8_t *lines = image_lines(unit, image);
	struct hone_func_info functions;
	int err;

	if (log)
		log[0] = '\0';
	if (image->n_insns == 0)
		return hone_log_err(-EINVAL, "%s: the image holds no instructions", unit->name);
	if (!insns)
		return -ENOMEM;
	memcpy(insns, image->insns, image->n_insns * sizeof(*insns));
	err = resolve_relocs(image, env, insns);
	if (err)
		return err;
	err = hone_func_info_make(unit, insns, image->n_insns, image, &functions);
	if (err)
		return err;
	err = hone_program_load(
		&(struct hone_program_load){
			.unit = unit,
			.insns = insns,
			.n_insns = image->n_insns,
			.func_info = functions.records,
			.n_func_info = functions.records ? functions.n : 0,
			.btf_fd = functions.btf_fd < 0 ? 0 : functions.btf_fd,
			.line_info = lines,
			.n_line_info = lines && functions.records ? image->n_lines : 0},
		out, log);
	hone_func_info_free(&functions);
	return err;
}

/* The first word of a table, mapped. */
static uint64_t *map_expected(int table_fd)
{
	void *at = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, table_fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

int hone_expected_set(int table_fd, uint64_t epoch)
{
	uint64_t *expected = map_expected(table_fd);

	if (!expected)
		return hone_log_err(-errno, "table: cannot map it");
	__atomic_store_n(expected, epoch, __ATOMIC_SEQ_CST);
	munmap(expected, sizeof(*expected));
	return 0;
}

int hone_expected_get(int table_fd, uint64_t *epoch)
{
	uint64_t *expected = map_expected(table_fd);

	if (!expected)
		return hone_log_err(-errno, "table: cannot map it");
	*epoch = __atomic_load_n(expected, __ATOMIC_SEQ_CST);
	munmap(expected, sizeof(*expected));
	return 0;
}

int hone_counts_read(int counts_fd, uint64_t *counts)
{
	int n_cpus = libbpf_num_possible_cpus();
	_cleanup_free_ uint64_t *values =
		n_cpus > 0 ? calloc((size_t)n_cpus, sizeof(*values)) : NULL;

	if (!values)
		return n_cpus < 0 ? n_cpus : -ENOMEM;
	for (uint32_t i = 0; i < HONE_COUNT_N; i++) {
		if (bpf_map_lookup_elem(counts_fd, &i, values))
			return -errno;
		counts[i] = 0;
		for (int cpu = 0; cpu < n_cpus; cpu++)
			counts[i] += values[cpu];
	}
	return 0;
}
