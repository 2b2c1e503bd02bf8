// SPDX-License-Identifier: Apache-2.0
/* log: one line per event on stderr. Not thread-safe beyond what stderr is: one line, one write. */
#include "runtime/common/log.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const level_names[] = {
	[HONE_LOG_ERR] = "error",
	[HONE_LOG_WARN] = "warn",
	[HONE_LOG_INFO] = "info",
	[HONE_LOG_DEBUG] = "debug",
};

enum { LEVEL_N = sizeof(level_names) / sizeof(level_names[0]), LINE_LEN = 1024 };

static int threshold = -1; /* not yet asked of the environment */

static int threshold_from_environment(void)
{
	const char *wanted = getenv("HONE_LOG");

	for (int i = 0; wanted && i < LEVEL_N; i++)
		if (strcmp(wanted, level_names[i]) == 0)
			return i;
	return HONE_LOG_INFO;
}

static void log_line(enum hone_log_level level, int err, const char *format, va_list args)
{
	char line[LINE_LEN];

	if (threshold < 0)
		threshold = threshold_from_environment();
	if ((int)level > threshold)
		return;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	if (err)
		fprintf(stderr, "hone: %s: %s: %s\n", level_names[level], line, strerror(-err));
	else
		fprintf(stderr, "hone: %s: %s\n", level_names[level], line);
}

void hone_log(enum hone_log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(level, 0, format, args);
	va_end(args);
}

int hone_log_err(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(HONE_LOG_ERR, err, format, args);
	va_end(args);
	return err;
}

static int libbpf_line(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	log_line(HONE_LOG_DEBUG, 0, format, args);
	return 0;
}

void hone_log_libbpf(void)
{
	libbpf_set_print(libbpf_line);
}
