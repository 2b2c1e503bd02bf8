// SPDX-License-Identifier: Apache-2.0
/* extended: see the header. Links that are made later are the hooks' business (watch.bpf.c): they
 * raise every slot, and the next look finds them. */
#include "runtime/live/extended.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/sys.h"

static void btf_cleanup(struct btf **btf)
{
	btf__free(*btf);
}

static bool is_global(const struct btf *btf, uint32_t type_id)
{
	const struct btf_type *type = btf__type_by_id(btf, type_id);

	return !type || !btf_is_func(type) || btf_vlen(type) != BTF_FUNC_STATIC;
}

bool hone_has_global_functions(const struct hone_unit *unit)
{
	_cleanup_(btf_cleanup) struct btf *btf = NULL;

	if (unit->n_func_info <= 1 || !unit->btf_id)
		return false; /* nobody can name them */
	btf = btf__load_from_kernel_by_id(unit->btf_id);
	if (!btf)
		return true;
	for (uint32_t i = 0; i < unit->n_func_info; i++) {
		struct bpf_func_info record;

		memcpy(&record, unit->func_info + (size_t)i * unit->func_info_rec_size,
		       sizeof(record));
		if (record.insn_off && is_global(btf, record.type_id))
			return true;
	}
	return false;
}

static bool is_to(const struct bpf_link_info *info, const uint32_t *prog_ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (prog_ids[i] && info->type == BPF_LINK_TYPE_TRACING &&
		    info->tracing.target_obj_id == prog_ids[i])
			return true;
	return false;
}

int64_t hone_extension_find(const uint32_t *prog_ids, uint32_t n)
{
	uint32_t id = 0;

	while (!bpf_link_get_next_id(id, &id)) {
		_cleanup_close_ int fd = bpf_link_get_fd_by_id(id);
		struct bpf_link_info info;
		int err = fd < 0 ? -errno : hone_link_info(fd, &info);

		if (err && err != -ENOENT)
			return err;
		if (!err && is_to(&info, prog_ids, n))
			return id;
	}
	return errno == ENOENT ? 0 : -errno;
}
