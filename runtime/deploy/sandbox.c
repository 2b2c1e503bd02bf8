// SPDX-License-Identifier: Apache-2.0
/* sandbox: see the header. Attaches and pins nothing: all goes with the fds. */
#include "runtime/deploy/sandbox.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"

enum { EPOCH = 1 };

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void hone_sandbox_close(struct hone_sandbox *sandbox)
{
	close_fd(&sandbox->image.fd);
	close_fd(&sandbox->original.fd);
	close_fd(&sandbox->table_fd);
	close_fd(&sandbox->guard_fd);
	close_fd(&sandbox->slots_fd);
	close_fd(&sandbox->counts_fd);
}

/* A guard of one slot. The mapping of the real one is not needed. */
static int load_guard(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "hone_guard", sizeof(__u32),
				sizeof(struct hone_guard_slot), 1, NULL);

	return fd < 0 ? -errno : fd;
}

static int set_guard(const struct hone_sandbox *sandbox, uint64_t epoch)
{
	struct hone_guard_slot slot = {.begin = epoch, .end = epoch};
	__u32 zero = 0;

	return bpf_map_update_elem(sandbox->guard_fd, &zero, &slot, BPF_ANY) ? -errno : 0;
}

int hone_sandbox_break_guard(const struct hone_sandbox *sandbox)
{
	return set_guard(sandbox, EPOCH + 1);
}

/* The maps around the image. */
static int make_surroundings(const struct hone_image *image, struct hone_sandbox *sandbox)
{
	__u32 key = HONE_PROG_ORIGINAL;

	sandbox->table_fd = hone_load_table(image);
	if (sandbox->table_fd < 0)
		return sandbox->table_fd;
	sandbox->guard_fd = load_guard();
	if (sandbox->guard_fd < 0)
		return sandbox->guard_fd;
	sandbox->slots_fd = hone_load_slots();
	if (sandbox->slots_fd < 0)
		return sandbox->slots_fd;
	sandbox->counts_fd = hone_load_counts();
	if (sandbox->counts_fd < 0)
		return sandbox->counts_fd;
	if (bpf_map_update_elem(sandbox->slots_fd, &key, &sandbox->original.fd, BPF_ANY))
		return -errno;
	return set_guard(sandbox, EPOCH);
}

static bool is_verifier_error(int err)
{
	return err == -EACCES || err == -EINVAL || err == -E2BIG || err == -EPERM ||
	       err == -ENOSPC || err == -EFAULT;
}

int hone_sandbox_open(const struct hone_unit *unit, const struct hone_maps *maps,
		      const struct hone_image *image, struct hone_sandbox *out, char *log)
{
	struct hone_image_env env = {.maps = maps};
	int err;

	*out = (struct hone_sandbox)HONE_SANDBOX_EMPTY;
	err = hone_load_original(unit, maps, &out->original, log);
	if (err)
		return hone_log_err(err, "%s: a copy cannot be loaded: %s", unit->name, log);
	err = make_surroundings(image, out);
	if (err)
		return err;
	env.table_fd = out->table_fd;
	env.guard_fd = out->guard_fd;
	env.slots_fd = out->slots_fd;
	env.counts_fd = out->counts_fd;
	err = hone_load_image(unit, image, &env, &out->image, log);
	if (err)
		return is_verifier_error(err) && log[0] ? 0 : err;
	return hone_expected_set(out->table_fd, EPOCH);
}

int hone_sandbox_count(const struct hone_sandbox *sandbox, uint32_t counter, uint64_t *out)
{
	int n_cpus = libbpf_num_possible_cpus();
	_cleanup_free_ __u64 *values = n_cpus > 0 ? calloc((size_t)n_cpus, sizeof(*values)) : NULL;
	uint64_t sum = 0;

	if (!values)
		return n_cpus < 0 ? n_cpus : -ENOMEM;
	if (bpf_map_lookup_elem(sandbox->counts_fd, &counter, values))
		return -errno;
	for (int cpu = 0; cpu < n_cpus; cpu++)
		sum += values[cpu];
	*out = sum;
	return 0;
}

int hone_cpu_pin(cpu_set_t *was)
{
	cpu_set_t now;
	int cpu = sched_getcpu();

	if (cpu < 0 || sched_getaffinity(0, sizeof(*was), was))
		return -errno;
	CPU_ZERO(&now);
	CPU_SET((unsigned int)cpu, &now);
	return sched_setaffinity(0, sizeof(now), &now) ? -errno : 0;
}

void hone_cpu_unpin(const cpu_set_t *was)
{
	sched_setaffinity(0, sizeof(*was), was);
}
