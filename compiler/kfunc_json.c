// SPDX-License-Identifier: Apache-2.0
/* kfunc_json: the kernel functions that a unit calls, to and from JSON. */
#include "compiler/json.h"

static json_t *from_args(const struct hone_kfunc *kfunc)
{
	json_t *json = json_array();

	for (uint32_t i = 0; i < kfunc->n_args; i++)
		json_array_append_new(json, json_pack("{s:I, s:I, s:I}", "flags",
						      (json_int_t)kfunc->args[i].flags, "size",
						      (json_int_t)kfunc->args[i].size, "size_arg",
						      (json_int_t)kfunc->args[i].size_arg));
	return json;
}

json_t *json_from_kfuncs(const struct hone_unit *unit)
{
	json_t *json = json_array();

	for (uint32_t i = 0; i < unit->n_kfuncs; i++) {
		const struct hone_kfunc *kfunc = &unit->kfuncs[i];

		json_array_append_new(
			json, json_pack("{s:I, s:o, s:b, s:o}", "btf_id", (json_int_t)kfunc->btf_id,
					"name", json_from_text(kfunc->name, sizeof(kfunc->name)),
					"returns_pointer", kfunc->returns_pointer, "args",
					from_args(kfunc)));
	}
	return json;
}

static uint32_t u32_member(const struct json_place *at, const char *key, uint32_t max)
{
	struct json_place member = json_member(at, key);

	return json_u32(&member, max);
}

static void read_kfunc(const struct json_place *at, struct hone_kfunc *out)
{
	static const char *const keys[] = {"btf_id", "name", "returns_pointer", "args", NULL};
	static const char *const arg_keys[] = {"flags", "size", "size_arg", NULL};
	struct json_place name = json_member(at, "name"), args = json_member(at, "args");
	struct json_place returns_pointer = json_member(at, "returns_pointer");

	json_expect_keys(at, keys);
	out->btf_id = u32_member(at, "btf_id", INT32_MAX);
	json_text(&name, out->name, sizeof(out->name));
	out->returns_pointer = json_bool(&returns_pointer);
	out->n_args = json_count(&args, sizeof(out->args) / sizeof(out->args[0]));
	for (uint32_t i = 0; i < out->n_args && !at->reading->failed; i++) {
		struct json_place arg = json_element(&args, i);

		json_expect_keys(&arg, arg_keys);
		out->args[i].flags = u32_member(&arg, "flags", HONE_KFUNC_FLAGS);
		out->args[i].size = u32_member(&arg, "size", UINT32_MAX);
		out->args[i].size_arg = u32_member(&arg, "size_arg", BPF_REG_5);
	}
}

/* Units that were stored by an earlier hone have none. */
void json_kfuncs(const struct json_place *at, struct hone_unit *out)
{
	uint32_t n;

	if (!at->json)
		return;
	n = json_count(at, HONE_KFUNCS_MAX);
	out->kfuncs = json_alloc(at, n, sizeof(*out->kfuncs));
	out->n_kfuncs = out->kfuncs ? n : 0;
	for (uint32_t i = 0; i < out->n_kfuncs && !at->reading->failed; i++) {
		struct json_place kfunc = json_element(at, i);

		read_kfunc(&kfunc, &out->kfuncs[i]);
	}
}
