// SPDX-License-Identifier: Apache-2.0
/* features: the table of what is asked of a kernel, and the cache of its answers. */
#include "runtime/common/features.h"

#include <stdio.h>
#include <string.h>

#include "runtime/common/log.h"
#include "runtime/common/probes.h"

static const struct {
	const char *id;
	const char *what;
	bool is_needed;
	hone_probe_fn *probe;
} features[] = {
#define FEATURE(name, text, needed)                                                                \
	[HONE_FEATURE_##                                                                           \
		name] = {.id = #name, .what = text, .is_needed = needed, .probe = probe_##name},
#include "runtime/common/features.def"
#undef FEATURE
};
_Static_assert(sizeof(features) / sizeof(features[0]) == HONE_FEATURE_N, "a row per feature");

static struct {
	bool is_asked, is_there;
	char why[128];
} answers[HONE_FEATURE_N];

bool hone_feature(enum hone_feature feature, const char **why)
{
	const char *stage = "";

	if (!answers[feature].is_asked) {
		int err = features[feature].probe(&stage);

		answers[feature].is_asked = true;
		answers[feature].is_there = err == 0;
		if (err)
			snprintf(answers[feature].why, sizeof(answers[feature].why), "%s: %s",
				 stage, strerror(-err));
		hone_log_debug("%s: %s", features[feature].what, err ? answers[feature].why : "ok");
	}
	if (why)
		*why = answers[feature].why;
	return answers[feature].is_there;
}

const char *hone_feature_id(enum hone_feature feature)
{
	return features[feature].id;
}

const char *hone_feature_what(enum hone_feature feature)
{
	return features[feature].what;
}

bool hone_feature_is_needed(enum hone_feature feature)
{
	return features[feature].is_needed;
}
