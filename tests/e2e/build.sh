#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build: an object that hone build wrote is loaded by plain loaders, decides packets as the original
# does, and is the same bytes each time.
NAME=build
source "$(dirname "$0")/lib.sh"

BPF=/usr/lib/x86_64-linux-gnu/bpf
OBJECTS=$BUILD/tests/e2e/objects
SOURCES=$(cd "$(dirname "$0")/objects" && pwd)
OUT=$TMP/out
mkdir "$OUT"
command -v xdp-loader >/dev/null && [ -e "$BPF/xdpfilt_alw_all.o" ] || skip "needs xdp-tools"

build() { "$BUILD/runtime/cli/hone" build "$@"; }
# twice OBJECT: builds into $OUT, says what was done, fails if a second build gives other bytes.
twice() {
	local name=$1
	shift
	build "$@" -o "$OUT/$name.o" >"$TMP/said" 2>&1 || return 1
	build "$@" -o "$OUT/$name.again.o" >/dev/null 2>&1 || fail "$name: only the first build succeeds"
	cmp "$OUT/$name.o" "$OUT/$name.again.o" || fail "$name: two builds differ"
}
pin_of() { echo "/sys/fs/bpf/$1"; }
loads() { # NAME: with bpftool, under a directory of its name
	in_ns bpftool prog loadall "$OUT/$1.o" "$(pin_of "$1")" >"$TMP/said" 2>&1 ||
		fail "$1: bpftool prog loadall: $(tail -5 "$TMP/said")"
}

# ---- each filter of xdp-tools, by two loaders ----
built=0
for object in "$BPF"/xdpfilt_*.o; do
	name=$(basename "$object" .o)
	twice "$name" "$object" || fail "$name: $(cat "$TMP/said")"
	grep -q "$name (xdp): [0-9]* -> [0-9]* instructions" "$TMP/said" || fail "$name: $(cat "$TMP/said")"
	loads "$name"
	rm -r "$(pin_of "$name")"
	in_ns xdp-loader load -m native v0 "$OUT/$name.o" >"$TMP/said" 2>&1 ||
		fail "$name: xdp-loader load: $(cat "$TMP/said")"
	in_ns bpftool net list dev v0 -j | jq -e '.[].xdp | length == 1' >/dev/null || fail "$name: not attached"
	in_ns xdp-loader unload v0 --all || fail "$name: xdp-loader unload"
	built=$((built + 1))
done
[ "$built" -ge 10 ] || fail "$built filters"
say "$built filters: built twice, loaded by bpftool and by xdp-loader"

# ---- everything else that lies around: built and loaded, or refused with a reason ----
for object in "$BPF"/*.o "$OBJECTS"/*.o; do
	name=$(basename "$object" .o | tr . _)
	[[ $name != xdpfilt_* ]] || continue
	if twice "$name" "$object"; then
		programs=$(grep -c ' -> ' "$TMP/said")
		loads "$name"
		rm -r "$(pin_of "$name")"
		say "$name: $programs programs"
	else
		build -j "$object" -o "$OUT/$name.o" >"$TMP/said" 2>/dev/null
		jq -er '.error.reason' "$TMP/said" >"$TMP/reason" ||
			fail "$name: refused without a reason: $(cat "$TMP/said")"
		[ ! -e "$OUT/$name.o" ] || fail "$name: refused, and written"
		say "$name: $(cat "$TMP/reason")"
	fi
done

# ---- the same decisions and the same maps: object and C source ----
cp "$OBJECTS/build_me.bpf.o" "$OUT/plain.o"
twice from_o "$OBJECTS/build_me.bpf.o" || fail "build_me.bpf.o: $(cat "$TMP/said")"
[ "$(grep -c ' -> ' "$TMP/said")" = 3 ] || fail "build_me.bpf.o: not three programs: $(cat "$TMP/said")"
twice from_c "$SOURCES/build_me.bpf.c" || fail "build_me.bpf.c: $(cat "$TMP/said")"
cmp -s "$OUT/plain.o" "$OUT/from_o.o" && fail "the output is the input"

# run NAME: verdicts of all programs on some packets, and what is in the maps afterwards.
run() {
	local program byte ids
	loads "$1"
	for program in first second marks; do
		for byte in 00 01 02 03 17 9f fe ff; do
			printf "\\x$byte\\x$byte$(printf '\\x08%.0s' {1..60})" >"$TMP/packet"
			in_ns bpftool prog run pinned "$(pin_of "$1")/$program" data_in "$TMP/packet" -j |
				jq -c "[\"$program\", \"$byte\", .retval]"
		done
	done
	ids=$(in_ns bpftool prog show pinned "$(pin_of "$1")/first" -j | jq '.map_ids[]')
	ids+=" $(in_ns bpftool prog show pinned "$(pin_of "$1")/second" -j | jq '.map_ids[]')"
	for id in $(tr ' ' '\n' <<<"$ids" | sort -nu); do
		in_ns bpftool map dump id "$id" -j | jq -c '[.[] | .formatted // .] | tostring'
	done | sort
	rm -r "$(pin_of "$1")"
}
run plain >"$TMP/plain" || fail "run of the original"
[ "$(grep -c '"first"' "$TMP/plain")" = 8 ] && grep -q sum "$TMP/plain" || fail "$(cat "$TMP/plain")"
for name in from_o from_c; do
	run "$name" >"$TMP/$name"
	diff "$TMP/plain" "$TMP/$name" || fail "$name decides otherwise than the original"
done
say "$(sort -u "$TMP/plain" | wc -l) outcomes, the same from object and source"

# ---- one program of several: the others are as they were ----
build "$OBJECTS/build_me.bpf.o" --program second -o "$OUT/one.o" >"$TMP/said" || fail "--program: $(cat "$TMP/said")"
[ "$(grep -c ' -> ' "$TMP/said")" = 1 ] || fail "--program second: $(cat "$TMP/said")"
run one >"$TMP/one"
diff "$TMP/plain" "$TMP/one" || fail "one.o decides otherwise than the original"

# ---- facts: of this program, and of another ----
honed_start
in_ns xdp-filter load v0 -m native || fail "xdp-filter load"
hone attach v0 --level 0 >/dev/null && hone snapshot v0 -o "$TMP/facts.json" >/dev/null || fail "snapshot"
twice with_facts "$BPF/xdpfilt_alw_all.o" --facts "$TMP/facts.json" || fail "--facts: $(cat "$TMP/said")"
loads with_facts
build -j "$BPF/xdpfilt_dny_all.o" --facts "$TMP/facts.json" -o "$OUT/wrong.o" 2>/dev/null >"$TMP/said"
[ "$(jq -r .error.reason "$TMP/said")" = NO_FACTS ] || fail "facts of another program: $(cat "$TMP/said")"
jq '.unit.name = "xdpfilt_dny_all"' "$TMP/facts.json" >"$TMP/renamed.json"
build -j "$BPF/xdpfilt_dny_all.o" --facts "$TMP/renamed.json" -o "$OUT/wrong.o" 2>/dev/null >"$TMP/said"
jq -e '.error.message | test("instruction [0-9]+ differs")' "$TMP/said" >/dev/null || fail "$(cat "$TMP/said")"
[ ! -e "$OUT/wrong.o" ] || fail "refused, and written"

# ---- explain: the same report for a file, and nothing written ----
hone -j explain "$BPF/xdpfilt_alw_all.o" | jq -e '.programs[0].sites[0].reason' >"$TMP/said" || fail "explain"
grep -q NO_NOT_WATCHED "$TMP/said" || fail "explain: $(cat "$TMP/said")"
hone explain "$SOURCES/build_me.bpf.c" | grep -q "marks (tc): " || fail "explain of C source"
[ -z "$(ls -A "$TMP" | grep '\.o\........$')" ] || fail "temporary files: $(ls "$TMP")"
say ok
