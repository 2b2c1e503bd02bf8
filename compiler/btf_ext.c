// SPDX-License-Identifier: Apache-2.0
/* btf_ext: what .BTF.ext says of instructions: which function begins there, which line of source it
 * comes from, what is adapted to the kernel at load. Reads it, and moves it with the functions. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/object.h"

enum part { FUNCTIONS, LINES, CORE, N_PARTS };
enum { INSN_BYTES = 8, WORD = sizeof(uint32_t) };

struct ext_header {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t hdr_len;
	struct {
		uint32_t offset, size;
	} parts[N_PARTS]; /* CORE is missing in old objects */
};

/* Records of one part, block by block: each block is of one section. */
struct records {
	const struct hone_object *object;
	const uint8_t *at, *end;
	uint32_t record_bytes, left;
	const char *section; /* of the current block */
	uint32_t section_name;
	bool is_damaged;
};

static uint32_t word_at(const uint8_t *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static uint32_t bytes_min(enum part part)
{
	static const uint32_t bytes[N_PARTS] = {
		[FUNCTIONS] = sizeof(struct bpf_func_info),
		[LINES] = sizeof(struct bpf_line_info),
		[CORE] = sizeof(struct bpf_core_relo),
	};

	return bytes[part];
}

/* Returns 1, 0 (the object has no such part), or -EINVAL. */
static int begin(const struct hone_object *object, enum part part, struct records *out,
		 struct hone_refusal *why)
{
	const struct hone_section *section = &object->elf.sections[object->btf_ext_section];
	size_t core_end = sizeof(struct ext_header);
	size_t header_bytes = part == CORE ? core_end : core_end - 2 * WORD;
	struct ext_header header = {0};
	uint64_t rest;

	*out = (struct records){.object = object};
	if (!object->btf_ext_section || !object->btf_section)
		return 0;
	if (section->size < core_end - 2 * WORD)
		return hone_refuse(why, HONE_NO_OBJECT, ".BTF.ext is cut short");
	memcpy(&header, section->bytes, section->size < core_end ? section->size : core_end);
	if (header.magic != BTF_MAGIC || header.hdr_len > section->size)
		return hone_refuse(why, HONE_NO_OBJECT, ".BTF.ext has a damaged header");
	if (header.hdr_len < header_bytes || header.parts[part].size == 0)
		return 0;
	rest = section->size - header.hdr_len;
	if (header.parts[part].offset > rest ||
	    header.parts[part].size > rest - header.parts[part].offset ||
	    header.parts[part].size < WORD)
		return hone_refuse(why, HONE_NO_OBJECT, ".BTF.ext is cut short");
	out->at = section->bytes + header.hdr_len + header.parts[part].offset;
	out->end = out->at + header.parts[part].size;
	out->record_bytes = word_at(out->at);
	out->at += WORD;
	if (out->record_bytes < bytes_min(part) || out->record_bytes % WORD)
		return hone_refuse(why, HONE_NO_OBJECT, ".BTF.ext has records of %u bytes",
				   out->record_bytes);
	return 1;
}

/* NULL: no more, or damaged. The record begins with its instruction's offset. */
static const uint8_t *next(struct records *r)
{
	const uint8_t *record;

	while (r->left == 0) {
		if (r->at == r->end)
			return NULL;
		if ((size_t)(r->end - r->at) < 2 * (size_t)WORD) {
			r->is_damaged = true;
			return NULL;
		}
		r->section_name = word_at(r->at);
		r->section = hone_btf_string(&r->object->btf, r->section_name);
		r->left = word_at(r->at + WORD);
		r->at += 2 * (size_t)WORD;
	}
	if (!r->section || (size_t)(r->end - r->at) < r->record_bytes) {
		r->is_damaged = true;
		return NULL;
	}
	record = r->at;
	r->at += r->record_bytes;
	r->left--;
	return record;
}

static int refuse_damaged(struct hone_refusal *why)
{
	return hone_refuse(why, HONE_NO_OBJECT, ".BTF.ext is cut short");
}

/* Fields of what programs are called with: the kernel's interface, the same everywhere. */
static const struct {
	const char *type, *field;
	size_t offset;
} stable_fields[] = {
#define FIELD(type, field) {#type, #field, offsetof(struct type, field)}
	FIELD(xdp_md, data),	       FIELD(xdp_md, data_end),
	FIELD(xdp_md, data_meta),      FIELD(xdp_md, ingress_ifindex),
	FIELD(xdp_md, rx_queue_index), FIELD(xdp_md, egress_ifindex),
	FIELD(__sk_buff, len),	       FIELD(__sk_buff, pkt_type),
	FIELD(__sk_buff, mark),	       FIELD(__sk_buff, queue_mapping),
	FIELD(__sk_buff, protocol),    FIELD(__sk_buff, vlan_present),
	FIELD(__sk_buff, vlan_tci),    FIELD(__sk_buff, vlan_proto),
	FIELD(__sk_buff, priority),    FIELD(__sk_buff, ingress_ifindex),
	FIELD(__sk_buff, ifindex),     FIELD(__sk_buff, tc_index),
	FIELD(__sk_buff, hash),	       FIELD(__sk_buff, tc_classid),
	FIELD(__sk_buff, data),	       FIELD(__sk_buff, data_end),
	FIELD(__sk_buff, napi_id),     FIELD(__sk_buff, data_meta),
	FIELD(__sk_buff, tstamp),      FIELD(__sk_buff, wire_len),
	FIELD(__sk_buff, gso_segs),    FIELD(__sk_buff, gso_size),
#undef FIELD
};

/* The member that "0:N" means; NULL: something else. */
static const struct btf_member *find_member(const struct btf_type *type, const char *access)
{
	unsigned long index;
	char *end;

	if (BTF_INFO_KIND(type->info) != BTF_KIND_STRUCT || !access || strncmp(access, "0:", 2))
		return NULL;
	index = strtoul(access + 2, &end, 10);
	if (end == access + 2 || *end || index >= BTF_INFO_VLEN(type->info))
		return NULL;
	return (const struct btf_member *)(const void *)(type + 1) + index;
}

/* Is the field already where every kernel has it, so that there is nothing to adapt? */
static bool is_settled(const struct hone_object *object, const uint8_t *record)
{
	struct bpf_core_relo relo;
	const struct btf_type *type;
	const struct btf_member *member;
	const char *type_name, *field;

	memcpy(&relo, record, sizeof(relo));
	type = hone_btf_type(&object->btf, relo.type_id);
	member =
		type ? find_member(type, hone_btf_string(&object->btf, relo.access_str_off)) : NULL;
	if (relo.kind != BPF_CORE_FIELD_BYTE_OFFSET || !member)
		return false;
	type_name = hone_btf_string(&object->btf, type->name_off);
	field = hone_btf_string(&object->btf, member->name_off);
	for (size_t i = 0; i < sizeof(stable_fields) / sizeof(stable_fields[0]); i++)
		if (type_name && field && !strcmp(stable_fields[i].type, type_name) &&
		    !strcmp(stable_fields[i].field, field))
			return member->offset == 8 * stable_fields[i].offset;
	return false;
}

int hone_btf_ext_has_core(const struct hone_object *object, const char *section, uint32_t first,
			  uint32_t n, uint32_t *insn, const char **access, struct hone_refusal *why)
{
	struct records r;
	const uint8_t *record;
	int has = begin(object, CORE, &r, why);

	if (has <= 0)
		return has;
	while ((record = next(&r))) {
		uint32_t at = word_at(record) / INSN_BYTES;
		const struct btf_type *type = hone_btf_type(&object->btf, word_at(record + WORD));
		const char *name = type ? hone_btf_string(&object->btf, type->name_off) : NULL;

		if (at < first || at - first >= n || strcmp(r.section, section) != 0 ||
		    is_settled(object, record))
			continue;
		*insn = at;
		*access = name && name[0] ? name : "a type of the kernel";
		return 1;
	}
	return r.is_damaged ? refuse_damaged(why) : 0;
}

/* ---- moving ---- */

/* Where the instruction is now; -1: what is said of it is no longer true. */
static int64_t find_new_place(const struct hone_moved *moved, uint32_t n, enum part part,
			      const char *section, uint32_t insn)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct hone_moved *m = &moved[i];

		if (insn < m->first || insn - m->first >= m->n_insns || strcmp(m->section, section))
			continue;
		if (m->is_rewritten && (part == CORE || insn != m->first))
			return -1;
		return (int64_t)m->to + (insn - m->first);
	}
	return -1;
}

struct output {
	uint8_t *bytes;
	size_t size, block; /* where the current block begins; 0: none */
	uint32_t of_section;
};

static void put_word(struct output *out, uint32_t word)
{
	memcpy(out->bytes + out->size, &word, sizeof(word));
	out->size += sizeof(word);
}

static void put_record(struct output *out, const struct records *r, const uint8_t *record,
		       uint32_t offset)
{
	uint32_t n;

	if (!out->block || out->of_section != r->section_name) {
		out->block = out->size;
		out->of_section = r->section_name;
		put_word(out, r->section_name);
		put_word(out, 0);
	}
	n = word_at(out->bytes + out->block + WORD) + 1;
	memcpy(out->bytes + out->block + WORD, &n, sizeof(n));
	memcpy(out->bytes + out->size, record, r->record_bytes);
	memcpy(out->bytes + out->size, &offset, sizeof(offset));
	out->size += r->record_bytes;
}

static int move_part(const struct hone_object *object, enum part part,
		     const struct hone_moved *moved, uint32_t n_moved, struct output *out,
		     struct hone_refusal *why)
{
	size_t begin_at = out->size;
	struct records r;
	const uint8_t *record;
	int has = begin(object, part, &r, why);

	if (has <= 0)
		return has;
	put_word(out, r.record_bytes);
	out->block = 0;
	while ((record = next(&r))) {
		uint32_t offset = word_at(record);
		int64_t to = find_new_place(moved, n_moved, part, r.section, offset / INSN_BYTES);

		if (to >= 0 && offset % INSN_BYTES == 0)
			put_record(out, &r, record, (uint32_t)to * INSN_BYTES);
	}
	if (r.is_damaged)
		return refuse_damaged(why);
	if (!out->block)
		out->size = begin_at; /* nothing was said */
	return 0;
}

int hone_btf_ext_move(const struct hone_object *object, const struct hone_moved *moved,
		      uint32_t n_moved, uint8_t **bytes, size_t *size, struct hone_refusal *why)
{
	size_t before = object->elf.sections[object->btf_ext_section].size;
	struct ext_header header = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(header),
	};
	/* Parts of a damaged object may overlap. */
	struct output out = {
		.bytes = hone_arena_alloc(object->arena, N_PARTS * (before + WORD) + sizeof(header),
					  1),
		.size = sizeof(header),
	};

	for (int part = 0; part < N_PARTS; part++) {
		size_t at = out.size;
		int err = move_part(object, (enum part)part, moved, n_moved, &out, why);

		if (err)
			return err;
		header.parts[part].offset = (uint32_t)(at - sizeof(header));
		header.parts[part].size = (uint32_t)(out.size - at);
	}
	memcpy(out.bytes, &header, sizeof(header));
	*bytes = out.bytes;
	*size = out.size;
	return 0;
}
