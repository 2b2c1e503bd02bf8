// SPDX-License-Identifier: Apache-2.0
/* features: what the probes say of this kernel, and that they leave nothing behind. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/common/features.h"
#include "runtime/common/log.h"

static int count_open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void every_needed_feature_is_here(void **state)
{
	(void)state;
	for (int i = 0; i < HONE_FEATURE_N; i++) {
		enum hone_feature feature = (enum hone_feature)i;
		const char *why = NULL;
		bool is_there = hone_feature(feature, &why);

		printf("%-4s %s%s%s\n", is_there ? "yes" : "no", hone_feature_what(feature),
		       is_there ? "" : ": ", why);
		assert_true(is_there || !hone_feature_is_needed(feature));
		assert_int_equal(is_there, why[0] == '\0');
	}
}

static void probes_leave_no_file_open(void **state)
{
	int before;

	(void)state;
	before = count_open_files();
	for (int i = 0; i < HONE_FEATURE_N; i++)
		hone_feature((enum hone_feature)i, NULL);
	assert_int_equal(count_open_files(), before);
}

/* Without privileges the probes must say no, not crash and not lie. */
static void an_unprivileged_process_is_told_why(void **state)
{
	const char *why = NULL;

	(void)state;
	assert_false(hone_feature(HONE_FEATURE_PRIVILEGE, &why));
	assert_non_null(strstr(why, "Operation not permitted"));
	assert_false(hone_feature(HONE_FEATURE_TP_BTF, &why));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest privileged[] = {
		cmocka_unit_test(probes_leave_no_file_open), /* first: answers are cached */
		cmocka_unit_test(every_needed_feature_is_here),
	};
	const struct CMUnitTest unprivileged[] = {
		cmocka_unit_test(an_unprivileged_process_is_told_why),
	};

	hone_log_libbpf();
	if (geteuid() != 0) {
		printf("not root: cannot load BPF programs\n");
		return 77;
	}
	if (argc > 1 && strcmp(argv[1], "unprivileged") == 0) {
		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			return 77;
		return cmocka_run_group_tests(unprivileged, NULL, NULL);
	}
	return cmocka_run_group_tests(privileged, NULL, NULL);
}
