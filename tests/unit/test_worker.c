// SPDX-License-Identifier: Apache-2.0
/* The worker against programs that behave as honec must not: each row is a shell script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/daemon/child.h"
#include "runtime/daemon/worker.h"

static char dir[] = "/tmp/hone-worker.XXXXXX";
static char script[64];

struct asked {
	struct hone_loop *loop;
	int n_left;
	enum hone_reason refused;
	char detail[HONE_DETAIL_LEN];
};

static void answered(void *arg, struct hone_result *result)
{
	struct asked *asked = arg;

	asked->refused = result->refused;
	memcpy(asked->detail, result->detail, sizeof(asked->detail));
	if (--asked->n_left == 0)
		hone_loop_stop(asked->loop);
}

static void write_script(const char *body)
{
	FILE *file = fopen(script, "w");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", body);
	fclose(file);
	assert_int_equal(chmod(script, 0700), 0);
}

/* Ask a worker that runs `body`, n times; the last answer. */
static struct asked ask(const char *path, int n)
{
	struct hone_request request = {.kind = HONE_REQUEST_ANALYSE};
	struct asked asked = {.n_left = n};
	struct hone_worker *worker = NULL;

	assert_int_equal(hone_loop_new(&asked.loop), 0);
	assert_int_equal(hone_worker_new(asked.loop, path, &worker), 0);
	for (int i = 0; i < n; i++)
		assert_int_equal(hone_worker_ask(worker, &request, answered, &asked), 0);
	assert_int_equal(hone_loop_run(asked.loop), 0);
	hone_worker_free(&worker);
	hone_loop_free(&asked.loop);
	return asked;
}

static void missing_worker_is_a_refusal(void **state)
{
	struct asked asked = ask("/no/such/honec", 2);

	(void)state;
	assert_int_equal(asked.refused, HONE_NO_WORKER);
	assert_non_null(strstr(asked.detail, "/no/such/honec"));
}

static void death_names_the_signal(void **state)
{
	struct asked asked;

	(void)state;
	write_script("head -c 4 >/dev/null; kill -ABRT $$");
	asked = ask(script, 1);
	assert_int_equal(asked.refused, HONE_NO_WORKER_DIED);
	assert_non_null(strstr(asked.detail, "ABRT"));
}

static void each_question_has_its_own_death(void **state)
{
	struct asked asked;

	(void)state;
	write_script("head -c 4 >/dev/null; exit 3");
	asked = ask(script, 3);
	assert_int_equal(asked.refused, HONE_NO_WORKER_DIED);
	assert_non_null(strstr(asked.detail, "status 3"));
}

static void oversized_answer_is_a_death(void **state)
{
	struct asked asked;

	(void)state;
	write_script("head -c 4 >/dev/null; printf '\\377\\377\\377\\177'; exec sleep 10");
	asked = ask(script, 1);
	assert_int_equal(asked.refused, HONE_NO_WORKER_DIED);
}

static void answer_that_is_no_result_is_a_death(void **state)
{
	struct asked asked;

	(void)state;
	write_script("head -c 4 >/dev/null; printf '\\002\\000\\000\\000{}'; exec sleep 10");
	asked = ask(script, 1);
	assert_int_equal(asked.refused, HONE_NO_WORKER_DIED);
	assert_non_null(strstr(asked.detail, "cannot be read"));
}

static void chatter_is_a_death(void **state)
{
	struct asked asked;

	(void)state;
	write_script("printf hello; exec sleep 10");
	asked = ask(script, 1);
	assert_int_equal(asked.refused, HONE_NO_WORKER_DIED);
}

/* ---- jobs ---- */

struct job_end {
	struct hone_loop *loop;
	bool has_result;
	int result;
	char how[HONE_HOW_LEN];
};

static void job_done(void *arg, const void *result, const char *how)
{
	struct job_end *end = arg;

	end->has_result = result != NULL;
	if (result)
		end->result = *(const int *)result;
	snprintf(end->how, sizeof(end->how), "%s", how);
	hone_loop_stop(end->loop);
}

static void answer_42(void *arg, void *result)
{
	(void)arg;
	*(int *)result = 42;
}

static void die(void *arg, void *result)
{
	(void)arg;
	(void)result;
	abort();
}

static void sleep_long(void *arg, void *result)
{
	(void)arg;
	(void)result;
	sleep(100);
}

static void eat_memory(void *arg, void *result)
{
	(void)arg;
	(void)result;
	for (;;) {
		char *more = malloc(1 << 20);

		memset(more, 1, 1 << 20);
		usleep(1000);
	}
}

static struct job_end run_job(void (*fn)(void *arg, void *result))
{
	struct hone_job_limits limits = {.wall_ms = 500, .cpu_seconds = 5, .rss_bytes = 1 << 28};
	struct job_end end = {0};
	struct hone_job *job = NULL;

	assert_int_equal(hone_loop_new(&end.loop), 0);
	assert_int_equal(
		hone_job_start(end.loop, &limits, fn, NULL, sizeof(int), job_done, &end, &job), 0);
	hone_loop_run(end.loop);
	assert_null(job);
	hone_loop_free(&end.loop);
	return end;
}

static void job_gives_its_result(void **state)
{
	struct job_end end = run_job(answer_42);

	(void)state;
	assert_true(end.has_result);
	assert_int_equal(end.result, 42);
}

static void job_that_dies_says_how(void **state)
{
	struct job_end end = run_job(die);

	(void)state;
	assert_false(end.has_result);
	assert_non_null(strstr(end.how, "ABRT"));
}

static void job_that_takes_too_long_is_killed(void **state)
{
	struct job_end end = run_job(sleep_long);

	(void)state;
	assert_false(end.has_result);
	assert_non_null(strstr(end.how, "time limit"));
}

static void job_that_eats_memory_is_killed(void **state)
{
	struct job_end end = run_job(eat_memory);

	(void)state;
	assert_false(end.has_result);
	assert_non_null(strstr(end.how, "limit"));
}

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(script, sizeof(script), "%s/honec", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(script);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_worker_is_a_refusal),
		cmocka_unit_test(death_names_the_signal),
		cmocka_unit_test(each_question_has_its_own_death),
		cmocka_unit_test(oversized_answer_is_a_death),
		cmocka_unit_test(answer_that_is_no_result_is_a_death),
		cmocka_unit_test(chatter_is_a_death),
		cmocka_unit_test(job_gives_its_result),
		cmocka_unit_test(job_that_dies_says_how),
		cmocka_unit_test(job_that_takes_too_long_is_killed),
		cmocka_unit_test(job_that_eats_memory_is_killed),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
