#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tails: an owner's chain of programs under a running daemon. It is taken on, changes reach the very
# next packet, and what has become too deep to follow ends the root, until it is right again.
NAME=tails
source "$(dirname "$0")/lib.sh"

OWNER=/sys/fs/bpf/owner
mkdir -p "$OWNER/programs" "$OWNER/maps"
put() { # MAP KEY PROGRAM
	bpftool map update pinned "$OWNER/maps/$1" key "$2" 0 0 0 value pinned "$OWNER/programs/$3" ||
		fail "cannot put $3 into $1"
}
marks() { # KEY: how many packets were counted there
	bpftool -j map lookup pinned "$OWNER/maps/marks" key "$1" 0 0 0 | jq .formatted.value
}
attached() { in_ns ip -j link show v0 | field '.[0].xdp.prog.id'; }
refused_for() { [ "$(hone status v0 -j | field -r '.units[0] | select(.state == "refused") | .reason')" = "$1" ]; }
refuses() { # REASON
	wait_until 30 refused_for "$1" || fail "not $1: $(hone status v0)"
	[ "$(attached)" = "$ENTRY_ID" ] || fail "$1: the root is still there"
	say "$(hone status v0 -j | field -r '.units[0] | .reason + ": " + .detail')"
}
is_live() { state_is v0 live; }
lives() {
	wait_until 30 is_live || fail "not live: $(hone status v0)"
	[ "$(attached)" != "$ENTRY_ID" ] || fail "live without a root"
}
# Frames until MARK KEY counts more of them.
sends_to() {
	local before stream
	before=$(marks "$1")
	nsenter --net="/run/netns/$NS" "$BUILD/tests/tools/stream" v1 v0 >/dev/null &
	stream=$!
	CHILDREN+=("$stream")
	more() { [ "$(marks "$1")" -gt "$before" ]; }
	wait_until 10 more "$1" || fail "no packet reached $1"
	kill "$stream" && wait "$stream"
}

bpftool prog load "$BUILD/tests/e2e/objects/pass.bpf.o" "$OWNER/programs/old" || fail "load pass"
jq '.gate_pairs = 0 | .max_compiles_per_second = 10' \
	"$(dirname "$0")/../../profiles/default.json" >"$TMP/policy.json" || fail "no default policy"
HONED_ARGS=(--policy "$TMP/policy.json")
honed_start
bpftool prog loadall "$BUILD/runtime/bpf/tails.bpf.o" "$OWNER/programs" pinmaps "$OWNER/maps" ||
	fail "load tails"
ENTRY_ID=$(bpftool -j prog show pinned "$OWNER/programs/entry" | field .id)
put steps 0 first
put steps 1 second
put more 1 third
in_ns ip link set dev v0 xdpdrv pinned "$OWNER/programs/entry" || fail "attach entry"
hone attach v0 --level 2 >/dev/null 2>&1
lives
sends_to 3 # first's count of entry's metadata
say "live, three programs deep"

put steps 1 other
sends_to 0
lives
say "another program, and live again"

put steps 1 second
sends_to 3
sleep 1 # the next write alone is what makes the daemon look again
lives
put more 1 first # which entry does not hold
refuses NO_TAIL_CYCLE
put more 1 third
lives
put steps 1 old
refuses NO_TAIL_TARGET
bpftool map delete pinned "$OWNER/maps/steps" key 1 0 0 0 || fail "cannot empty the entry"
lives

# The chain ends here, whatever the daemon does.
honed_kill
put steps 1 other
sends_to 0
honed_start
lives

# An owner who gives an array up empties it: hone does not hold on to it.
steps=$(bpftool -j map show pinned "$OWNER/maps/steps" | field .id)
holds() { bpftool -j map lookup id "$steps" key 0 0 0 0 | jq -e .value >/dev/null 2>&1; }
holds || fail "steps holds nothing"
rm "$OWNER/maps/steps"
is_empty() { ! holds; }
wait_until 10 is_empty || fail "steps was not emptied"
is_live || fail "not live: $(hone status v0)"
say "emptied with its owner's last pin"
hone detach v0 >/dev/null || fail "detach"
[ "$(attached)" = "$ENTRY_ID" ] || fail "detach left something"
say "ok"
