#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# recovers: what the daemon itself refuses, each with its row of reasons.def, and that it goes on
# when the cause is gone.
NAME=recovers
source "$(dirname "$0")/lib.sh"

OBJECTS=$BUILD/tests/e2e/objects
owner() { wait_until 30 in_ns xdp-filter "$@" >/dev/null 2>&1 || fail "xdp-filter $*"; }
reason() { hone status v0 -j | field -r '.units[0].reason'; }
refused_for() { [ "$(reason)" = "$1" ]; }
is_live() { state_is v0 live; }

in_ns ip link set dev v0 xdpdrv obj "$OBJECTS/pass.bpf.o" sec xdp || fail "load pass"
honed_start
[ "$(hone attach v0 -j 2>/dev/null | field -r .error.reason)" = NO_CAPTURE ] ||
	fail "a program from before capture: $(hone attach v0 -j 2>&1)"
in_ns ip link set dev v0 xdpdrv off
in_ns ip link set dev v0 xdpdrv obj "$OBJECTS/pass.bpf.o" sec xdp || fail "load pass"
hone attach v0 --level 2 >/dev/null 2>&1 && fail "a program without sites was accepted"
refused_for NO_SITE_FOLDED || fail "no sites: $(reason)"
hone detach v0 >/dev/null
in_ns ip link set dev v0 xdpdrv off
say "NO_CAPTURE, NO_SITE_FOLDED"

owner load v0 -m native
if mount -o remount,ro /sys/fs/bpf; then
	hone attach v0 --level 2 >/dev/null 2>&1 && fail "accepted without pins"
	refused_for NO_KERNEL_OBJECT || fail "read-only bpffs: $(reason)"
	mount -o remount,rw /sys/fs/bpf
	hone detach v0 >/dev/null
	say "NO_KERNEL_OBJECT"
fi

# The check's process is killed: there are packets enough to find it at work.
jq '.check_packets = 100000000' "$(dirname "$0")/../../profiles/default.json" >"$TMP/policy.json" ||
	fail "no default policy"
honed_stop
HONED_ARGS=(--policy "$TMP/policy.json")
honed_start
hone attach v0 --level 2 --wait-ms 0 >/dev/null 2>&1 || fail "attach"
wait_until 30 state_is v0 checking || fail "not checking: $(hone status v0)"
at_work() { pgrep -P "$HONED_PID" -x honed >/dev/null; }
wait_until 10 at_work || fail "no check at work"
pkill -9 -P "$HONED_PID" -x honed
wait_until 10 refused_for NO_CHECK || fail "the check was killed: $(reason)"
say "NO_CHECK"
hone detach v0 >/dev/null

# The hooks are taken away: all images go, then new hooks and images come (NO_WATCH meanwhile).
honed_stop
HONED_ARGS=()
honed_start
hone attach v0 --level 2 >/dev/null 2>&1
wait_until 30 is_live || fail "not live: $(hone status v0)"
rm "$BPFFS/watched" || fail "no pin of the hooks: $(ls "$BPFFS")"
wait_until 10 grep -q "the hooks on bpf(2) cannot be relied on" "$TMP/honed.log" ||
	fail "lost hooks were not noticed"
wait_until 30 is_live || fail "not live with new hooks: $(hone status v0)"
say "NO_WATCH"

# What was chosen is lost with the daemon, on disk: it is in the kernel, too.
hone pause v0 >/dev/null && hone level v0 1 >/dev/null || fail "pause, level 1"
honed_kill
rm "$STATE/operator.json"
honed_start
hone status v0 -j | field '.units[0] | .state == "paused" and .level == 1' >/dev/null ||
	fail "without operator.json: $(hone status v0)"
hone resume v0 >/dev/null && hone level v0 2 >/dev/null || fail "resume: $(hone status v0)"
wait_until 30 is_live || fail "not live again: $(hone status v0)"
say "a lost operator.json"

# honec killed while it works on nothing: the next question goes to a new one.
old=$(hone status -j | field .daemon.worker_pid)
kill -9 "$old"
replaced() { [ "$(hone status -j | field .daemon.worker_pid)" != "$old" ] &&
	[ "$(hone status -j | field .daemon.worker_pid)" -gt 0 ]; }
wait_until 10 replaced || fail "honec was not replaced"
hone level v0 1 >/dev/null 2>&1 || fail "level 1 after honec's death: $(hone status v0)"
hone detach v0 >/dev/null || fail "detach"
say "ok"
