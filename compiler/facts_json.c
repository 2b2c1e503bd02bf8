// SPDX-License-Identifier: Apache-2.0
/* facts_json: units, requests and facts files, to and from JSON.
 *
 * Both sides: the daemon writes requests and stores units, honec and golden tests read them.
 * Instructions are not looked at (decode.c). Maps are in map_json.c, results in result_json.c. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/json.h"

static const char *const request_kinds[] = {
	[HONE_REQUEST_COMPILE] = "compile",
	[HONE_REQUEST_ANALYSE] = "analyse",
	[HONE_REQUEST_COVER] = "cover",
	[HONE_REQUEST_BUILD] = "build",
};
static_assert(sizeof(request_kinds) / sizeof(request_kinds[0]) == HONE_REQUEST_N,
	      "request kind without name");

/* ---- units ---- */

static json_t *from_maps(const struct hone_unit *unit)
{
	json_t *json = json_array();

	for (uint32_t i = 0; i < unit->n_maps; i++) {
		if (json_array_append_new(json, json_from_map(&unit->maps[i])) != 0) {
			json_decref(json);
			return NULL;
		}
	}
	return json;
}

json_t *json_from_unit(const struct hone_unit *unit)
{
	return json_pack(
		"{s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:o, s:o, s:I, s:o, s:I, s:o, s:o}",
		"name", json_from_text(unit->name, sizeof(unit->name)), "license",
		json_from_text(unit->license, sizeof(unit->license)), "prog_type",
		(json_int_t)unit->prog_type, "expected_attach_type",
		(json_int_t)unit->expected_attach_type, "prog_flags", (json_int_t)unit->prog_flags,
		"kern_version", (json_int_t)unit->kern_version, "tag",
		json_from_bytes(unit->tag, sizeof(unit->tag)), "prog_id", (json_int_t)unit->prog_id,
		"btf_id", (json_int_t)unit->btf_id, "insns",
		json_from_bytes(unit->insns, unit->n_insns * sizeof(struct bpf_insn)), "maps",
		from_maps(unit), "line_info_rec_size", (json_int_t)unit->line_info_rec_size,
		"line_info",
		json_from_bytes(unit->line_info,
				(size_t)unit->n_line_info * unit->line_info_rec_size),
		"func_info_rec_size", (json_int_t)unit->func_info_rec_size, "func_info",
		json_from_bytes(unit->func_info,
				(size_t)unit->n_func_info * unit->func_info_rec_size),
		"kfuncs", json_from_kfuncs(unit));
}

static void read_maps(const struct json_place *at, bool by_hand, struct hone_unit *out)
{
	uint32_t n = json_count(at, HONE_MAPS_MAX);

	out->maps = json_alloc(at, n, sizeof(*out->maps));
	out->n_maps = out->maps ? n : 0;
	for (uint32_t i = 0; i < out->n_maps && !at->reading->failed; i++) {
		struct json_place map = json_element(at, i);

		json_map(&map, i, by_hand, &out->maps[i]);
	}
}

static void read_unit_numbers(const struct json_place *at, struct hone_unit *out)
{
	static const struct {
		const char *key;
		size_t offset;
	} numbers[] = {
		{"prog_type", offsetof(struct hone_unit, prog_type)},
		{"expected_attach_type", offsetof(struct hone_unit, expected_attach_type)},
		{"prog_flags", offsetof(struct hone_unit, prog_flags)},
		{"kern_version", offsetof(struct hone_unit, kern_version)},
		{"prog_id", offsetof(struct hone_unit, prog_id)},
		{"btf_id", offsetof(struct hone_unit, btf_id)},
		{"func_info_rec_size", offsetof(struct hone_unit, func_info_rec_size)},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct json_place number = json_member(at, numbers[i].key);
		uint32_t value = json_u32(&number, UINT32_MAX);

		memcpy((char *)out + numbers[i].offset, &value, sizeof(value));
	}
}

static uint8_t *read_records(const struct json_place *at, uint32_t record_bytes, uint32_t *n)
{
	uint32_t n_bytes;
	uint8_t *records = json_bytes_new(at, 1, &n_bytes);

	if (n_bytes > 0 && (record_bytes == 0 || n_bytes % record_bytes != 0))
		json_fail(at, "not a multiple of the record's size");
	else if (n_bytes > 0)
		*n = n_bytes / record_bytes;
	return records;
}

/* Units that were stored by an earlier hone have none. */
static void read_lines(const struct json_place *at, struct hone_unit *out)
{
	struct json_place size = json_optional(at, "line_info_rec_size");
	struct json_place lines = json_optional(at, "line_info");

	if (!size.json || !lines.json)
		return;
	out->line_info_rec_size = json_u32(&size, UINT32_MAX);
	out->line_info = read_records(&lines, out->line_info_rec_size, &out->n_line_info);
}

void json_unit(const struct json_place *at, struct hone_unit *out)
{
	static const char *const keys[] = {"name",	 "license",
					   "prog_type",	 "expected_attach_type",
					   "prog_flags", "kern_version",
					   "tag",	 "prog_id",
					   "btf_id",	 "insns",
					   "maps",	 "func_info_rec_size",
					   "func_info",	 "line_info_rec_size",
					   "line_info",	 "kfuncs",
					   NULL};
	struct json_place kfuncs = json_optional(at, "kfuncs");
	struct json_place name = json_member(at, "name");
	struct json_place license = json_member(at, "license");
	struct json_place tag = json_member(at, "tag");
	struct json_place insns = json_member(at, "insns");
	struct json_place maps = json_member(at, "maps");
	struct json_place func_info = json_member(at, "func_info");

	json_expect_keys(at, keys);
	json_text(&name, out->name, sizeof(out->name));
	json_text(&license, out->license, sizeof(out->license));
	json_bytes(&tag, out->tag, sizeof(out->tag));
	read_unit_numbers(at, out);
	out->insns = json_bytes_new(&insns, sizeof(struct bpf_insn), &out->n_insns);
	read_maps(&maps, false, out);
	out->func_info = read_records(&func_info, out->func_info_rec_size, &out->n_func_info);
	read_lines(at, out);
	json_kfuncs(&kfuncs, out);
}

/* ---- policy and request ---- */

static json_t *from_policy(const struct hone_policy *policy)
{
	json_t *never_fold = json_array();

	for (uint32_t i = 0; i < policy->n_never_fold; i++) {
		if (json_array_append_new(never_fold, json_from_text(policy->never_fold[i],
								     HONE_NAME_LEN)) != 0) {
			json_decref(never_fold);
			never_fold = NULL;
			break;
		}
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:b, s:o}", "level", (json_int_t)policy->level,
			 "max_table_bytes", (json_int_t)policy->max_table_bytes, "max_entries",
			 (json_int_t)policy->max_entries, "max_insns",
			 (json_int_t)policy->max_insns, "count_packets", policy->count_packets,
			 "never_fold", never_fold);
}

static uint32_t read_limit(const struct json_place *at, const char *key)
{
	struct json_place limit = json_optional(at, key);

	return limit.json ? json_u32(&limit, UINT32_MAX) : UINT32_MAX;
}

/* What is left out is not limited. */
static void read_policy(const struct json_place *at, struct hone_policy *out)
{
	struct json_place level = json_member(at, "level");
	struct json_place count_packets = json_optional(at, "count_packets");
	struct json_place never_fold = json_optional(at, "never_fold");
	uint32_t n = json_count(&never_fold, UINT32_MAX);

	out->level = json_u32(&level, 3);
	out->max_table_bytes = read_limit(at, "max_table_bytes");
	out->max_entries = read_limit(at, "max_entries");
	out->max_insns = read_limit(at, "max_insns");
	out->count_packets = json_bool(&count_packets);
	out->never_fold = json_alloc(&never_fold, n, sizeof(*out->never_fold));
	out->n_never_fold = out->never_fold ? n : 0;
	for (uint32_t i = 0; i < out->n_never_fold; i++) {
		struct json_place name = json_element(&never_fold, i);

		json_text(&name, out->never_fold[i], HONE_NAME_LEN);
	}
}

static void read_request(const struct json_place *at, struct hone_request *out)
{
	static const char *const keys[] = {"kind", "unit", "policy", NULL};
	static const char *const policy_keys[] = {"level",     "max_table_bytes", "max_entries",
						  "max_insns", "count_packets",	  "never_fold",
						  NULL};
	struct json_place kind = json_member(at, "kind");
	struct json_place unit = json_member(at, "unit");
	struct json_place policy = json_member(at, "policy");

	json_expect_keys(at, keys);
	json_expect_keys(&policy, policy_keys);
	out->kind = (enum hone_request_kind)json_name(&kind, request_kinds, HONE_REQUEST_N);
	json_unit(&unit, &out->unit);
	read_policy(&policy, &out->policy);
}

static void read_facts(const struct json_place *at, struct hone_request *out)
{
	static const char *const keys[] = {
		"level",	 "max_table_bytes", "max_entries", "max_insns",
		"count_packets", "never_fold",	    "maps",	   NULL};
	struct json_place maps = json_member(at, "maps");

	json_expect_keys(at, keys);
	out->kind = HONE_REQUEST_COMPILE;
	read_policy(at, &out->policy);
	read_maps(&maps, true, &out->unit);
}

/* ---- entries ---- */

int hone_unit_encode(const struct hone_unit *unit, char **text)
{
	return json_finish(json_from_unit(unit), text);
}

int hone_request_encode(const struct hone_request *request, char **text)
{
	assert(request->kind < HONE_REQUEST_N);
	return json_finish(json_pack("{s:s, s:o, s:o}", "kind", request_kinds[request->kind],
				     "unit", json_from_unit(&request->unit), "policy",
				     from_policy(&request->policy)),
			   text);
}

static int decode_request(const char *text, size_t size,
			  void (*read)(const struct json_place *at, struct hone_request *out),
			  struct hone_request *out, char *error)
{
	struct json_reading reading = {.error = error};
	struct hone_request request = {0};
	struct json_place root;
	json_t *json = json_begin(text, size, &reading, &root);

	read(&root, &request);
	json_decref(json);
	if (reading.failed) {
		hone_request_free(&request);
		return reading.failed;
	}
	*out = request;
	return 0;
}

int hone_request_decode(const char *text, size_t size, struct hone_request *out, char *error)
{
	return decode_request(text, size, read_request, out, error);
}

int hone_facts_decode(const char *text, size_t size, struct hone_request *out, char *error)
{
	return decode_request(text, size, read_facts, out, error);
}

static void read_unit_alone(const struct json_place *at, struct hone_request *out)
{
	json_unit(at, &out->unit);
}

int hone_unit_decode(const char *text, size_t size, struct hone_unit *out, char *error)
{
	struct hone_request request;
	int err = decode_request(text, size, read_unit_alone, &request, error);

	if (err)
		return err;
	*out = request.unit;
	return 0;
}
