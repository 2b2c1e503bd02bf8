// SPDX-License-Identifier: Apache-2.0
/* spy: see the header.
 *
 * A helper's call and a function's call are one instruction each, take r1 to r5 and leave r0, so
 * that nothing else moves. A map cannot be asked for its index; its address is compared with
 * those of all maps of the unit to which packets can be redirected. */
#include "runtime/deploy/spy.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/deploy/load_program.h"

enum {
	SPY_INSNS = 12,	   /* of each function at most, but for */
	PER_MAP_INSNS = 4, /* each map that redirects can name */
	NO_MAP = -1,
};

#define INSN(...) ((struct bpf_insn){__VA_ARGS__})

/* Where the code of a copy is written to. A unit names maps in the instructions, an image by
 * relocations. */
struct writer {
	struct bpf_insn *insns;
	uint32_t n;
	struct hone_reloc *relocs; /* NULL: a unit's */
	uint32_t n_relocs;
};

static void put(struct writer *writer, struct bpf_insn insn)
{
	writer->insns[writer->n++] = insn;
}

static void put_map(struct writer *writer, uint8_t reg, uint32_t map, bool is_value)
{
	if (writer->relocs)
		writer->relocs[writer->n_relocs++] = (struct hone_reloc){
			.insn = writer->n,
			.kind = is_value ? HONE_RELOC_MAP_VALUE : HONE_RELOC_MAP,
			.map = map,
		};
	put(writer, INSN(.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = reg & 0xfU,
			 .src_reg = is_value ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD,
			 .imm = (int32_t)map));
	put(writer, INSN(0));
}

static void put_move(struct writer *writer, uint8_t reg, int32_t value)
{
	put(writer, INSN(.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = reg & 0xfU, .imm = value));
}

static void put_store(struct writer *writer, size_t offset, uint8_t reg)
{
	put(writer, INSN(.code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_5,
			 .src_reg = reg & 0xfU, .off = (int16_t)offset));
}

/* Notes target, flags and r0 (the map). r5 is free. */
static void put_note(struct writer *writer, uint32_t notes_map, uint8_t target, uint8_t flags)
{
	put_map(writer, BPF_REG_5, notes_map, true);
	put_store(writer, offsetof(struct hone_spy_note, target), target);
	put_store(writer, offsetof(struct hone_spy_note, flags), flags);
	put_store(writer, offsetof(struct hone_spy_note, map), BPF_REG_0);
	put(writer, INSN(.code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_0,
			 .src_reg = BPF_REG_5, .off = offsetof(struct hone_spy_note, n_calls)));
	put(writer, INSN(.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_0, .imm = 1));
	put_store(writer, offsetof(struct hone_spy_note, n_calls), BPF_REG_0);
}

static void put_call_and_exit(struct writer *writer, int32_t helper)
{
	put(writer, INSN(.code = BPF_JMP | BPF_CALL, .imm = helper));
	put(writer, INSN(.code = BPF_JMP | BPF_EXIT));
}

static bool is_redirect_target(const struct hone_map *map)
{
	return map->type == BPF_MAP_TYPE_DEVMAP || map->type == BPF_MAP_TYPE_DEVMAP_HASH ||
	       map->type == BPF_MAP_TYPE_CPUMAP || map->type == BPF_MAP_TYPE_XSKMAP;
}

static void put_interface(struct writer *writer, const struct hone_unit *unit, uint8_t target,
			  uint8_t flags)
{
	put_move(writer, BPF_REG_0, NO_MAP);
	put_note(writer, unit->n_maps, target, flags);
}

/* bpf_redirect(ifindex, flags); so is bpf_redirect_peer() */
static void put_redirect(struct writer *writer, const struct hone_unit *unit, int32_t helper)
{
	put_interface(writer, unit, BPF_REG_1, BPF_REG_2);
	put_call_and_exit(writer, helper);
}

/* bpf_redirect_neigh(ifindex, params, size, flags) */
static void put_redirect_neigh(struct writer *writer, const struct hone_unit *unit, int32_t helper)
{
	put_interface(writer, unit, BPF_REG_1, BPF_REG_4);
	put_call_and_exit(writer, helper);
}

/* bpf_clone_redirect(skb, ifindex, flags) would send the packet: nothing but the note is made. */
static void put_clone_redirect(struct writer *writer, const struct hone_unit *unit, int32_t helper)
{
	(void)helper;
	put_interface(writer, unit, BPF_REG_2, BPF_REG_3);
	put_move(writer, BPF_REG_0, 0);
	put(writer, INSN(.code = BPF_JMP | BPF_EXIT));
}

/* bpf_redirect_map(map, key, flags) */
static void put_redirect_map(struct writer *writer, const struct hone_unit *unit, int32_t helper)
{
	put_move(writer, BPF_REG_0, NO_MAP);
	for (uint32_t i = 0; i < unit->n_maps; i++) {
		if (!is_redirect_target(&unit->maps[i]))
			continue;
		put_map(writer, BPF_REG_5, i, false);
		put(writer, INSN(.code = BPF_JMP | BPF_JNE | BPF_X, .dst_reg = BPF_REG_1,
				 .src_reg = BPF_REG_5, .off = 1));
		put_move(writer, BPF_REG_0, (int32_t)i);
	}
	put_note(writer, unit->n_maps, BPF_REG_2, BPF_REG_3);
	put_call_and_exit(writer, helper);
}

static const struct {
	int32_t helper;
	void (*put)(struct writer *writer, const struct hone_unit *unit, int32_t helper);
} spies[] = {
	{BPF_FUNC_redirect, put_redirect},
	{BPF_FUNC_redirect_map, put_redirect_map},
	{BPF_FUNC_redirect_peer, put_redirect},
	{BPF_FUNC_redirect_neigh, put_redirect_neigh},
	{BPF_FUNC_clone_redirect, put_clone_redirect},
};

enum { N_SPIES = sizeof(spies) / sizeof(spies[0]) };

static bool calls(const struct bpf_insn *insn, int32_t helper)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == 0 && insn->imm == helper;
}

/* The next call of the helper from instruction `at` on; n: none. */
static uint32_t find_call(const struct bpf_insn *insns, uint32_t at, uint32_t n, int32_t helper)
{
	while (at < n && !calls(&insns[at], helper))
		at += hone_insn_is_ld_imm64(&insns[at]) ? 2 : 1;
	return at < n ? at : n;
}

/* A function that nobody calls would be refused by the verifier. */
static void rewrite(struct writer *writer, const struct hone_unit *unit)
{
	uint32_t n = writer->n;

	for (uint32_t i = 0; i < N_SPIES; i++) {
		uint32_t at = find_call(writer->insns, 0, n, spies[i].helper);
		uint32_t function = writer->n;

		if (at == n)
			continue;
		spies[i].put(writer, unit, spies[i].helper);
		for (; at < n; at = find_call(writer->insns, at + 1, n, spies[i].helper)) {
			writer->insns[at].src_reg = BPF_PSEUDO_CALL;
			writer->insns[at].imm = (int32_t)(function - at - 1);
		}
	}
}

static uint32_t max_added(const struct hone_unit *unit)
{
	return N_SPIES * SPY_INSNS + PER_MAP_INSNS * unit->n_maps;
}

bool hone_spy_is_needed(const struct hone_unit *unit)
{
	for (uint32_t i = 0; i < N_SPIES; i++)
		if (find_call(unit->insns, 0, unit->n_insns, spies[i].helper) < unit->n_insns)
			return true;
	return false;
}

int hone_spy_unit(const struct hone_unit *unit, struct hone_unit *out)
{
	struct writer writer = {.n = unit->n_insns};

	if (unit->n_maps >= HONE_MAPS_MAX)
		return -E2BIG;
	writer.insns = calloc(unit->n_insns + max_added(unit), sizeof(*writer.insns));
	if (!writer.insns)
		return -ENOMEM;
	memcpy(writer.insns, unit->insns, unit->n_insns * sizeof(*unit->insns));
	rewrite(&writer, unit);
	*out = *unit;
	out->insns = writer.insns;
	out->n_insns = writer.n;
	return 0;
}

int hone_spy_image(const struct hone_unit *unit, const struct hone_image *image,
		   struct hone_image *out)
{
	struct writer writer = {.n = image->n_insns, .n_relocs = image->n_relocs};

	writer.insns = calloc(image->n_insns + max_added(unit), sizeof(*writer.insns));
	writer.relocs = calloc(image->n_relocs + unit->n_maps + N_SPIES, sizeof(*writer.relocs));
	if (!writer.insns || !writer.relocs) {
		free(writer.insns);
		free(writer.relocs);
		return -ENOMEM;
	}
	memcpy(writer.insns, image->insns, image->n_insns * sizeof(*image->insns));
	if (image->n_relocs > 0)
		memcpy(writer.relocs, image->relocs, image->n_relocs * sizeof(*image->relocs));
	rewrite(&writer, unit);
	*out = *image;
	out->insns = writer.insns;
	out->n_insns = writer.n;
	out->relocs = writer.relocs;
	out->n_relocs = writer.n_relocs;
	out->n_lines = 0; /* the new functions have none */
	return 0;
}

void hone_spy_unit_free(struct hone_unit *unit)
{
	free(unit->insns);
	*unit = (struct hone_unit){0};
}

void hone_spy_image_free(struct hone_image *image)
{
	free(image->insns);
	free(image->relocs);
	*image = (struct hone_image){0};
}

int hone_spy_map(const struct hone_spy_note **note)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "hone_spy", sizeof(__u32),
						sizeof(**note), 1, &opts);
	void *at;

	if (fd < 0)
		return -errno;
	at = mmap(NULL, sizeof(**note), PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	*note = at;
	return TAKE_FD(fd);
}

void hone_spy_unmap(const struct hone_spy_note *note)
{
	if (note)
		munmap((void *)(uintptr_t)note, sizeof(*note));
}
