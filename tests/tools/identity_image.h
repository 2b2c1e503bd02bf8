/* SPDX-License-Identifier: Apache-2.0 */
/* identity_image: an image by hand: guard, fallback, then the original's own instructions. It
 * must pass every check; tests break it in one place. Needs no compiler. */
#ifndef HONE_TEST_IDENTITY_IMAGE_H
#define HONE_TEST_IDENTITY_IMAGE_H

#include "compiler/facts.h"

/* Where the original's instruction 0 is in the image. */
extern const uint32_t identity_body;

/* 0 or -ENOMEM; freed with identity_image_free(). */
int identity_image_new(const struct hone_unit *unit, struct hone_image *out);
void identity_image_free(struct hone_image *image);

#endif
