/* SPDX-License-Identifier: Apache-2.0 */
/* cleanup: owners that release themselves at the end of their scope, and transfers. */
#ifndef HONE_CLEANUP_H
#define HONE_CLEANUP_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void hone_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void hone_cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void hone_cleanup_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void hone_cleanup_json(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(hone_cleanup_free)
#define _cleanup_close_ _cleanup_(hone_cleanup_close)
#define _cleanup_fclose_ _cleanup_(hone_cleanup_fclose)
#define _cleanup_json_ _cleanup_(hone_cleanup_json)

/* Take the value out of an owner: it no longer releases it. */
#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) *take_p_ = &(p);                                                     \
		__typeof__(p) take_v_ = *take_p_;                                                  \
		*take_p_ = NULL;                                                                   \
		take_v_;                                                                           \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int *take_fd_ = &(fd);                                                             \
		int take_v_ = *take_fd_;                                                           \
		*take_fd_ = -1;                                                                    \
		take_v_;                                                                           \
	})

#endif
