#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh HONEC FILE: run the RUN lines of a golden test. %s is the file, %S its folder; `honec` and
# FileCheck-19 are the only commands that they use.
set -eu
honec=$1
file=$2
folder=$(dirname "$file")

lines=$(sed -n 's/^; RUN: *//p' "$file")
[ -n "$lines" ] || { echo "$file: no RUN line"; exit 1; }
command -v FileCheck-19 >/dev/null || { echo "skip: FileCheck-19 is missing (llvm-19-tools)"; exit 77; }

printf '%s\n' "$lines" | while read -r line; do
	line=$(printf '%s' "$line" | sed "s|%s|$file|g; s|%S|$folder|g; s|^honec |$honec |")
	sh -c "set -e; $line" || { echo "failed: $line"; exit 1; }
done
