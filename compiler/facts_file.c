// SPDX-License-Identifier: Apache-2.0
/* facts_file: what `hone snapshot` writes, to and from JSON; docs/facts.schema.json says the same.
 *
 * Units and maps are in facts_json.c and map_json.c. Says nothing about whether the facts are of a
 * program that somebody wants to compile: build.c compares. */
#include <stdlib.h>
#include <string.h>

#include "compiler/json.h"

enum { FEATURES_MAX = 256 };

static json_t *from_features(const struct hone_facts_file *file)
{
	json_t *json = json_array();

	for (uint32_t i = 0; i < file->n_features; i++) {
		if (json_array_append_new(json,
					  json_from_text(file->features[i], HONE_FEATURE_LEN))) {
			json_decref(json);
			return NULL;
		}
	}
	return json;
}

int hone_facts_file_encode(const struct hone_facts_file *file, char **text)
{
	return json_finish(json_pack("{s:s, s:i, s:{s:o, s:o}, s:o}", "format", HONE_FACTS_FORMAT,
				     "version", HONE_FACTS_VERSION, "kernel", "release",
				     json_from_text(file->release, sizeof(file->release)),
				     "features", from_features(file), "unit",
				     json_from_unit(&file->unit)),
			   text);
}

static void read_kernel(const struct json_place *at, struct hone_facts_file *out)
{
	static const char *const keys[] = {"release", "features", NULL};
	struct json_place release = json_member(at, "release");
	struct json_place features = json_member(at, "features");
	uint32_t n = json_count(&features, FEATURES_MAX);

	json_expect_keys(at, keys);
	json_text(&release, out->release, sizeof(out->release));
	out->features = json_alloc(&features, n, sizeof(*out->features));
	out->n_features = out->features ? n : 0;
	for (uint32_t i = 0; i < out->n_features; i++) {
		struct json_place name = json_element(&features, i);

		json_text(&name, out->features[i], sizeof(out->features[i]));
	}
}

static void read_file(const struct json_place *at, struct hone_facts_file *out)
{
	static const char *const keys[] = {"format", "version", "kernel", "unit", NULL};
	static const char *const formats[] = {HONE_FACTS_FORMAT};
	struct json_place format = json_member(at, "format");
	struct json_place version = json_member(at, "version");
	struct json_place kernel = json_member(at, "kernel");
	struct json_place unit = json_member(at, "unit");

	json_name(&format, formats, 1);
	if (json_u32(&version, UINT32_MAX) != HONE_FACTS_VERSION && !at->reading->failed)
		json_fail(&version, "not a version that is known here");
	json_expect_keys(at, keys);
	read_kernel(&kernel, out);
	json_unit(&unit, &out->unit);
}

int hone_facts_file_decode(const char *text, size_t size, struct hone_facts_file *out, char *error)
{
	struct json_reading reading = {.error = error};
	struct hone_facts_file file = {0};
	struct json_place root;
	json_t *json = json_begin(text, size, &reading, &root);

	read_file(&root, &file);
	json_decref(json);
	if (reading.failed) {
		hone_facts_file_free(&file);
		return reading.failed;
	}
	*out = file;
	return 0;
}

void hone_facts_file_free(struct hone_facts_file *file)
{
	free(file->features);
	hone_unit_free(&file->unit);
	memset(file, 0, sizeof(*file));
}
