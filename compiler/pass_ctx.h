/* SPDX-License-Identifier: Apache-2.0 */
/* pass_ctx: what is behind the struct hone_pass_ctx that passes hold. Only runner.c, tables.c and
 * stub.c look inside. */
#ifndef HONE_PASS_CTX_H
#define HONE_PASS_CTX_H

#include "compiler/ir.h"

enum { HONE_KEY_WORDS = 64 / 8 + 3 /* of 8 bytes, then of 4, 2, 1 */ };

/* A set of keys in the image's map, see tables.c. */
struct hone_key_set {
	uint32_t map;
	uint32_t offset;
	uint32_t log2_slots, log2_stride; /* a slot holds one key */
	unsigned int n_choices;		  /* slots in which a key can be: 1 or 2 */
	unsigned int n_words;
	struct hone_key_word {
		uint32_t offset, size; /* in the key; size 8, 4, 2 or 1 */
		uint64_t multiplier;
	} words[HONE_KEY_WORDS];
};

/* A bit per index in the image's map; 64-bit little-endian words. */
struct hone_bitmap {
	uint32_t map;
	uint32_t offset;
	uint64_t n_bits; /* a power of two, at least max_entries and 64 */
};

struct hone_pass_ctx {
	struct hone_ir *ir;
	const struct hone_pass_input *input;
	struct hone_map *maps;	      /* the unit's; class with the unit's own effects */
	struct hone_effects *effects; /* of all programs together, one per map */
	LLVMValueRef *calls;	      /* per site; NULL: not in the module */

	uint32_t n_assumptions;
	struct hone_assumption *assumptions; /* malloc'ed: the result's */

	uint32_t n_key_sets;
	struct hone_key_set *key_sets; /* at most one per map */
	uint32_t n_bitmaps;
	struct hone_bitmap *bitmaps; /* at most one per site */
};

/* The bits of an index that a bitmap or a hash is looked up with. */
uint64_t hone_key_hash(const struct hone_key_set *set, const uint8_t *key);
uint64_t hone_key_slot(const struct hone_key_set *set, uint64_t hash, unsigned int choice);

#endif
