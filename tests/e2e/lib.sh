# SPDX-License-Identifier: Apache-2.0
# lib: one isolated hone for an end-to-end script (bash, sourced first).
#
#   NAME=stale BUILD=/path/to/build source lib.sh
#
# The script runs again in a mount namespace of its own with an empty bpffs and an empty /run, so
# that neither xdp-filter's pins and lock nor ours meet those of the host, and all of them go when
# it ends, whatever happens. Network: namespace $NS with the pair v0 (programs) and v1 (senders).
#
#   in_ns CMD…      run in the network namespace, with this bpffs
#   hone ARG…       the CLI, in the network namespace, at this script's daemon
#   honed_start     start the daemon, wait until it answers      ($HONED_PID)
#   honed_kill      kill -9                                       honed_stop   SIGTERM, wait
#   wait_until S CMD…   until CMD succeeds, at most S seconds
#   field EXPR      jq on stdin              fail TEXT…  end the script, failed
#   skip TEXT…      end with 77: something this machine lacks
set -u -o pipefail

fail() { echo "$NAME: FAILED: $*" >&2; exit 1; }
skip() { echo "$NAME: skipped: $*" >&2; exit 77; }
say() { echo "$NAME: $*"; }
field() { jq -er "$@"; }

[ "$(id -u)" = 0 ] || skip "needs root"
for tool in jq xdp-filter bpftool nsenter unshare; do
	command -v "$tool" >/dev/null || skip "needs $tool"
done

if [ "${HONE_E2E_PRIVATE:-}" != "$NAME" ]; then
	HONE_E2E_PRIVATE=$NAME exec unshare --mount --propagation private bash "$0" "$@"
fi
mount -t bpf bpf /sys/fs/bpf || skip "cannot mount a bpffs"
mount -t tmpfs tmpfs /run || skip "cannot mount a tmpfs" # xdp-filter's lock, named namespaces

BUILD=${BUILD:?the build directory}
NS=hone-$NAME-$$
TMP=$(mktemp -d "/tmp/hone-$NAME.XXXXXX")
SOCKET=$TMP/honed.sock
BPFFS=/sys/fs/bpf/hone
STATE=$TMP/state
export HONE_STATE=$STATE HONE_BPFFS=$BPFFS # where the offline verbs look
HONED_PID=
HONEC=$BUILD/compiler/honec # a script may take a copy, to lose it
HONED_ARGS=()
CHILDREN=()

in_ns() { nsenter --net="/run/netns/$NS" "$@"; }
hone() { in_ns "$BUILD/runtime/cli/hone" -s "$SOCKET" "$@"; }

cleanup() {
	local code=$? pid
	trap - EXIT
	for pid in ${CHILDREN[@]+"${CHILDREN[@]}"}; do kill "$pid" 2>/dev/null; done
	if [ -n "$HONED_PID" ]; then
		kill "$HONED_PID" 2>/dev/null && wait "$HONED_PID" 2>/dev/null
	fi
	[ "$code" = 0 ] || [ ! -f "$TMP/honed.log" ] || tail -n 40 "$TMP/honed.log" >&2
	ip netns del "$NS" 2>/dev/null
	rm -rf "$TMP"
	exit "$code"
}
trap cleanup EXIT

wait_until() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.02
	done
}

answers() { hone status -j >/dev/null 2>&1; }

honed_start() {
	"$BUILD/runtime/daemon/honed" --socket "$SOCKET" --bpffs "$BPFFS" --state "$STATE" \
		--honec "$HONEC" ${HONED_ARGS[@]+"${HONED_ARGS[@]}"} "$@" \
		>>"$TMP/honed.log" 2>&1 &
	HONED_PID=$!
	wait_until 10 answers || fail "honed does not answer"
}
honed_kill() { kill -9 "$HONED_PID"; wait "$HONED_PID" 2>/dev/null; HONED_PID=; }
honed_stop() { kill "$HONED_PID"; wait "$HONED_PID"; HONED_PID=; }

state_is() { [ "$(hone status "$1" -j 2>/dev/null | field '.units[0].state')" = "$2" ]; }

# Programs and maps of the whole kernel: a count to compare.
count_objects() { "$BUILD/tests/tools/objects"; }

ip netns add "$NS" || skip "cannot make a network namespace"
in_ns ip link add v0 type veth peer name v1 && in_ns ip link set v0 up &&
	in_ns ip link set v1 up && in_ns ip link set lo up || skip "cannot make a veth pair"
