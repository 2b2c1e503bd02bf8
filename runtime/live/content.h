/* SPDX-License-Identifier: Apache-2.0 */
/* content: everything that one map holds, in a buffer, as bpf(2) reads it; to copy and to compare.
 * Unlike a snapshot it is not sorted, keeps zeros, and is not meant to outlive a moment. */
#ifndef HONE_CONTENT_H
#define HONE_CONTENT_H

#include "compiler/facts.h"

/* n entries of key_size and of value_bytes (all CPUs). Entries of array types are in the order
 * of their index, others as the kernel walks them. */
struct hone_content {
	uint32_t n, capacity;
	uint32_t key_size, value_bytes;
	uint8_t *keys, *values;
};

/* hone_content_read() - all entries of a map which nobody changes meanwhile.
 * fd:  map; borrowed
 * map: type and sizes
 * out: caller frees with hone_content_free()
 * Returns 0, -ENOTSUP (type without keys), or -errno. */
int hone_content_read(int fd, const struct hone_map *map, struct hone_content *out);
void hone_content_free(struct hone_content *content);

/* hone_content_sort() - by key. Array types are sorted already. */
int hone_content_sort(struct hone_content *content);

/* Are both byte for byte the same, in the same order? */
bool hone_content_is_same(const struct hone_content *a, const struct hone_content *b);

static inline uint8_t *hone_content_key(const struct hone_content *content, uint32_t entry)
{
	return content->keys + (size_t)entry * content->key_size;
}

static inline uint8_t *hone_content_value(const struct hone_content *content, uint32_t entry)
{
	return content->values + (size_t)entry * content->value_bytes;
}

#endif
