// SPDX-License-Identifier: Apache-2.0
/* watch_cost: what the hooks on bpf(2) cost per call, with and without them in turn.
 *
 *   watch_cost [ROUNDS]     median of the rounds, ns of CPU time per call; both states in
 *                         every round */
#include <bpf/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/common/sys.h"
#include "runtime/live/watch.h"

enum { CALLS = 20000, ROUNDS_MAX = 101, SLOT = 7 };

static int watched, unwatched, array;
static char dir[64];

static void do_getppid(uint32_t i)
{
	(void)i;
	(void)syscall(SYS_getppid);
}

static void update(int map, uint32_t value)
{
	uint32_t key = 0;

	(void)bpf_map_update_elem(map, &key, &value, BPF_ANY);
}

static void do_watched(uint32_t i)
{
	update(watched, i);
}

static void do_unwatched(uint32_t i)
{
	update(unwatched, i);
}

static void do_array(uint32_t i)
{
	update(array, i);
}

static void do_lookup(uint32_t i)
{
	uint32_t key = 0, value;

	(void)i;
	(void)bpf_map_lookup_elem(watched, &key, &value);
}

static const struct {
	const char *what;
	void (*act)(uint32_t i);
} calls[] = {
	{"getppid", do_getppid},
	{"bpf: lookup", do_lookup},
	{"bpf: update, hash, not watched", do_unwatched},
	{"bpf: update, hash, watched", do_watched},
	{"bpf: update, array, not watched", do_array},
};
enum { N_CALLS = sizeof(calls) / sizeof(calls[0]) };

static double ns_per_call(void (*act)(uint32_t i))
{
	struct timespec from, to;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (uint32_t i = 0; i < CALLS; i++)
		act(i);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
	       CALLS;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), compare);
	return values[n / 2];
}

static int set_up(void)
{
	watched = bpf_map_create(BPF_MAP_TYPE_HASH, "cost", 4, 4, 16, NULL);
	unwatched = bpf_map_create(BPF_MAP_TYPE_HASH, "cost", 4, 4, 16, NULL);
	array = bpf_map_create(BPF_MAP_TYPE_ARRAY, "cost", 4, 4, 1, NULL);
	(void)snprintf(dir, sizeof(dir), "/sys/fs/bpf/hone-watch-cost-%d", getpid());
	return watched < 0 || unwatched < 0 || array < 0 ? -1 : 0;
}

static int hook(struct hone_watch **watch)
{
	struct bpf_map_info info;
	int err = hone_watch_open(dir, watch);

	err = err ?: hone_map_info(watched, &info);
	return err ?: hone_watch_map(*watch, info.id, SLOT);
}

static void unhook(struct hone_watch **watch)
{
	hone_watch_close(watch);
	(void)hone_watch_unpin(dir);
	(void)rmdir(dir);
}

static int measure(int n_rounds, double plain[][ROUNDS_MAX], double hooked[][ROUNDS_MAX])
{
	for (int round = 0; round < n_rounds; round++) {
		struct hone_watch *watch = NULL;
		int err;

		for (int i = 0; i < N_CALLS; i++)
			plain[i][round] = ns_per_call(calls[i].act);
		err = hook(&watch);
		for (int i = 0; i < N_CALLS && !err; i++)
			hooked[i][round] = ns_per_call(calls[i].act);
		unhook(&watch);
		if (err)
			return err;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static double plain[N_CALLS][ROUNDS_MAX], hooked[N_CALLS][ROUNDS_MAX];
	int n_rounds = argc > 1 ? atoi(argv[1]) : 31;

	if (n_rounds < 1 || n_rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: watch_cost [ROUNDS, 1 to %d]\n", ROUNDS_MAX);
		return 2;
	}
	if (set_up() || measure(n_rounds, plain, hooked))
		return 1;
	printf("%-34s %10s %10s %10s %10s\n", "ns per call, medians", "plain", "hooked", "cost",
	       "cost, min");
	for (int i = 0; i < N_CALLS; i++) {
		double without = median(plain[i], n_rounds), with = median(hooked[i], n_rounds);

		/* sorted by median() */
		printf("%-34s %10.0f %10.0f %10.0f %10.0f\n", calls[i].what, without, with,
		       with - without, hooked[i][0] - plain[i][0]);
	}
	return 0;
}
