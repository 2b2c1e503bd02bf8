// SPDX-License-Identifier: Apache-2.0
/* specialize: see specialize.h. */
#include "tests/tools/specialize.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "compiler/compiler.h"

enum { CPUS_MAX = 256, KEY_BYTES_MAX = 16 };

static const struct hone_policy limits = {
	.max_table_bytes = 4 << 20,
	.max_entries = 1 << 17,
	.max_insns = 1 << 16,
};

static int request_of(struct object_unit *subject, enum hone_request_kind kind, unsigned int level,
		      struct hone_result *out)
{
	struct hone_request request = {.kind = kind, .unit = subject->unit, .policy = limits};

	request.policy.level = level;
	hone_compile(&request, out);
	return 0;
}

int specialize(struct object_unit *subject, unsigned int level, struct hone_result *out)
{
	struct hone_result analysis = {0};
	int err = request_of(subject, HONE_REQUEST_ANALYSE, level, &analysis);

	if (!err)
		err = object_unit_snapshot(subject, &analysis, limits.max_entries);
	hone_result_free(&analysis);
	return err ? err : request_of(subject, HONE_REQUEST_COMPILE, level, out);
}

int specialize_cover(struct object_unit *subject, struct hone_result *out)
{
	return request_of(subject, HONE_REQUEST_COVER, 0, out);
}

static const struct hone_map *find_map(const struct object_unit *subject, const char *name, int *fd)
{
	for (uint32_t i = 0; i < subject->unit.n_maps; i++) {
		*fd = subject->maps.fd[i];
		if (!strcmp(subject->unit.maps[i].name, name))
			return &subject->unit.maps[i];
	}
	return NULL;
}

/* n entries with the key that `fill` makes of each number, the same flags on all CPUs. */
static int add_rules(const struct object_unit *filter, const char *name, uint32_t first, uint32_t n,
		     uint64_t flags, void (*fill)(uint8_t *key, uint32_t number))
{
	uint64_t values[CPUS_MAX];
	uint8_t key[KEY_BYTES_MAX];
	int fd;

	if (!find_map(filter, name, &fd))
		return -ENOENT;
	for (int i = 0; i < CPUS_MAX; i++)
		values[i] = flags;
	for (uint32_t i = 0; i < n; i++) {
		memset(key, 0, sizeof(key));
		fill(key, first + i);
		if (bpf_map_update_elem(fd, key, values, BPF_ANY))
			return -errno;
	}
	return 0;
}

static void ipv4_key(uint8_t *key, uint32_t number)
{
	uint32_t address = htonl(0x0a000000 + number);

	memcpy(key, &address, sizeof(address));
}

static void ipv6_key(uint8_t *key, uint32_t number)
{
	number = htonl(number);
	key[0] = 0xfd;
	memcpy(key + 12, &number, sizeof(number));
}

static void port_key(uint8_t *key, uint32_t number)
{
	uint32_t port = htons((uint16_t)number);

	memcpy(key, &port, sizeof(port));
}

static void mac_key(uint8_t *key, uint32_t number)
{
	number = htonl(number);
	key[0] = 2;
	memcpy(key + 2, &number, sizeof(number));
}

int filter_add_ipv4(const struct object_unit *filter, uint32_t first, uint32_t n, uint64_t flags)
{
	return add_rules(filter, "filter_ipv4", first, n, flags, ipv4_key);
}

int filter_add_ipv6(const struct object_unit *filter, uint32_t first, uint32_t n, uint64_t flags)
{
	return add_rules(filter, "filter_ipv6", first, n, flags, ipv6_key);
}

int filter_add_ports(const struct object_unit *filter, uint32_t first, uint32_t n, uint64_t flags)
{
	return add_rules(filter, "filter_ports", first, n, flags, port_key);
}

int filter_add_macs(const struct object_unit *filter, uint32_t first, uint32_t n, uint64_t flags)
{
	return add_rules(filter, "filter_ethernet", first, n, flags, mac_key);
}
