// SPDX-License-Identifier: Apache-2.0
/* compile_time: what a compile costs in honec, which is started beforehand as the daemon does.
 *
 *   compile_time [-r ROUNDS] [OBJECT…]
 *
 * Rows: generated programs of about 150, 500, 5,000 and 20,000 instructions (several of each), and
 * the first program of each object (needs BPF). Milliseconds of the worker's CPU time, and from the
 * request's first byte to the answer's last, JSON included; the three stages as honec says them;
 * the worker's peak memory.
 * Level 2, maps empty, which leaves lookups to fold. Not a test: no figure passes or fails. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/common/cleanup.h"
#include "tests/fuzz/random_program.h"
#include "tests/tools/honec.h"
#include "tests/tools/object_unit.h"

enum { DEFAULT_ROUNDS = 5, ROUNDS_MAX = 100, PROGRAMS = 5, INSNS_PER_STATEMENT = 44 };

struct row {
	uint32_t n_insns, n_image;
	double cpu_ms, min_ms, median_ms, lift_ms, optimize_ms, emit_ms;
	enum hone_reason refused;
};

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* CPU time of a process so far. */
static double process_ms(pid_t pid)
{
	struct timespec used = {0};
	clockid_t clock;

	if (!clock_getcpuclockid(pid, &clock))
		clock_gettime(clock, &used);
	return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

/* Peak memory of a process in MiB; 0: it is gone. */
static double peak_mib(pid_t pid)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmHWM: %lu", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return (double)kib / 1024;
}

/* ---- one program ---- */

static int measure(const struct honec *honec, const struct hone_unit *unit, unsigned int rounds,
		   struct row *row)
{
	struct hone_request request = {.unit = *unit, .policy = honec_policy(2)};
	_cleanup_free_ char *text = NULL;
	double ms[ROUNDS_MAX], cpu_ms = process_ms(honec->pid);
	int err = hone_request_encode(&request, &text);

	for (unsigned int i = 0; !err && i < rounds; i++) {
		_cleanup_free_ char *reply = NULL;
		struct hone_result result;
		char error[HONE_DETAIL_LEN];
		double start_ms = now_ms();

		err = honec_ask_text(honec, text, &reply);
		ms[i] = now_ms() - start_ms;
		if (!err)
			err = hone_result_decode(reply, strlen(reply), &result, error);
		if (err)
			break;
		*row = (struct row){.n_insns = unit->n_insns,
				    .n_image = result.image.n_insns,
				    .lift_ms = result.lift_ms,
				    .optimize_ms = result.optimize_ms,
				    .emit_ms = result.emit_ms,
				    .refused = result.refused};
		hone_result_free(&result);
	}
	if (err)
		return err;
	qsort(ms, rounds, sizeof(ms[0]), compare);
	row->cpu_ms = (process_ms(honec->pid) - cpu_ms) / rounds;
	row->min_ms = ms[0];
	row->median_ms = ms[rounds / 2];
	return 0;
}

static void print_row(const char *name, const struct row *row, double mib)
{
	printf("%-28s %6u -> %6u  %8.2f %8.2f %8.2f %8.2f %8.2f %8.2f  %8.2f %7.0f", name,
	       row->n_insns, row->n_image, row->cpu_ms, row->min_ms, row->median_ms, row->lift_ms,
	       row->optimize_ms, row->emit_ms, row->cpu_ms * 1000 / row->n_insns, mib);
	printf("%s%s\n", row->refused ? "  " : "",
	       row->refused ? hone_reason_id(row->refused) : "");
}

/* A worker of its own for each row: its peak memory is that program's. */
static void run_unit(const char *name, const struct hone_unit *unit, unsigned int rounds)
{
	struct honec honec;
	struct row row;
	int err = honec_start(&honec);

	if (!err)
		err = measure(&honec, unit, 1, &row); /* pages, lazy binding: not the program's */
	if (!err)
		err = measure(&honec, unit, rounds, &row);
	if (err)
		printf("%-28s %s\n", name, strerror(-err));
	else
		print_row(name, &row, peak_mib(honec.pid));
	honec_stop(&honec);
}

/* ---- programs ---- */

static void describe_maps(const struct random_program *program, struct hone_map *maps)
{
	for (uint32_t i = 0; i < program->n_maps; i++) {
		const struct random_map *map = &program->maps[i];

		maps[i] = (struct hone_map){
			.index = i,
			.name = "random",
			.type = map->type,
			.key_size = map->key_size,
			.value_size = map->value_size,
			.max_entries = map->max_entries,
			.class = map->role == RANDOM_LIVE ? HONE_CLASS_LIVE : HONE_CLASS_KEYS_FIXED,
			.is_watched = true,
			.complete = true,
			.n_cpus = 1};
	}
}

static void run_generated(uint32_t n_insns, unsigned int rounds)
{
	const struct random_options options = {
		.size = n_insns / INSNS_PER_STATEMENT + 1,
		.without = 1u << RANDOM_CALL | 1u << RANDOM_CALLBACK | 1u << RANDOM_ARRAY_VARIABLE,
	};
	struct hone_map maps[RANDOM_MAPS];
	struct random_program program;
	char name[64];
	uint32_t n_run = 0;

	if (random_program_new(&program))
		return;
	for (uint64_t seed = 1; n_run < PROGRAMS && seed < 1000; seed++) {
		struct hone_unit unit = {.name = "random",
					 .license = "GPL",
					 .prog_type = BPF_PROG_TYPE_XDP,
					 .expected_attach_type = BPF_XDP,
					 .insns = program.insns,
					 .maps = maps};

		if (random_program_make(seed, &options, &program) ||
		    program.n_insns < n_insns * 3 / 4 || program.n_insns > n_insns * 5 / 4)
			continue;
		describe_maps(&program, maps);
		unit.n_insns = program.n_insns;
		unit.n_maps = program.n_maps;
		snprintf(name, sizeof(name), "generated, seed %llu", (unsigned long long)seed);
		run_unit(name, &unit, rounds);
		n_run++;
	}
	random_program_free(&program);
}

static void run_object(const char *path, unsigned int rounds)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct hone_result analysis = {0};
	struct object_unit subject;
	int err = object_unit_open(path, NULL, &subject);

	if (err) {
		printf("%-28s %s\n", name, strerror(-err));
		return;
	}
	object_unit_snapshot(&subject, &analysis, UINT32_MAX);
	run_unit(name, &subject.unit, rounds);
	object_unit_close(&subject);
}

/* From fork() to the first answer: loading libLLVM, mostly. */
static void run_start(void)
{
	static struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 2},
		{.code = BPF_JMP | BPF_EXIT},
	};
	const struct hone_unit unit = {.name = "two",
				       .license = "GPL",
				       .prog_type = BPF_PROG_TYPE_XDP,
				       .n_insns = 2,
				       .insns = insns};
	double start_ms = now_ms();
	struct honec honec;
	struct row row;

	if (honec_start(&honec) || measure(&honec, &unit, 1, &row))
		return;
	printf("process start to first answer: %.1f ms, %.0f MiB\n", now_ms() - start_ms,
	       peak_mib(honec.pid));
	honec_stop(&honec);
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = {150, 500, 5000, 20000};
	unsigned int rounds = DEFAULT_ROUNDS;
	int option;

	while ((option = getopt(argc, argv, "r:")) != -1) {
		if (option == 'r')
			rounds = (unsigned int)strtoul(optarg, NULL, 10);
		if (option != 'r' || rounds < 1 || rounds > ROUNDS_MAX) {
			fputs("usage: compile_time [-r ROUNDS] [OBJECT...]\n", stderr);
			return 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	run_start();
	printf("%-28s %16s  %8s %8s %8s %8s %8s %8s  %8s %7s\n", "program", "instructions",
	       "cpu ms", "min ms", "median", "lift", "optimize", "emit", "us/insn", "MiB");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		run_generated(sizes[i], rounds);
	for (int i = optind; i < argc; i++)
		run_object(argv[i], rounds);
	return 0;
}
