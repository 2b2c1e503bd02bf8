// SPDX-License-Identifier: Apache-2.0
/* honec: the compiler as a process. LLVM may abort and grow as it likes: whoever starts honec
 * limits its time and memory, and takes its death for a refusal.
 *
 *   honec --worker                      requests on stdin, results on stdout, until end of file
 *   honec --request F.json [-o F]       one request, one result
 *   honec --build IN … [-o OUT]         objects and C source, see build.h
 *   honec -S|--report … FILE.ll         passes on LLVM IR, for tests: golden.c
 *
 * A frame is a 4-byte little-endian length and as many bytes of JSON (facts.h). */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/build.h"
#include "compiler/compiler.h"

enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	FRAME_BYTES_MAX = 256 << 20,
	CHUNK_BYTES = 1 << 20,
};

struct options {
	bool is_worker;
	const char *request_path;
	const char *output_path; /* NULL: stdout */
};

static const char usage_text[] =
	"usage: honec --worker\n"
	"       honec --request FILE [-o FILE]\n"
	"       honec --build IN [-o OUT] [--level N] [--facts FILE] [--program NAME] [-- ARG…]\n"
	"       honec -S|--report [--passes=A,B] [--facts=FILE] FILE.ll\n"
	"\n"
	"Compile eBPF programs against facts about their maps.\n"
	"\n"
	"  --worker        read requests on stdin, write results on stdout: each a 4-byte\n"
	"                  little-endian length and JSON\n"
	"  --request FILE  compile the request in FILE\n"
	"  -o FILE         write the result there instead of to stdout\n"
	"  --build IN      compile the programs of an object, or of C source (ARG: clang's);\n"
	"                  print what was done as JSON\n"
	"  -S, --report    run passes on LLVM IR; print the IR, or what was done\n"
	"  --version       print the version\n"
	"  --help          print this\n";

/* ---- bytes ---- */

/* Reads what is there until end of file. Memory grows with what arrives, not with what a length
 * claims. Returns the number of bytes, or -errno; *out is the caller's, NUL-terminated. */
static ssize_t read_bytes(int fd, size_t limit, char **out)
{
	size_t used = 0, capacity = 0;
	char *bytes = NULL;

	for (;;) {
		ssize_t n;

		if (used == capacity) {
			char *grown = realloc(bytes, capacity + CHUNK_BYTES + 1);

			if (!grown) {
				free(bytes);
				return -ENOMEM;
			}
			bytes = grown;
			capacity += CHUNK_BYTES;
		}
		n = read(fd, bytes + used, (limit < capacity ? limit : capacity) - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = -errno;

			free(bytes);
			return err;
		}
		used += (size_t)n;
		if (n == 0 || used == limit)
			break;
	}
	bytes[used] = '\0';
	*out = bytes;
	return (ssize_t)used;
}

static int write_bytes(int fd, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

/* ---- one request ---- */

/* Text of a request to text of a result. Returns 0, or -errno with a message printed. */
static int compile_text(const char *name, const char *text, size_t size, char **result_text)
{
	char error[HONE_DETAIL_LEN] = "";
	struct hone_request request;
	struct hone_result result;
	int err = hone_request_decode(text, size, &request, error);

	if (err) {
		fprintf(stderr, "honec: %s: %s\n", name, error);
		return err;
	}
	hone_compile(&request, &result);
	err = hone_result_encode(&result, result_text);
	if (err)
		fprintf(stderr, "honec: %s: cannot write the result: %s\n", name, strerror(-err));
	hone_result_free(&result);
	hone_request_free(&request);
	return err;
}

static int run_file(const struct options *options)
{
	char *text = NULL, *result = NULL;
	ssize_t size;
	FILE *in = fopen(options->request_path, "re");
	FILE *out;
	int err;

	if (!in) {
		fprintf(stderr, "honec: %s: %m\n", options->request_path);
		return EXIT_FAILED;
	}
	size = read_bytes(fileno(in), FRAME_BYTES_MAX, &text);
	fclose(in);
	if (size < 0) {
		fprintf(stderr, "honec: %s: %s\n", options->request_path, strerror((int)-size));
		return EXIT_FAILED;
	}
	err = compile_text(options->request_path, text, (size_t)size, &result);
	free(text);
	if (err)
		return EXIT_FAILED;

	out = options->output_path ? fopen(options->output_path, "we") : stdout;
	if (!out || fprintf(out, "%s\n", result) < 0 || fflush(out)) {
		fprintf(stderr, "honec: %s: %m\n",
			options->output_path ? options->output_path : "stdout");
		err = -EIO;
	}
	if (out && out != stdout)
		fclose(out);
	free(result);
	return err ? EXIT_FAILED : EXIT_SUCCESS;
}

/* ---- worker ---- */

static uint32_t length_of(const char *header)
{
	const unsigned char *byte = (const unsigned char *)header;

	return (uint32_t)byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 |
	       (uint32_t)byte[3] << 24;
}

/* Returns 1 with *text (the caller's), 0 at the end of input, or -errno with a message. */
static int read_frame(char **text, size_t *size)
{
	char *header = NULL;
	ssize_t n = read_bytes(STDIN_FILENO, 4, &header);
	uint32_t length;

	if (n <= 0) {
		free(n == 0 ? header : NULL);
		return (int)n;
	}
	length = n == 4 ? length_of(header) : 0;
	free(header);
	if (n < 4 || length == 0 || length > FRAME_BYTES_MAX) {
		fprintf(stderr, "honec: frame of %u bytes: between 1 and %d are allowed\n", length,
			FRAME_BYTES_MAX);
		return -EPROTO;
	}
	n = read_bytes(STDIN_FILENO, length, text);
	if (n != (ssize_t)length) {
		fprintf(stderr, "honec: input ends within a frame of %u bytes\n", length);
		free(n >= 0 ? *text : NULL);
		return n < 0 ? (int)n : -EPROTO;
	}
	*size = length;
	return 1;
}

static int write_frame(const char *text)
{
	size_t size = strlen(text);
	unsigned char header[4];
	int err;

	if (size > FRAME_BYTES_MAX) {
		fprintf(stderr, "honec: a result of %zu bytes\n", size);
		return -EFBIG;
	}
	for (size_t i = 0; i < sizeof(header); i++)
		header[i] = (unsigned char)(size >> (8 * i));
	err = write_bytes(STDOUT_FILENO, header, sizeof(header));
	return err ? err : write_bytes(STDOUT_FILENO, text, size);
}

static int run_worker(void)
{
	char *text = NULL, *result;
	size_t size = 0;
	int err;

	while ((err = read_frame(&text, &size)) > 0) {
		err = compile_text("stdin", text, size, &result);
		free(text);
		if (err)
			return EXIT_FAILED;
		err = write_frame(result);
		free(result);
		if (err)
			return EXIT_FAILED;
	}
	return err ? EXIT_FAILED : EXIT_SUCCESS;
}

/* ---- command line ---- */

static int usage(const char *problem)
{
	fprintf(stderr, "honec: %s\n%s", problem, usage_text);
	return EXIT_USAGE;
}

static bool is_golden(char **argv)
{
	for (; *argv; argv++)
		if (!strcmp(*argv, "-S") || !strcmp(*argv, "--report"))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"worker", no_argument, NULL, 'w'},	  {"request", required_argument, NULL, 'r'},
		{"output", required_argument, NULL, 'o'}, {"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},	  {0},
	};
	struct options options = {0};
	int option;

	if (argc > 1 && !strcmp(argv[1], "--build"))
		return hone_build_main(argc, argv);
	if (is_golden(argv))
		return hone_golden_main(argc, argv);
	while ((option = getopt_long(argc, argv, "o:h", longs, NULL)) != -1) {
		switch (option) {
		case 'w':
			options.is_worker = true;
			break;
		case 'r':
			options.request_path = optarg;
			break;
		case 'o':
			options.output_path = optarg;
			break;
		case 'v':
			printf("honec %s\n", HONE_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(usage_text, stdout);
			return EXIT_SUCCESS;
		default:
			fputs(usage_text, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return usage("unexpected argument");
	if (options.is_worker == !!options.request_path)
		return usage("either --worker or --request");
	return options.is_worker ? run_worker() : run_file(&options);
}
