#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# go_loader: what a Go program loads and attaches by cilium/ebpf is captured, specialized, and given
# back when it ends.
NAME=go_loader
source "$(dirname "$0")/lib.sh"

LOADER=$BUILD/tests/e2e/go_loader
OBJECT=/usr/lib/$(uname -m)-linux-gnu/bpf/xdpfilt_dny_all.o
[ -x "$LOADER" ] || skip "no Go loader was built: needs gccgo (or golang-go) and golang-github-cilium-ebpf-dev"
[ -r "$OBJECT" ] || skip "needs $OBJECT"

is_attached() { grep -q attached "$TMP/loader"; }
is_live() { hone status v0 -j 2>/dev/null | field '.units[0] | .state == "live" and .guard.valid' >/dev/null; }
attached_id() { in_ns bpftool net list dev v0 -j | jq -r '.[].xdp[]?.id'; }

PINS=/sys/fs/bpf/pins
mkdir "$PINS" || fail "cannot make $PINS"
honed_start
mkfifo "$TMP/stop"
in_ns "$LOADER" "$OBJECT" xdpfilt_dny_all v0 "$PINS" <"$TMP/stop" >"$TMP/loader" 2>&1 &
loader=$!
CHILDREN+=("$loader")
exec 9>"$TMP/stop"
wait_until 20 is_attached || fail "the loader did not attach: $(cat "$TMP/loader")"
original=$(attached_id)

hone attach v0 --level 2 2>"$TMP/err" || fail "attach: $(cat "$TMP/err")"
wait_until 60 is_live || fail "not live: $(hone status v0)"
[ "$(attached_id)" != "$original" ] || fail "the original is still attached"
[ "$(hone status v0 -j | field '.units[0].original.id')" = "$original" ] || fail "another original"
say "live: $(hone status v0 -j | jq -c '.units[0] | {original, specialized, gain}')"

bpftool map update pinned "$PINS/filter_ipv4" key 10 1 2 3 value 1 0 0 0 0 0 0 0 ||
	fail "bpftool map update"
wait_until 60 is_live || fail "not live after a rule: $(hone status v0)"
hone detach v0 || fail "detach"
[ "$(attached_id)" = "$original" ] || fail "detach did not give the original back"

exec 9>&-
wait "$loader" || fail "the loader failed: $(cat "$TMP/loader")"
[ -z "$(attached_id)" ] || fail "something stayed attached"
honed_stop
say "a rule, detach, end: the owner never noticed"
