# SPDX-License-Identifier: Apache-2.0
# helpers: libbpf's prototypes of the kernel's helpers to rows for helpers.c, at build time.
#
# HELPER_ROW(id, name, fields…): what types and names of the parameters tell. A pointer that is
# neither the context nor the map, and whose length nothing tells, gets no `mem`: helpers.c takes
# it for memory of any length. What a prototype cannot tell is in helpers.def. Any awk will do.

function trim(text)
{
	gsub(/^[ \t]+|[ \t]+$/, "", text)
	return text
}

# "const struct iphdr *iph" → type[], name[]
function split_parameter(i, text,	at)
{
	text = trim(text)
	at = match(text, /[A-Za-z_0-9]+$/)
	name[i] = substr(text, at)
	type[i] = trim(substr(text, 1, at - 1))
}

function is_pointer(i)
{
	return type[i] ~ /\*$/
}

function is_context(i)
{
	return i == 1 && (name[i] == "ctx" || type[i] ~ contexts)
}

function is_map(i)
{
	return type[i] == "void *" && (name[i] ~ /^(map|prog_array_map|ringbuf)$/)
}

function is_length(i)
{
	return i <= n && !is_pointer(i) && name[i] ~ /(^|_|p|opt|addr)(len|size|sz)$|^size_of_/
}

# Of what a pointer without a length points to, where it is one thing of a known size.
function size_of(i,	pointee)
{
	pointee = type[i]
	sub(/^const /, "", pointee)
	sub(/ *\*$/, "", pointee)
	if (pointee ~ /^struct (bpf_dynptr|bpf_spin_lock|bpf_timer|iphdr|ipv6hdr|tcphdr)$/ ||
	    pointee ~ /^(__u32|__u64|long|unsigned long)$/)
		return "sizeof(" pointee ")"
	return ""
}

function add(field)
{
	fields = fields ", " field
}

function describe(i,	size)
{
	if (!is_pointer(i) || is_context(i))
		return
	if (type[i] ~ /^const /)
		consts = consts " | 1 << " i
	if (!map && is_map(i)) {
		map = i
		add(".map_arg = " i)
	} else if (map && name[i] == "key") {
		add(".key_arg = " i)
	} else if (map && name[i] == "value") {
		add(".value_arg = " i)
	} else if (name[i] == "callback_fn" || name[i] == "callback_ctx") {
		return # helpers.def
	} else if (is_length(i + 1)) {
		memory = memory "{.mem_arg = " i ", .size_arg = " i + 1 "}, "
	} else if ((size = size_of(i)) != "") {
		memory = memory "{.mem_arg = " i ", .size = " size "}, "
	}
}

BEGIN {
	contexts = "^(const )?struct (__sk_buff|xdp_md|sk_msg_md|bpf_sock_ops|bpf_sock_addr|" \
		"sk_reuseport_md|bpf_sysctl|bpf_perf_event_data|pt_regs) \\*$"
}

/^(__bpf_fastcall )?static .*\(\*.*\) *= *\(void *\*\) *[0-9]+;/ {
	line = $0
	returns_pointer = line ~ /\*\(\*/
	id = line
	sub(/.*\(void *\*\) */, "", id)
	sub(/;.*/, "", id)
	sub(/ *= *\(void *\*\).*/, "", line)
	sub(/^.*\(\* *(const )?bpf_/, "", line)
	function_name = line
	sub(/\).*/, "", function_name)
	sub(/^[^(]*\(/, "", line)
	sub(/\)$/, "", line)

	fields = memory = consts = ""
	map = 0
	n = line == "void" ? 0 : split(line, parameters, ",")
	for (i = 1; i <= n; i++)
		split_parameter(i, parameters[i])
	for (i = 1; i <= n; i++)
		describe(i)
	add(".n_args = " (n && parameters[n] ~ /\.\.\./ ? 5 : n))
	if (returns_pointer)
		add(".returns_pointer = true")
	if (returns_pointer && map && name[map] == "map")
		add(".returns_value = true")
	if (memory != "")
		add(".mem = {" memory "}")
	if (consts != "")
		add(".consts = 0" consts)
	printf "HELPER_ROW(%d, %s%s)\n", id, function_name, fields
	rows++
}

END {
	if (rows < 200) {
		print "helpers.awk: " FILENAME ": only " rows + 0 " prototypes" > "/dev/stderr"
		exit 1
	}
}
