// SPDX-License-Identifier: Apache-2.0
/* random_run: see the header. honec is a process of its own, as it is for the daemon. */
#include "tests/fuzz/random_run.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/common/cleanup.h"
#include "runtime/deploy/load.h"

enum { CPUS_MAX = 256, CHECK_BATCH = 64 };

/* ---- BTF: one function type for all of a program's functions ---- */

static int load_btf(uint32_t n_functions, uint32_t *id)
{
	struct btf *btf = btf__new_empty();
	struct bpf_btf_info info = {0};
	__u32 size = sizeof(info);
	const void *bytes;
	char name[16];
	int fd;

	if (!btf)
		return -ENOMEM;
	btf__add_int(btf, "int", 4, BTF_INT_SIGNED); /* type 1 */
	btf__add_ptr(btf, 0);			     /* type 2 */
	btf__add_func_proto(btf, 1);		     /* type 3 */
	btf__add_func_param(btf, "a", 2);
	for (uint32_t i = 0; i < n_functions; i++) { /* types from 4 on */
		snprintf(name, sizeof(name), "f%u", i);
		btf__add_func(btf, name, BTF_FUNC_STATIC, 3);
	}
	bytes = btf__raw_data(btf, &size);
	fd = bytes ? bpf_btf_load(bytes, size, NULL) : -ENOMEM;
	btf__free(btf);
	if (fd < 0)
		return fd;
	size = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd, &info, &size)) {
		close(fd);
		return -errno;
	}
	*id = info.id;
	return fd;
}

static int describe_functions(struct hone_unit *unit, const uint32_t *first, uint32_t n)
{
	struct bpf_func_info *records = calloc(n, sizeof(*records));

	if (!records)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		records[i] = (struct bpf_func_info){.insn_off = first[i], .type_id = 4 + i};
	unit->func_info = (uint8_t *)records;
	unit->func_info_rec_size = sizeof(*records);
	unit->n_func_info = n;
	return 0;
}

/* ---- maps ---- */

static int create_map(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries,
		      bool is_frozen)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	int fd;

	if (type == BPF_MAP_TYPE_LPM_TRIE)
		opts.map_flags = BPF_F_NO_PREALLOC;
	if (is_frozen)
		opts.map_flags |= BPF_F_RDONLY_PROG;
	fd = bpf_map_create((enum bpf_map_type)type, "random", key_size, value_size, max_entries,
			    &opts);
	return fd < 0 ? -errno : fd;
}

/* Keys as the programs make them: zeros but for the first or last byte; or any address. */
static void choose_key(uint64_t *random, const struct random_map *map, uint8_t *key)
{
	uint32_t n = map->key_size, index;

	memset(key, 0, n);
	if (map->type == BPF_MAP_TYPE_ARRAY || map->type == BPF_MAP_TYPE_PERCPU_ARRAY) {
		index = random_below(random, map->max_entries);
		memcpy(key, &index, sizeof(index));
		return;
	}
	if (map->type == BPF_MAP_TYPE_LPM_TRIE) {
		n -= 4;
		index = 8 * n - (random_below(random, 2) ? random_below(random, 8 * n) : 0);
		memcpy(key, &index, sizeof(index));
		key += 4;
	}
	if (random_below(random, 4) == 0)
		for (uint32_t i = 0; i < n; i++)
			key[i] = (uint8_t)random_next(random);
	else
		key[random_below(random, 2) ? 0 : n - 1] = (uint8_t)random_below(random, 10);
}

static void choose_value(uint64_t *random, uint8_t *value, size_t size)
{
	uint32_t style = random_below(random, 4);

	for (size_t i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)random_next(random);

		if (style == 0)
			byte = 0;
		else if (style == 1)
			byte &= (uint8_t)(1u << random_below(random, 8));
		value[i] = byte;
	}
}

static int fill_map(uint64_t *random, const struct random_map *map, int fd)
{
	uint8_t key[64], value[64 * CPUS_MAX];
	int n_cpus = libbpf_num_possible_cpus();

	if (n_cpus <= 0 || n_cpus > CPUS_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < map->n_entries; i++) {
		choose_key(random, map, key);
		choose_value(random, value, (size_t)n_cpus * ((map->value_size + 7) & ~7u));
		if (bpf_map_update_elem(fd, key, value, BPF_ANY) && errno != E2BIG &&
		    errno != ENOSPC)
			return -errno;
	}
	if (map->role == RANDOM_FROZEN && bpf_map_freeze(fd))
		return -errno;
	return 0;
}

static int make_maps(const struct random_program *program, struct object_unit *out)
{
	uint64_t random = ~program->seed;
	int err = 0;

	for (uint32_t i = 0; !err && i < program->n_maps; i++) {
		const struct random_map *map = &program->maps[i];
		int fd = create_map(map->type, map->key_size, map->value_size, map->max_entries,
				    map->role == RANDOM_FROZEN);

		if (fd < 0)
			return fd;
		out->maps.fd[out->maps.n++] = fd;
		err = fill_map(&random, map, fd);
	}
	return err;
}

/* ---- maps of a case ---- */

static int restore_map(const struct hone_map *map, int fd)
{
	int n_cpus = libbpf_num_possible_cpus();
	uint32_t stride = hone_map_value_stride(map);
	_cleanup_free_ uint8_t *value = calloc((size_t)n_cpus, stride);

	if (!value)
		return -ENOMEM;
	for (uint32_t i = 0; i < map->n_entries; i++) {
		for (uint32_t cpu = 0; cpu < (uint32_t)n_cpus; cpu++)
			memcpy(value + cpu * stride, hone_map_value(map, i, cpu % map->n_cpus),
			       map->value_size);
		if (bpf_map_update_elem(fd, map->keys + (size_t)i * map->key_size, value, BPF_ANY))
			return -errno;
	}
	if (map->is_frozen && bpf_map_freeze(fd))
		return -errno;
	return 0;
}

static int restore_maps(const struct hone_unit *unit, struct object_unit *out)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < unit->n_maps; i++) {
		const struct hone_map *map = &unit->maps[i];
		int fd = create_map(map->type, map->key_size, map->value_size, map->max_entries,
				    map->is_frozen);

		if (fd < 0)
			return fd;
		out->maps.fd[out->maps.n++] = fd;
		err = restore_map(map, fd);
	}
	return err;
}

/* ---- subjects ---- */

static int describe(struct object_unit *out, const struct bpf_insn *insns, uint32_t n_insns)
{
	struct hone_unit *unit = &out->unit;

	strcpy(unit->name, "random");
	strcpy(unit->license, "GPL");
	unit->prog_type = BPF_PROG_TYPE_XDP;
	unit->expected_attach_type = BPF_XDP;
	unit->insns = calloc(n_insns, sizeof(*insns));
	unit->maps = calloc(out->maps.n ? out->maps.n : 1, sizeof(*unit->maps));
	if (!unit->insns || !unit->maps)
		return -ENOMEM;
	memcpy(unit->insns, insns, n_insns * sizeof(*insns));
	unit->n_insns = n_insns;
	for (uint32_t i = 0; i < out->maps.n; i++) {
		int err = hone_map_describe(out->maps.fd[i], &unit->maps[i]);

		if (err)
			return err;
		unit->maps[i].index = i;
		unit->n_maps++;
	}
	return 0;
}

/* The verifier's judgement; the program goes away again. */
static int verify(struct random_subject *subject, char *log)
{
	struct hone_unit *unit = &subject->unit.unit;
	_cleanup_close_ int btf_fd = -1;
	struct hone_loaded loaded;
	int err;

	if (unit->n_func_info) {
		btf_fd = load_btf(unit->n_func_info, &unit->btf_id);
		if (btf_fd < 0)
			return btf_fd;
	}
	err = hone_load_original(unit, &subject->unit.maps, &loaded, log);
	if (err)
		return err;
	subject->n_verified = loaded.n_verified;
	subject->unit.prog_fd = loaded.fd; /* keeps the BTF */
	return 0;
}

int random_subject_new(const struct random_program *program, struct random_subject *out, char *log)
{
	int err;

	*out = (struct random_subject){.unit.prog_fd = -1};
	log[0] = '\0';
	err = make_maps(program, &out->unit);
	if (!err)
		err = describe(&out->unit, program->insns, program->n_insns);
	if (!err && program->n_functions > 1)
		err = describe_functions(&out->unit.unit, program->functions, program->n_functions);
	if (!err)
		err = verify(out, log);
	if (err)
		random_subject_free(out);
	return err;
}

int random_subject_of_unit(const struct hone_unit *unit, struct random_subject *out, char *log)
{
	const struct bpf_func_info *records = (const void *)unit->func_info;
	uint32_t first[RANDOM_FUNCTIONS] = {0};
	int err;

	*out = (struct random_subject){.unit.prog_fd = -1};
	log[0] = '\0';
	if (unit->n_func_info > RANDOM_FUNCTIONS)
		return -E2BIG;
	for (uint32_t i = 0; i < unit->n_func_info; i++)
		first[i] = records[i].insn_off;
	err = restore_maps(unit, &out->unit);
	if (!err)
		err = describe(&out->unit, unit->insns, unit->n_insns);
	if (!err && unit->n_func_info)
		err = describe_functions(&out->unit.unit, first, unit->n_func_info);
	if (!err)
		err = verify(out, log);
	if (err)
		random_subject_free(out);
	return err;
}

void random_subject_free(struct random_subject *subject)
{
	if (subject->unit.prog_fd >= 0)
		close(subject->unit.prog_fd);
	object_unit_close(&subject->unit);
}

int random_subject_write(struct random_subject *subject, const char *path)
{
	struct hone_result nothing = {0};
	_cleanup_free_ char *text = NULL;
	_cleanup_fclose_ FILE *file = NULL;
	int err = object_unit_snapshot(&subject->unit, &nothing, UINT32_MAX);

	if (!err)
		err = hone_unit_encode(&subject->unit.unit, &text);
	if (err)
		return err;
	file = fopen(path, "we");
	if (!file || fprintf(file, "%s\n", text) < 0 || fflush(file))
		return -errno;
	return 0;
}

/* ---- one level ---- */

/* A worker that went away is a result, too. */
static int ask(struct honec *honec, const struct hone_request *request, struct hone_result *result,
	       struct random_outcome *out)
{
	int err = honec_ask(honec, request, result);

	if (err != -EPIPE)
		return err;
	out->died = true;
	snprintf(out->detail, sizeof(out->detail), "honec ended with %d", honec_stop(honec));
	return honec_start(honec);
}

static int compile(struct random_subject *subject, struct honec *honec, unsigned int level,
		   struct hone_result *result, struct random_outcome *out)
{
	struct hone_request request = {.kind = HONE_REQUEST_ANALYSE,
				       .unit = subject->unit.unit,
				       .policy = honec_policy(level)};
	struct hone_result analysis = {0};
	int err = ask(honec, &request, &analysis, out);

	if (!err && !out->died)
		err = object_unit_snapshot(&subject->unit, &analysis, request.policy.max_entries);
	hone_result_free(&analysis);
	if (err || out->died)
		return err;
	request.kind = HONE_REQUEST_COMPILE;
	request.unit = subject->unit.unit;
	return ask(honec, &request, result, out);
}

static void count_sites(const struct hone_result *result, struct random_outcome *out)
{
	out->n_insns = result->image.n_insns;
	out->n_sites = result->n_sites;
	for (uint32_t i = 0; i < result->n_sites; i++)
		out->n_rewritten += result->sites[i].action[0] != '\0';
}

int random_run(struct random_subject *subject, struct honec *honec, unsigned int level,
	       uint32_t n_packets, struct random_outcome *out)
{
	const struct hone_check_opts opts = {
		.n_packets = n_packets, .batch = CHECK_BATCH, .seed = level + 1};
	struct hone_result result = {0};
	int err;

	*out = (struct random_outcome){0};
	err = compile(subject, honec, level, &result, out);
	if (err || out->died)
		return err;
	out->refused = result.refused;
	memcpy(out->detail, result.detail, sizeof(out->detail));
	count_sites(&result, out);
	if (!result.refused) {
		err = hone_check_image(&subject->unit.unit, &subject->unit.maps, &result.image,
				       &opts, &out->check);
		out->refused = out->check.refused;
		memcpy(out->detail, out->check.detail, sizeof(out->detail));
	}
	hone_result_free(&result);
	return err;
}

bool random_is_wrong(const struct random_outcome *outcome)
{
	return outcome->died || outcome->refused == HONE_CHECK_MISMATCH;
}
