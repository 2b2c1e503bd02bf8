// SPDX-License-Identifier: Apache-2.0
/* router_bench: namespace, loader and single packets for the router's tests. Judges nothing. */
#include "tests/kernel/router_bench.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "runtime/common/cleanup.h"

static void skip_unless(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "skipped: %s: %s\n", what, strerror(errno));
	exit(77);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert(file);
	fputs(text, file);
	fclose(file);
}

void bench_enter_namespace(struct router_bench *bench)
{
	skip_unless(geteuid() == 0, "not root");
	skip_unless(!access("/sys/fs/bpf", W_OK), "/sys/fs/bpf");
	skip_unless(!unshare(CLONE_NEWNET), "cannot make a network namespace");
	/* no router solicitations of the kernel's own among the counted frames */
	if (!access("/proc/sys/net/ipv6", F_OK))
		write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	skip_unless(!system("ip link add r0 type veth peer name s0 &&"
			    "ip link add r1 type veth peer name s1 &&"
			    "ip link set r0 up && ip link set s0 up &&"
			    "ip link set r1 up && ip link set s1 up"),
		    "cannot make veth pairs");
	snprintf(bench->pins, sizeof(bench->pins), "/sys/fs/bpf/hone-router-%d", getpid());
	snprintf(bench->config, sizeof(bench->config), "/tmp/hone-router-%d.json", getpid());
	bench->prog_fd = bench->stats_fd = -1;
}

int bench_router(const struct router_bench *bench, const char *verb, const char *config, char *said,
		 size_t said_size)
{
	char command[512];
	size_t size;
	FILE *pipe;
	int status;

	if (config)
		write_file(bench->config, config);
	snprintf(command, sizeof(command), "%s --pins %s %s r0 %s 2>&1", ROUTER_BINARY, bench->pins,
		 verb, config ? bench->config : "");
	pipe = popen(command, "re");
	assert(pipe);
	size = fread(said, 1, said_size - 1, pipe);
	said[size] = 0;
	status = pclose(pipe);
	if (config)
		unlink(bench->config);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int open_pin(const struct router_bench *bench, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/r0/%s", bench->pins, name);
	fd = bpf_obj_get(path);
	assert(fd >= 0);
	return fd;
}

void bench_open(struct router_bench *bench)
{
	bench->prog_fd = open_pin(bench, "prog");
	bench->stats_fd = open_pin(bench, "stats");
}

void bench_close(struct router_bench *bench)
{
	close(bench->prog_fd);
	close(bench->stats_fd);
	bench->prog_fd = bench->stats_fd = -1;
}

static void read_counters(const struct router_bench *bench, struct router_count *sums)
{
	int n_cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct router_count *values = NULL;

	assert(n_cpus > 0);
	values = calloc((size_t)n_cpus, sizeof(*values));
	assert(values);
	for (uint32_t i = 0; i < ROUTER_COUNTER_N; i++) {
		int err = bpf_map_lookup_elem(bench->stats_fd, &i, values);

		assert(!err);
		sums[i] = (struct router_count){0};
		for (int cpu = 0; cpu < n_cpus; cpu++) {
			sums[i].packets += values[cpu].packets;
			sums[i].bytes += values[cpu].bytes;
		}
	}
}

static int counter_that_grew(const struct router_count *before, const struct router_count *after,
			     size_t size)
{
	int counter = -1;

	for (int i = 0; i < ROUTER_COUNTER_N; i++) {
		uint64_t packets = after[i].packets - before[i].packets;
		uint64_t bytes = after[i].bytes - before[i].bytes;

		if (!packets && !bytes)
			continue;
		if (counter >= 0 || packets != 1 || bytes != size)
			return -1;
		counter = i;
	}
	return counter;
}

void bench_run(const struct router_bench *bench, const uint8_t *frame, size_t size,
	       struct bench_run *out)
{
	struct router_count before[ROUTER_COUNTER_N], after[ROUTER_COUNTER_N];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)size,
		    .data_out = out->frame, .data_size_out = sizeof(out->frame), .repeat = 1);
	int err;

	read_counters(bench, before);
	err = bpf_prog_test_run_opts(bench->prog_fd, &opts);
	assert(!err);
	read_counters(bench, after);
	out->verdict = opts.retval;
	out->size = opts.data_size_out;
	out->counter = counter_that_grew(before, after, size);
}
