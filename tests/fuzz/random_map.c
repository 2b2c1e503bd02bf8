// SPDX-License-Identifier: Apache-2.0
/* random_map: statements on maps and on the values that lookups find. */
#include "tests/fuzz/random_build.h"

static bool is_array(const struct random_map *map)
{
	return map->type == BPF_MAP_TYPE_ARRAY || map->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static bool is_any(const struct random_map *map)
{
	(void)map;
	return true;
}

static bool is_updated(const struct random_map *map)
{
	return map->role == RANDOM_LIVE;
}

static bool is_deleted(const struct random_map *map)
{
	return map->role == RANDOM_LIVE && !is_array(map);
}

/* The kernel gives direct addresses of one-entry arrays only. */
static bool is_global(const struct random_map *map)
{
	return map->type == BPF_MAP_TYPE_ARRAY && map->max_entries == 1;
}

static bool is_written(const struct random_build *b, uint32_t map)
{
	return b->program->maps[map].role >= RANDOM_COUNT;
}

/* ---- keys, in the frame ---- */

static void emit_index_key(struct random_build *b, const struct random_map *map)
{
	switch (below(b, 4)) {
	case 0:
		emit(b, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, AT_KEY,
		     below(b, map->max_entries + map->max_entries / 4 + 1));
		return;
	case 1:
		load_variable(b, any_variable(b), 1);
		emit(b, BPF_ALU | BPF_MOD | BPF_K, 1, 0, 0, map->max_entries + 1);
		break;
	default:
		emit_index(b, 1, 8);
	}
	emit_store(b, 4, BPF_REG_10, AT_KEY, 1);
}

/* Zeros in pieces, as compilers write them: the largest that fits next. */
static void emit_zeros(struct random_build *b, int at, uint32_t n)
{
	static const uint8_t sizes[] = {[1] = BPF_B, [2] = BPF_H, [4] = BPF_W, [8] = BPF_DW};

	for (uint32_t done = 0, bytes; done < n; done += bytes) {
		for (bytes = 8; bytes > n - done || (at + (int)done) % (int)bytes; bytes /= 2)
			;
		emit(b, BPF_ST | BPF_MEM | sizes[bytes], BPF_REG_10, 0, at + (int)done, 0);
	}
}

/* One of few keys, so that some are found: zeros but for the first or last byte. */
static void emit_pool_key(struct random_build *b, int at, uint32_t n)
{
	int which = one_in(b, 2) ? at : at + (int)n - 1;

	emit_zeros(b, at, n);
	if (one_in(b, 3)) {
		emit(b, BPF_ST | BPF_MEM | BPF_B, BPF_REG_10, 0, which, below(b, 10));
		return;
	}
	emit_index(b, 1, 8);
	emit_store(b, 1, BPF_REG_10, which, 1);
}

/* From the packet, where addresses are in plain headers. */
static bool emit_packet_key(struct random_build *b, int at, uint32_t n)
{
	static const uint32_t offsets[] = {0, 6, 22, 26, 30, 38};
	uint32_t from = PICK(b, offsets), base, bytes;
	const struct random_scope *scope;

	if (!has_scope(b, SCOPE_PACKET))
		return false;
	base = use_scope(b, SCOPE_PACKET, 4, &scope);
	if (from + n > scope->n_bytes)
		return false;
	for (uint32_t done = 0; done < n; done += bytes) {
		for (bytes = 4; bytes > n - done || (at + (int)done) % (int)bytes; bytes /= 2)
			;
		emit_load(b, bytes, 1, base, (int)(from + done));
		emit_store(b, bytes, BPF_REG_10, at + (int)done, 1);
	}
	return true;
}

static void emit_key(struct random_build *b, const struct random_map *map)
{
	int at = AT_KEY;
	uint32_t n = map->key_size;

	if (is_array(map)) {
		emit_index_key(b, map);
		return;
	}
	if (map->type == BPF_MAP_TYPE_LPM_TRIE) {
		n -= 4;
		emit(b, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, at,
		     8 * n - (one_in(b, 4) ? below(b, 9) : 0));
		at += 4;
	}
	if (!one_in(b, 3) || !emit_packet_key(b, at, n))
		emit_pool_key(b, at, n);
}

static void emit_key_pointer(struct random_build *b)
{
	emit_mov(b, 2, BPF_REG_10);
	emit_add(b, 2, AT_KEY);
}

/* ---- lookups ---- */

static bool may_open(struct random_build *b)
{
	return b->f->depth < DEPTH - b->f->n_loops && b->f->n_scopes < SCOPES;
}

/* r0: a value or null; blocks for both. */
static void make_found(struct random_build *b, uint32_t map)
{
	uint32_t n = b->program->maps[map].value_size, other, end;

	if (one_in(b, 3)) { /* the miss first */
		other = emit_jump(b, BPF_JMP | BPF_JNE | BPF_K, 0, 0, 0);
		make_block(b);
		end = emit_jump(b, BPF_JMP | BPF_JA, 0, 0, 0);
		land(b, other);
		open_scope(b, SCOPE_VALUE, map, n);
		make_block(b);
		close_scope(b);
		land(b, end);
		return;
	}
	other = emit_jump(b, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0);
	open_scope(b, SCOPE_VALUE, map, n);
	make_block(b);
	close_scope(b);
	if (!one_in(b, 3)) {
		land(b, other);
		return;
	}
	end = emit_jump(b, BPF_JMP | BPF_JA, 0, 0, 0);
	land(b, other);
	make_block(b);
	land(b, end);
}

static void emit_lookup(struct random_build *b, uint32_t map)
{
	emit_key(b, &b->program->maps[map]);
	emit_map(b, 1, map);
	emit_key_pointer(b);
	emit_call(b, BPF_FUNC_map_lookup_elem);
}

static void make_lookup(struct random_build *b)
{
	uint32_t map;

	if (!find_map(b, is_any, &map))
		return;
	emit_lookup(b, map);
	make_found(b, map);
}

static uint32_t emit_coin(struct random_build *b, uint8_t op)
{
	load_variable(b, any_variable(b), 1);
	emit_alu(b, BPF_RSH, 1, (int)below(b, 16));
	emit_alu(b, BPF_AND, 1, 1);
	return emit_jump(b, BPF_JMP | BPF_K | op, 1, 0, 0);
}

static bool is_alike(const struct random_map *a, const struct random_map *b)
{
	return a->type == b->type && a->key_size == b->key_size && a->value_size == b->value_size &&
	       a->role == b->role;
}

/* One of two maps, one of two keys, or a lookup on one path only. */
static void make_lookup_chosen(struct random_build *b)
{
	uint32_t map, other, over, end;

	if (!find_map(b, is_any, &map))
		return;
	other = below(b, b->program->n_maps);
	if (!is_alike(&b->program->maps[map], &b->program->maps[other]))
		other = map;
	switch (below(b, 3)) {
	case 0: /* a map handle by branch */
		emit_key(b, &b->program->maps[map]);
		over = emit_coin(b, BPF_JEQ);
		emit_map(b, 1, map);
		end = emit_jump(b, BPF_JMP | BPF_JA, 0, 0, 0);
		land(b, over);
		emit_map(b, 1, other);
		land(b, end);
		emit_key_pointer(b);
		emit_call(b, BPF_FUNC_map_lookup_elem);
		break;
	case 1: /* a pointer by branch */
		over = emit_coin(b, BPF_JNE);
		emit_lookup(b, map);
		end = emit_jump(b, BPF_JMP | BPF_JA, 0, 0, 0);
		land(b, over);
		emit_lookup(b, map);
		land(b, end);
		break;
	default: /* a pointer or null */
		emit_imm(b, 0, 0);
		over = emit_coin(b, BPF_JEQ);
		emit_lookup(b, map);
		land(b, over);
	}
	make_found(b, map);
}

/* ---- values ---- */

static bool has_value(struct random_build *b)
{
	return has_scope(b, SCOPE_VALUE);
}

static void make_value(struct random_build *b)
{
	const struct random_scope *scope;
	uint32_t base = use_scope(b, SCOPE_VALUE, 4, &scope);

	if (is_written(b, scope->map) && one_in(b, 3))
		emit_any_store(b, base, 0, scope->n_bytes);
	else
		emit_any_load(b, base, 0, scope->n_bytes);
}

static void make_value_variable(struct random_build *b)
{
	const struct random_scope *scope;
	uint32_t base = use_scope(b, SCOPE_VALUE, 4, &scope), n = scope->n_bytes;

	while (n & (n - 1))
		n &= n - 1;
	emit_index(b, 2, n);
	emit_mov(b, 1, base);
	emit(b, BPF_ALU64 | BPF_ADD | BPF_X, 1, 2, 0, 0);
	if (is_written(b, scope->map) && one_in(b, 3)) {
		emit_store(b, 1, 1, 0, use(b, any_variable(b), 3));
		return;
	}
	emit_load(b, 1, 0, 1, 0);
	set(b, any_variable(b), 0);
}

/* Flags in a value decide, and nothing else of it is looked at. */
static void make_value_test(struct random_build *b)
{
	const struct random_scope *scope;
	uint32_t base = use_scope(b, SCOPE_VALUE, 4, &scope), over;
	uint32_t bytes = scope->n_bytes >= 8 ? 8 : scope->n_bytes >= 4 ? 4 : 1;

	emit_load(b, bytes, 1, base, (int)(below(b, scope->n_bytes / bytes) * bytes));
	if (one_in(b, 2)) {
		over = emit_jump(b, BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1 << below(b, 7));
	} else {
		emit_alu(b, BPF_AND, 1, (int)(1 + below(b, 63)));
		over = emit_jump(b, BPF_JMP | BPF_K | (one_in(b, 2) ? BPF_JEQ : BPF_JNE), 1, 0, 0);
	}
	emit_imm(b, 3, any_constant(b));
	set(b, any_variable(b), 3);
	if (b->f->depth < DEPTH - 2 * b->f->n_loops && one_in(b, 2))
		make_block(b);
	land(b, over);
}

static void make_value_count(struct random_build *b)
{
	const struct random_scope *scope;
	uint32_t base = use_scope(b, SCOPE_VALUE, 4, &scope);
	uint32_t bytes = scope->n_bytes >= 8 ? 8 : scope->n_bytes >= 4 ? 4 : 1;
	int at = (int)(below(b, scope->n_bytes / bytes) * bytes);

	if (!is_written(b, scope->map)) {
		emit_any_load(b, base, 0, scope->n_bytes);
		return;
	}
	if (bytes >= 4 && one_in(b, 2)) {
		emit_any_atomic(b, base, 0, scope->n_bytes);
		return;
	}
	emit_load(b, bytes, 1, base, at);
	emit_add(b, 1, 1);
	emit_store(b, bytes, base, at, 1);
}

/* ---- updates, deletes ---- */

static bool may_update(struct random_build *b)
{
	uint32_t map;

	return find_map(b, is_updated, &map);
}

static bool may_delete(struct random_build *b)
{
	uint32_t map;

	return find_map(b, is_deleted, &map);
}

static void emit_value_bytes(struct random_build *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += 8) {
		if (one_in(b, 2))
			emit_store(b, 8, BPF_REG_10, AT_VALUE + (int)i, use(b, any_variable(b), 1));
		else
			emit(b, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, AT_VALUE + (int)i,
			     any_constant(b));
	}
}

static void make_update(struct random_build *b)
{
	uint32_t map;

	if (!find_map(b, is_updated, &map))
		return;
	emit_value_bytes(b, b->program->maps[map].value_size);
	emit_key(b, &b->program->maps[map]);
	emit_map(b, 1, map);
	emit_key_pointer(b);
	emit_mov(b, 3, BPF_REG_10);
	emit_add(b, 3, AT_VALUE);
	emit_imm(b, 4, below(b, 3)); /* BPF_ANY, BPF_NOEXIST, BPF_EXIST */
	emit_call(b, BPF_FUNC_map_update_elem);
	set(b, any_variable(b), 0);
}

static void make_delete(struct random_build *b)
{
	uint32_t map;

	if (!find_map(b, is_deleted, &map))
		return;
	emit_key(b, &b->program->maps[map]);
	emit_map(b, 1, map);
	emit_key_pointer(b);
	emit_call(b, BPF_FUNC_map_delete_elem);
	set(b, any_variable(b), 0);
}

/* ---- globals ---- */

static bool may_access_global(struct random_build *b)
{
	uint32_t map;

	return find_map(b, is_global, &map);
}

static void make_global(struct random_build *b)
{
	uint32_t map, n, at;

	if (!find_map(b, is_global, &map))
		return;
	n = b->program->maps[map].value_size;
	at = 8 * below(b, (n + 7) / 8);
	emit(b, BPF_LD | BPF_IMM | BPF_DW, 4, BPF_PSEUDO_MAP_VALUE, 0, map);
	emit(b, 0, 0, 0, 0, at);
	if (is_written(b, map) && n - at >= 4 && one_in(b, 4))
		emit_any_atomic(b, 4, 0, n - at);
	else if (is_written(b, map) && one_in(b, 2))
		emit_any_store(b, 4, 0, n - at);
	else
		emit_any_load(b, 4, 0, n - at);
}

const struct random_kind random_map_kinds[] = {
	{RANDOM_LOOKUP, 12, may_open, make_lookup},
	{RANDOM_LOOKUP_CHOSEN, 3, may_open, make_lookup_chosen},
	{RANDOM_VALUE, 18, has_value, make_value},
	{RANDOM_VALUE_VARIABLE, 4, has_value, make_value_variable},
	{RANDOM_VALUE_TEST, 8, has_value, make_value_test},
	{RANDOM_VALUE_COUNT, 8, has_value, make_value_count},
	{RANDOM_UPDATE, 4, may_update, make_update},
	{RANDOM_DELETE, 2, may_delete, make_delete},
	{RANDOM_GLOBAL, 6, may_access_global, make_global},
	{0},
};
