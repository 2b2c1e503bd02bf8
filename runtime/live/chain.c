// SPDX-License-Identifier: Apache-2.0
/* chain: see the header.
 *
 * When:  before an image of a program that makes tail calls is published, checked or measured.
 * Does:  walks from tail call to PROG_ARRAY to program, breadth first. A call whose map or index
 *        is not known can go wherever the program's PROG_ARRAYs lead.
 * Not:   noticing changes: the caller watches the PROG_ARRAYs, and walks again. */
#include "runtime/live/chain.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/live/content.h"

struct node {
	uint32_t prog_id;
	struct hone_chain_program program;
	uint32_t map[HONE_MAPS_MAX]; /* index in the chain of each of the program's maps */
	uint64_t calls;		     /* set of nodes */
	uint32_t depth;		     /* tail calls on the longest way here */
};

struct walk {
	struct hone_chain *chain;
	hone_chain_find find;
	void *arg;
	uint32_t n;
	struct node nodes[HONE_CHAIN_PROGRAMS_MAX];
};

static_assert(HONE_CHAIN_PROGRAMS_MAX <= 64, "a set of programs is a word");

/* Expected: not an error, but nothing more is looked at. */
static int refuse(struct walk *walk, enum hone_reason reason, const char *what, uint32_t number)
{
	walk->chain->refused = reason;
	snprintf(walk->chain->detail, HONE_DETAIL_LEN, what, number);
	return 0;
}

static bool is_refused(const struct walk *walk)
{
	return walk->chain->refused != HONE_REWRITTEN;
}

static int refuse_target(struct walk *walk, uint32_t prog_id)
{
	struct bpf_prog_info info = {0};

	hone_prog_info_by_id(prog_id, &info);
	walk->chain->refused = HONE_NO_TAIL_TARGET;
	snprintf(walk->chain->detail, HONE_DETAIL_LEN, "program %s, id %u", info.name, prog_id);
	return 0;
}

/* ---- maps ---- */

/* Takes over the fd. */
static int put_map(struct walk *walk, int fd, const struct hone_map *map)
{
	struct hone_chain *chain = walk->chain;
	struct hone_map *maps = reallocarray(chain->unit.maps, chain->maps.n + 1, sizeof(*maps));

	if (!maps) {
		close(fd);
		return -ENOMEM;
	}
	chain->unit.maps = maps;
	maps[chain->maps.n] = *map;
	maps[chain->maps.n].index = chain->maps.n;
	chain->maps.fd[chain->maps.n++] = fd;
	chain->unit.n_maps = chain->maps.n;
	return 0;
}

static int add_own_maps(struct walk *walk, const struct hone_unit *unit,
			const struct hone_maps *maps)
{
	for (uint32_t i = 0; i < unit->n_maps; i++) {
		int fd = fcntl(maps->fd[i], F_DUPFD_CLOEXEC, 0);
		int err = fd < 0 ? -errno : put_map(walk, fd, &unit->maps[i]);

		if (err)
			return err;
		walk->nodes[0].map[i] = i;
	}
	return 0;
}

static int open_map(struct walk *walk, const struct hone_map *map, uint32_t *index)
{
	struct hone_map now = {0};
	_cleanup_close_ int fd = -1;
	int err;

	if (walk->chain->maps.n == HONE_MAPS_MAX)
		return refuse(walk, HONE_CHECK_NOT_CLONED,
			      "the chain of tail calls holds more than %u maps", HONE_MAPS_MAX);
	fd = bpf_map_get_fd_by_id(map->id);
	if (fd < 0)
		return -errno;
	err = hone_map_describe(fd, &now);
	*index = walk->chain->maps.n;
	return err ? err : put_map(walk, TAKE_FD(fd), &now);
}

/* A map that several programs hold is one map of the chain. */
static int add_maps(struct walk *walk, struct node *node)
{
	const struct hone_unit *unit = node->program.unit;
	const struct hone_chain *chain = walk->chain;
	int err = 0;

	for (uint32_t i = 0; i < unit->n_maps && !err && !is_refused(walk); i++) {
		uint32_t at = 0;

		while (at < chain->maps.n && chain->unit.maps[at].id != unit->maps[i].id)
			at++;
		if (at == chain->maps.n)
			err = open_map(walk, &unit->maps[i], &at);
		node->map[i] = at;
	}
	return err;
}

/* ---- programs ---- */

static int add_program(struct walk *walk, uint32_t prog_id)
{
	struct node *node = &walk->nodes[walk->n];
	int err;

	if (walk->n == HONE_CHAIN_PROGRAMS_MAX)
		return refuse(walk, HONE_CHECK_NOT_CLONED,
			      "tail calls lead to more than %u programs", HONE_CHAIN_PROGRAMS_MAX);
	err = walk->find(walk->arg, prog_id, &node->program);
	if (err == -ENOENT)
		return refuse_target(walk, prog_id);
	if (err)
		return err;
	node->prog_id = prog_id;
	walk->n++;
	return add_maps(walk, node);
}

static int add_call(struct walk *walk, struct node *from, uint32_t prog_id)
{
	uint32_t to = 0;
	int err = 0;

	while (to < walk->n && walk->nodes[to].prog_id != prog_id)
		to++;
	if (to == walk->n)
		err = add_program(walk, prog_id);
	if (!err && to < walk->n)
		from->calls |= UINT64_C(1) << to;
	return err;
}

static int follow_entry(struct walk *walk, struct node *from, int fd, uint32_t key)
{
	uint32_t prog_id;

	if (bpf_map_lookup_elem(fd, &key, &prog_id)) /* E2BIG is beyond the end: no call either */
		return errno == ENOENT || errno == E2BIG ? 0 : -errno;
	return add_call(walk, from, prog_id);
}

static int follow_all(struct walk *walk, struct node *from, int fd, const struct hone_map *map)
{
	struct hone_content content;
	int err = hone_content_read(fd, map, &content);

	if (err)
		return err;
	for (uint32_t i = 0; i < content.n && !err && !is_refused(walk); i++) {
		uint32_t prog_id;

		memcpy(&prog_id, hone_content_value(&content, i), sizeof(prog_id));
		err = add_call(walk, from, prog_id);
	}
	hone_content_free(&content);
	return err;
}

/* site->map -1: any of the program's. */
static int follow_site(struct walk *walk, struct node *from, const struct hone_site_report *site)
{
	const struct hone_unit *unit = from->program.unit;
	int err = 0;

	for (uint32_t i = 0; i < unit->n_maps && !err && !is_refused(walk); i++) {
		/* not `unit`'s description of it: the chain's grows */
		const struct hone_map map = walk->chain->unit.maps[from->map[i]];
		int fd = walk->chain->maps.fd[from->map[i]];

		if (map.type != BPF_MAP_TYPE_PROG_ARRAY ||
		    (site->map >= 0 && (uint32_t)site->map != i))
			continue;
		err = site->key_is_known ? follow_entry(walk, from, fd, site->key)
					 : follow_all(walk, from, fd, &map);
	}
	return err;
}

/* Where the first function behind the program itself starts; n_insns: it has none. */
static uint32_t first_function(const struct hone_unit *unit)
{
	uint32_t first = unit->n_insns;

	for (uint32_t i = 0; i < unit->n_insns; i++) {
		const struct bpf_insn *insn = &unit->insns[i];
		bool is_wide = insn->code == (BPF_LD | BPF_IMM | BPF_DW);
		bool names = is_wide ? insn->src_reg == BPF_PSEUDO_FUNC
				     : insn->code == (BPF_JMP | BPF_CALL) &&
					       insn->src_reg == BPF_PSEUDO_CALL;

		if (names && i + 1 + (uint32_t)insn->imm < first)
			first = i + 1 + (uint32_t)insn->imm;
		i += is_wide;
	}
	return first;
}

/* The caller of a function goes on behind the tail call that the function made, and may come to
 * more of them: how many follow each other is not a matter of the ways between programs. */
static int refuse_function(struct walk *walk, const struct node *node)
{
	walk->chain->refused = HONE_NO_TAIL_FUNCTION;
	snprintf(walk->chain->detail, HONE_DETAIL_LEN, "program %s", node->program.unit->name);
	return 0;
}

static int follow(struct walk *walk, struct node *from)
{
	static const struct hone_site_report any = {.map = -1};
	const struct hone_result *analysis = from->program.analysis;
	uint32_t end = first_function(from->program.unit);
	int err = 0;

	if (analysis->refused != HONE_REWRITTEN)
		return end < from->program.unit->n_insns ? refuse_function(walk, from)
							 : follow_site(walk, from, &any);
	for (uint32_t i = 0; i < analysis->n_sites && !err && !is_refused(walk); i++) {
		if (analysis->sites[i].kind != HONE_SITE_TAIL_CALL)
			continue;
		err = analysis->sites[i].insn < end ? follow_site(walk, from, &analysis->sites[i])
						    : refuse_function(walk, from);
	}
	return err;
}

/* ---- depth ---- */

/* Lengthens the ways by one call; false: none got longer. */
static bool lengthen(struct walk *walk)
{
	bool is_longer = false;

	for (uint32_t from = 0; from < walk->n; from++) {
		for (uint32_t to = 0; to < walk->n; to++) {
			struct node *target = &walk->nodes[to];

			if (!(walk->nodes[from].calls >> to & 1) ||
			    target->depth > walk->nodes[from].depth)
				continue;
			target->depth = walk->nodes[from].depth + 1;
			is_longer = true;
			if (target->depth >= walk->n) /* some program is on the way twice */
				return false;
		}
	}
	return is_longer;
}

static int decide_depth(struct walk *walk)
{
	struct hone_chain *chain = walk->chain;
	const struct node *deepest = &walk->nodes[0];

	while (lengthen(walk))
		;
	for (uint32_t i = 1; i < walk->n; i++)
		if (walk->nodes[i].depth > deepest->depth)
			deepest = &walk->nodes[i];
	chain->depth = deepest->depth;
	if (chain->depth >= walk->n) {
		chain->refused = HONE_NO_TAIL_CYCLE;
		snprintf(chain->detail, HONE_DETAIL_LEN, "program %s, id %u",
			 deepest->program.unit->name, deepest->prog_id);
		return 0;
	}
	if (chain->depth > HONE_CHAIN_DEPTH_MAX)
		return refuse(walk, HONE_NO_TAIL_DEPTH, "%u tail calls in a row", chain->depth);
	return 0;
}

/* ---- the programs over one list of maps ---- */

static int rename_maps(const struct node *node, struct hone_unit *target)
{
	for (uint32_t i = 0; i < target->n_insns; i++) {
		struct bpf_insn *insn = &target->insns[i];

		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_MAP_VALUE) {
			if ((uint32_t)insn->imm >= node->program.unit->n_maps)
				return hone_log_err(-EINVAL, "%s: instruction %u names map %d",
						    target->name, i, insn->imm);
			insn->imm = (int32_t)node->map[insn->imm];
		}
		i++;
	}
	return 0;
}

static int add_target(struct walk *walk, const struct node *node)
{
	struct hone_chain *chain = walk->chain;
	struct hone_unit *target = &chain->targets[chain->n_targets];
	struct bpf_insn *insns = calloc(node->program.unit->n_insns, sizeof(*insns));

	if (!insns)
		return -ENOMEM;
	*target = *node->program.unit;
	target->insns = memcpy(insns, target->insns, target->n_insns * sizeof(*insns));
	target->prog_id = node->prog_id;
	target->maps = chain->unit.maps;
	target->n_maps = chain->unit.n_maps;
	chain->n_targets++;
	return rename_maps(node, target);
}

static int add_targets(struct walk *walk)
{
	int err = 0;

	walk->chain->targets = calloc(walk->n, sizeof(*walk->chain->targets));
	if (!walk->chain->targets)
		return -ENOMEM;
	for (uint32_t i = 1; i < walk->n && !err; i++)
		err = add_target(walk, &walk->nodes[i]);
	return err;
}

static int walk_all(struct walk *walk, const struct hone_unit *unit, const struct hone_maps *maps)
{
	struct node *first = &walk->nodes[0];
	int err = walk->find(walk->arg, unit->prog_id, &first->program);

	if (err)
		return err;
	first->prog_id = unit->prog_id;
	first->program.unit = unit;
	walk->n = 1;
	err = add_own_maps(walk, unit, maps);
	for (uint32_t i = 0; i < walk->n && !err && !is_refused(walk); i++)
		err = follow(walk, &walk->nodes[i]);
	if (err || is_refused(walk))
		return err;
	err = decide_depth(walk);
	return err || is_refused(walk) ? err : add_targets(walk);
}

int hone_chain_new(const struct hone_unit *unit, const struct hone_maps *maps, hone_chain_find find,
		   void *arg, struct hone_chain *out)
{
	_cleanup_free_ struct walk *walk = calloc(1, sizeof(*walk));
	struct hone_chain chain = {.unit = *unit};
	int err;

	if (!walk)
		return -ENOMEM;
	chain.unit.maps = NULL;
	chain.unit.n_maps = 0;
	*walk = (struct walk){.chain = &chain, .find = find, .arg = arg};
	err = walk_all(walk, unit, maps);
	if (err) {
		hone_chain_free(&chain);
		return err;
	}
	*out = chain;
	return 0;
}

void hone_chain_free(struct hone_chain *chain)
{
	for (uint32_t i = 0; i < chain->n_targets; i++)
		free(chain->targets[i].insns);
	free(chain->targets);
	free(chain->unit.maps);
	hone_maps_close(&chain->maps);
	*chain = (struct hone_chain){0};
}
