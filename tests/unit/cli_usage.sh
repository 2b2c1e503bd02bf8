#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cli_usage HONE: mistakes in arguments are told with exit 2 and the help is there for each verb;
# no daemon is exit 4. Needs no privileges.
set -u
hone=${1:?usage: cli_usage.sh HONE}
socket=$(mktemp -d)/none.sock
trap 'rmdir "${socket%/*}"' EXIT
rows=0 failures=0

row() { # CODE PATTERN ARG…
	local want=$1 pattern=$2 out code
	shift 2
	out=$("$hone" -s "$socket" --bpffs "${socket%/*}/no" --state "${socket%/*}" "$@" 2>&1)
	code=$?
	rows=$((rows + 1))
	[ "$code" = "$want" ] && grep -qE -- "$pattern" <<<"$out" && return
	echo "hone $*: exit $code instead of $want, or not /$pattern/: $out"
	failures=$((failures + 1))
}

for verb in doctor run attach detach level pause resume status explain; do
	row 0 "usage: hone .* $verb" "$verb" --help
	row 2 "unknown option" "$verb" --frobnicate
done
row 0 "attach .*take a program on" --help
row 2 "usage"
row 2 "unknown verb" frobnicate
row 2 "unknown option" --frobnicate status
row 2 "TARGET: is missing" attach
row 2 "TARGET: is missing" detach
row 2 "LEVEL: is missing" level v0
row 2 "level must be from 0 to 3" level v0 9
row 2 "level must be from 0 to 3" attach v0 --level fast
row 2 "level must be from 0 to 3" attach v0 --level=4
row 2 "needs a value" attach v0 --level
row 2 "must be a number" attach v0 --wait-ms soon
row 2 "unexpected" pause v0 v1
row 2 "CMD: is missing" run
row 2 "CMD: is missing" run --
row 2 '"exit": 2' -j frobnicate
row 4 "no daemon" status
row 4 "no daemon" attach v0
row 4 "no daemon" level v0 2
row 4 "no daemon" level v0 0
row 4 "no daemon" pause v0
row 4 "no daemon" resume v0
row 4 "no daemon" detach v0
row 4 "no daemon" explain v0
row 4 '"exit": 4' status -j
row 4 '"exit": 4' -j status

echo "cli_usage: $rows rows, $failures failures"
[ "$failures" = 0 ]
