#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# attach_object: a program that was loaded before honed started is specialized when its object is
# named; an object that is not its own is refused with the difference, and changes nothing.
NAME=attach-object
source "$(dirname "$0")/lib.sh"

BPF=/usr/lib/x86_64-linux-gnu/bpf
OBJECTS=$BUILD/tests/e2e/objects
[ -e "$BPF/xdpfilt_alw_all.o" ] || skip "needs the objects of xdp-tools in $BPF"

program() { in_ns bpftool net list dev v0 -j 2>/dev/null | jq -c '[.[].xdp[]?.id]'; }
# refused PATTERN ARG…: hone attach v0 ARG… fails with exit 1, says PATTERN, leaves the interface.
refused() {
	local pattern=$1 before code
	shift
	before=$(program)
	hone attach v0 "$@" >"$TMP/out" 2>&1
	code=$?
	[ "$code" = 1 ] && grep -qE "$pattern" "$TMP/out" ||
		fail "attach v0 $*: exit $code, not 1 with /$pattern/: $(cat "$TMP/out")"
	[ "$before" = "$(program)" ] || fail "attach v0 $*: the interface ran $before, now $(program)"
	hone status v0 >/dev/null 2>&1 && fail "attach v0 $*: is attached"
	say "refused: $(grep -E -m1 "$pattern" "$TMP/out" | head -c 300)"
}

in_ns xdp-filter load v0 -m native || fail "xdp-filter load"
in_ns xdp-filter ip 10.9.8.7 -m src || fail "xdp-filter ip"
maps_before=$(bpftool map list -j | jq length)
honed_start

refused "before capture"
refused "tag [0-9a-f]{16}, running: [0-9a-f]{16}; [0-9]+ verified instructions, running: [0-9]+; first difference at [0-9]+: " \
	--object "$BPF/xdpfilt_dny_all.o"
refused "tag .* first difference at" --object "$BPF/xdpfilt_alw_tcp.o"
refused '"NO_OBJECT_DIFFERS"' -j --object "$BPF/xdpfilt_alw_udp.o"
refused "map xdpdump_perf_map: the running program has none of this name" --object "$BPF/xdpdump_xdp.o"
refused "no program xdpfilt_no \(it has: xdpfilt_alw_all\)" --object "$BPF/xdpfilt_alw_all.o" --program xdpfilt_no
refused "not an object that libbpf reads" --object /etc/passwd
refused "No such file" --object /no-such-object
head -c 9000 "$BPF/xdpfilt_alw_all.o" >"$TMP/cut.o"
refused "not an object that libbpf reads" --object "$TMP/cut.o"
[ "$(bpftool map list -j | jq length)" -le "$((maps_before + 30))" ] || fail "refusals left maps"

hone attach v0 --object "$BPF/xdpfilt_alw_all.o" --level 2 || fail "attach with its object"
wait_until 20 state_is v0 live || fail "not live: $(hone status v0)"
hone explain v0 | grep -q key_filter || fail "nothing was specialized: $(hone explain v0)"
# The rule that was there decides, and one that comes now does so at once.
drops() { in_ns xdp-filter status | grep -c '10\.9\.8\.' ; }
[ "$(drops)" = 1 ] || fail "the rules have changed"
in_ns xdp-filter ip 10.9.8.6 -m src || fail "xdp-filter ip"
wait_until 20 state_is v0 live || fail "not live after a new rule: $(hone status v0)"

# What was learned outlives the daemon: no object is needed again.
honed_kill
honed_start
wait_until 20 state_is v0 live || fail "not live after a restart: $(hone status v0)"
hone detach v0 || fail "detach"
hone attach v0 --level 1 --wait-ms 0 >/dev/null || fail "attach without object, once known"
hone detach v0 || fail "second detach"
in_ns xdp-filter unload --all || fail "unload"
say ok
