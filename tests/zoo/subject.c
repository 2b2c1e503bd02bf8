// SPDX-License-Identifier: Apache-2.0
/* subject: see the header. */
#include "tests/zoo/subject.h"

#include <errno.h>
#include <string.h>

#include "tests/zoo/fill.h"

static bool calls_siblings(const struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		if (bpf_map__type(map) == BPF_MAP_TYPE_PROG_ARRAY)
			return true;
	}
	return false;
}

static int load(struct bpf_object *object, const struct bpf_program *wanted)
{
	bool all = calls_siblings(object);
	struct bpf_program *program;
	struct bpf_map *map;
	int err;

	bpf_object__for_each_map(map, object) bpf_map__set_pin_path(map, NULL);
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, all || program == wanted);
	err = bpf_object__load(object);
	return err ? err : zoo_fill(object);
}

int zoo_subject_open(const char *path, const char *name, struct object_unit *out)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	const struct bpf_program *program;
	int err;

	*out = (struct object_unit){.prog_fd = -1};
	if (!object)
		return -errno;
	program = bpf_object__find_program_by_name(object, name);
	err = program ? load(object, program) : -ENOENT;
	err = err ? err : object_unit_of(object, program, out);
	out->object = object;
	if (err)
		object_unit_close(out);
	return err;
}

int zoo_programs_each(const char *path, int (*visit)(const char *path, const char *name, void *arg),
		      void *arg)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	const struct bpf_program *program;
	int err = object ? 0 : -errno;

	if (err)
		return err;
	for (program = bpf_object__next_program(object, NULL); program && !err;
	     program = bpf_object__next_program(object, (struct bpf_program *)(uintptr_t)program))
		err = visit(path, bpf_program__name(program), arg);
	bpf_object__close(object);
	return err;
}
