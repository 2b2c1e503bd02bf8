// SPDX-License-Identifier: Apache-2.0
/* machine: see the header. Written apart from compiler/value.c on purpose: sharing arithmetic with
 * what is judged would share its mistakes. */
#include "tests/fuzz/machine.h"

#include <string.h>

#define STACK_TOP 0x7100000000000200ull
#define CTX 0x7200000000000000ull
#define MAP 0x7300000000000000ull   /* + map << 32 */
#define VALUE 0x7400000000000000ull /* + (call + 1) << 24 | map << 20 | entry << 12 | 0x800 */
#define MIDDLE 0x800

static uint64_t next_random(struct machine *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random;
}

struct machine_address machine_address(uint64_t value)
{
	struct machine_address address = {.kind = ADDRESS_NONE};
	int64_t in_frame = (int64_t)(value - STACK_TOP);

	if (in_frame >= -4096 && in_frame < 4096) {
		address.kind = ADDRESS_STACK;
		address.offset = in_frame;
	} else if (value - CTX < 4096) {
		address.kind = ADDRESS_CTX;
		address.offset = (int64_t)(value - CTX);
	} else if ((value - MAP) >> 32 < MACHINE_MAPS && (uint32_t)value == 0) {
		address.kind = ADDRESS_MAP;
		address.map = (uint32_t)((value - MAP) >> 32);
	} else if (value >> 56 == VALUE >> 56) {
		address.kind = ADDRESS_VALUE;
		address.call = (uint32_t)(value >> 24) - 1;
		address.map = value >> 20 & 15;
		address.entry = value >> 12 & 255;
		address.offset = (int64_t)(value & 4095) - MIDDLE;
	}
	if (address.kind == ADDRESS_VALUE &&
	    (address.map >= MACHINE_MAPS || address.entry >= MACHINE_ENTRIES))
		address.kind = ADDRESS_NONE;
	return address;
}

bool machine_same_object(uint64_t a, uint64_t b)
{
	struct machine_address x = machine_address(a), y = machine_address(b);

	return x.kind != ADDRESS_NONE && x.kind == y.kind && x.call == y.call && x.map == y.map &&
	       x.entry == y.entry;
}

static uint64_t value_address(uint32_t call, uint32_t map, uint32_t entry)
{
	return VALUE | (uint64_t)(call + 1) << 24 | (uint64_t)map << 20 | (uint64_t)entry << 12 |
	       MIDDLE;
}

/* Memory of n bytes at an address, or NULL. set: which of its stack bytes were written. */
static uint8_t *memory(struct machine *m, uint64_t where, uint64_t n, uint8_t **set)
{
	struct machine_address address = machine_address(where);

	*set = NULL;
	if (address.kind == ADDRESS_STACK && address.offset >= -512 && n <= 512 &&
	    address.offset + (int64_t)n <= 0) {
		*set = m->stack_set + 512 + address.offset;
		return m->stack + 512 + address.offset;
	}
	if (address.kind == ADDRESS_VALUE && address.offset >= 0 &&
	    address.offset + (int64_t)n <= (int64_t)m->unit->maps[address.map].value_size)
		return m->value[address.map][address.entry] + address.offset;
	return NULL;
}

/* The slots that n bytes of stack touch hold numbers from now on. */
static void forget_origins(struct machine *m, uint64_t where, uint64_t n)
{
	int64_t start = machine_address(where).offset + 512;

	if (machine_address(where).kind != ADDRESS_STACK)
		return;
	for (int64_t slot = start / 8; slot <= (start + (int64_t)n - 1) / 8; slot++)
		m->stack_origin[slot] = 0;
}

/* The origin of a whole aligned slot; NULL: not one. */
static uint64_t *slot_origin(struct machine *m, uint64_t where, uint64_t n)
{
	struct machine_address address = machine_address(where);

	if (address.kind != ADDRESS_STACK || n != 8 || address.offset % 8 != 0)
		return NULL;
	return &m->stack_origin[(address.offset + 512) / 8];
}

static bool load(struct machine *m, int base, int64_t off, uint32_t n, uint64_t *out)
{
	uint64_t where = m->reg[base] + (uint64_t)off;
	uint8_t *set, *from = memory(m, where, n, &set);

	*out = 0;
	if (!machine_same_object(m->origin[base], where))
		return false;
	if (machine_address(where).kind == ADDRESS_CTX) {
		*out = next_random(m) & (n < 4 ? (1ull << 8 * n) - 1 : UINT32_MAX); /* a number */
		return true;
	}
	if (!from)
		return false;
	for (uint32_t i = 0; set && i < n; i++)
		if (!set[i])
			return false;
	memcpy(out, from, n);
	return true;
}

static bool store(struct machine *m, int base, int64_t off, uint32_t n, uint64_t value,
		  uint64_t origin)
{
	uint64_t where = m->reg[base] + (uint64_t)off;
	uint8_t *set, *to = memory(m, where, n, &set);

	if (!to || !machine_same_object(m->origin[base], where))
		return false;
	memcpy(to, &value, n);
	if (!set)
		return true;
	memset(set, 1, n);
	forget_origins(m, where, n);
	if (slot_origin(m, where, n))
		*slot_origin(m, where, n) = origin;
	return true;
}

static void set_pointer(struct machine *m, int reg, uint64_t value, uint64_t origin)
{
	m->reg[reg] = value;
	m->origin[reg] = origin;
	m->is_set |= (uint16_t)(1u << reg);
}

static void set_reg(struct machine *m, int reg, uint64_t value)
{
	set_pointer(m, reg, value, 0);
}

static bool has(const struct machine *m, int reg)
{
	return m->is_set >> reg & 1;
}

static uint32_t bytes_of(uint8_t code)
{
	static const uint8_t bytes[] = {4, 2, 1, 8};

	return bytes[code >> 3 & 3];
}

/* ---- arithmetic ---- */

/* What an address becomes. Nobody may rely on the numbers that addresses are: made up. */
static void alu_pointer(struct machine *m, const struct bpf_insn *insn)
{
	bool wide = (insn->code & 7) == BPF_ALU64, has_reg = insn->code & BPF_X;
	uint64_t from = m->origin[insn->dst_reg], by = has_reg ? m->origin[insn->src_reg] : 0;
	uint64_t a = m->reg[insn->dst_reg];
	uint64_t b = has_reg ? m->reg[insn->src_reg] : (uint64_t)(int64_t)insn->imm;
	unsigned int op = insn->code & 0xf0;

	if (wide && op == BPF_MOV)
		set_pointer(m, insn->dst_reg, b, by);
	else if (wide && op == BPF_ADD && (!from || !by))
		set_pointer(m, insn->dst_reg, a + b, from ? from : by);
	else if (wide && op == BPF_SUB && from && !by)
		set_pointer(m, insn->dst_reg, a - b, from);
	else
		set_reg(m, insn->dst_reg, next_random(m) & (wide ? UINT64_MAX : UINT32_MAX));
}

static bool has_pointer(const struct machine *m, const struct bpf_insn *insn)
{
	bool reads_dst = (insn->code & 0xf0) != BPF_MOV;

	return (reads_dst && m->origin[insn->dst_reg]) ||
	       ((insn->code & BPF_X) && (insn->code & 0xf0) != BPF_END && m->origin[insn->src_reg]);
}

static bool alu(struct machine *m, const struct bpf_insn *insn)
{
	bool wide = (insn->code & 7) == BPF_ALU64, has_reg = insn->code & BPF_X;
	uint64_t a = m->reg[insn->dst_reg];
	uint64_t b = has_reg ? m->reg[insn->src_reg] : (uint64_t)(int64_t)insn->imm;
	unsigned int op = insn->code & 0xf0, by;

	if ((op != BPF_MOV && !has(m, insn->dst_reg)) ||
	    (has_reg && op != BPF_END && !has(m, insn->src_reg)))
		return false;
	if (has_pointer(m, insn)) {
		alu_pointer(m, insn);
		return true;
	}
	if (!wide)
		a = (uint32_t)a, b = (uint32_t)b;
	by = (unsigned int)b & (wide ? 63 : 31);
	switch (op) {
	case BPF_MOV: /* the generator makes no sign extension */
		a = b;
		break;
	case BPF_ADD:
		a += b;
		break;
	case BPF_SUB:
		a -= b;
		break;
	case BPF_MUL:
		a *= b;
		break;
	case BPF_DIV:
		a = b ? a / b : 0;
		break;
	case BPF_OR:
		a |= b;
		break;
	case BPF_AND:
		a &= b;
		break;
	case BPF_XOR:
		a ^= b;
		break;
	case BPF_LSH:
		a <<= by;
		break;
	case BPF_RSH:
		a >>= by;
		break;
	case BPF_ARSH:
		a = wide ? (uint64_t)((int64_t)a >> by) : (uint32_t)((int32_t)a >> by);
		break;
	case BPF_NEG:
		a = -a;
		break;
	case BPF_END: /* 16 bits, either order */
		a = insn->code & BPF_X ? (uint16_t)(a << 8 | (a >> 8 & 255)) : (uint16_t)a;
		break;
	default:
		return false;
	}
	set_reg(m, insn->dst_reg, wide ? a : (uint32_t)a);
	return true;
}

static bool jump(struct machine *m, const struct bpf_insn *insn, bool *taken)
{
	bool wide = (insn->code & 7) == BPF_JMP, has_reg = insn->code & BPF_X;
	uint64_t a = m->reg[insn->dst_reg];
	uint64_t b = has_reg ? m->reg[insn->src_reg] : (uint64_t)(int64_t)insn->imm;
	int64_t x = wide ? (int64_t)a : (int32_t)a, y = wide ? (int64_t)b : (int32_t)b;

	if (!has(m, insn->dst_reg) || (has_reg && !has(m, insn->src_reg)))
		return false;
	if (!wide)
		a = (uint32_t)a, b = (uint32_t)b;
	switch (insn->code & 0xf0) {
	case BPF_JEQ:
		*taken = a == b;
		return true;
	case BPF_JNE:
		*taken = a != b;
		return true;
	case BPF_JGT:
		*taken = a > b;
		return true;
	case BPF_JSET:
		*taken = a & b;
		return true;
	case BPF_JSLT:
		*taken = x < y;
		return true;
	default:
		return false;
	}
}

/* ---- memory ---- */

/* Is this one of the loads that give zero? Notes any other use of that pointer. */
static bool is_zeroed(struct machine *m, int base)
{
	struct machine_address origin = machine_address(m->origin[base]);

	if (m->n_zeroed == 0 || origin.kind != ADDRESS_VALUE || origin.call != m->zeroed_call)
		return false;
	for (uint32_t i = 0; i < m->n_zeroed; i++)
		if (m->zeroed[i] == m->at)
			return true;
	m->used_otherwise = true;
	return false;
}

static bool load_insn(struct machine *m, const struct bpf_insn *insn)
{
	uint64_t where = m->reg[insn->src_reg] + (uint64_t)(int64_t)insn->off, value;
	uint64_t *origin = slot_origin(m, where, bytes_of(insn->code));

	if (!has(m, insn->src_reg) ||
	    !load(m, insn->src_reg, insn->off, bytes_of(insn->code), &value))
		return false;
	if ((insn->code & 0xe0) == 0x80) /* sign-extending; the generator makes 32-bit ones */
		value = (uint64_t)(int64_t)(int32_t)value;
	if (is_zeroed(m, insn->src_reg))
		value = 0;
	set_pointer(m, insn->dst_reg, value, origin ? *origin : 0);
	return true;
}

static bool atomic(struct machine *m, const struct bpf_insn *insn)
{
	uint64_t old, b = m->reg[insn->src_reg], result;

	if (m->origin[insn->src_reg] || !load(m, insn->dst_reg, insn->off, 8, &old))
		return false;
	switch (insn->imm & ~BPF_FETCH) {
	case BPF_ADD:
		result = old + b;
		break;
	case BPF_AND:
		result = old & b;
		break;
	case BPF_OR:
		result = old | b;
		break;
	case BPF_XCHG & ~BPF_FETCH:
		result = b;
		break;
	default: /* compare and exchange */
		if (!has(m, 0))
			return false;
		result = old == m->reg[0] ? b : old;
		break;
	}
	if (!store(m, insn->dst_reg, insn->off, 8, result, 0))
		return false;
	if (insn->imm == BPF_CMPXCHG)
		set_reg(m, 0, old);
	else if (insn->imm & BPF_FETCH)
		set_reg(m, insn->src_reg, old);
	return true;
}

static bool store_insn(struct machine *m, const struct bpf_insn *insn)
{
	bool is_st = (insn->code & 7) == BPF_ST;

	if (!has(m, insn->dst_reg) || (!is_st && !has(m, insn->src_reg)))
		return false;
	is_zeroed(m, insn->dst_reg);
	if (!is_st && (insn->code & 0xe0) == BPF_ATOMIC)
		return atomic(m, insn);
	return store(m, insn->dst_reg, insn->off, bytes_of(insn->code),
		     is_st ? (uint64_t)(int64_t)insn->imm : m->reg[insn->src_reg],
		     is_st ? 0 : m->origin[insn->src_reg]);
}

/* ---- helpers ---- */

static bool lookup(struct machine *m, uint64_t *result)
{
	struct machine_address map = machine_address(m->reg[1]);
	uint64_t key;

	if (map.kind != ADDRESS_MAP || map.map >= m->unit->n_maps || m->origin[1] != m->reg[1] ||
	    !load(m, 2, 0, 4, &key))
		return false;
	is_zeroed(m, 2);
	if (m->unit->maps[map.map].type == BPF_MAP_TYPE_ARRAY_OF_MAPS)
		*result = MAP + ((next_random(m) & 3) << 32); /* any map may be inside */
	else
		*result = value_address(m->at, map.map, key % MACHINE_ENTRIES);
	if (next_random(m) % 4 == 0)
		*result = 0;
	return true;
}

static bool fill_memory(struct machine *m)
{
	uint8_t *set, *to;

	if (m->reg[4] == 0 || m->reg[4] > 64)
		return false;
	to = memory(m, m->reg[3], m->reg[4], &set);
	if (!to || !machine_same_object(m->origin[3], m->reg[3]))
		return false;
	is_zeroed(m, 3);
	forget_origins(m, m->reg[3], m->reg[4]);
	for (uint64_t i = 0; i < m->reg[4]; i++)
		to[i] = (uint8_t)next_random(m);
	if (set)
		memset(set, 1, m->reg[4]);
	return true;
}

static bool call(struct machine *m, int32_t helper)
{
	uint64_t result = next_random(m);
	bool has_two = has(m, 1) && has(m, 2);

	if (helper == BPF_FUNC_map_lookup_elem) {
		if (!has_two || !lookup(m, &result))
			return false;
	} else if (helper == BPF_FUNC_xdp_load_bytes) {
		if (!has_two || !has(m, 3) || !has(m, 4) || !fill_memory(m))
			return false;
	} else if (helper != BPF_FUNC_ktime_get_ns) {
		return false;
	}
	set_pointer(m, 0, result, helper == BPF_FUNC_map_lookup_elem ? result : 0);
	m->is_set &= (uint16_t)~0x3e; /* r1-r5 */
	return true;
}

/* ---- all ---- */

static bool load_imm(struct machine *m, const struct bpf_insn *insn)
{
	uint64_t value = (uint64_t)(uint32_t)insn[1].imm << 32 | (uint32_t)insn->imm;
	uint64_t origin = 0;

	if (insn->src_reg == BPF_PSEUDO_MAP_FD)
		value = origin = MAP + ((uint64_t)insn->imm << 32);
	if (insn->src_reg == BPF_PSEUDO_MAP_VALUE) {
		origin = value_address(UINT32_MAX, (uint32_t)insn->imm, 0);
		value = origin + (uint32_t)insn[1].imm;
	}
	set_pointer(m, insn->dst_reg, value, origin);
	m->at++;
	return true;
}

static bool jump_insn(struct machine *m, const struct bpf_insn *insn)
{
	bool taken = true;

	if (insn->code == (BPF_JMP | BPF_EXIT)) {
		m->exited = has(m, 0);
		return false;
	}
	if (insn->code == (BPF_JMP | BPF_CALL))
		return call(m, insn->imm);
	if (insn->code != (BPF_JMP | BPF_JA) && !jump(m, insn, &taken))
		return false;
	if (taken)
		m->at = (uint32_t)((int64_t)m->at + insn->off);
	return true;
}

bool machine_step(struct machine *m)
{
	const struct bpf_insn *insn = &m->unit->insns[m->at];
	bool goes_on;

	if (m->n_steps++ >= MACHINE_STEPS)
		return false;
	switch (insn->code & 7) {
	case BPF_ALU:
	case BPF_ALU64:
		goes_on = alu(m, insn);
		break;
	case BPF_LD:
		goes_on = load_imm(m, insn);
		break;
	case BPF_LDX:
		goes_on = load_insn(m, insn);
		break;
	case BPF_ST:
	case BPF_STX:
		goes_on = store_insn(m, insn);
		break;
	default:
		goes_on = jump_insn(m, insn);
		break;
	}
	m->at++;
	return goes_on;
}

void machine_begin(struct machine *m, const struct hone_unit *unit, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->unit = unit;
	m->random = seed | 1;
	for (size_t i = 0; i < sizeof(m->value); i++)
		((uint8_t *)m->value)[i] = (uint8_t)next_random(m);
	set_pointer(m, 1, CTX, CTX);
	set_pointer(m, 10, STACK_TOP, STACK_TOP);
}
