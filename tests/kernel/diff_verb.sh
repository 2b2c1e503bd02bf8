#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# diff_verb: hone diff finds what differs, shows it by as little as can be, and that again shows it.
set -uo pipefail
BUILD=${BUILD:?} OBJECTS=${OBJECTS:?}
[ "$(id -u)" = 0 ] || { echo "skip: needs root"; exit 77; }
for tool in jq bpftool; do
	command -v $tool >/dev/null || { echo "skip: needs $tool"; exit 77; }
done
TMP=$(mktemp -d) PINS=/sys/fs/bpf/hone-diff-$$
trap 'rm -rf "$TMP" "$PINS"' EXIT
J=$OBJECTS/judge.bpf.o D=$OBJECTS/diff.bpf.o

fail() { echo "failed: $*"; cat "$TMP/err" "$TMP/out" 2>/dev/null; exit 1; }
hone() { timeout 100 "$BUILD/runtime/cli/hone" --state "$TMP" "$@" >"$TMP/out" 2>"$TMP/err"; }
expect() { # CODE ARGUMENT…
	local want=$1 got
	shift
	hone "$@"
	got=$?
	[ $got = "$want" ] || fail "hone $*: exit $got, not $want"
}
value() { jq -r "$1" "$TMP/out"; }

# ---- equal, and how much of it was seen ----
expect 0 -j diff "$D:deep" "$D:deep" -n 5000
[ "$(value .blocks.reached)" = "$(value .blocks.total)" ] || fail "not all blocks are reached"
[ "$(value '.verdicts | length')" = 4 ] || fail "not all verdicts"
expect 0 -j diff "$J:counts" "$J:counts" -n 1000
[[ $(value .not_compared.maps) == "map stamps: value bytes 8"* ]] || fail "the clock is not named"
expect 0 -j diff "$J:tosses" "$J:tosses" -n 1000
[ "$(value .not_compared.packets_or_batches)" -gt 0 ] || fail "random verdicts are not named"
expect 0 diff "$D:classify" "$D:classify" -n 1000
grep -q "blocks of A" "$TMP/out" || fail "no blocks for people"

# ---- different: minimal, and replayed ----
shown() { # A B PACKETS BYTES
	expect 6 -j diff "$1" "$2" -n 3000
	[ "$(value .minimal.packets)" = "$3" ] || fail "$2: not $3 packets"
	[ "$(value .minimal.is_replayed)" = true ] || fail "$2: is not replayed"
	local replay
	replay=$(value .minimal.replay)
	[ "${#replay}" -le $((2 * $4 * $3 + $3)) ] || fail "$2: more than $4 bytes"
	expect 6 -j diff "$1" "$2" --replay "$replay"
	expect 0 -j diff "$1" "$1" --replay "$replay"
	[ "$(value .packets)" = "$3" ] || fail "$2: another number of packets was replayed"
}
shown "$J:stamps_it" "$J:stamps_wrong" 1 64
shown "$J:counts" "$J:counts_wrong" 2 14 # the first makes the entry
shown "$J:reports" "$J:reports_wrong" 1 14
shown "$J:tosses" "$J:tosses_wrong" 1 20

# ---- packets of a capture come first ----
le32() { printf '%b' "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))"; }
capture() {
	for word in 0xa1b2c3d4 0x40002 0 0 65535 1 0 0 14 14; do le32 $word; done
	printf '\0\0\0\0\0\0\0\0\0\0\0\0\x88\xb5'
}
capture >"$TMP/rare.pcap"
expect 6 diff "$J:reports" "$J:reports_wrong" -n 0 --packets "$TMP/rare.pcap"
head -c 40 "$TMP/rare.pcap" >"$TMP/cut.pcap"
expect 1 diff "$J:reports" "$J:reports" --packets "$TMP/cut.pcap"
grep -q "cut.pcap: the packet at byte 24" "$TMP/err" || fail "where the capture is cut"
expect 1 diff "$J:reports" "$J:reports" --packets "$TMP/none.pcap"

# ---- programs that run: captured ones are copied, others are not ----
hone run -- bpftool prog loadall "$J" "$PINS" && [ -e "$PINS/counts" ] || fail "hone run bpftool"
expect 0 diff "$PINS/counts" "$J:counts" -n 1000
expect 6 diff "$PINS/counts" "$PINS/counts_wrong" -n 1000
bpftool prog loadall "$J" "$PINS/uncaptured" || fail "bpftool"
expect 77 diff "$PINS/uncaptured/counts" "$J:counts"
grep -q "not captured" "$TMP/err" || fail "why it cannot be copied"

# ---- what is wrong is said ----
expect 4 -s "$TMP/none" diff v0
expect 2 diff "$J:counts" "$D:classify"
expect 2 diff "$J:counts" "$J:counts" --replay 0102
expect 1 diff "$J" "$J"
expect 1 diff "$J:none" "$J:counts"
expect 1 diff /bin/true "$J:counts"
expect 1 diff "$J:counts" "$J:counts" --maps "$TMP/rare.pcap"
expect 77 diff id:4000000000 "$J:counts"
echo "diff_verb: fine"
