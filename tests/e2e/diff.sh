#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# diff: what packets meet on an interface against its original, and an object filled from a snapshot.
NAME=diff
source "$(dirname "$0")/lib.sh"

OBJECT=/usr/lib/$(uname -m)-linux-gnu/bpf/xdpfilt_alw_all.o
OUT=$TMP/out
value() { jq -r "$1" "$OUT"; }

honed_start
in_ns xdp-filter load v0 -m native || fail "xdp-filter load"
in_ns xdp-filter port 7777 -m dst -p udp || fail "xdp-filter port"
in_ns xdp-filter ip 10.9.8.7 -m src || fail "xdp-filter ip"
hone diff v0 >"$OUT" 2>&1
[ $? = 3 ] && grep -q "not attached" "$OUT" || fail "a program that is not attached: $(cat "$OUT")"
hone attach v0 --level 0 >/dev/null || fail "attach"
hone diff v0 >"$OUT" 2>&1
[ $? = 3 ] && grep -q "no image" "$OUT" || fail "a unit without an image: $(cat "$OUT")"

# ---- the live image ----
hone level v0 2 >/dev/null || fail "level 2"
hone -j diff v0 -n 4000 >"$OUT" || fail "the image differs: $(cat "$OUT")"
[ "$(value .equal) $(value .packets)" = "true 4000" ] || fail "not compared: $(cat "$OUT")"
[ "$(value .blocks.reached)" -gt "$(($(value .blocks.total) * 9 / 10))" ] || fail "blocks: $(cat "$OUT")"
[ "$(hone status v0 -j | field '.units[0].state')" = live ] || fail "it is no longer live"

# ---- an object with the target's contents ----
hone snapshot v0 -o "$TMP/facts.json" >/dev/null || fail "snapshot"
hone -j diff "$OBJECT" "$OBJECT" -n 3000 --maps "$TMP/facts.json" >"$OUT" || fail "objects: $(cat "$OUT")"
[ "$(value '.verdicts | length')" -ge 2 ] || fail "the rules are not in the maps: $(cat "$OUT")"
hone diff v0 "$OBJECT" >"$OUT" 2>&1
[ $? = 1 ] || fail "an interface beside an object: $(cat "$OUT")"
say ok
