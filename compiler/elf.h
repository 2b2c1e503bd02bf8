/* SPDX-License-Identifier: Apache-2.0 */
/* elf: a BPF object as sections and symbols, in and out of memory; and its BTF.
 *
 * Foreign bytes: every offset, length and index is checked before it is used, by code of our own,
 * since what is read here is also written again byte by byte. Nothing here knows a program. */
#ifndef HONE_ELF_H
#define HONE_ELF_H

#include <elf.h>
#include <linux/btf.h>

#include "compiler/analysis.h"

/* Whatever is wrong with an object is a reason; `detail` names the place. Returns -EINVAL. */
__attribute__((format(printf, 3, 4))) int
hone_refuse(struct hone_refusal *why, enum hone_reason reason, const char *format, ...);

struct hone_section {
	const char *name;
	uint32_t type;
	uint64_t flags, size;
	const uint8_t *bytes; /* 8-byte aligned; NULL: SHT_NOBITS or empty */
	uint32_t link, info;
	uint64_t entry_size, align;
};

struct hone_symbol {
	const char *name;
	uint64_t value, size;
	uint32_t section; /* index, or SHN_* from SHN_LORESERVE on */
	uint8_t info, other;
};

/* Section 0 and symbol 0 are the null ones. */
struct hone_elf {
	uint32_t n_sections, n_symbols, flags;
	struct hone_section *sections;
	struct hone_symbol *symbols;
};

/* hone_elf_read() - take a relocatable little-endian 64-bit BPF object apart.
 *
 * Relocation sections stay bytes, a multiple of Elf64_Rel long, whose symbols and target section
 * exist. Everything is in the arena. Returns 0, or -EINVAL with NO_OBJECT. */
int hone_elf_read(struct hone_arena *arena, const void *bytes, size_t size, struct hone_elf *out,
		  struct hone_refusal *why);

/* hone_elf_write() - and together again, with symbol and string tables made anew: `elf` has none
 * of them. Relocation sections (`info`: target) get the symbol table as their link.
 * Equal in, equal bytes out. Returns the object in the arena. */
const uint8_t *hone_elf_write(struct hone_arena *arena, const struct hone_elf *elf, size_t *size);

/* Index of the section of this name; 0: none. */
uint32_t hone_elf_find(const struct hone_elf *elf, const char *name);

/* ---- btf.c ---- */

struct hone_btf {
	const char *strings;
	uint32_t n_string_bytes;
	uint32_t n_types; /* type ids are 1 to n_types */
	const struct btf_type **types;
};

/* hone_btf_read() - index the types of a .BTF section, which is aligned. Returns 0, or -EINVAL. */
int hone_btf_read(struct hone_arena *arena, const uint8_t *bytes, size_t size, struct hone_btf *out,
		  struct hone_refusal *why);
/* NULL: no such type, or string. */
const struct btf_type *hone_btf_type(const struct hone_btf *btf, uint32_t id);
const char *hone_btf_string(const struct hone_btf *btf, uint32_t offset);
/* The type below const, volatile, typedef …; *is_volatile (may be NULL) is set if volatile was met.
 * NULL: does not end. */
const struct btf_type *hone_btf_strip(const struct hone_btf *btf, uint32_t id, bool *is_volatile);
/* Bytes of a value of the type; -1: it has no size. */
int64_t hone_btf_size(const struct hone_btf *btf, uint32_t id);
/* The variables of the section of this name; NULL: none. */
const struct btf_type *hone_btf_section(const struct hone_btf *btf, const char *name);

#endif
