// SPDX-License-Identifier: Apache-2.0
/* fuzz_truth: are the analyses true? Programs that kinds.c accepts are run, step by step, on
 * made-up memory, and what happens is held against what was said of it:
 *
 *   kinds    constants are the values; an address is of the kind, map, site and offset said
 *   effects  no bit of a map value changes that was not said to change; known keys are the keys
 *   tested   with the tested bits zero, a run whose site's loads give zeros ends the same, and
 *            nothing else was done with the pointer */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/analysis.h"
#include "tests/fuzz/machine.h"
#include "tests/fuzz/program.h"

enum { RUNS = 4 }; /* of each program */

struct truth {
	const struct hone_unit *unit;
	const struct hone_kinds *kinds;
	const struct hone_analysis *analysis;
};

static void promise(bool holds)
{
	if (!holds)
		abort();
}

/* ---- kinds ---- */

static void check_constants(const struct truth *t, const struct machine *m)
{
	for (int reg = 0; reg < HONE_REGS; reg++) {
		const struct hone_value *said = &t->kinds->reg[m->at][reg];

		if ((m->is_set >> reg & 1) && said->kind == HONE_KIND_SCALAR && said->is_known)
			promise(m->reg[reg] == (uint64_t)said->constant);
		if ((m->is_set >> reg & 1) && said->kind == HONE_KIND_SCALAR && said->below)
			promise(m->reg[reg] < said->below);
	}
}

static void check_value_pointer(const struct truth *t, const struct hone_value *said,
				const struct machine_address *is)
{
	uint32_t site = is->call == UINT32_MAX ? UINT32_MAX : t->kinds->site_of[is->call];

	promise(said->kind == HONE_KIND_POINTER || said->kind == HONE_KIND_MIXED);
	promise(said->maps >> is->map & 1);
	if (site < HONE_SITES_MAX)
		promise(said->sites >> site & 1);
	else
		promise(said->other);
	if (said->is_known)
		promise(said->constant == is->offset);
}

static void check_address(const struct truth *t, const struct machine *m, int reg)
{
	const struct hone_value *said = &t->kinds->reg[m->at][reg];
	struct machine_address is = machine_address(m->reg[reg]);

	if (!(m->is_set >> reg & 1) || !machine_same_object(m->origin[reg], m->reg[reg]))
		return; /* the machine stops here */
	if (is.kind == ADDRESS_VALUE)
		check_value_pointer(t, said, &is);
	else if (is.kind == ADDRESS_STACK)
		promise(said->kind == HONE_KIND_STACK &&
			(!said->is_known || said->constant == is.offset) &&
			(!said->is_bounded || (is.offset >= said->constant &&
					       is.offset <= said->constant + said->spread)));
	else if (is.kind == ADDRESS_CTX)
		promise(said->kind == HONE_KIND_CTX && said->is_known &&
			said->constant == is.offset);
}

static void check_step(const struct truth *t, const struct machine *m)
{
	const struct bpf_insn *insn = &t->unit->insns[m->at];
	uint8_t class = BPF_CLASS(insn->code);

	check_constants(t, m);
	if (class == BPF_LDX)
		check_address(t, m, insn->src_reg);
	else if (class == BPF_ST || class == BPF_STX)
		check_address(t, m, insn->dst_reg);
	else if (insn->code == (BPF_JMP | BPF_CALL) && insn->imm == BPF_FUNC_xdp_load_bytes)
		check_address(t, m, BPF_REG_3);
	else if (insn->code == (BPF_JMP | BPF_CALL) && insn->imm == BPF_FUNC_map_lookup_elem)
		check_address(t, m, BPF_REG_2);
}

/* ---- effects ---- */

static void check_changes(const struct truth *t, const struct machine *before,
			  const struct machine *after)
{
	for (uint32_t map = 0; map < MACHINE_MAPS; map++)
		for (uint32_t entry = 0; entry < MACHINE_ENTRIES; entry++)
			for (uint32_t i = 0; i < t->unit->maps[map].value_size; i++) {
				uint8_t changed =
					before->value[map][entry][i] ^ after->value[map][entry][i];

				promise(!(changed &
					  ~hone_effects_changed(&t->analysis->effects[map], i)));
			}
}

static void check_key(const struct truth *t, const struct machine *m)
{
	uint32_t site = t->kinds->site_of[m->at];
	struct machine_address key = machine_address(m->reg[BPF_REG_2]);
	uint32_t is;

	if (site == UINT32_MAX || !t->analysis->sites[site].key_is_known ||
	    key.kind != ADDRESS_STACK || key.offset < -512 || key.offset > -4)
		return;
	memcpy(&is, m->stack + 512 + key.offset, sizeof(is));
	promise(is == t->analysis->sites[site].key);
}

static bool writes_memory(const struct bpf_insn *insn)
{
	return BPF_CLASS(insn->code) == BPF_ST || BPF_CLASS(insn->code) == BPF_STX ||
	       insn->code == (BPF_JMP | BPF_CALL);
}

static void check_run(const struct truth *t, uint64_t seed)
{
	static struct machine before, m;
	bool goes_on = true;

	machine_begin(&m, t->unit, seed);
	while (goes_on) {
		bool may_write = writes_memory(&t->unit->insns[m.at]);

		check_step(t, &m);
		if (may_write)
			before = m;
		goes_on = machine_step(&m);
		if (!may_write)
			continue;
		if (t->kinds->site_of[before.at] != UINT32_MAX && goes_on)
			check_key(t, &before);
		check_changes(t, &before, &m);
	}
}

/* ---- tested ---- */

static bool is_changed(const struct truth *t, const struct hone_site *site)
{
	for (uint32_t map = 0; map < MACHINE_MAPS; map++)
		for (uint32_t i = 0; i < 8 && (site->maps >> map & 1); i++)
			if (hone_effects_changed(&t->analysis->effects[map],
						 site->tested_offset + i) &
			    (uint8_t)(site->tested_bits >> (8 * i)))
				return true;
	return false;
}

static void clear_tested(struct machine *m, const struct hone_site *site)
{
	for (uint32_t map = 0; map < MACHINE_MAPS; map++)
		for (uint32_t entry = 0; entry < MACHINE_ENTRIES && (site->maps >> map & 1);
		     entry++)
			for (uint32_t i = 0; i < 8; i++)
				m->value[map][entry][site->tested_offset + i] &=
					(uint8_t)~(site->tested_bits >> (8 * i));
}

static void check_tested(const struct truth *t, const struct hone_site *site, uint64_t seed)
{
	static struct machine real, zeros;
	bool goes_on = true;

	machine_begin(&real, t->unit, seed);
	clear_tested(&real, site);
	zeros = real;
	zeros.zeroed = site->loads;
	zeros.n_zeroed = site->n_loads;
	zeros.zeroed_call = site->insn;
	while (goes_on) {
		goes_on = machine_step(&real);
		promise(machine_step(&zeros) == goes_on);
		promise(real.at == zeros.at && !zeros.used_otherwise);
	}
	promise(real.exited == zeros.exited);
	promise(!real.exited || real.reg[0] == zeros.reg[0]);
	promise(memcmp(real.value, zeros.value, sizeof(real.value)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bpf_insn insns[PROGRAM_INSNS];
	struct hone_arena *arena = hone_arena_new();
	struct hone_unit unit = {.prog_type = BPF_PROG_TYPE_XDP,
				 .insns = insns,
				 .n_insns = program_make(data, size, insns),
				 .maps = program_maps,
				 .n_maps = PROGRAM_MAPS};
	struct hone_refusal why;
	struct hone_code *code = hone_decode(arena, &unit, &why);
	struct hone_kinds *kinds = code ? hone_kinds(arena, code, &why) : NULL;
	struct truth t = {.unit = &unit, .kinds = kinds};

	if (kinds) {
		t.analysis = hone_effects(arena, code, kinds);
		for (uint64_t run = 1; run <= RUNS; run++) {
			check_run(&t, run * 0x9e3779b97f4a7c15);
			for (uint32_t i = 0; i < t.analysis->n_sites; i++)
				if (t.analysis->sites[i].tested_ok &&
				    !is_changed(&t, &t.analysis->sites[i]))
					check_tested(&t, &t.analysis->sites[i],
						     run * 0x9e3779b97f4a7c15);
		}
	}
	hone_arena_free(arena);
	return 0;
}
