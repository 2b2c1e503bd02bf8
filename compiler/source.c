// SPDX-License-Identifier: Apache-2.0
/* source: C to an object. libclang parses, for diagnostics with their places and for where programs
 * and maps are; clang, as a process, makes the code.
 *
 * libclang is opened when there is source to read: honec, which the daemon starts for other work,
 * does not wait for it. Not: what becomes of the object (build.c). */
#include <clang-c/Index.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compiler/build.h"

enum { ARGS_MAX = 1024, OBJECT_BYTES_MAX = 256 << 20, CHUNK_BYTES = 1 << 16 };

/* What a user's own arguments follow. */
static const char *const base_args[] = {
	"-target",    "bpf",
	"-O2",	      "-g",
	"-mcpu=v3",   "-D__TARGET_ARCH_x86",
	"-idirafter", HONE_MULTIARCH_INCLUDE,
};

enum { N_BASE = sizeof(base_args) / sizeof(base_args[0]) };

/* ---- libclang ---- */

#define FUNCTIONS(F)                                                                               \
	F(createIndex)                                                                             \
	F(disposeIndex)                                                                            \
	F(parseTranslationUnit2)                                                                   \
	F(disposeTranslationUnit)                                                                  \
	F(getNumDiagnostics)                                                                       \
	F(getDiagnostic)                                                                           \
	F(disposeDiagnostic)                                                                       \
	F(getDiagnosticSeverity)                                                                   \
	F(getDiagnosticSpelling)                                                                   \
	F(getDiagnosticLocation)                                                                   \
	F(getExpansionLocation)                                                                    \
	F(getFileName)                                                                             \
	F(getCString)                                                                              \
	F(disposeString)                                                                           \
	F(getTranslationUnitCursor)                                                                \
	F(visitChildren)                                                                           \
	F(getCursorKind)                                                                           \
	F(getCursorSpelling)                                                                       \
	F(getCursorLocation)                                                                       \
	F(isCursorDefinition)                                                                      \
	F(Location_isFromMainFile)

struct clang {
	void *library;
#define F(name) __typeof__(clang_##name) *name;
	FUNCTIONS(F)
#undef F
};

static int open_clang(struct clang *clang, struct hone_refusal *why)
{
	clang->library = dlopen(HONE_LIBCLANG, RTLD_NOW | RTLD_LOCAL);
	if (!clang->library)
		return hone_refuse(why, HONE_NO_SOURCE, "%s", dlerror());
#define F(name)                                                                                    \
	*(void **)&clang->name = dlsym(clang->library, "clang_" #name);                            \
	if (!clang->name)                                                                          \
		return hone_refuse(why, HONE_NO_SOURCE, "libclang has no clang_" #name);
	FUNCTIONS(F)
#undef F
	return 0;
}

static json_t *take_string(const struct clang *clang, CXString string)
{
	const char *text = clang->getCString(string);
	json_t *json = json_string(text ? text : "");

	clang->disposeString(string);
	return json ? json : json_string("?");
}

/* ---- diagnostics ---- */

static json_t *diagnostic_json(const struct clang *clang, CXDiagnostic diagnostic)
{
	static const char *const severities[] = {
		[CXDiagnostic_Ignored] = "ignored", [CXDiagnostic_Note] = "note",
		[CXDiagnostic_Warning] = "warning", [CXDiagnostic_Error] = "error",
		[CXDiagnostic_Fatal] = "error",
	};
	unsigned int line = 0, column = 0;
	CXFile file = NULL;

	clang->getExpansionLocation(clang->getDiagnosticLocation(diagnostic), &file, &line, &column,
				    NULL);
	return json_pack("{s:o,s:I,s:I,s:s,s:o}", "file",
			 file ? take_string(clang, clang->getFileName(file)) : json_string(""),
			 "line", (json_int_t)line, "column", (json_int_t)column, "severity",
			 severities[clang->getDiagnosticSeverity(diagnostic)], "message",
			 take_string(clang, clang->getDiagnosticSpelling(diagnostic)));
}

/* Returns the number of errors; *first is the first one's text. */
static int report_diagnostics(const struct clang *clang, CXTranslationUnit unit, json_t *report,
			      char first[HONE_DETAIL_LEN])
{
	json_t *all = json_array();
	int n = 0;

	for (unsigned int i = 0; i < clang->getNumDiagnostics(unit); i++) {
		CXDiagnostic diagnostic = clang->getDiagnostic(unit, i);
		json_t *json = diagnostic_json(clang, diagnostic);

		if (clang->getDiagnosticSeverity(diagnostic) >= CXDiagnostic_Error && n++ == 0)
			snprintf(first, HONE_DETAIL_LEN, "%.120s:%lld:%lld: %.100s",
				 json_string_value(json_object_get(json, "file")),
				 json_integer_value(json_object_get(json, "line")),
				 json_integer_value(json_object_get(json, "column")),
				 json_string_value(json_object_get(json, "message")));
		clang->disposeDiagnostic(diagnostic);
		json_array_append_new(all, json);
	}
	json_object_set_new(report, "diagnostics", all);
	return n;
}

/* ---- programs and maps ---- */

struct visit {
	const struct clang *clang;
	json_t *functions, *variables;
};

static enum CXChildVisitResult visit_one(CXCursor cursor, CXCursor parent, CXClientData data)
{
	const struct visit *visit = data;
	const struct clang *clang = visit->clang;
	CXSourceLocation location = clang->getCursorLocation(cursor);
	enum CXCursorKind kind = clang->getCursorKind(cursor);
	unsigned int line = 0;

	(void)parent;
	if (!clang->Location_isFromMainFile(location) || !clang->isCursorDefinition(cursor) ||
	    (kind != CXCursor_FunctionDecl && kind != CXCursor_VarDecl))
		return CXChildVisit_Continue;
	clang->getExpansionLocation(location, NULL, &line, NULL, NULL);
	json_array_append_new(kind == CXCursor_VarDecl ? visit->variables : visit->functions,
			      json_pack("{s:o,s:I}", "name",
					take_string(clang, clang->getCursorSpelling(cursor)),
					"line", (json_int_t)line));
	return CXChildVisit_Continue;
}

static void report_definitions(const struct clang *clang, CXTranslationUnit unit, json_t *report)
{
	struct visit visit = {clang, json_array(), json_array()};

	clang->visitChildren(clang->getTranslationUnitCursor(unit), visit_one, &visit);
	json_object_set_new(report, "functions", visit.functions);
	json_object_set_new(report, "variables", visit.variables);
}

static int parse(const struct clang *clang, const char *path, const char *const *args, int n_args,
		 json_t *report, struct hone_refusal *why)
{
	char first[HONE_DETAIL_LEN] = "";
	CXIndex index = clang->createIndex(0, 0);
	CXTranslationUnit unit = NULL;
	enum CXErrorCode code = clang->parseTranslationUnit2(index, path, args, n_args, NULL, 0,
							     CXTranslationUnit_None, &unit);
	int n_errors = 0;

	if (code == CXError_Success) {
		n_errors = report_diagnostics(clang, unit, report, first);
		report_definitions(clang, unit, report);
		clang->disposeTranslationUnit(unit);
	}
	clang->disposeIndex(index);
	if (code != CXError_Success)
		return hone_refuse(why, HONE_NO_SOURCE, "%.200s: cannot be read", path);
	return n_errors ? hone_refuse(why, HONE_NO_SOURCE, "%s", first) : 0;
}

/* ---- clang ---- */

static void become_clang(const char *path, const char *const *args, int n_args, int out_fd)
{
	const char *clang = getenv("HONE_CLANG");
	const char *argv[ARGS_MAX + 8];
	int n = 0;

	argv[n++] = clang && clang[0] ? clang : HONE_CLANG;
	for (int i = 0; i < n_args; i++)
		argv[n++] = args[i];
	argv[n++] = "-w"; /* libclang has told them */
	argv[n++] = "-c";
	argv[n++] = path;
	argv[n++] = "-o";
	argv[n++] = "-";
	argv[n] = NULL;
	dup2(out_fd, STDOUT_FILENO);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	perror(argv[0]);
	_exit(127);
}

/* All that comes, up to a limit. Returns its size, or -errno. */
static ssize_t read_all(struct hone_arena *arena, int fd, uint8_t **out)
{
	size_t capacity = CHUNK_BYTES, size = 0;
	uint8_t *bytes = hone_arena_alloc(arena, capacity, 1);
	ssize_t n;

	while ((n = read(fd, bytes + size, capacity - size)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		size += n > 0 ? (size_t)n : 0;
		if (size == capacity) {
			uint8_t *grown = hone_arena_alloc(arena, 2 * capacity, 1);

			if (size > OBJECT_BYTES_MAX)
				return -EFBIG;
			memcpy(grown, bytes, size);
			bytes = grown;
			capacity *= 2;
		}
	}
	*out = bytes;
	return (ssize_t)size;
}

static int run_clang(struct hone_arena *arena, const char *path, const char *const *args,
		     int n_args, const uint8_t **bytes, size_t *size, struct hone_refusal *why)
{
	uint8_t *object = NULL;
	int pipe_fds[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe(pipe_fds))
		return hone_refuse(why, HONE_NO_SOURCE, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return hone_refuse(why, HONE_NO_SOURCE, "fork: %s", strerror(errno));
	if (pid == 0) {
		close(pipe_fds[0]);
		become_clang(path, args, n_args, pipe_fds[1]);
	}
	close(pipe_fds[1]);
	n = read_all(arena, pipe_fds[0], &object);
	close(pipe_fds[0]);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) || n <= 0)
		return hone_refuse(why, HONE_NO_SOURCE, "%.200s: clang makes no object of it",
				   path);
	*bytes = object;
	*size = (size_t)n;
	return 0;
}

int hone_source_compile(struct hone_arena *arena, const char *path, char *const *args,
			json_t *report, const uint8_t **bytes, size_t *size,
			struct hone_refusal *why)
{
	const char *all[ARGS_MAX] = {"-resource-dir", HONE_CLANG_RESOURCES};
	struct clang clang;
	int n = 2, err;

	for (int i = 0; i < N_BASE; i++)
		all[n++] = base_args[i];
	for (; *args; args++) {
		if (n == ARGS_MAX)
			return hone_refuse(why, HONE_NO_SOURCE, "more than %d arguments", ARGS_MAX);
		all[n++] = *args;
	}
	err = open_clang(&clang, why);
	if (!err)
		err = parse(&clang, path, all, n, report, why);
	return err ? err : run_clang(arena, path, all, n, bytes, size, why);
}
