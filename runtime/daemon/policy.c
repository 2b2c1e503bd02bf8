// SPDX-License-Identifier: Apache-2.0
/* policy: the policy file into settings. Errors name the JSON path ("programs[2].level").
 *
 * Read at start and on SIGHUP; a bad file never replaces what is in force. */
#include "runtime/daemon/policy.h"

#include <errno.h>
#include <fnmatch.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/deploy/gate.h"

enum kind { UINT, BOOLEAN, NUMBER, ON_EXIT, RATE };

struct setting {
	const char *name;
	enum kind kind;
	size_t offset;
	double min, max;
};

#define AT(member) offsetof(struct hone_settings, member)

static const struct setting settings_rows[] = {
	{"quiet_ms", UINT, AT(quiet_ms), 0, 60000},
	{"max_compiles_per_second", RATE, AT(compile_gap_ms), 0.001, 1000},
	{"max_table_bytes", UINT, AT(max_table_bytes), 4096, 1 << 28},
	{"max_entries", UINT, AT(max_entries), 0, 1 << 24},
	{"max_insns", UINT, AT(max_insns), 64, 1000000},
	{"max_verified", UINT, AT(max_verified), 1, 1000000},
	{"max_verified_ratio", NUMBER, AT(max_verified_ratio), 0, 1000000},
	{"count_packets", BOOLEAN, AT(count_packets), 0, 0},
	{"on_exit", ON_EXIT, AT(on_exit), 0, 0},
	{"check_packets", UINT, AT(check_packets), 1, 100000000},
	{"gate_pairs", UINT, AT(gate_pairs), 0, 1001},
	{"gate_packets", UINT, AT(gate_packets), 1024, 10000000},
	{"gate_min_ratio", NUMBER, AT(gate_min_ratio), 0, 100},
};

enum { N_SETTINGS = sizeof(settings_rows) / sizeof(settings_rows[0]) };

void hone_settings_default(struct hone_settings *out)
{
	*out = (struct hone_settings){
		.quiet_ms = 200,
		.compile_gap_ms = 1000,
		.max_table_bytes = 1 << 20,
		.max_entries = 65536,
		.max_insns = 100000,
		.max_verified = 800000, /* the kernel stops at 1,000,000 */
		.max_verified_ratio = 1.25,
		.on_exit = HONE_EXIT_RESTORE,
		.check_packets = 2000,
		.gate_pairs = HONE_GATE_PAIRS,
		.gate_packets = HONE_GATE_PACKETS,
		.gate_min_ratio = 1.02,
	};
}

void hone_settings_free(struct hone_settings *settings)
{
	free(settings->never_fold);
	free(settings->programs);
	settings->never_fold = NULL;
	settings->programs = NULL;
	settings->n_never_fold = settings->n_programs = 0;
}

static int complain(char *error, const char *path, const char *cause)
{
	snprintf(error, HONE_DETAIL_LEN, "%.80s: %s", path, cause);
	return -EINVAL;
}

static int complain_range(char *error, const struct setting *row)
{
	char cause[96];

	snprintf(cause, sizeof(cause), "must be from %.15g to %.15g", row->min, row->max);
	return complain(error, row->name, cause);
}

static int set_number(struct hone_settings *out, const struct setting *row, const json_t *value,
		      char *error)
{
	char *at = (char *)out + row->offset;
	double number = json_number_value(value);

	if (row->kind == UINT ? !json_is_integer(value) : !json_is_number(value))
		return complain(error, row->name,
				row->kind == UINT ? "must be a whole number" : "must be a number");
	if (number < row->min || number > row->max)
		return complain_range(error, row);

	if (row->kind == NUMBER)
		*(double *)at = number;
	else
		*(uint32_t *)at = (uint32_t)(row->kind == RATE ? 1000 / number : number);
	return 0;
}

static int set_one(struct hone_settings *out, const struct setting *row, const json_t *value,
		   char *error)
{
	char *at = (char *)out + row->offset;
	const char *text = json_string_value(value);

	switch (row->kind) {
	case BOOLEAN:
		if (!json_is_boolean(value))
			return complain(error, row->name, "must be true or false");
		*(bool *)at = json_is_true(value);
		return 0;
	case ON_EXIT:
		if (!text || (strcmp(text, "keep") != 0 && strcmp(text, "restore") != 0))
			return complain(error, row->name, "must be \"keep\" or \"restore\"");
		*(enum hone_on_exit *)at =
			strcmp(text, "keep") == 0 ? HONE_EXIT_KEEP : HONE_EXIT_RESTORE;
		return 0;
	case UINT:
	case NUMBER:
	case RATE:
		break;
	}
	return set_number(out, row, value, error);
}

static int copy_text(char *to, size_t size, const json_t *value, const char *path, char *error)
{
	const char *text = json_string_value(value);

	if (!text)
		return complain(error, path, "must be a string");
	if (text[0] == '\0' || strlen(text) >= size)
		return complain(error, path, "is empty or too long");
	strcpy(to, text);
	return 0;
}

static int set_never_fold(struct hone_settings *out, const json_t *list, char *error)
{
	size_t n = json_array_size(list);
	char path[64];

	if (!json_is_array(list))
		return complain(error, "never_fold", "must be a list of map names");
	out->never_fold = calloc(n ? n : 1, sizeof(*out->never_fold));
	if (!out->never_fold)
		return complain(error, "never_fold", "no memory");

	for (size_t i = 0; i < n; i++) {
		int err;

		snprintf(path, sizeof(path), "never_fold[%zu]", i);
		err = copy_text(out->never_fold[i], HONE_NAME_LEN, json_array_get(list, i), path,
				error);
		if (err)
			return err;
	}
	out->n_never_fold = (uint32_t)n;
	return 0;
}

static int set_program_field(struct hone_policy_program *program, const char *key,
			     const json_t *value, const char *path, char *error)
{
	if (strcmp(key, "name") == 0)
		return copy_text(program->name, sizeof(program->name), value, path, error);
	if (strcmp(key, "interface") == 0)
		return copy_text(program->interface, sizeof(program->interface), value, path,
				 error);
	if (strcmp(key, "tag") == 0) {
		int err = copy_text(program->tag, sizeof(program->tag), value, path, error);

		if (!err && (strlen(program->tag) != 2 * BPF_TAG_SIZE ||
			     strspn(program->tag, "0123456789abcdef") != 2 * BPF_TAG_SIZE))
			return complain(error, path, "must be 16 hex digits, lower case");
		return err;
	}
	if (strcmp(key, "level") == 0) {
		json_int_t level = json_integer_value(value);

		if (!json_is_integer(value) || level < 0 || level > 3)
			return complain(error, path, "must be from 0 to 3");
		program->level = (unsigned int)level;
		return 0;
	}
	return complain(error, path, "is not a setting");
}

static int set_program(struct hone_policy_program *program, json_t *object, size_t index,
		       char *error)
{
	const char *key;
	json_t *value;
	char path[64];

	snprintf(path, sizeof(path), "programs[%zu]", index);
	if (!json_is_object(object))
		return complain(error, path, "must be an object");

	program->level = 2;
	json_object_foreach(object, key, value)
	{
		int err;

		snprintf(path, sizeof(path), "programs[%zu].%.20s", index, key);
		err = set_program_field(program, key, value, path, error);
		if (err)
			return err;
	}
	snprintf(path, sizeof(path), "programs[%zu]", index);
	if (!program->name[0] && !program->tag[0] && !program->interface[0])
		return complain(error, path, "must have a name, a tag or an interface");
	return 0;
}

static int set_programs(struct hone_settings *out, const json_t *list, char *error)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list))
		return complain(error, "programs", "must be a list");
	out->programs = calloc(n ? n : 1, sizeof(*out->programs));
	if (!out->programs)
		return complain(error, "programs", "no memory");

	for (size_t i = 0; i < n; i++) {
		int err = set_program(&out->programs[i], json_array_get(list, i), i, error);

		if (err)
			return err;
	}
	out->n_programs = (uint32_t)n;
	return 0;
}

static int set_member(struct hone_settings *out, const char *key, const json_t *value, char *error)
{
	if (strcmp(key, "$schema") == 0)
		return 0;
	if (strcmp(key, "never_fold") == 0)
		return set_never_fold(out, value, error);
	if (strcmp(key, "programs") == 0)
		return set_programs(out, value, error);
	for (size_t i = 0; i < N_SETTINGS; i++)
		if (strcmp(key, settings_rows[i].name) == 0)
			return set_one(out, &settings_rows[i], value, error);
	return complain(error, key, "is not a setting");
}

int hone_settings_parse(const char *text, size_t size, struct hone_settings *out, char *error)
{
	json_error_t where;
	_cleanup_json_ json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
	struct hone_settings settings;
	const char *key;
	json_t *value;

	if (!json) {
		snprintf(error, HONE_DETAIL_LEN, "line %d: %.150s", where.line, where.text);
		return -EINVAL;
	}
	if (!json_is_object(json))
		return complain(error, "the file", "must be one JSON object");

	hone_settings_default(&settings);
	json_object_foreach(json, key, value)
	{
		int err = set_member(&settings, key, value, error);

		if (err) {
			hone_settings_free(&settings);
			return err;
		}
	}
	*out = settings;
	return 0;
}

int hone_settings_load(const char *path, struct hone_settings *out, char *error)
{
	enum { FILE_BYTES_MAX = 1 << 20 };
	_cleanup_free_ char *text = malloc(FILE_BYTES_MAX + 1);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	size_t size;

	if (!text)
		return complain(error, path, "no memory");
	if (!file)
		return complain(error, path, strerror(errno));
	size = fread(text, 1, FILE_BYTES_MAX + 1, file);
	if (ferror(file))
		return complain(error, path, "cannot be read");
	if (size > FILE_BYTES_MAX)
		return complain(error, path, "is larger than 1 MiB");
	return hone_settings_parse(text, size, out, error);
}

static bool program_matches(const struct hone_policy_program *program, const struct hone_unit *unit,
			    const char *ifname)
{
	char tag[2 * BPF_TAG_SIZE + 1];

	for (size_t i = 0; i < BPF_TAG_SIZE; i++)
		snprintf(tag + 2 * i, 3, "%02x", unit->tag[i]);

	if (program->name[0] && fnmatch(program->name, unit->name, 0) != 0)
		return false;
	if (program->tag[0] && strcmp(program->tag, tag) != 0)
		return false;
	return !program->interface[0] || !ifname || fnmatch(program->interface, ifname, 0) == 0;
}

const struct hone_policy_program *hone_settings_match(const struct hone_settings *settings,
						      const struct hone_unit *unit,
						      const char *ifname)
{
	for (uint32_t i = 0; i < settings->n_programs; i++)
		if (program_matches(&settings->programs[i], unit, ifname))
			return &settings->programs[i];
	return NULL;
}
