#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bad_input: whatever is wrong is named, the exit code is the contract's, and packets meet the
# same program as before. One row per mistake.
NAME=bad-input
source "$(dirname "$0")/lib.sh"

OBJECTS=$BUILD/tests/e2e/objects
source "$(dirname "$0")/rows.sh"

# after STATE PATTERN WHAT: within 5 s the unit is in STATE (gone: unknown) and says why.
after() {
	local state=$1 pattern=$2 what=$3
	rows=$((rows + 1))
	if [ "$state" = gone ]; then
		gone() { ! hone status v0 -j 2>/dev/null | field '.units[0].target' >/dev/null 2>&1; }
		wait_until 5 gone || { echo "row $rows: $what: still there"; failures=$((failures + 1)); return; }
		wait_until 2 grep -qiE "$pattern" "$TMP/honed.log" ||
			{ echo "row $rows: $what: the log does not say /$pattern/"; failures=$((failures + 1)); return; }
	else
		wait_until 5 state_is v0 "$state" && hone status v0 | grep -qiE "$pattern" ||
			{ echo "row $rows: $what: $(hone status v0)"; failures=$((failures + 1)); return; }
	fi
	say "row $rows: $what: $state"
}

as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all -- "$@"; }
honed() {
	timeout 10 "$BUILD/runtime/daemon/honed" --socket "$SOCKET.2" --bpffs "$BPFFS.2" \
		--state "$STATE.2" --honec "$BUILD/compiler/honec" "$@"
}
# Bytes to the daemon's socket as they are, and its answer.
raw() {
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "connect: $!";
		$SIG{PIPE} = "IGNORE";
		syswrite $s, eval "qq~$ARGV[1]~"; shutdown $s, 1;
		my $r; while (sysread $s, $r, 65536) { print $r } exit 1' "$SOCKET" "$1"
}
load() { in_ns ip link set dev v0 xdpdrv obj "$OBJECTS/$1.bpf.o" sec xdp; }
unload() { in_ns ip link set dev v0 xdpdrv off; }

# ---- without a daemon ----
row 4 "no daemon|honed" "no daemon" -- hone status
row 4 "no daemon|honed" "no daemon to attach" -- hone attach v0
row 2 "unknown verb|usage" "unknown verb" -- hone frobnicate
row 2 "unknown option|usage" "unknown option" -- hone status --frobnicate
row 2 "TARGET" "attach without a target" -- hone attach
row 2 "level" "level 9" -- hone level v0 9
row 2 "level" "level that is no number" -- hone attach v0 --level fast
row 2 "command|CMD" "run without a command" -- hone run
row 1 "no-such-loader" "run of a missing command" -- hone run -- /no-such-loader
row 4 "too long|no daemon|name" "socket path that is too long" -- \
	"$BUILD/runtime/cli/hone" -s "/tmp/$(printf 'x%.0s' $(seq 200))" status
row 1 "privilege|root|permitted|permission" "daemon without privileges" -- as_nobody \
	"$BUILD/runtime/daemon/honed" --socket "$SOCKET.3" --bpffs "$BPFFS.3" --state "$STATE.3"
row 77 "privilege|permitted|permission" "doctor without privileges" -- as_nobody "$BUILD/runtime/cli/hone" doctor
echo '{"quiet_ms": "soon"}' >"$TMP/bad.json"
row 1 "quiet_ms" "policy of the wrong type" -- honed --policy "$TMP/bad.json"
echo '{"quiet_ms": 5' >"$TMP/bad.json"
row 1 "bad.json" "policy cut short" -- honed --policy "$TMP/bad.json"
echo '{"quite_ms": 5}' >"$TMP/bad.json"
row 1 "quite_ms" "policy with an unknown member" -- honed --policy "$TMP/bad.json"
row 1 "no-such-policy" "missing policy" -- honed --policy /no-such-policy
without_btf() {
	unshare --mount bash -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' bash "$@"
}
row 77 "btf" "doctor without BTF" -- without_btf "$BUILD/runtime/cli/hone" doctor
row 1 "btf" "daemon without BTF" -- without_btf "$BUILD/runtime/daemon/honed" \
	--socket "$SOCKET.4" --bpffs "$BPFFS.4" --state "$STATE.4"

# ---- with one ----
load pass
honed_start
row 1 "captur" "program loaded before capture" -- hone attach v0
unload
row 1 "another|running|lock|already" "second daemon" -- \
	timeout 10 "$BUILD/runtime/daemon/honed" --socket "$SOCKET" --bpffs "$BPFFS" --state "$STATE"
row 1 "no-such-if" "unknown interface" -- hone attach no-such-if
row 1 "no XDP|nothing|no program" "nothing attached" -- hone attach v0
row 1 "id:0|no such program|not a" "program id 0" -- hone attach id:0
row 1 "id:x|not a|number" "program id that is no number" -- hone attach id:x
row 1 "passwd" "a path that is no BPF object" -- hone attach /etc/passwd
bpftool prog load "$OBJECTS/socket.bpf.o" "$BPFFS-socket"
row 1 "NO_ATTACH_TYPE" "a program of another type" -- hone -j attach "$BPFFS-socket"
rm -f "$BPFFS-socket"
row 3 "not attached|not under|unknown|no unit" "detach of what is not attached" -- hone detach v0
row 3 "not attached|not under|unknown|no unit" "pause of what is not attached" -- hone pause v0
row 1 "error" "garbage on the socket" -- raw '\x08\x00\x00\x00garbage!'
row 1 "error" "truncated JSON on the socket" -- raw '\x10\x00\x00\x00{"verb":"status"'
row 1 "error" "frame cut short" -- raw '\xff\x00\x00\x00{"verb"'
row 1 "error" "oversized frame" -- raw '\xff\xff\xff\x7f{}'
row 1 "error" "JSON that is no request" -- raw '\x02\x00\x00\x00[]'
row 1 "error" "unknown verb on the socket" -- raw '\x0f\x00\x00\x00{"verb":"boom"}'
row 255 "ELF" "a loader that fails keeps its exit code" -- hone run -- ip link set dev v0 xdpdrv obj /etc/passwd

load timer
row 1 "timer" "a program with a timer" -- hone attach v0 --level 2
hone detach v0 >/dev/null 2>&1
unload

echo '{"quiet_ms": -1}' >"$STATE/policy.json" 2>/dev/null
in_ns xdp-filter load v0 -m native || fail "xdp-filter load"
mount -o remount,ro /sys/fs/bpf && {
	row 1 "read-only|bpffs|pin" "a bpffs that takes no pins" -- hone attach v0 --level 2
	mount -o remount,rw /sys/fs/bpf
}
hone detach v0 >/dev/null 2>&1
hone attach v0 --level 2 >/dev/null 2>&1
wait_until 10 state_is v0 live || fail "not live: $(hone status v0)"
load_other() { in_ns ip link set dev v0 xdpdrv off && load pass; }
load_other
after gone "swapped|another program|owner|replaced" "an owner that swaps its program under us"
unload
in_ns xdp-filter unload --all >/dev/null 2>&1
in_ns xdp-filter load v0 -m native && hone attach v0 --level 2 >/dev/null 2>&1
wait_until 10 state_is v0 live || fail "not live: $(hone status v0)"
in_ns xdp-filter unload v0 || fail "xdp-filter unload"
after gone "unloaded|gone|nothing|detached|owner" "maps and program that vanish with the owner's unload"
in_ns xdp-filter load v0 -m native && hone attach v0 --level 2 >/dev/null 2>&1
wait_until 10 state_is v0 live || fail "not live: $(hone status v0)"
in_ns ip link del v0
after gone "interface|gone" "an interface that vanishes"
honed_stop

# ---- a daemon without its compiler ----
in_ns ip link add v0 type veth peer name v1 && in_ns ip link set v0 up && in_ns ip link set v1 up
"$BUILD/runtime/daemon/honed" --socket "$SOCKET" --bpffs "$BPFFS" --state "$STATE" \
	--honec /no-such-honec >>"$TMP/honed.log" 2>&1 &
HONED_PID=$!
wait_until 10 answers || fail "a daemon without compiler does not answer"
in_ns xdp-filter load v0 -m native || fail "xdp-filter load"
row 1 "honec|compiler|worker" "missing honec" -- hone attach v0 --level 2

[ "$failures" = 0 ] || fail "$failures of $rows rows"
say "ok: $rows rows"
