// SPDX-License-Identifier: Apache-2.0
/* object: load once more what somebody loaded before anybody captured it.
 *
 * libbpf tells the instructions that it would give to the kernel only after a load. It is given
 * the running program's maps, found by name, type and sizes, through read-only descriptors: what
 * it initialises in maps (slots of PROG_ARRAYs) fails instead of changing them. Such a failure
 * comes after the program was put together, so that its instructions are judged, not its load. */
#include "runtime/live/object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/sys.h"
#include "runtime/live/capture.h"
#include "runtime/live/kfuncs.h"
#include "runtime/live/maps.h"

enum { LD_IMM64 = BPF_LD | BPF_IMM | BPF_DW, BOUND_MAX = 2 * HONE_MAPS_MAX };

/* The running program, and what libbpf makes of the object. */
struct rebuild {
	struct bpf_prog_info running;
	int prog_fd;
	uint32_t n_maps; /* of the running program, those that were bound later included */
	struct hone_map maps[BOUND_MAX];
	struct bpf_object *object;
	struct bpf_program *program;
	char missing[HONE_DETAIL_LEN]; /* a map of the object that the running program has not */
	char *detail;
};

static void rebuild_cleanup(struct rebuild *rebuild)
{
	bpf_object__close(rebuild->object);
	if (rebuild->prog_fd >= 0)
		close(rebuild->prog_fd);
}

__attribute__((format(printf, 3, 4))) static int say(struct rebuild *rebuild, int err,
						     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(rebuild->detail, HONE_DETAIL_LEN, format, args);
	va_end(args);
	return err;
}

/* ---- the running program ---- */

static int read_running(struct rebuild *rebuild, uint32_t prog_id)
{
	__u32 ids[BOUND_MAX];
	int err;

	rebuild->prog_fd = bpf_prog_get_fd_by_id(prog_id);
	if (rebuild->prog_fd < 0)
		return say(rebuild, -errno, "program %u: %s", prog_id, strerror(errno));
	err = hone_prog_info(rebuild->prog_fd, &rebuild->running);
	if (!err)
		err = hone_prog_map_ids(rebuild->prog_fd, ids, BOUND_MAX, &rebuild->n_maps);
	for (uint32_t i = 0; i < rebuild->n_maps && !err; i++) {
		_cleanup_close_ int fd = bpf_map_get_fd_by_id(ids[i]);

		err = fd < 0 ? -errno : hone_map_describe(fd, &rebuild->maps[i]);
	}
	return err ? say(rebuild, err, "program %u: %s", prog_id, strerror(-err)) : 0;
}

/* ---- which program of the object ---- */

static bool is_called(const struct bpf_program *program, const char *name)
{
	return strncmp(bpf_program__name(program), name, HONE_NAME_LEN - 1) == 0;
}

static int choose_program(struct rebuild *rebuild, const char *name)
{
	const char *wanted = name ? name : rebuild->running.name;
	struct bpf_program *program, *only = NULL;
	char names[HONE_DETAIL_LEN / 2] = "none";
	size_t used = 0;
	int n = 0;

	bpf_object__for_each_program(program, rebuild->object)
	{
		if (name ? strcmp(bpf_program__name(program), name) == 0
			 : is_called(program, wanted))
			rebuild->program = program;
		only = program;
		n++;
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 n > 1 ? ", " : "", bpf_program__name(program));
	}
	if (!rebuild->program && !name && n == 1)
		rebuild->program = only;
	if (!rebuild->program)
		return say(rebuild, -EINVAL, "the object has no program %.60s (it has: %s)", wanted,
			   names);
	bpf_object__for_each_program(program, rebuild->object)
		bpf_program__set_autoload(program, program == rebuild->program);
	return 0;
}

/* ---- its maps ---- */

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), of_end = strlen(end);

	return length >= of_end && strcmp(name + length - of_end, end) == 0;
}

/* Globals are named after the object's file, which may be called otherwise now: the section counts.
 */
static bool has_name(const struct bpf_map *map, const char *running)
{
	const char *name = bpf_map__name(map), *section = strrchr(name, '.');

	if (!bpf_map__is_internal(map))
		return strncmp(name, running, HONE_NAME_LEN - 1) == 0;
	return section && (ends_with(running, section) || strncmp(name, running, 15) == 0);
}

static bool has_shape(const struct bpf_map *map, const struct hone_map *running)
{
	return (uint32_t)bpf_map__type(map) == running->type &&
	       bpf_map__key_size(map) == running->key_size &&
	       bpf_map__value_size(map) == running->value_size;
}

/* Index among the running program's maps; -1: none. A map of the name alone is *similar. */
static int find_map(const struct rebuild *rebuild, const struct bpf_map *map, const bool *is_taken,
		    const struct hone_map **similar)
{
	for (uint32_t i = 0; i < rebuild->n_maps; i++) {
		if (is_taken[i] || !has_name(map, rebuild->maps[i].name))
			continue;
		if (has_shape(map, &rebuild->maps[i]))
			return (int)i;
		*similar = &rebuild->maps[i];
	}
	return -1;
}

/* Not created: if the program names it after all, it cannot be loaded. */
static int leave_out(struct rebuild *rebuild, struct bpf_map *map, const struct hone_map *similar)
{
	if (similar)
		snprintf(rebuild->missing, sizeof(rebuild->missing),
			 "map %s has type %u, keys of %u and values of %u bytes; of the running "
			 "program: type %u, %u and %u bytes",
			 bpf_map__name(map), bpf_map__type(map), bpf_map__key_size(map),
			 bpf_map__value_size(map), similar->type, similar->key_size,
			 similar->value_size);
	else if (!rebuild->missing[0])
		snprintf(rebuild->missing, sizeof(rebuild->missing),
			 "map %s: the running program has none of this name", bpf_map__name(map));
	return bpf_map__set_autocreate(map, false);
}

static int lend_maps(struct rebuild *rebuild)
{
	LIBBPF_OPTS(bpf_get_fd_by_id_opts, read_only, .open_flags = BPF_F_RDONLY);
	bool is_taken[BOUND_MAX] = {false};
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, rebuild->object)
	{
		const struct hone_map *similar = NULL;
		int at = find_map(rebuild, map, is_taken, &similar);
		_cleanup_close_ int fd = -1;

		bpf_map__set_pin_path(map, NULL);
		if (at < 0) {
			err = leave_out(rebuild, map, similar);
			if (err)
				return err;
			continue;
		}
		is_taken[at] = true;
		fd = bpf_map_get_fd_by_id_opts(rebuild->maps[at].id, &read_only);
		err = fd < 0 ? -errno : bpf_map__reuse_fd(map, fd);
		if (err)
			return say(rebuild, err, "map %s: %s", rebuild->maps[at].name,
				   strerror(-err));
	}
	return 0;
}

/* ---- the unit ---- */

struct lent {
	int fd;
	uint32_t id;
};

/* Descriptors are the object's until it is unloaded, which a failed load does. */
static int list_lent(const struct rebuild *rebuild, struct lent *out)
{
	const struct bpf_map *map;
	int n = 0;

	bpf_object__for_each_map(map, rebuild->object)
	{
		struct bpf_map_info info;
		int fd = bpf_map__fd(map);

		if (fd < 0 || n == BOUND_MAX || hone_map_info(fd, &info))
			continue;
		out[n++] = (struct lent){fd, info.id};
	}
	return n;
}

/* Index of the map in the unit, added if it is new; -1: the descriptor was not lent. */
static int32_t unit_map(struct rebuild *rebuild, struct hone_unit *unit, const struct lent *lent,
			int n_lent, int fd)
{
	int at = 0;

	while (at < n_lent && lent[at].fd != fd)
		at++;
	if (at == n_lent)
		return -1;
	for (uint32_t i = 0; i < unit->n_maps; i++)
		if (unit->maps[i].id == lent[at].id)
			return (int32_t)i;
	for (uint32_t i = 0; i < rebuild->n_maps; i++)
		if (rebuild->maps[i].id == lent[at].id && unit->n_maps < HONE_MAPS_MAX) {
			unit->maps[unit->n_maps] = rebuild->maps[i];
			unit->maps[unit->n_maps].index = unit->n_maps;
			return (int32_t)unit->n_maps++;
		}
	return -1;
}

static int take_insns(struct rebuild *rebuild, const struct lent *lent, int n_lent,
		      struct hone_unit *unit)
{
	size_t n = bpf_program__insn_cnt(rebuild->program);

	unit->insns = calloc(n + 1, sizeof(*unit->insns));
	unit->maps = calloc(HONE_MAPS_MAX, sizeof(*unit->maps));
	if (!unit->insns || !unit->maps)
		return -ENOMEM;
	memcpy(unit->insns, bpf_program__insns(rebuild->program), n * sizeof(*unit->insns));
	unit->n_insns = (uint32_t)n;
	for (uint32_t i = 0; i < n; i++) {
		struct bpf_insn *insn = &unit->insns[i];

		if (insn->code != LD_IMM64)
			continue;
		i++;
		if (insn->src_reg != BPF_PSEUDO_MAP_FD && insn->src_reg != BPF_PSEUDO_MAP_VALUE)
			continue;
		insn->imm = unit_map(rebuild, unit, lent, n_lent, insn->imm);
		if (insn->imm < 0 && rebuild->detail[0])
			return -EBADMSG; /* a map that was left out: said */
		if (insn->imm < 0)
			return say(rebuild, -EBADMSG,
				   "instruction %u names a map that is not there", i - 1);
	}
	rebuild->detail[0] = '\0'; /* what is missing is not missed */
	return 0;
}

/* ---- its functions ---- */

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* First instructions of the unit's functions, ascending. Returns how many, or -ENOMEM. */
static int find_functions(const struct hone_unit *unit, uint32_t **out)
{
	uint32_t *starts = calloc(unit->n_insns + 1, sizeof(*starts));
	int n = 1, n_different = 1;

	if (!starts)
		return -ENOMEM;
	for (uint32_t i = 0; i < unit->n_insns; i++) {
		const struct bpf_insn *insn = &unit->insns[i];
		bool is_call =
			insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL;
		bool is_address = insn->code == LD_IMM64 && insn->src_reg == BPF_PSEUDO_FUNC;

		if (is_call || is_address)
			starts[n++] = i + 1 + (uint32_t)insn->imm;
		i += insn->code == LD_IMM64;
	}
	qsort(starts, (size_t)n, sizeof(*starts), by_value);
	for (int i = 1; i < n; i++)
		if (starts[i] != starts[n_different - 1])
			starts[n_different++] = starts[i];
	*out = starts;
	return n_different;
}

/* The kernel keeps the functions' types in their order, with offsets of verified instructions:
 * only the types are taken. Another number of functions: some were removed, none is taken. */
static int take_func_info(const struct rebuild *rebuild, struct hone_unit *unit)
{
	_cleanup_free_ uint32_t *starts = NULL;
	int n = find_functions(unit, &starts);
	_cleanup_free_ struct bpf_func_info *info = NULL;
	struct bpf_prog_info request = {.nr_func_info = (uint32_t)n,
					.func_info_rec_size = sizeof(*info)};
	uint32_t size = sizeof(request);

	if (n < 0)
		return n;
	if (!rebuild->running.btf_id || rebuild->running.nr_func_info != (uint32_t)n)
		return 0;
	info = calloc((size_t)n, sizeof(*info));
	if (!info)
		return -ENOMEM;
	request.func_info = (uint64_t)(uintptr_t)info;
	if (bpf_obj_get_info_by_fd(rebuild->prog_fd, &request, &size))
		return -errno;
	for (int i = 0; i < n; i++)
		info[i].insn_off = starts[i];
	unit->btf_id = rebuild->running.btf_id;
	unit->n_func_info = (uint32_t)n;
	unit->func_info_rec_size = sizeof(*info);
	unit->func_info = (uint8_t *)TAKE_PTR(info);
	return 0;
}

static void take_attributes(const struct rebuild *rebuild, struct hone_unit *unit)
{
	const struct bpf_prog_info *running = &rebuild->running;

	memcpy(unit->name, running->name, sizeof(unit->name));
	memcpy(unit->tag, running->tag, sizeof(unit->tag));
	unit->prog_id = running->id;
	unit->prog_type = running->type;
	unit->expected_attach_type = bpf_program__expected_attach_type(rebuild->program);
	unit->prog_flags = bpf_program__flags(rebuild->program);
	/* All that the kernel keeps of a licence is whether it is compatible with its own. */
	strcpy(unit->license, running->gpl_compatible ? "GPL" : "Proprietary");
}

static int rebuild_unit(struct rebuild *rebuild, const char *name, struct hone_unit *unit)
{
	struct lent lent[BOUND_MAX];
	int err = choose_program(rebuild, name), n_lent, load_err;

	if (!err)
		err = lend_maps(rebuild);
	if (err)
		return err;
	if ((uint32_t)bpf_program__type(rebuild->program) != rebuild->running.type)
		return say(rebuild, -EBADMSG,
			   "program %s is of type %d, the running one of type %u",
			   bpf_program__name(rebuild->program), bpf_program__type(rebuild->program),
			   rebuild->running.type);
	n_lent = list_lent(rebuild, lent);
	load_err = bpf_object__load(rebuild->object);
	err = take_insns(rebuild, lent, n_lent, unit);
	if (!err)
		err = take_func_info(rebuild, unit);
	if (err)
		return err;
	take_attributes(rebuild, unit);
	/* Nothing of it stays loaded while it is compared. */
	bpf_object__close(TAKE_PTR(rebuild->object));
	err = hone_kfuncs_describe(unit);
	if (err)
		return err;
	err = hone_unit_verify(unit, rebuild->detail);
	if (!err || err == -EBADMSG || !load_err)
		return err;
	if (rebuild->missing[0])
		return say(rebuild, -EBADMSG, "%s", rebuild->missing);
	return say(rebuild, -EBADMSG, "it cannot be loaded (%s): HONE_LOG=debug tells more",
		   strerror(-load_err));
}

int hone_object_unit(const void *object, size_t size, const char *program, uint32_t prog_id,
		     struct hone_unit *out, char *detail)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "hone");
	_cleanup_(rebuild_cleanup) struct rebuild rebuild = {.prog_fd = -1, .detail = detail};
	struct hone_unit unit = {0};
	char why[128];
	int err;

	detail[0] = '\0';
	err = read_running(&rebuild, prog_id);
	if (err)
		return err;
	rebuild.object = bpf_object__open_mem(object, size, &opts);
	if (!rebuild.object) {
		libbpf_strerror(errno, why, sizeof(why));
		return say(&rebuild, -EINVAL, "not an object that libbpf reads (%s)", why);
	}
	err = rebuild_unit(&rebuild, program, &unit);
	if (err)
		hone_unit_free(&unit);
	else
		*out = unit;
	return err;
}
