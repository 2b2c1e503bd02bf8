// SPDX-License-Identifier: Apache-2.0
/* lines: which instruction of an emitted object comes of which line_info record, from what LLVM
 * wrote into .BTF.ext (lift_lines.c put the records' numbers there).
 *
 * When: after relocate.c has the instructions. What is not as the kernel wants it (a function
 * without a line at its start) leaves the image without lines: it works as well.
 * Source: Documentation/bpf/btf.rst; kernel/bpf/verifier.c check_btf_line(). */
#include <stdlib.h>
#include <string.h>

#include "compiler/compiler.h"

enum { LINE_SHIFT = 10 }; /* of bpf_line_info.line_col */

/* The header of .BTF.ext, as far as it matters, and of its one section of lines. */
struct ext_header {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t header_bytes;
	uint32_t func_offset, func_bytes;
	uint32_t line_offset, line_bytes;
};

struct ext_section {
	uint32_t record_bytes;
	uint32_t name, n_records;
};

/* The records of the object's only section of code. NULL: not of that form. */
static const uint8_t *find_records(const uint8_t *data, size_t size, struct ext_section *out)
{
	struct ext_header header;
	uint64_t at;

	if (size < sizeof(header))
		return NULL;
	memcpy(&header, data, sizeof(header));
	at = (uint64_t)header.header_bytes + header.line_offset;
	if (at > size || header.line_bytes > size - at || header.line_bytes < sizeof(*out))
		return NULL;
	memcpy(out, data + at, sizeof(*out));
	if (out->record_bytes < sizeof(struct bpf_line_info) ||
	    out->n_records > (header.line_bytes - sizeof(*out)) / out->record_bytes)
		return NULL;
	return data + at + sizeof(*out);
}

/* Ascending, each at an instruction, each with a number. */
static void take(struct hone_image *image, const struct bpf_line_info *info)
{
	uint32_t insn = info->insn_off / (uint32_t)sizeof(struct bpf_insn);
	uint32_t line = info->line_col >> LINE_SHIFT;
	const struct hone_line *last = image->n_lines ? &image->lines[image->n_lines - 1] : NULL;

	if (line == 0 || insn >= image->n_insns || image->insns[insn].code == 0 ||
	    (last && (insn <= last->insn || line - 1 == last->record)))
		return;
	image->lines[image->n_lines++] = (struct hone_line){.insn = insn, .record = line - 1};
}

static bool has_line(const struct hone_image *image, uint32_t insn)
{
	for (uint32_t i = 0; i < image->n_lines && image->lines[i].insn <= insn; i++)
		if (image->lines[i].insn == insn)
			return true;
	return false;
}

/* The kernel wants a line where a function begins: the program's, and those that are called or
 * whose address is taken. */
static bool functions_begin_with_lines(const struct hone_image *image)
{
	for (uint32_t at = 0; at < image->n_insns; at++) {
		const struct bpf_insn *insn = &image->insns[at];
		bool is_call =
			insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL;
		bool is_address = insn->code == (BPF_LD | BPF_IMM | BPF_DW) &&
				  insn->src_reg == BPF_PSEUDO_FUNC;

		if ((is_call || is_address) && !has_line(image, at + 1 + (uint32_t)insn->imm))
			return false;
	}
	return has_line(image, 0);
}

void hone_lines_read(const void *ext, size_t size, struct hone_image *image)
{
	struct ext_section section;
	const uint8_t *records = find_records(ext, size, &section);

	if (!records || section.n_records == 0)
		return;
	image->lines = calloc(section.n_records, sizeof(*image->lines));
	for (uint32_t i = 0; image->lines && i < section.n_records; i++) {
		struct bpf_line_info info;

		memcpy(&info, records + (size_t)i * section.record_bytes, sizeof(info));
		take(image, &info);
	}
	if (image->n_lines > 0 && functions_begin_with_lines(image))
		return;
	free(image->lines);
	image->lines = NULL;
	image->n_lines = 0;
}
