// SPDX-License-Identifier: Apache-2.0
/* diff_program: see the header. Pins and attaches nothing; what is loaded goes with us. */
#include "runtime/cli/diff_program.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "runtime/common/file.h"
#include "runtime/common/sys.h"
#include "runtime/live/discover.h"
#include "runtime/live/object.h"
#include "runtime/live/units.h"

enum { OBJECT_BYTES_MAX = 64 << 20 };

/* ---- a program that runs ---- */

static enum hone_exit open_running(const struct hone_cli *cli, uint32_t prog_id,
				   struct hone_diff_program *out)
{
	char dir[256];
	int err;

	snprintf(dir, sizeof(dir), "%s/units", cli->state);
	err = hone_units_load(dir, prog_id, &out->unit);
	if (err)
		return hone_fail(cli, HONE_EXIT_IMPOSSIBLE,
				 "%.100s: its instructions were not captured, so that no copy can "
				 "be run on copies of its maps: name its object file, or have it "
				 "loaded while honed runs or by hone run",
				 out->text);
	err = hone_maps_open(&out->unit, &out->maps);
	if (err)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.100s: its maps: %s", out->text,
				 strerror(-err));
	return HONE_EXIT_OK;
}

/* ---- an object ---- */

/* FILE or FILE:PROGRAM; *program is NULL where none is named. */
static void split(const char *text, char *path, size_t size, const char **program)
{
	const char *colon = strrchr(text, ':');

	snprintf(path, size, "%s", text);
	*program = NULL;
	if (!colon || !access(text, F_OK) || (size_t)(colon - text) >= size)
		return;
	path[colon - text] = '\0';
	*program = colon + 1;
}

static struct bpf_program *choose(struct bpf_object *object, const char *name)
{
	struct bpf_program *first = bpf_object__next_program(object, NULL);

	if (name)
		return bpf_object__find_program_by_name(object, name);
	return first && !bpf_object__next_program(object, first) ? first : NULL;
}

static int load_alone(struct bpf_object *object, const struct bpf_program *program)
{
	struct bpf_program *other;
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) bpf_map__set_pin_path(map, NULL);
	bpf_object__for_each_program(other, object)
		bpf_program__set_autoload(other, other == program);
	return bpf_object__load(object);
}

static enum hone_exit take_unit(const struct hone_cli *cli, const struct bpf_program *program,
				const void *bytes, size_t size, struct hone_diff_program *out)
{
	char detail[HONE_DETAIL_LEN] = "";
	struct bpf_prog_info info;
	int err = hone_prog_info(bpf_program__fd(program), &info);

	if (!err)
		err = hone_object_unit(bytes, size, bpf_program__name(program), info.id, &out->unit,
				       detail);
	if (!err)
		err = hone_maps_open(&out->unit, &out->maps);
	if (err)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.100s: %s", out->text,
				 detail[0] ? detail : strerror(-err));
	return HONE_EXIT_OK;
}

static enum hone_exit open_object(const struct hone_cli *cli, struct hone_diff_program *out)
{
	_cleanup_free_ char *bytes = NULL;
	struct bpf_program *program;
	char path[4096];
	const char *name;
	size_t size;
	int err;

	split(out->text, path, sizeof(path), &name);
	err = hone_file_read(path, OBJECT_BYTES_MAX, &bytes, &size);
	if (err)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.200s: %s", path, strerror(-err));
	out->object = bpf_object__open_file(path, NULL);
	if (!out->object)
		return hone_fail(cli, HONE_EXIT_FAILED,
				 "%.200s: not id:N, a pin, or an object that libbpf reads", path);
	program = choose(out->object, name);
	if (!program)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.200s: %s%.60s", path,
				 name ? "no program " : "has several programs: name one, FILE:NAME",
				 name ? name : "");
	err = load_alone(out->object, program);
	if (err)
		return hone_fail(cli, HONE_EXIT_VERIFIER,
				 "%.200s: %.60s: cannot be loaded (%s): HONE_LOG=debug tells more",
				 path, bpf_program__name(program), strerror(-err));
	return take_unit(cli, program, bytes, size, out);
}

/* ---- all ---- */

/* 0: not id:N. */
static uint32_t id_of(const char *text)
{
	char *end;
	unsigned long id;

	if (strncmp(text, "id:", 3) != 0)
		return 0;
	id = strtoul(text + 3, &end, 10);
	return *end || id > UINT32_MAX ? 0 : (uint32_t)id;
}

enum hone_exit hone_diff_program_open(const struct hone_cli *cli, const char *text,
				      struct hone_diff_program *out)
{
	uint32_t prog_id = id_of(text);

	*out = (struct hone_diff_program){.text = text};
	if (!prog_id && hone_target_pinned(text, &prog_id))
		return open_object(cli, out);
	return open_running(cli, prog_id, out);
}

void hone_diff_program_close(struct hone_diff_program *program)
{
	hone_maps_close(&program->maps);
	hone_unit_free(&program->unit);
	bpf_object__close(program->object);
	*program = (struct hone_diff_program){0};
}

/* ---- a snapshot ---- */

static const struct hone_map *find_map(const struct hone_unit *snapshot, const struct hone_map *map)
{
	for (uint32_t i = 0; i < snapshot->n_maps; i++) {
		const struct hone_map *from = &snapshot->maps[i];

		if (strcmp(from->name, map->name) == 0 && from->type == map->type &&
		    from->key_size == map->key_size && from->value_size == map->value_size &&
		    from->n_entries > 0)
			return from;
	}
	return NULL;
}

static int fill(int fd, const struct hone_map *from)
{
	uint32_t stride = hone_map_value_stride(from) * from->n_cpus;

	if (from->n_cpus != 1 && from->n_cpus != (uint32_t)libbpf_num_possible_cpus())
		return -EXDEV;
	for (uint32_t i = 0; i < from->n_entries; i++)
		if (bpf_map_update_elem(fd, from->keys + (size_t)i * from->key_size,
					from->values + (size_t)i * stride, BPF_ANY))
			return -errno;
	return 0;
}

enum hone_exit hone_diff_program_fill(const struct hone_cli *cli,
				      const struct hone_diff_program *program,
				      const struct hone_unit *snapshot)
{
	if (!program->object)
		return hone_fail(cli, HONE_EXIT_USAGE,
				 "%.100s: --maps fills maps of objects only: these are in use",
				 program->text);
	for (uint32_t i = 0; i < program->unit.n_maps; i++) {
		const struct hone_map *map = &program->unit.maps[i];
		const struct hone_map *from = map->is_frozen ? NULL : find_map(snapshot, map);
		int err = from ? fill(program->maps.fd[i], from) : 0;

		if (err)
			return hone_fail(cli, HONE_EXIT_FAILED, "map %s: cannot be filled: %s",
					 map->name,
					 err == -EXDEV ? "the snapshot is of another number of CPUs"
						       : strerror(-err));
	}
	return HONE_EXIT_OK;
}
