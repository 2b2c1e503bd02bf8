/* SPDX-License-Identifier: Apache-2.0 */
/* facts: everything that crosses between the runtime and the compiler.
 *
 * Plain C: no LLVM type, no file descriptor, nothing of one machine but its numbers. The same
 * structures are written to and read from JSON (facts_json.c), so that a compile is a file, and
 * a bug report is that file.
 *
 *   unit      one original program: instructions, maps, load attributes
 *   facts     what a compile may know of the unit's maps (class, sharers' effects, snapshot)
 *   policy    what an operator allows
 *   result    image + assumptions + report, or a refusal
 */
#ifndef HONE_FACTS_H
#define HONE_FACTS_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HONE_MAPS_MAX = 64,   /* maps of one unit: the kernel's MAX_USED_MAPS; a set fits a u64 */
	HONE_SITES_MAX = 64,  /* sites that a pointer's origin can name; also a set in a u64 */
	HONE_MAP_TYPE_N = 64, /* above every BPF_MAP_TYPE_*: tables are indexed by it */
	HONE_VALUE_TRACKED = 64, /* leading bytes of a value whose writers are tracked bit by bit */
	HONE_NAME_LEN = BPF_OBJ_NAME_LEN,
	HONE_KFUNC_NAME_LEN = 128, /* the kernel's KSYM_NAME_LEN was that for long */
	HONE_KFUNCS_MAX = 256,	   /* of one unit: the kernel's MAX_KFUNC_DESCS */
	HONE_LICENSE_LEN = 128,
	HONE_DETAIL_LEN = 256,
	HONE_RELEASE_LEN = 65, /* utsname.release */
	HONE_FEATURE_LEN = 32,
};

/* Why something was not done. Row 0 is "it was": see reasons.def. */
enum hone_reason {
#define REASON(id, text, advice) HONE_##id,
#include "compiler/reasons.def"
#undef REASON
	HONE_REASON_N,
};

/* What programs do to a map's content. Decided over all programs that hold the map. */
enum hone_class {
	HONE_CLASS_FIXED,      /* frozen and read-only to programs: never changes again */
	HONE_CLASS_CONFIG,     /* only the control plane writes */
	HONE_CLASS_KEYS_FIXED, /* programs write values in place; keys are the control plane's */
	HONE_CLASS_LIVE,       /* programs add or remove keys, or nobody can tell */
	HONE_CLASS_N,
};

/* What keeps an assumption true, or sends packets to the original when it no longer is. */
enum hone_enforcement {
	HONE_NONE_NEEDED, /* cannot change */
	HONE_GUARDED,	  /* the map is watched, the image compares the epoch */
	HONE_IN_PROGRAM,  /* the image compares the key itself */
	HONE_UNENFORCED,  /* nothing does: a pass must refuse */
};

/* What programs may change in one map. */
struct hone_effects {
	bool writes_keys; /* adds or removes keys (helper update/delete, or cannot be told) */
	bool is_unknown;  /* could not be analysed: counts as a writer of everything */
	/* per value byte: the bits a program may change; read with hone_effects_changed() */
	uint8_t changed[HONE_VALUE_TRACKED];
	bool changes_rest; /* bytes past HONE_VALUE_TRACKED */
};

/* One map of a unit, its class and its content.
 *
 * Snapshot: keys holds n_entries * key_size bytes, values n_entries * n_cpus * value_stride
 * bytes (value_stride: hone_map_value_stride()). Array types are sparse: an index without
 * an entry holds zeros on all CPUs. Entries are sorted by key (memcmp), each key once. */
struct hone_map {
	uint32_t index; /* position in the unit's list, also what its instructions name */
	char name[HONE_NAME_LEN];
	uint32_t type; /* BPF_MAP_TYPE_* */
	uint32_t key_size, value_size, max_entries;
	uint32_t flags; /* BPF_F_* as created */
	uint32_t id;	/* kernel id; 0: offline */
	bool is_frozen;
	bool is_watched; /* a guard follows this map's epochs */

	struct hone_effects others; /* of all programs but the unit */
	enum hone_class class;	    /* over all programs; hone_class_of() */

	bool complete; /* the snapshot holds every entry */
	uint32_t n_entries;
	uint32_t n_cpus; /* values per entry; 1 unless the type is per-CPU */
	uint8_t *keys;
	uint8_t *values;
};

/* What the kernel's BTF says of one argument of a kernel function. */
enum {
	HONE_KFUNC_POINTER = 1 << 0,
	HONE_KFUNC_CONST = 1 << 1,    /* to memory that is not written */
	HONE_KFUNC_MAP = 1 << 2,      /* a map handle */
	HONE_KFUNC_FUNCTION = 1 << 3, /* a function that is called back */
	HONE_KFUNC_FLAGS = (1 << 4) - 1,
};

struct hone_kfunc_arg {
	uint32_t flags;
	uint32_t size;	   /* POINTER: bytes of what it points to; 0: not known */
	uint32_t size_arg; /* POINTER: the argument (1-5) that says how many; 0: none */
};

/* A function of the kernel that a unit calls: BPF_PSEUDO_KFUNC_CALL, offset 0. */
struct hone_kfunc {
	uint32_t btf_id; /* of the kernel's own BTF */
	char name[HONE_KFUNC_NAME_LEN];
	bool returns_pointer;
	uint32_t n_args;
	struct hone_kfunc_arg args[5];
};

/* One original program. Map loads (BPF_PSEUDO_MAP_FD and BPF_PSEUDO_MAP_VALUE) carry the map's
 * index in `maps` instead of an fd. Immutable once captured. */
struct hone_unit {
	char name[HONE_NAME_LEN];
	char license[HONE_LICENSE_LEN];
	uint32_t prog_type, expected_attach_type, prog_flags, kern_version;
	uint8_t tag[BPF_TAG_SIZE];
	uint32_t prog_id; /* kernel id; 0: offline */
	uint32_t btf_id;  /* kernel id of its BTF; 0: none */
	uint32_t n_insns;
	struct bpf_insn *insns;
	uint32_t n_maps;
	struct hone_map *maps;
	uint32_t func_info_rec_size, n_func_info;
	uint8_t *func_info; /* as given to BPF_PROG_LOAD */
	uint32_t line_info_rec_size, n_line_info;
	uint8_t *line_info; /* as given to BPF_PROG_LOAD; by instruction */
	uint32_t n_kfuncs;
	struct hone_kfunc *kfuncs; /* those of them that the kernel has now */
};

struct hone_policy {
	unsigned int level;	  /* 0-3, architecture.md section 2 */
	uint32_t max_table_bytes; /* of all tables of one image */
	uint32_t max_entries;	  /* of one folded map */
	uint32_t max_insns;	  /* of an image */
	bool count_packets;	  /* the image counts the packets it decides (about 1 ns each) */
	uint32_t n_never_fold;
	char (*never_fold)[HONE_NAME_LEN]; /* maps that are left alone */
};

/* What an image takes for granted. */
enum hone_assume_kind {
	HONE_ASSUME_NO_KEYS,	/* the map holds no key */
	HONE_ASSUME_KEYS,	/* exactly the snapshot's keys are present */
	HONE_ASSUME_VALUES,	/* keys and values are the snapshot's */
	HONE_ASSUME_VALUE_BITS, /* (value & bits) != 0 on some CPU: exactly for the snapshot's */
	HONE_ASSUME_N,
};

/* After a change of the facts: compile anew, or patch a table's bytes. */
enum hone_effect {
	HONE_CODE_LEVEL,
	HONE_DATA_LEVEL,
};

struct hone_assumption {
	enum hone_assume_kind kind;
	uint32_t map;  /* index */
	uint32_t site; /* id */
	enum hone_effect effect;
	enum hone_enforcement enforcement;
	uint32_t offset; /* VALUE_BITS: of an aligned little-endian 64-bit word in the value */
	uint64_t bits;	 /* VALUE_BITS: mask of that word */
};

/* What an image's instruction at `insn` (an ld_imm64) refers to. */
enum hone_reloc_kind {
	HONE_RELOC_MAP,	      /* the unit's map `map`, as a handle */
	HONE_RELOC_MAP_VALUE, /* the unit's map `map`, its value + offset */
	HONE_RELOC_TABLE,     /* the image's own map, value + offset */
	HONE_RELOC_GUARD,     /* the unit's guard slot, value + offset */
	HONE_RELOC_SLOTS,     /* the unit's PROG_ARRAY, as a handle */
	HONE_RELOC_COUNTS,    /* the unit's counter map (PERCPU_ARRAY), as a handle */
	HONE_RELOC_N,
};

struct hone_reloc {
	uint32_t insn;
	enum hone_reloc_kind kind;
	uint32_t map;
	uint32_t offset;
};

/* From the image's instruction `insn` on: what the original's line_info record `record` says. */
struct hone_line {
	uint32_t insn;
	uint32_t record;
};

/* A function of an image, and the one of the original that it was made from. */
struct hone_image_function {
	uint32_t insn;	 /* its first, in the image */
	uint32_t origin; /* its first, in the original */
};

/* A specialized program. `table` is the initial value of the image's own one-entry array map;
 * its first 8 bytes are `expected`, initially HONE_EPOCH_NEVER. */
struct hone_image {
	uint32_t n_insns;
	struct bpf_insn *insns;
	uint32_t n_relocs;
	struct hone_reloc *relocs;
	uint32_t n_lines;
	struct hone_line
		*lines;	      /* by instruction; each function begins with one, or there is none */
	uint32_t n_functions; /* by first instruction; the program is the first */
	struct hone_image_function *functions;
	uint32_t table_bytes;
	uint8_t *table;
	uint32_t n_assumptions;
	struct hone_assumption *assumptions;
};

#define HONE_EPOCH_NEVER UINT64_MAX /* equals no epoch that a guard reaches */

enum hone_site_kind {
	HONE_SITE_LOOKUP,
	HONE_SITE_TAIL_CALL,
	HONE_SITE_N,
};

struct hone_site_report {
	uint32_t id;
	uint32_t insn; /* in the original */
	int32_t map;   /* index; -1: none, or more than one */
	enum hone_site_kind kind;
	enum hone_class class;
	char action[32];	 /* the pass that rewrote it; "" if none */
	enum hone_reason reason; /* why none did */
	uint32_t n_entries;
	bool key_is_known; /* the same constant on every path: array lookups, tail calls */
	uint32_t key;
};

struct hone_pass_report {
	char name[32];
	uint32_t n_rewritten;
	double ms;
};

/* What honec answers. Where `refused` is not HONE_REWRITTEN there is no image (n_insns 0), but
 * the report and the effects are filled as far as the compile went. */
struct hone_result {
	enum hone_reason refused;
	char detail[HONE_DETAIL_LEN]; /* the instruction, map or message behind `refused` */
	struct hone_image image;
	uint32_t n_effects; /* the unit's own, one per map of the unit */
	struct hone_effects *effects;
	uint32_t n_sites;
	struct hone_site_report *sites;
	uint32_t n_passes;
	struct hone_pass_report *passes;
	uint32_t n_blocks;     /* basic blocks of the original that can be reached */
	uint32_t *block_insns; /* with HONE_REQUEST_COVER: first instruction of each */
	uint32_t cover_offset; /* with HONE_REQUEST_COVER: of one byte per block in the table */
	bool is_plain; /* the image is of the second attempt: less optimized, since the first one
			* exceeded the stack */
	double lift_ms, optimize_ms, emit_ms;
};

enum hone_request_kind {
	HONE_REQUEST_COMPILE, /* image */
	HONE_REQUEST_ANALYSE, /* effects and sites only: no LLVM is run */
	HONE_REQUEST_COVER,   /* the original, lifted, which marks each block it enters; no guard */
	HONE_REQUEST_BUILD,   /* only what holds without a guard: a program of an object */
	HONE_REQUEST_N,
};

struct hone_request {
	enum hone_request_kind kind;
	struct hone_unit unit;
	struct hone_policy policy;
};

/* What `hone snapshot` writes and `hone build --facts` reads: a unit with the contents of its maps,
 * and the kernel that ran it. docs/facts.schema.json */
struct hone_facts_file {
	char release[HONE_RELEASE_LEN];
	uint32_t n_features;
	char (*features)[HONE_FEATURE_LEN]; /* ids of runtime/common/features.def that are there */
	struct hone_unit unit;
};

/* ---- facts.c: small questions about the above ---- */

/* hone_reason_id(), hone_reason_text(), hone_reason_advice() - columns of reasons.def.
 * Return static strings. */
const char *hone_reason_id(enum hone_reason reason);
const char *hone_reason_text(enum hone_reason reason);
const char *hone_reason_advice(enum hone_reason reason);

const char *hone_class_name(enum hone_class class);
const char *hone_enforcement_name(enum hone_enforcement enforcement);
const char *hone_site_kind_name(enum hone_site_kind kind);

/* Bytes of one CPU's value in a snapshot: 8-byte multiples for per-CPU types, as bpf(2) reads. */
uint32_t hone_map_value_stride(const struct hone_map *map);
bool hone_map_is_per_cpu(uint32_t type);
bool hone_map_is_array(uint32_t type); /* keys are indexes, all present from creation on */

/* The value of entry `entry` on CPU `cpu`; value_size bytes. */
const uint8_t *hone_map_value(const struct hone_map *map, uint32_t entry, uint32_t cpu);

/* Bits of value byte `offset` that the effects may change. */
uint8_t hone_effects_changed(const struct hone_effects *effects, uint32_t offset);
bool hone_effects_writes_value(const struct hone_effects *effects);
/* into |= from */
void hone_effects_join(struct hone_effects *into, const struct hone_effects *from);

/* hone_class_of() - a map's class from everything that programs do to it.
 * all: the joined effects of every program that holds the map, the unit's own included. */
enum hone_class hone_class_of(const struct hone_map *map, const struct hone_effects *all);

/* hone_assumption_holds() - is what an image took for granted about `was` still so in `is`?
 * Both snapshots must be complete; otherwise false. Compares bytes, not digests. */
bool hone_assumption_holds(const struct hone_assumption *assumption, const struct hone_map *was,
			   const struct hone_map *is);

/* ---- facts_json.c: the same as text ----
 *
 * Encoders return 0 and a NUL-terminated text that the caller frees, -EINVAL (a name that is not
 * UTF-8), or -ENOMEM. Decoders return 0, or -EINVAL (-ENOMEM) with the JSON path and the cause in
 * `error` (HONE_DETAIL_LEN bytes), the output untouched; on success the caller frees the output
 * with the matching *_free(). Any byte string is a legal argument. */
int hone_request_encode(const struct hone_request *request, char **text);
int hone_request_decode(const char *text, size_t size, struct hone_request *out, char *error);
void hone_request_free(struct hone_request *request);

int hone_result_encode(const struct hone_result *result, char **text);
int hone_result_decode(const char *text, size_t size, struct hone_result *out, char *error);
void hone_result_free(struct hone_result *result);

/* A unit alone (the state directory keeps captured units so). Snapshots are included. */
int hone_unit_encode(const struct hone_unit *unit, char **text);
int hone_unit_decode(const char *text, size_t size, struct hone_unit *out, char *error);
void hone_unit_free(struct hone_unit *unit);

/* Facts about maps alone, as golden tests write them: {"level":2,"maps":[…]}. Beside `level` any
 * member of the policy; limits that are left out do not limit. A map needs name, type ("hash"),
 * key_size, value_size, max_entries and class ("config"); `watched` is true by default where the
 * class needs it. An entry is [key, value of CPU 0, …], all hexadecimal. */
int hone_facts_decode(const char *text, size_t size, struct hone_request *out, char *error);

/* ---- facts_file.c: the file of hone snapshot; as above ---- */

#define HONE_FACTS_FORMAT "hone-facts"
#define HONE_FACTS_VERSION 1

int hone_facts_file_encode(const struct hone_facts_file *file, char **text);
int hone_facts_file_decode(const char *text, size_t size, struct hone_facts_file *out, char *error);
void hone_facts_file_free(struct hone_facts_file *file);

#endif
