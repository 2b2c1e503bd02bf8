#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# honec_usage HONEC: arguments, files and frames that are wrong end with a message and exit 1 or 2;
# the worker answers frame by frame, with the same bytes each time.
set -u
honec=${1:?usage: honec_usage.sh HONEC}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
rows=0 failures=0

check() { # WHAT CODE WANTED PATTERN
	rows=$((rows + 1))
	[ "$2" = "$3" ] && [ -z "$4" ] && return
	[ "$2" = "$3" ] && tr -d '\0' <"$dir/out" | grep -qaE -- "$4" && return
	echo "$1: exit $2 instead of $3, or not /$4/: $(tr -d '\0' <"$dir/out" | head -c 300)"
	failures=$((failures + 1))
}

row() { # WANTED PATTERN ARG…
	local want=$1 pattern=$2
	shift 2
	timeout 60 "$honec" "$@" </dev/null >"$dir/out" 2>&1
	check "honec $*" $? "$want" "$pattern"
}

frames() { # WANTED PATTERN: what a worker makes of the file in
	local size
	size=$(stat -c %s "$dir/in")
	timeout 60 "$honec" --worker <"$dir/in" >"$dir/out" 2>&1
	check "frames of $size bytes" $? "$1" "$2"
}

# A frame around a text: its length in four bytes, little-endian.
frame() {
	local n=${#1}
	printf "$(printf '\\x%02x' $((n & 255)) $((n >> 8 & 255)) $((n >> 16 & 255)) $((n >> 24)))"
	printf '%s' "$1"
}

row 0 "usage: honec" --help
row 0 "^honec [0-9]+\." --version
row 2 "either --worker or --request"
row 2 "either --worker or --request" --worker --request "$dir/x"
row 2 "unexpected argument" --worker x
row 2 "usage: honec" --frobnicate
row 2 "requires an argument" --request
row 1 "No such file" --request "$dir/none.json"
row 1 "Is a directory" --request "$dir"
printf '{"kind":' >"$dir/cut.json"
row 1 "cut.json: " --request "$dir/cut.json"
printf '{"kind":"compile","unit":{},"policy":{}}' >"$dir/empty.json"
row 1 'empty.json: .*unit' --request "$dir/empty.json"

: >"$dir/in"
frames 0 ""
printf '\x01\x00' >"$dir/in"
frames 1 "frame of"
printf '\x00\x00\x00\x00' >"$dir/in"
frames 1 "frame of 0 bytes"
printf '\xff\xff\xff\xff{}' >"$dir/in"
frames 1 "frame of 4294967295 bytes"
printf '\x00\x00\x00\x08{}' >"$dir/in" # 128 MiB announced, two bytes sent
frames 1 "ends within a frame"
frame 'no json' >"$dir/in"
frames 1 "stdin: "

# The smallest program there is.
request='{"kind":"compile","unit":{"name":"pass","license":"GPL","prog_type":6,
"expected_attach_type":37,"prog_flags":0,"kern_version":0,"tag":"0000000000000000","prog_id":0,
"btf_id":0,"insns":"b7000000020000009500000000000000","maps":[],"func_info_rec_size":0,
"func_info":""},"policy":{"level":0,"max_table_bytes":4096,"max_entries":64,"max_insns":1000,
"count_packets":false,"never_fold":[]}}'
printf '%s' "$request" >"$dir/pass.json"
row 0 '"refused": ?"REWRITTEN"' --request "$dir/pass.json"
row 0 "" --request "$dir/pass.json" -o "$dir/result.json"
row 1 "No such file" --request "$dir/pass.json" -o "$dir/none/result.json"
{ frame "$request" && frame "$request"; } >"$dir/in"
frames 0 '"refused": ?"REWRITTEN"'
images=$(tr -d '\0' <"$dir/out" | grep -aoE '"insns": ?"[0-9a-f]+"' | sort | uniq -c)
rows=$((rows + 1))
if ! grep -qE '^ *2 ' <<<"$images"; then
	echo "two equal requests, two images: $images"
	failures=$((failures + 1))
fi

echo "$rows rows, $failures failures"
[ "$failures" = 0 ]
