#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bad_objects: objects, sources and facts that are wrong, to hone build, explain and attach: what is
# wrong is named, the exit code is the contract's, nothing is written and nothing is attached.
NAME=bad-objects
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/rows.sh"

BPF=/usr/lib/x86_64-linux-gnu/bpf
OBJECTS=$BUILD/tests/e2e/objects
GOOD=$OBJECTS/build_me.bpf.o
OUT=$TMP/out.o
hone_here() { "$BUILD/runtime/cli/hone" "$@"; }
# bad CODE PATTERN WHAT ARG…: hone build ARG… -o OUT is a row, and OUT is as it was: the old bytes.
bad() {
	local code=$1 pattern=$2 what=$3
	shift 3
	echo old >"$OUT"
	row "$code" "$pattern" "$what" -- hone_here -j build -o "$OUT" "$@"
	grep -qx old "$OUT" || { echo "row $rows: $what: the output was touched"; failures=$((failures + 1)); }
}
# patched OFFSET BYTES: a copy of the good object with these bytes (as of printf) at an offset.
patched() {
	cp "$GOOD" "$TMP/bad.o"
	printf "$2" | dd of="$TMP/bad.o" bs=1 seek="$1" conv=notrunc status=none
}
section() { readelf -SW "$GOOD" | sed 's/^ *\[ *//; s/\]//' | awk -v name="$1" -v field="$2" '$2 == name {print $field}'; }
at() { echo $((0x$(section "$1" 5))); } # a section's place in the file
bytes() { echo $((0x$(section "$1" 6))); }
source_of() { # TEXT…: C source of an XDP program around it
	{
		printf '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n'
		printf 'char _license[] SEC("license") = "GPL";\n'
		printf '%s\n' "$@"
	} >"$TMP/bad.c"
}

in_ns xdp-filter load v0 -m native || fail "xdp-filter load"

# ---- the file ----
bad 1 "No such file" "an input that is not there" /no-such-object.o
bad 1 "not a regular file" "an input that is a directory" "$TMP"
bad 1 "not an ELF file" "a text" /etc/passwd
: >"$TMP/bad.o"
bad 1 "not an ELF file" "an empty file" "$TMP/bad.o"
bad 1 "machine 62" "a program for this machine" /proc/self/exe
patched 5 '\x02'
bad 1 "big-endian" "a big-endian object" "$TMP/bad.o"
patched 40 '\xff\xff\xff\xff\xff\xff\xff\x7f'
bad 1 "section table is not inside" "a section table that is elsewhere" "$TMP/bad.o"
head -c "$(($(stat -c %s "$GOOD") / 2))" "$GOOD" >"$TMP/bad.o"
bad 1 "section table is not inside" "half an object" "$TMP/bad.o"
row 2 "output: is missing" "no output named" -- hone_here build "$GOOD"
row 1 "no-such-dir/out.o: cannot be written" "an output that cannot be written" -- \
	hone_here build "$GOOD" -o /no-such-dir/out.o
mkdir "$TMP/sealed" && mount -t tmpfs -o ro tmpfs "$TMP/sealed" &&
	row 1 "Read-only file system" "a read-only output" -- hone_here build "$GOOD" -o "$TMP/sealed/out.o" &&
	umount "$TMP/sealed"
row 2 "level must be" "a level that is none" -- hone_here build "$GOOD" -o "$OUT" --level 7
row 2 "no C source" "arguments of clang for an object" -- hone_here build "$GOOD" -o "$OUT" -- -DX

# ---- its parts ----
patched "$(($(at .strtab) + $(bytes .strtab) - 8))" 'xxxxxxxx'
bad 1 "NO_OBJECT" "names that do not end" "$TMP/bad.o"
patched "$(at .BTF)" '\x00\x00'
bad 1 ".BTF is not BTF" "BTF that is none" "$TMP/bad.o"
patched "$(($(at .BTF) + 12))" '\xff\xff\xff\x00'
bad 1 ".BTF is cut short" "BTF cut short" "$TMP/bad.o"
patched "$(($(at .BTF) + 24 + 4))" '\xff\xff\xff\x1f'
bad 1 "damaged type|BTF does not describe" "a BTF type that is none" "$TMP/bad.o"
patched "$(($(at .BTF.ext) + 12))" '\xff\xff\xff\x00'
bad 1 ".BTF.ext is cut short" ".BTF.ext cut short" "$TMP/bad.o"
patched "$(($(at .relxdp) + 12))" '\xff\xff\xff\x00'
bad 1 "relocation 0 of .relxdp leads nowhere" "a relocation to no symbol" "$TMP/bad.o"
patched "$(at .relxdp)" '\x00\x00\x00\x00\x00\x00\xff\x00'
bad 1 "leads nowhere" "a relocation outside of its section" "$TMP/bad.o"
patched "$(($(at .relxdp) + 8))" '\x03'
bad 1 "NO_RELOCATION" "a relocation of another type" "$TMP/bad.o" --program first
patched "$(($(at .symtab) + 24 * $(readelf -sW "$GOOD" | awk '$8 == "first" {print $1 + 0}') + 16))" '\x07'
bad 1 "function first is not inside its section" "a function of a broken size" "$TMP/bad.o"
source_of 'int nothing;'
bad 1 "NO_PROGRAM" "an object without programs" "$TMP/bad.c"
bad 1 "NO_PROGRAM" "a program that the object does not have" "$GOOD" --program third

# ---- the programs ----
source_of 'SEC("xdp") int bad(struct xdp_md *c) { asm volatile(".8byte 0x7fff0005"); return 2; }'
bad 1 "NO_BAD_JUMP" "a jump out of the program" "$TMP/bad.c"
source_of 'SEC("xdp") int bad(struct xdp_md *c) { return ((int (*)(void *))9999)(c); }'
bad 1 "helper 9999" "a helper that there is not" "$TMP/bad.c"
source_of 'SEC("xdp") int bad(struct xdp_md *c) { asm volatile(".8byte 0xffffffffffffffff"); return 2; }'
bad 1 "NO_INSN" "an instruction that there is not" "$TMP/bad.c"
source_of 'SEC("xdp") int bad(struct xdp_md *c) { asm volatile(".fill 1000001, 8, 0xb7"); return 2; }'
bad 1 "more than 1000000 instructions" "1,000,001 instructions" "$TMP/bad.c"
source_of 'static __noinline int again(int n) { return n ? again(n - 1) * n + 1 : 3; }' \
	'SEC("xdp") int bad(struct xdp_md *c) { return again(c->rx_queue_index); }'
bad 1 "NO_RECURSION" "a function that calls itself" "$TMP/bad.c"
source_of 'extern int nowhere; SEC("xdp") int bad(struct xdp_md *c) { return nowhere; }'
bad 1 "kernel or its configuration: nowhere" "a variable that is nowhere" "$TMP/bad.c"
source_of 'SEC("kprobe/x") int bad(void *c) { return 0; }'
bad 1 "NO_PROG_TYPE" "a program of another type" "$TMP/bad.c"
source_of 'struct task { int pid; } __attribute__((preserve_access_index));' \
	'SEC("xdp") int bad(struct xdp_md *c) { return ((struct task *)(long)c->data)->pid; }'
bad 1 "NO_CORE" "a field that only the kernel knows" "$TMP/bad.c"
source_of '__noinline int other(int n) { return n ^ 5; }' \
	'SEC("xdp") int bad(struct xdp_md *c) { return other(c->rx_queue_index); }'
bad 1 "NO_OBJECT_FUNCTIONS" "a function that others may replace" "$TMP/bad.c"
bad 1 "NO_TIMER" "a program with a timer" "$OBJECTS/timer.bpf.o"

# ---- source ----
source_of 'SEC("xdp") int bad(struct xdp_md *c) {' '  return undeclared;' '}'
bad 1 "bad.c:5:10: .*undeclared" "source with an error" "$TMP/bad.c"
bad 1 "No such file|cannot be read" "source that is not there" "$TMP/none.c"
source_of '#include "no_such_header.h"'
bad 1 "bad.c:4:10: .*no_such_header.h" "a header that is not there" "$TMP/bad.c"
source_of 'SEC("xdp") int bad(struct xdp_md *c) { char big[600]; asm volatile("" :: "r"(big)); return 2; }'
bad 1 "NO_SOURCE" "a stack that is too large" "$TMP/bad.c"
source_of 'SEC("xdp") int fine(struct xdp_md *c) { return 2; }'
HONE_CLANG=/no-such-clang bad 1 "NO_SOURCE" "a clang that is not there" "$TMP/bad.c"

# ---- facts ----
echo '{"format": "hone-facts"' >"$TMP/facts.json"
bad 1 "NO_FACTS" "facts cut short" "$GOOD" --facts "$TMP/facts.json"
echo '{"level": 2, "maps": []}' >"$TMP/facts.json"
bad 1 "format: missing" "facts of another form" "$GOOD" --facts "$TMP/facts.json"
bad 1 "No such file" "facts that are not there" "$GOOD" --facts /no-such-facts
honed_start
in_ns xdp-filter unload v0 && in_ns xdp-filter load v0 -m native || fail "xdp-filter load"
hone attach v0 --level 0 >/dev/null && hone snapshot v0 -o "$TMP/facts.json" >/dev/null || fail "snapshot"
hone detach v0 >/dev/null
bad 1 "of program xdpfilt_alw_all" "facts of another program" "$GOOD" --facts "$TMP/facts.json"
jq '.unit.maps[0].value_size = 9 | .unit.maps[0].entries = []' "$TMP/facts.json" >"$TMP/wrong.json"
bad 1 "another name, type or size" "facts of other maps" "$BPF/xdpfilt_alw_all.o" --facts "$TMP/wrong.json"

# ---- explain, attach ----
row 1 "not an ELF file" "explain of a text" -- hone explain /etc/passwd
row 1 "NO_PROGRAM" "explain of a program that there is not" -- hone -j explain "$GOOD" --program third
patched "$(($(at .BTF) + 12))" '\xff\xff\xff\x00'
row 1 "not an object that libbpf reads" "attach with a damaged object" -- hone attach v0 --object "$TMP/bad.o"

[ "$failures" = 0 ] || fail "$failures of $rows rows"
say "ok: $rows rows"
