// SPDX-License-Identifier: Apache-2.0
/* btf: the types of an object, as far as maps and variables need them. Reads; changes nothing. */
#include <errno.h>
#include <string.h>

#include "compiler/elf.h"

enum { NESTING_MAX = 32, TYPES_MAX = 1 << 20 };

static uint64_t bytes_after(const struct btf_type *type, uint32_t n)
{
	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
		return sizeof(uint32_t);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return (uint64_t)n * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return (uint64_t)n * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return (uint64_t)n * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return (uint64_t)n * sizeof(struct btf_param);
	case BTF_KIND_VAR:
		return sizeof(struct btf_var);
	case BTF_KIND_DATASEC:
		return (uint64_t)n * sizeof(struct btf_var_secinfo);
	case BTF_KIND_DECL_TAG:
		return sizeof(struct btf_decl_tag);
	default:
		return 0;
	}
}

/* Counts, or with `out` lists, the types in a block. Returns how many, or -1: cut short. */
static int64_t walk_types(const uint8_t *bytes, uint32_t size, const struct btf_type **out)
{
	uint64_t at = 0;
	int64_t n = 0;

	while (at < size) {
		const struct btf_type *type = (const void *)(bytes + at);
		uint64_t more;

		if (size - at < sizeof(*type) || BTF_INFO_KIND(type->info) > BTF_KIND_MAX ||
		    n == TYPES_MAX)
			return -1;
		more = bytes_after(type, BTF_INFO_VLEN(type->info));
		if (more > size - at - sizeof(*type))
			return -1;
		if (out)
			out[n] = type;
		n++;
		at += sizeof(*type) + more;
	}
	return n;
}

int hone_btf_read(struct hone_arena *arena, const uint8_t *bytes, size_t size, struct hone_btf *out,
		  struct hone_refusal *why)
{
	struct btf_header header;
	uint64_t rest;
	int64_t n;

	if (size < sizeof(header))
		return hone_refuse(why, HONE_NO_OBJECT, ".BTF is cut short");
	memcpy(&header, bytes, sizeof(header));
	if (header.magic != BTF_MAGIC || header.version != BTF_VERSION)
		return hone_refuse(why, HONE_NO_OBJECT, ".BTF is not BTF");
	if (header.hdr_len < sizeof(header) || header.hdr_len > size || header.hdr_len % 4)
		return hone_refuse(why, HONE_NO_OBJECT, ".BTF has a damaged header");
	rest = size - header.hdr_len;
	if (header.type_off > rest || header.type_len > rest - header.type_off ||
	    header.str_off > rest || header.str_len > rest - header.str_off ||
	    header.type_off % 4 || header.str_len == 0)
		return hone_refuse(why, HONE_NO_OBJECT, ".BTF is cut short");
	bytes += header.hdr_len;
	n = walk_types(bytes + header.type_off, header.type_len, NULL);
	if (n < 0)
		return hone_refuse(why, HONE_NO_OBJECT, ".BTF holds a damaged type");

	out->strings = (const char *)bytes + header.str_off;
	out->n_string_bytes = header.str_len;
	if (out->strings[header.str_len - 1])
		return hone_refuse(why, HONE_NO_OBJECT, ".BTF ends within a string");
	out->n_types = (uint32_t)n;
	out->types = hone_arena_alloc(arena, (size_t)n + 1, sizeof(*out->types));
	walk_types(bytes + header.type_off, header.type_len, out->types + 1);
	return 0;
}

const struct btf_type *hone_btf_type(const struct hone_btf *btf, uint32_t id)
{
	return id > 0 && id <= btf->n_types ? btf->types[id] : NULL;
}

const char *hone_btf_string(const struct hone_btf *btf, uint32_t offset)
{
	return offset < btf->n_string_bytes ? btf->strings + offset : NULL;
}

const struct btf_type *hone_btf_strip(const struct hone_btf *btf, uint32_t id, bool *is_volatile)
{
	for (int depth = 0; depth < NESTING_MAX; depth++) {
		const struct btf_type *type = hone_btf_type(btf, id);

		if (!type)
			return NULL;
		switch (BTF_INFO_KIND(type->info)) {
		case BTF_KIND_VOLATILE:
			if (is_volatile)
				*is_volatile = true;
			break;
		case BTF_KIND_CONST:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_TYPE_TAG:
		case BTF_KIND_VAR:
			break;
		default:
			return type;
		}
		id = type->type;
	}
	return NULL;
}

int64_t hone_btf_size(const struct hone_btf *btf, uint32_t id)
{
	uint64_t n = 1;

	for (int depth = 0; depth < NESTING_MAX; depth++) {
		const struct btf_type *type = hone_btf_strip(btf, id, NULL);
		const struct btf_array *array = type ? (const void *)(type + 1) : NULL;

		if (!type)
			return -1;
		switch (BTF_INFO_KIND(type->info)) {
		case BTF_KIND_ARRAY:
			n *= array->nelems;
			id = array->type;
			if (n > UINT32_MAX)
				return -1;
			continue;
		case BTF_KIND_PTR:
			return (int64_t)(n * 8);
		case BTF_KIND_INT:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
		case BTF_KIND_FLOAT:
			return n * type->size > UINT32_MAX ? -1 : (int64_t)(n * type->size);
		default:
			return -1;
		}
	}
	return -1;
}

const struct btf_type *hone_btf_section(const struct hone_btf *btf, const char *name)
{
	for (uint32_t id = 1; id <= btf->n_types; id++) {
		const struct btf_type *type = btf->types[id];
		const char *is = hone_btf_string(btf, type->name_off);

		if (BTF_INFO_KIND(type->info) == BTF_KIND_DATASEC && is && !strcmp(is, name))
			return type;
	}
	return NULL;
}
