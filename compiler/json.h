/* SPDX-License-Identifier: Apache-2.0 */
/* json: reading and writing facts as JSON; shared by the *_json.c files only.
 *
 * Reading is sticky: the first thing that is wrong is recorded with its path, from then on every
 * read gives zero, and whoever began the reading looks at `failed` once, at the end. */
#ifndef HONE_JSON_H
#define HONE_JSON_H

#include <jansson.h>

#include "compiler/facts.h"

/* ---- json_read.c ---- */

struct json_reading {
	char *error; /* HONE_DETAIL_LEN bytes */
	int failed;  /* 0 or -errno */
};

/* A place in a document: an object's member, or an array's element, of `parent`. */
struct json_place {
	struct json_reading *reading;
	const struct json_place *parent;
	const char *key; /* NULL: element `index` */
	size_t index;
	const json_t *json; /* NULL: absent, or reading failed */
};

/* json_begin() - parse; the caller owns the returned document (NULL: failed). */
json_t *json_begin(const char *text, size_t size, struct json_reading *reading,
		   struct json_place *root);

void json_fail(const struct json_place *at, const char *cause);
/* The object holds nothing but `keys`, which ends with NULL. */
void json_expect_keys(const struct json_place *at, const char *const *keys);

/* A member that must be there; one that may be absent (json == NULL). */
struct json_place json_member(const struct json_place *at, const char *key);
struct json_place json_optional(const struct json_place *at, const char *key);
struct json_place json_element(const struct json_place *at, size_t index);

/* Elements of the array at `at`, at most `max`. */
uint32_t json_count(const struct json_place *at, uint32_t max);
/* calloc() for n elements; NULL where n is 0 or reading failed. */
void *json_alloc(const struct json_place *at, size_t n, size_t size);

uint32_t json_u32(const struct json_place *at, uint32_t max);
int32_t json_i32(const struct json_place *at, int32_t min, int32_t max);
uint64_t json_u64(const struct json_place *at); /* "0x…" */
bool json_bool(const struct json_place *at);
double json_double(const struct json_place *at);
void json_text(const struct json_place *at, char *out, size_t size);
/* Index of the text in names[0..n). */
uint32_t json_name(const struct json_place *at, const char *const *names, uint32_t n);
uint32_t json_enum(const struct json_place *at, const char *(*name)(uint32_t), uint32_t n);

/* json_bytes() - exactly `size` bytes; json_bytes_new() - as many as there are, a multiple of
 * `unit`; the caller frees. */
void json_bytes(const struct json_place *at, uint8_t *out, size_t size);
void *json_bytes_new(const struct json_place *at, size_t unit, uint32_t *n);
/* Bytes that the hexadecimal text stands for. */
size_t json_bytes_size(const struct json_place *at);

/* ---- json_write.c ---- */

json_t *json_from_bytes(const void *bytes, size_t size);
json_t *json_from_u64(uint64_t value);
json_t *json_from_text(const char *text, size_t size);	 /* NUL-terminated or `size` long */
json_t *json_from_detail(const char *text, size_t size); /* the same; what is not ASCII is '?' */
/* Dump and release; NULL (a member could not be made) gives -EINVAL. */
int json_finish(json_t *json, char **text);

/* ---- map_json.c ---- */

json_t *json_from_map(const struct hone_map *map);
/* by_hand: a facts file; there a map whose class needs a guard has one unless it says no. */
void json_map(const struct json_place *at, uint32_t index, bool by_hand, struct hone_map *out);

json_t *json_from_effects(const struct hone_effects *effects);
void json_effects(const struct json_place *at, struct hone_effects *out);

/* ---- kfunc_json.c ---- */

json_t *json_from_kfuncs(const struct hone_unit *unit);
void json_kfuncs(const struct json_place *at, struct hone_unit *out); /* at: perhaps absent */

/* ---- facts_json.c ---- */

json_t *json_from_unit(const struct hone_unit *unit);
void json_unit(const struct json_place *at, struct hone_unit *out);

#endif
