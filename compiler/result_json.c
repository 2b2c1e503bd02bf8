// SPDX-License-Identifier: Apache-2.0
/* result_json: what honec answers, to and from JSON.
 *
 * The daemon does not trust the worker more than a file: numbers that index something (maps,
 * instructions, the table) are checked against it here. Whether the image is any good is for
 * the kernel's verifier and check.c to say. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/json.h"

static const char *const reloc_kinds[] = {
	[HONE_RELOC_MAP] = "map",     [HONE_RELOC_MAP_VALUE] = "map_value",
	[HONE_RELOC_TABLE] = "table", [HONE_RELOC_GUARD] = "guard",
	[HONE_RELOC_SLOTS] = "slots", [HONE_RELOC_COUNTS] = "counts",
};
static_assert(sizeof(reloc_kinds) / sizeof(reloc_kinds[0]) == HONE_RELOC_N,
	      "relocation kind without name");

static const char *const assume_kinds[] = {
	[HONE_ASSUME_NO_KEYS] = "no_keys",
	[HONE_ASSUME_KEYS] = "keys",
	[HONE_ASSUME_VALUES] = "values",
	[HONE_ASSUME_VALUE_BITS] = "value_bits",
};
static_assert(sizeof(assume_kinds) / sizeof(assume_kinds[0]) == HONE_ASSUME_N,
	      "assumption kind without name");

static const char *const effect_names[] = {
	[HONE_CODE_LEVEL] = "code",
	[HONE_DATA_LEVEL] = "data",
};

static const char *class_name(uint32_t class)
{
	return hone_class_name((enum hone_class) class);
}

static const char *enforcement_name(uint32_t enforcement)
{
	return hone_enforcement_name((enum hone_enforcement)enforcement);
}

static const char *site_kind_name(uint32_t kind)
{
	return hone_site_kind_name((enum hone_site_kind)kind);
}

static const char *reason_id(uint32_t reason)
{
	return hone_reason_id((enum hone_reason)reason);
}

static uint32_t u32_member(const struct json_place *at, const char *key, uint32_t max)
{
	struct json_place member = json_member(at, key);

	return json_u32(&member, max);
}

static double ms_member(const struct json_place *at, const char *key)
{
	struct json_place member = json_member(at, key);

	return json_double(&member);
}

/* ---- writing ---- */

/* An array of n rows, each written by `row`. */
static json_t *from_rows(uint32_t n, const void *rows, size_t size, json_t *(*row)(const void *row))
{
	json_t *json = json_array();

	for (uint32_t i = 0; i < n; i++) {
		if (json_array_append_new(json, row((const char *)rows + i * size)) != 0) {
			json_decref(json);
			return NULL;
		}
	}
	return json;
}

static json_t *from_reloc(const void *row)
{
	const struct hone_reloc *reloc = row;

	assert(reloc->kind < HONE_RELOC_N);
	return json_pack("{s:I, s:s, s:I, s:I}", "insn", (json_int_t)reloc->insn, "kind",
			 reloc_kinds[reloc->kind], "map", (json_int_t)reloc->map, "offset",
			 (json_int_t)reloc->offset);
}

static json_t *from_assumption(const void *row)
{
	const struct hone_assumption *assumption = row;

	assert(assumption->kind < HONE_ASSUME_N && assumption->effect <= HONE_DATA_LEVEL);
	return json_pack("{s:s, s:I, s:I, s:s, s:s, s:I, s:o}", "kind",
			 assume_kinds[assumption->kind], "map", (json_int_t)assumption->map, "site",
			 (json_int_t)assumption->site, "effect", effect_names[assumption->effect],
			 "enforcement", hone_enforcement_name(assumption->enforcement), "offset",
			 (json_int_t)assumption->offset, "bits", json_from_u64(assumption->bits));
}

static json_t *from_function(const void *row)
{
	const struct hone_image_function *function = row;

	return json_pack("{s:I, s:I}", "insn", (json_int_t)function->insn, "origin",
			 (json_int_t)function->origin);
}

static json_t *from_effects_row(const void *row)
{
	return json_from_effects(row);
}

static json_t *from_site(const void *row)
{
	const struct hone_site_report *site = row;

	return json_pack("{s:I, s:I, s:I, s:s, s:s, s:o, s:s, s:I, s:b, s:I}", "id",
			 (json_int_t)site->id, "insn", (json_int_t)site->insn, "map",
			 (json_int_t)site->map, "kind", hone_site_kind_name(site->kind), "class",
			 hone_class_name(site->class), "action",
			 json_from_text(site->action, sizeof(site->action)), "reason",
			 hone_reason_id(site->reason), "n_entries", (json_int_t)site->n_entries,
			 "key_is_known", site->key_is_known, "key", (json_int_t)site->key);
}

static json_t *from_pass(const void *row)
{
	const struct hone_pass_report *pass = row;

	return json_pack("{s:o, s:I, s:f}", "name", json_from_text(pass->name, sizeof(pass->name)),
			 "n_rewritten", (json_int_t)pass->n_rewritten, "ms", pass->ms);
}

static json_t *from_index(const void *row)
{
	return json_integer(*(const uint32_t *)row);
}

static json_t *from_image(const struct hone_image *image)
{
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o}", "insns",
		json_from_bytes(image->insns, image->n_insns * sizeof(*image->insns)), "lines",
		json_from_bytes(image->lines, image->n_lines * sizeof(*image->lines)), "relocs",
		from_rows(image->n_relocs, image->relocs, sizeof(*image->relocs), from_reloc),
		"functions",
		from_rows(image->n_functions, image->functions, sizeof(*image->functions),
			  from_function),
		"table", json_from_bytes(image->table, image->table_bytes), "assumptions",
		from_rows(image->n_assumptions, image->assumptions, sizeof(*image->assumptions),
			  from_assumption));
}

int hone_result_encode(const struct hone_result *result, char **text)
{
	json_t *json = json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:b, s:f, s:f, s:f}", "refused",
		hone_reason_id(result->refused), "detail",
		json_from_detail(result->detail, sizeof(result->detail)), "image",
		from_image(&result->image), "effects",
		from_rows(result->n_effects, result->effects, sizeof(*result->effects),
			  from_effects_row),
		"sites",
		from_rows(result->n_sites, result->sites, sizeof(*result->sites), from_site),
		"passes",
		from_rows(result->n_passes, result->passes, sizeof(*result->passes), from_pass),
		"n_blocks", (json_int_t)result->n_blocks, "block_insns",
		from_rows(result->block_insns ? result->n_blocks : 0, result->block_insns,
			  sizeof(*result->block_insns), from_index),
		"cover_offset", (json_int_t)result->cover_offset, "is_plain", result->is_plain,
		"lift_ms", result->lift_ms, "optimize_ms", result->optimize_ms, "emit_ms",
		result->emit_ms);

	return json_finish(json, text);
}

/* ---- reading ---- */

/* The rows of the array `key`, each read by `row`; *n is what was allocated. */
static void *read_rows(const struct json_place *at, const char *key, uint32_t max, size_t size,
		       void (*row)(const struct json_place *at, void *row), uint32_t *n)
{
	struct json_place array = json_member(at, key);
	uint32_t count = json_count(&array, max);
	char *rows = json_alloc(&array, count, size);

	*n = rows ? count : 0;
	for (uint32_t i = 0; i < *n && !at->reading->failed; i++) {
		struct json_place element = json_element(&array, i);

		row(&element, rows + i * size);
	}
	return rows;
}

static void read_reloc(const struct json_place *at, void *row)
{
	static const char *const keys[] = {"insn", "kind", "map", "offset", NULL};
	struct json_place kind = json_member(at, "kind");
	struct hone_reloc *out = row;

	json_expect_keys(at, keys);
	out->insn = u32_member(at, "insn", UINT32_MAX);
	out->kind = (enum hone_reloc_kind)json_name(&kind, reloc_kinds, HONE_RELOC_N);
	out->map = u32_member(at, "map", HONE_MAPS_MAX - 1);
	out->offset = u32_member(at, "offset", UINT32_MAX);
}

static void read_assumption(const struct json_place *at, void *row)
{
	static const char *const keys[] = {"kind",	  "map",    "site", "effect",
					   "enforcement", "offset", "bits", NULL};
	struct json_place kind = json_member(at, "kind");
	struct json_place effect = json_member(at, "effect");
	struct json_place enforcement = json_member(at, "enforcement");
	struct json_place bits = json_member(at, "bits");
	struct hone_assumption *out = row;

	json_expect_keys(at, keys);
	out->kind = (enum hone_assume_kind)json_name(&kind, assume_kinds, HONE_ASSUME_N);
	out->map = u32_member(at, "map", HONE_MAPS_MAX - 1);
	out->site = u32_member(at, "site", UINT32_MAX);
	out->effect = (enum hone_effect)json_name(&effect, effect_names, HONE_DATA_LEVEL + 1);
	/* HONE_UNENFORCED is not a legal answer */
	out->enforcement =
		(enum hone_enforcement)json_enum(&enforcement, enforcement_name, HONE_UNENFORCED);
	out->offset = u32_member(at, "offset", UINT32_MAX);
	out->bits = json_u64(&bits);
}

static void read_function(const struct json_place *at, void *row)
{
	static const char *const keys[] = {"insn", "origin", NULL};
	struct hone_image_function *out = row;

	json_expect_keys(at, keys);
	out->insn = u32_member(at, "insn", UINT32_MAX);
	out->origin = u32_member(at, "origin", UINT32_MAX);
}

static void read_effects_row(const struct json_place *at, void *row)
{
	json_effects(at, row);
}

static void read_site(const struct json_place *at, void *row)
{
	static const char *const keys[] = {"id",	   "insn",   "map",    "kind",
					   "class",	   "action", "reason", "n_entries",
					   "key_is_known", "key",    NULL};
	struct json_place map = json_member(at, "map");
	struct json_place kind = json_member(at, "kind");
	struct json_place class = json_member(at, "class");
	struct json_place action = json_member(at, "action");
	struct json_place reason = json_member(at, "reason");
	struct json_place key_is_known = json_member(at, "key_is_known");
	struct hone_site_report *out = row;

	json_expect_keys(at, keys);
	out->id = u32_member(at, "id", UINT32_MAX);
	out->insn = u32_member(at, "insn", UINT32_MAX);
	out->map = json_i32(&map, -1, HONE_MAPS_MAX - 1);
	out->kind = (enum hone_site_kind)json_enum(&kind, site_kind_name, HONE_SITE_N);
	out->class = (enum hone_class)json_enum(&class, class_name, HONE_CLASS_N);
	json_text(&action, out->action, sizeof(out->action));
	out->reason = (enum hone_reason)json_enum(&reason, reason_id, HONE_REASON_N);
	out->n_entries = u32_member(at, "n_entries", UINT32_MAX);
	out->key_is_known = json_bool(&key_is_known);
	out->key = u32_member(at, "key", UINT32_MAX);
}

static void read_pass(const struct json_place *at, void *row)
{
	static const char *const keys[] = {"name", "n_rewritten", "ms", NULL};
	struct json_place name = json_member(at, "name");
	struct hone_pass_report *out = row;

	json_expect_keys(at, keys);
	json_text(&name, out->name, sizeof(out->name));
	out->n_rewritten = u32_member(at, "n_rewritten", UINT32_MAX);
	out->ms = ms_member(at, "ms");
}

static void read_index(const struct json_place *at, void *row)
{
	*(uint32_t *)row = json_u32(at, UINT32_MAX);
}

static void check_reloc(const struct json_place *relocs, uint32_t i, const struct hone_image *image)
{
	const struct hone_reloc *reloc = &image->relocs[i];
	struct json_place at = json_element(relocs, i);

	if (image->n_insns < 2 || reloc->insn > image->n_insns - 2)
		json_fail(&at, "no instruction of the image");
	else if (image->insns[reloc->insn].code != (BPF_LD | BPF_DW | BPF_IMM))
		json_fail(&at, "not a 64-bit constant load");
	else if (reloc->kind == HONE_RELOC_TABLE && reloc->offset >= image->table_bytes)
		json_fail(&at, "past the table");
}

static void read_image(const struct json_place *at, struct hone_image *out)
{
	static const char *const keys[] = {"insns", "lines",	   "relocs", "functions",
					   "table", "assumptions", NULL};
	struct json_place lines = json_optional(at, "lines"); /* earlier images had none */
	struct json_place functions = json_optional(at, "functions");
	struct json_place insns = json_member(at, "insns");
	struct json_place relocs = json_member(at, "relocs");
	struct json_place table = json_member(at, "table");

	json_expect_keys(at, keys);
	out->insns = json_bytes_new(&insns, sizeof(*out->insns), &out->n_insns);
	out->relocs = read_rows(at, "relocs", UINT32_MAX, sizeof(*out->relocs), read_reloc,
				&out->n_relocs);
	if (functions.json)
		out->functions = read_rows(at, "functions", UINT32_MAX, sizeof(*out->functions),
					   read_function, &out->n_functions);
	out->table = json_bytes_new(&table, 1, &out->table_bytes);
	out->assumptions = read_rows(at, "assumptions", UINT32_MAX, sizeof(*out->assumptions),
				     read_assumption, &out->n_assumptions);
	if (lines.json)
		out->lines = json_bytes_new(&lines, sizeof(*out->lines), &out->n_lines);
	for (uint32_t i = 0; i < out->n_lines; i++)
		if (out->lines[i].insn >= out->n_insns)
			json_fail(&lines, "no instruction of the image");
	for (uint32_t i = 0; i < out->n_relocs && !at->reading->failed; i++)
		check_reloc(&relocs, i, out);
}

static void read_blocks(const struct json_place *at, struct hone_result *out)
{
	struct json_place block_insns = json_member(at, "block_insns");
	uint32_t n;

	out->n_blocks = u32_member(at, "n_blocks", UINT32_MAX);
	out->cover_offset = u32_member(at, "cover_offset", UINT32_MAX);
	out->block_insns =
		read_rows(at, "block_insns", UINT32_MAX, sizeof(*out->block_insns), read_index, &n);
	if (n == 0)
		return;
	if (n != out->n_blocks)
		json_fail(&block_insns, "not one per block");
	else if ((uint64_t)out->cover_offset + n > out->image.table_bytes)
		json_fail(&block_insns, "past the table");
}

static void read_result(const struct json_place *at, struct hone_result *out)
{
	static const char *const keys[] = {"refused",	   "detail",   "image",	   "effects",
					   "sites",	   "passes",   "n_blocks", "block_insns",
					   "cover_offset", "is_plain", "lift_ms",  "optimize_ms",
					   "emit_ms",	   NULL};
	struct json_place refused = json_member(at, "refused");
	struct json_place detail = json_member(at, "detail");
	struct json_place is_plain = json_optional(at, "is_plain");
	struct json_place image = json_member(at, "image");

	json_expect_keys(at, keys);
	out->refused = (enum hone_reason)json_enum(&refused, reason_id, HONE_REASON_N);
	json_text(&detail, out->detail, sizeof(out->detail));
	read_image(&image, &out->image);
	out->effects = read_rows(at, "effects", HONE_MAPS_MAX, sizeof(*out->effects),
				 read_effects_row, &out->n_effects);
	out->sites =
		read_rows(at, "sites", UINT32_MAX, sizeof(*out->sites), read_site, &out->n_sites);
	out->passes = read_rows(at, "passes", UINT32_MAX, sizeof(*out->passes), read_pass,
				&out->n_passes);
	read_blocks(at, out);
	out->is_plain = is_plain.json && json_bool(&is_plain);
	out->lift_ms = ms_member(at, "lift_ms");
	out->optimize_ms = ms_member(at, "optimize_ms");
	out->emit_ms = ms_member(at, "emit_ms");
}

int hone_result_decode(const char *text, size_t size, struct hone_result *out, char *error)
{
	struct json_reading reading = {.error = error};
	struct hone_result result = {0};
	struct json_place root;
	json_t *json = json_begin(text, size, &reading, &root);

	read_result(&root, &result);
	json_decref(json);
	if (reading.failed) {
		hone_result_free(&result);
		return reading.failed;
	}
	*out = result;
	return 0;
}
