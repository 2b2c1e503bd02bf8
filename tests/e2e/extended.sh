#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# extended: a program that others attach to gets no image as long as they are: xdpdump (fentry) and
# libxdp's dispatcher (freplace). Needs a kernel that allows both.
NAME=extended
source "$(dirname "$0")/lib.sh"

command -v xdpdump >/dev/null || skip "needs xdpdump"
honed_start
for what in fentry freplace; do
	hone doctor -j 2>/dev/null |
		field --arg what "$what" 'any(.features[]; (.what | contains($what)) and .there)' \
			>/dev/null || skip "this kernel does not allow $what"
done
reason() { hone status v0 -j | field -r '.units[0].reason'; }
refused_for() { [ "$(reason)" = "$1" ]; }

in_ns bpftool prog load "$(find /usr/lib -name xdpfilt_alw_all.o)" /sys/fs/bpf/alone type xdp &&
	in_ns bpftool net attach xdpdrv pinned /sys/fs/bpf/alone dev v0 || fail "load"
hone attach v0 --level 2 >/dev/null || fail "attach"
wait_until 30 state_is v0 live || fail "not live: $(hone status v0)"
in_ns xdpdump -i v0 -w "$TMP/dump.pcap" >/dev/null 2>&1 &
CHILDREN+=($!)
wait_until 30 refused_for NO_EXTENDED || fail "beside xdpdump: $(hone status v0)"
kill "${CHILDREN[-1]}" && wait "${CHILDREN[-1]}" 2>/dev/null
wait_until 60 state_is v0 live || fail "not live after xdpdump: $(hone status v0)"
hone detach v0 >/dev/null || fail "detach"
in_ns bpftool net detach xdpdrv dev v0
say "NO_EXTENDED"

in_ns xdp-filter load v0 -m native || fail "xdp-filter load"
hone attach v0 --level 2 >/dev/null 2>&1
refused_for NO_GLOBAL_FUNCTION || fail "a dispatcher: $(hone status v0)"
say "NO_GLOBAL_FUNCTION"
