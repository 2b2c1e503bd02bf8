/* SPDX-License-Identifier: Apache-2.0 */
/* log: one line per event on stderr, where it was found, the object first. */
#ifndef HONE_LOG_H
#define HONE_LOG_H

enum hone_log_level { HONE_LOG_ERR, HONE_LOG_WARN, HONE_LOG_INFO, HONE_LOG_DEBUG };

/* Lines above a level are dropped: HONE_LOG_INFO, or what HONE_LOG in the environment says (error,
 * warn, info, debug). */
__attribute__((format(printf, 2, 3))) void hone_log(enum hone_log_level level, const char *format,
						    ...);

#define hone_log_warn(...) hone_log(HONE_LOG_WARN, __VA_ARGS__)
#define hone_log_info(...) hone_log(HONE_LOG_INFO, __VA_ARGS__)
#define hone_log_debug(...) hone_log(HONE_LOG_DEBUG, __VA_ARGS__)

/* hone_log_err() - log "<message>: <strerror(-err)>" and return err (0 or -errno). */
__attribute__((format(printf, 2, 3))) int hone_log_err(int err, const char *format, ...);

/* hone_log_libbpf() - libbpf's own messages become debug lines from now on. Call once in main. */
void hone_log_libbpf(void);

#endif
