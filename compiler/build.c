// SPDX-License-Identifier: Apache-2.0
/* build: the story of an offline compile.
 *
 * An object is read; each of its programs becomes a unit, with the facts that are given for it, and
 * is compiled; what came of it goes back into the object. Nothing is known of who will load it, so
 * that only what cannot change is folded. A program that is refused stays as it was; an object of
 * which all programs are refused is not written. */
#include "compiler/build.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/compiler.h"

enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	FILE_BYTES_MAX = 256 << 20,
	LEVEL_DEFAULT = 2,
	TABLE_BYTES_MAX = 1 << 20
};

struct options {
	const char *input, *output, *facts, *program;
	unsigned int level;
	char *const *clang_args;
};

struct build {
	struct options options;
	struct hone_arena *arena;
	struct hone_object object;
	struct hone_facts_file facts; /* unit.n_insns 0: none */
	struct hone_replacement *replacements;
	uint32_t n_replacements, n_programs;
	bool facts_used;
	struct hone_result *results; /* one per program, alive until the object is written */
	json_t *report, *programs;
	struct hone_refusal why;
};

/* ---- files ---- */

static int read_file(struct build *b, const char *path, enum hone_reason reason,
		     const uint8_t **bytes, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st = {0};
	uint8_t *data = NULL;
	ssize_t n = -1;

	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= FILE_BYTES_MAX) {
		data = hone_arena_alloc(b->arena, (size_t)st.st_size + 1, 1);
		n = read(fd, data, (size_t)st.st_size);
	}
	if (n != st.st_size)
		hone_refuse(&b->why, reason, "%.200s: %s", path,
			    fd < 0 || (data && n < 0)	  ? strerror(errno)
			    : !S_ISREG(st.st_mode)	  ? "not a regular file"
			    : st.st_size > FILE_BYTES_MAX ? "larger than 256 MiB"
							  : "changes while it is read");
	if (fd >= 0)
		close(fd);
	*bytes = data;
	*size = (size_t)st.st_size;
	return n == st.st_size ? 0 : -EINVAL;
}

static int write_file(struct build *b, const uint8_t *bytes, size_t size)
{
	FILE *file = fopen(b->options.output, "we");
	bool done = file && fwrite(bytes, 1, size, file) == size;

	if (file && fclose(file))
		done = false;
	return done ? 0
		    : hone_refuse(&b->why, HONE_NO_OBJECT, "%.200s: %s", b->options.output,
				  strerror(errno));
}

static bool is_source(const char *path)
{
	size_t length = strlen(path);

	return length > 2 && strcmp(path + length - 2, ".c") == 0;
}

static int read_input(struct build *b)
{
	const char *path = b->options.input;
	const uint8_t *bytes;
	size_t size;
	int err;

	if (is_source(path))
		err = hone_source_compile(b->arena, path, b->options.clang_args, b->report, &bytes,
					  &size, &b->why);
	else
		err = read_file(b, path, HONE_NO_OBJECT, &bytes, &size);
	return err ? err : hone_object_read(b->arena, bytes, size, &b->object, &b->why);
}

static int read_facts(struct build *b)
{
	const uint8_t *text;
	char error[HONE_DETAIL_LEN];
	size_t size;
	int err;

	if (!b->options.facts)
		return 0;
	err = read_file(b, b->options.facts, HONE_NO_FACTS, &text, &size);
	if (err)
		return err;
	if (hone_facts_file_decode((const char *)text, size, &b->facts, error))
		return hone_refuse(&b->why, HONE_NO_FACTS, "%.100s: %.140s", b->options.facts,
				   error);
	return 0;
}

/* ---- facts of a program ---- */

/* Global variables are called after the object's file too, as far as there is room. */
static bool is_same_name(const char *object, const char *running)
{
	size_t length = strlen(running), of_object = strlen(object);

	if (object[0] == '.')
		return length >= of_object && !strcmp(running + length - of_object, object);
	return strncmp(object, running, HONE_NAME_LEN) == 0;
}

static int check_map(struct build *b, const struct hone_map *map, const struct hone_map *fact)
{
	if (!is_same_name(map->name, fact->name) || map->type != fact->type ||
	    map->key_size != fact->key_size || map->value_size != fact->value_size)
		return hone_refuse(&b->why, HONE_NO_FACTS,
				   "map %s: the facts have %s, of another name, type or size",
				   map->name, fact->name);
	return 0;
}

/* Instructions name maps by index; both sides must name the same one. */
static int check_insn(struct build *b, const struct hone_unit *unit, uint32_t at, int32_t *fact_of)
{
	const struct hone_unit *facts = &b->facts.unit;
	struct bpf_insn is = unit->insns[at], was = facts->insns[at];
	bool names_map = is.code == (BPF_LD | BPF_IMM | BPF_DW) &&
			 (is.src_reg == BPF_PSEUDO_MAP_FD || is.src_reg == BPF_PSEUDO_MAP_VALUE);

	if (names_map && was.code == is.code && is.imm >= 0 && (uint32_t)is.imm < unit->n_maps &&
	    was.imm >= 0 && (uint32_t)was.imm < facts->n_maps) {
		if (fact_of[is.imm] >= 0 && fact_of[is.imm] != was.imm)
			return hone_refuse(&b->why, HONE_NO_FACTS,
					   "instruction %u: names another map", at);
		fact_of[is.imm] = was.imm;
		was.imm = is.imm;
	}
	if (memcmp(&is, &was, sizeof(is)) != 0)
		return hone_refuse(&b->why, HONE_NO_FACTS, "instruction %u differs", at);
	return 0;
}

/* What is fixed may be folded. Of the rest the report tells the class; nothing guards it here. */
static void take_fact(struct hone_map *map, const struct hone_map *fact)
{
	map->class = fact->class;
	map->others = fact->others;
	map->is_frozen = fact->is_frozen;
	map->flags = fact->flags;
	map->max_entries = fact->max_entries;
	map->complete = fact->complete;
	map->n_entries = fact->n_entries;
	map->n_cpus = fact->n_cpus;
	map->keys = fact->keys;
	map->values = fact->values;
}

static int use_facts(struct build *b, struct hone_unit *unit)
{
	const struct hone_unit *facts = &b->facts.unit;
	int32_t fact_of[HONE_MAPS_MAX];
	int err = 0;

	if (!b->options.facts || strncmp(unit->name, facts->name, HONE_NAME_LEN) != 0)
		return 0;
	memset(fact_of, -1, sizeof(fact_of));
	if (unit->n_insns != facts->n_insns)
		return hone_refuse(&b->why, HONE_NO_FACTS, "%s has %u instructions, the facts' %u",
				   unit->name, unit->n_insns, facts->n_insns);
	for (uint32_t i = 0; !err && i < unit->n_insns; i++)
		err = check_insn(b, unit, i, fact_of);
	for (uint32_t i = 0; !err && i < unit->n_maps; i++)
		if (fact_of[i] >= 0)
			err = check_map(b, &unit->maps[i], &facts->maps[fact_of[i]]);
	for (uint32_t i = 0; !err && i < unit->n_maps; i++)
		if (fact_of[i] >= 0)
			take_fact(&unit->maps[i], &facts->maps[fact_of[i]]);
	b->facts_used = b->facts_used || !err;
	return err;
}

/* ---- one program ---- */

static int64_t line_of(const struct build *b, const char *name)
{
	const json_t *program;
	size_t i;

	json_array_foreach(json_object_get(b->report, "functions"), i, program)
	{
		const char *is = json_string_value(json_object_get(program, "name"));

		if (is && strcmp(is, name) == 0)
			return json_integer_value(json_object_get(program, "line"));
	}
	return 0;
}

static json_t *parsed(char *text)
{
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	return json;
}

static void report_program(struct build *b, const struct hone_object_function *program,
			   const struct hone_unit *unit, const struct hone_result *result)
{
	char *unit_text = NULL, *result_text = NULL;

	hone_unit_encode(unit, &unit_text);
	hone_result_encode(result, &result_text);
	json_array_append_new(b->programs,
			      json_pack("{s:s,s:s,s:I,s:o,s:o}", "name", program->name, "section",
					b->object.elf.sections[program->section].name, "line",
					(json_int_t)line_of(b, program->name), "unit",
					parsed(unit_text), "result", parsed(result_text)));
}

static bool has_table(const struct hone_image *image)
{
	for (uint32_t i = 0; i < image->n_relocs; i++)
		if (image->relocs[i].kind == HONE_RELOC_TABLE)
			return true;
	return false;
}

/* Functions that LLVM did not inline. A loader would take them for part of the program. */
static bool has_functions(const struct hone_image *image)
{
	for (uint32_t i = 0; i < image->n_insns; i++) {
		const struct bpf_insn *insn = &image->insns[i];
		bool is_load = insn->code == (BPF_LD | BPF_IMM | BPF_DW);

		if ((insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL) ||
		    (is_load && insn->src_reg == BPF_PSEUDO_FUNC))
			return true;
		i += is_load;
	}
	return false;
}

/* An object has no map of hone's own: what did not fold without a table is left as it is. */
static void compile_program(struct hone_request *request, struct hone_result *out)
{
	request->policy.max_table_bytes = TABLE_BYTES_MAX;
	hone_compile(request, out);
	if (has_table(&out->image)) {
		hone_result_free(out);
		request->policy.max_table_bytes = 0;
		hone_compile(request, out);
	}
	if (has_functions(&out->image)) {
		hone_result_free(out);
		out->refused = HONE_NO_OBJECT_FUNCTIONS;
	}
}

/* Refusals are results. Only facts that are not the program's end the build. */
static int build_program(struct build *b, const struct hone_object_function *program)
{
	struct hone_request request = {
		.kind = HONE_REQUEST_BUILD,
		.policy = {.level = b->options.level,
			   .max_entries = UINT32_MAX,
			   .max_insns = HONE_OBJECT_INSNS_MAX},
	};
	struct hone_replacement *replacement = &b->replacements[b->n_replacements];
	struct hone_result *result = &b->results[b->n_programs++];
	uint32_t *map_of = hone_arena_alloc(b->arena, HONE_MAPS_MAX, sizeof(*map_of));
	struct hone_refusal why = {0};

	if (hone_object_unit(&b->object, program, &request.unit, map_of, &why)) {
		result->refused = why.reason;
		memcpy(result->detail, why.detail, sizeof(result->detail));
	} else if (use_facts(b, &request.unit)) {
		return -EINVAL;
	} else {
		compile_program(&request, result);
	}
	report_program(b, program, &request.unit, result);
	if (result->refused != HONE_REWRITTEN) {
		b->why.reason = result->refused;
		snprintf(b->why.detail, sizeof(b->why.detail), "%.60s: %.180s", program->name,
			 result->detail);
		return 0;
	}
	*replacement = (struct hone_replacement){program, &result->image, map_of};
	b->n_replacements++;
	return 0;
}

static bool is_wanted(const struct build *b, const struct hone_object_function *function)
{
	return function->is_program &&
	       (!b->options.program || strcmp(b->options.program, function->name) == 0);
}

static int build_programs(struct build *b)
{
	uint32_t n = b->object.n_functions;

	b->replacements = hone_arena_alloc(b->arena, n + 1, sizeof(*b->replacements));
	b->results = hone_arena_alloc(b->arena, n + 1, sizeof(*b->results));
	for (uint32_t i = 0; i < n; i++) {
		int err = is_wanted(b, &b->object.functions[i])
				  ? build_program(b, &b->object.functions[i])
				  : 0;

		if (err)
			return err;
	}
	if (b->n_programs == 0)
		return hone_refuse(&b->why, HONE_NO_PROGRAM, "%.100s",
				   b->options.program ? b->options.program : b->options.input);
	if (b->options.facts && !b->facts_used)
		return hone_refuse(&b->why, HONE_NO_FACTS, "they are of program %s",
				   b->facts.unit.name);
	if (b->n_replacements == 0)
		return -EINVAL; /* why is the last program's */
	b->why = (struct hone_refusal){0};
	return 0;
}

/* ---- the whole ---- */

static int build(struct build *b)
{
	const uint8_t *bytes;
	size_t size;
	int err = read_input(b);

	if (!err)
		err = read_facts(b);
	if (!err)
		err = build_programs(b);
	if (!err)
		err = hone_object_write(&b->object, b->replacements, b->n_replacements, &bytes,
					&size, &b->why);
	if (!err && b->options.output)
		err = write_file(b, bytes, size);
	return err;
}

static int usage(const char *problem)
{
	fprintf(stderr,
		"honec: %s\nusage: honec --build IN [-o OUT] [--level N] [--facts F] "
		"[--program NAME] [-- CLANG-ARGUMENT…]\n",
		problem);
	return EXIT_USAGE;
}

static int parse(int argc, char **argv, struct options *out)
{
	static const struct option longs[] = {
		{"build", required_argument, NULL, 'b'},   {"output", required_argument, NULL, 'o'},
		{"level", required_argument, NULL, 'l'},   {"facts", required_argument, NULL, 'f'},
		{"program", required_argument, NULL, 'p'}, {0},
	};
	int option;

	*out = (struct options){.level = LEVEL_DEFAULT};
	while ((option = getopt_long(argc, argv, "+o:", longs, NULL)) != -1) {
		switch (option) {
		case 'b':
			out->input = optarg;
			break;
		case 'o':
			out->output = optarg;
			break;
		case 'l':
			if (optarg[0] < '0' || optarg[0] > '3' || optarg[1])
				return usage("level must be from 0 to 3");
			out->level = (unsigned int)(optarg[0] - '0');
			break;
		case 'f':
			out->facts = optarg;
			break;
		case 'p':
			out->program = optarg;
			break;
		default:
			return usage("unknown option");
		}
	}
	out->clang_args = argv + optind;
	return out->input ? 0 : usage("--build needs a file");
}

int hone_build_main(int argc, char **argv)
{
	struct build b = {0};
	int err = parse(argc, argv, &b.options);

	if (err)
		return err;
	b.arena = hone_arena_new();
	b.report = json_object();
	b.programs = json_array();
	err = build(&b);
	json_object_set_new(b.report, "refused",
			    json_string(err ? hone_reason_id(b.why.reason) : ""));
	json_object_set_new(b.report, "detail", json_stringn(b.why.detail, strlen(b.why.detail)));
	json_object_set_new(b.report, "programs", b.programs);
	json_dumpf(b.report, stdout, JSON_COMPACT);
	putchar('\n');
	for (uint32_t i = 0; i < b.n_programs; i++)
		hone_result_free(&b.results[i]);
	hone_facts_file_free(&b.facts);
	json_decref(b.report);
	hone_arena_free(b.arena);
	return err ? EXIT_FAILED : EXIT_SUCCESS;
}
