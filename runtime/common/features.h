/* SPDX-License-Identifier: Apache-2.0 */
/* features: what this kernel and this process may do. Each is asked once, by doing it. */
#ifndef HONE_FEATURES_H
#define HONE_FEATURES_H

#include <stdbool.h>

enum hone_feature {
#define FEATURE(id, what, need) HONE_FEATURE_##id,
#include "runtime/common/features.def"
#undef FEATURE
	HONE_FEATURE_N,
};

/* hone_feature() - is it there? Probed at the first call, cached. why (may be NULL) points to a
 * static text: the error of the probe, or "". */
bool hone_feature(enum hone_feature feature, const char **why);

const char *hone_feature_id(enum hone_feature feature);
const char *hone_feature_what(enum hone_feature feature);
bool hone_feature_is_needed(enum hone_feature feature); /* hone does not work without */

#endif
