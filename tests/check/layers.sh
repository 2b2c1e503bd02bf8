#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# layers ROOT: who includes whom. Reads sources only; links.sh looks at what was built.
#
#   compiler/       compiler/, passes/passes.def, runtime/bpf/abi.h (what images meet), LLVM
#   passes/         compiler/{pass,analysis,facts,ir}.h, reasons.def, passes/, LLVM
#   runtime/        runtime/, compiler/{facts.h,reasons.def}, generated BPF headers
#   runtime/bpf/*   of ours only runtime/bpf/
#   bpf-nfs/        bpf-nfs/, generated skeletons
#   compiler/{facts,analysis,arena}.h and what they include: no LLVM
# A quoted include is written from the top (bpf-nfs/: from there), or it is generated.
set -euo pipefail
root=${1:?usage: layers.sh ROOT}
. "$(dirname "$0")/files.sh"

# May FILE include HEADER? Patterns, tried in this order; the first that fits the file decides.
allowed() {
	local file=$1 header=$2 rule

	case "$file" in
	compiler/facts.h) rule='compiler/reasons.def' ;;
	compiler/analysis.h | compiler/arena.h) rule='compiler/(facts|arena|analysis)\.h' ;;
	compiler/*) rule='compiler/.*|passes/passes\.def|runtime/bpf/abi\.h' ;;
	passes/*) rule='compiler/(pass|analysis|facts|ir)\.h|compiler/reasons\.def|passes/.*' ;;
	runtime/bpf/*) rule='runtime/bpf/.*|vmlinux\.h' ;;
	runtime/*) rule='runtime/.*|compiler/facts\.h|compiler/reasons\.def|[a-z_0-9]+\.skel\.h' ;;
	bpf-nfs/*) rule='(common|[a-z_0-9]+)/[a-z_0-9.]+\.h|[a-z_0-9]+\.skel\.h' ;;
	*) return 0 ;;
	esac
	[[ $header =~ ^($rule)$ ]] || return 1
	[[ $file != bpf-nfs/* || $header == *.skel.h || -e $root/bpf-nfs/$header ]]
}

may_see_llvm() {
	case "$1" in
	compiler/facts* | compiler/analysis.h | compiler/arena.* | compiler/pass.h) return 1 ;;
	compiler/* | passes/* | tests/golden/* | tests/unit/* | tests/fuzz/*) return 0 ;;
	*) return 1 ;;
	esac
}

while read -r file; do
	while read -r header; do
		allowed "$file" "$header" || complain "$file" "may not include \"$header\""
	done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]+"([^"]+)".*/\1/p' "$root/$file")
	while read -r header; do
		case "$header" in
		llvm/* | llvm-c/* | clang/* | clang-c/*)
			may_see_llvm "$file" || complain "$file" "may not include <$header>"
			;;
		compiler/* | passes/* | runtime/*)
			complain "$file" "includes <$header> as if it were foreign"
			;;
		esac
	done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]+<([^>]+)>.*/\1/p' "$root/$file")
done < <(list_files "$root" '*.c' '*.h' '*.def')

conclude "layers"
