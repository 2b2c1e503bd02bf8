// SPDX-License-Identifier: Apache-2.0
/* fuzz_facts_json: any bytes to every decoder; what is accepted survives being written and read
 * again, byte by byte. Starts from texts that the encoders make: libFuzzer cannot guess them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/facts.h"

static void promise(bool holds)
{
	if (!holds)
		abort();
}

static void check_request(const char *text, size_t size)
{
	struct hone_request request, again;
	char error[HONE_DETAIL_LEN] = "", *written, *rewritten;

	if (hone_request_decode(text, size, &request, error) != 0) {
		promise(error[0]);
		return;
	}
	promise(hone_request_encode(&request, &written) == 0);
	promise(hone_request_decode(written, strlen(written), &again, error) == 0);
	promise(hone_request_encode(&again, &rewritten) == 0);
	promise(strcmp(written, rewritten) == 0);
	free(written);
	free(rewritten);
	hone_request_free(&request);
	hone_request_free(&again);
}

static void check_result(const char *text, size_t size)
{
	struct hone_result result, again;
	char error[HONE_DETAIL_LEN] = "", *written, *rewritten;

	if (hone_result_decode(text, size, &result, error) != 0) {
		promise(error[0]);
		return;
	}
	promise(hone_result_encode(&result, &written) == 0);
	promise(hone_result_decode(written, strlen(written), &again, error) == 0);
	promise(hone_result_encode(&again, &rewritten) == 0);
	promise(strcmp(written, rewritten) == 0);
	free(written);
	free(rewritten);
	hone_result_free(&result);
	hone_result_free(&again);
}

static void check_others(const char *text, size_t size)
{
	struct hone_request request;
	struct hone_unit unit;
	struct hone_facts_file file;
	char error[HONE_DETAIL_LEN];

	if (hone_facts_decode(text, size, &request, error) == 0) {
		for (uint32_t i = 0; i < request.unit.n_maps; i++) {
			const struct hone_map *map = &request.unit.maps[i];
			struct hone_assumption values = {.kind = HONE_ASSUME_VALUES};

			promise(hone_assumption_holds(&values, map, map) == map->complete);
		}
		hone_request_free(&request);
	}
	if (hone_unit_decode(text, size, &unit, error) == 0)
		hone_unit_free(&unit);
	if (hone_facts_file_decode(text, size, &file, error) == 0)
		hone_facts_file_free(&file);
}

/* A request, a result and a facts file, each with one of everything. */
static const char *const seeds[] = {
	"{\"kind\":\"compile\",\"unit\":{\"name\":\"u\",\"license\":\"GPL\",\"prog_type\":6,"
	"\"expected_attach_type\":37,\"prog_flags\":0,\"kern_version\":0,\"tag\":"
	"\"0001020304050607\",\"prog_id\":7,\"btf_id\":0,\"insns\":\"b700000001000000"
	"9500000000000000\",\"maps\":[{\"name\":\"m\",\"type\":\"percpu_hash\",\"key_size\":2,"
	"\"value_size\":3,\"max_entries\":4,\"flags\":1,\"id\":9,\"frozen\":false,\"watched\":true,"
	"\"others\":{\"writes_keys\":false,\"is_unknown\":false,\"changed\":\"c0ff\","
	"\"changes_rest\":true},\"class\":\"keys_fixed\",\"complete\":true,\"n_cpus\":2,"
	"\"entries\":[[\"0001\",\"0102030000000000\",\"010203\"],[\"0002\",\"aabbcc\",\"ddeeff\"]]"
	"}],\"func_info_rec_size\":8,\"func_info\":\"0000000000000000\"},\"policy\":{\"level\":2,"
	"\"max_table_bytes\":10,\"max_entries\":11,\"max_insns\":12,\"count_packets\":true,"
	"\"never_fold\":[\"m\"]}}",
	"{\"refused\":\"REWRITTEN\",\"detail\":\"d\",\"image\":{\"insns\":\"1801000000000000"
	"00000000000000009500000000000000\",\"lines\":\"\",\"relocs\":[{\"insn\":0,\"kind\":"
	"\"table\",\"map\":0,"
	"\"offset\":8}],\"table\":\"ffffffffffffffff0102\",\"assumptions\":[{\"kind\":"
	"\"value_bits\",\"map\":1,\"site\":2,\"effect\":\"data\",\"enforcement\":\"guarded\","
	"\"offset\":8,\"bits\":\"0x3f\"}]},\"effects\":[{\"writes_keys\":true}],\"sites\":[{\"id\":"
	"0,\"insn\":5,\"map\":-1,\"kind\":\"lookup\",\"class\":\"live\",\"action\":\"\",\"reason\":"
	"\"NO_PASS\",\"n_entries\":0,\"key_is_known\":true,\"key\":7}],\"passes\":[{\"name\":\"p\","
	"\"n_rewritten\":0,\"ms\":0.5}],"
	"\"n_blocks\":1,\"block_insns\":[0],\"cover_offset\":8,\"lift_ms\":1.5,\"optimize_ms\":0.0,"
	"\"emit_ms\":1e-3}",
	"{\"level\":2,\"max_entries\":100,\"maps\":[{\"name\":\"m\",\"type\":\"hash\",\"key_size\":"
	"4,\"value_size\":1,\"max_entries\":4,\"class\":\"config\",\"complete\":true,\"entries\":"
	"[[\"01000000\",\"ff\"]]}]}",
	"{\"format\":\"hone-facts\",\"version\":1,\"kernel\":{\"release\":\"6.1\",\"features\":"
	"[\"BTF\"]},\"unit\":{\"name\":\"u\",\"license\":\"GPL\",\"prog_type\":6,"
	"\"expected_attach_type\":37,\"prog_flags\":0,\"kern_version\":0,\"tag\":"
	"\"0001020304050607\",\"prog_id\":7,\"btf_id\":0,\"insns\":\"9500000000000000\","
	"\"maps\":[],\"func_info_rec_size\":0,\"func_info\":\"\"}}",
};

/* Input: which seed, how many bytes of it, what replaces how many of them; or any text. */
static size_t make_text(const uint8_t *data, size_t size, char *text, size_t max)
{
	const char *seed = seeds[data[0] % (sizeof(seeds) / sizeof(seeds[0]))];
	size_t length = strlen(seed);
	size_t at = ((size_t)data[1] << 8 | data[2]) % (length + 1);
	size_t skip = data[3] % (length - at + 1), n = size - 4;

	if (length - skip + n > max)
		n = 0;
	memcpy(text, seed, at);
	memcpy(text + at, data + 4, n);
	memcpy(text + at + n, seed + at + skip, length - at - skip);
	return length - skip + n;
}

/* A seed that is refused would leave only the refusals to be tested. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct hone_request request, facts;
	struct hone_result result;
	struct hone_facts_file file;
	char error[HONE_DETAIL_LEN];

	(void)argc;
	(void)argv;
	promise(hone_request_decode(seeds[0], strlen(seeds[0]), &request, error) == 0);
	promise(hone_result_decode(seeds[1], strlen(seeds[1]), &result, error) == 0);
	promise(hone_facts_decode(seeds[2], strlen(seeds[2]), &facts, error) == 0);
	promise(hone_facts_file_decode(seeds[3], strlen(seeds[3]), &file, error) == 0);
	hone_request_free(&request);
	hone_result_free(&result);
	hone_request_free(&facts);
	hone_facts_file_free(&file);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[16384];
	size_t length = 0;

	if (size >= 4 && data[0] < 0xf0)
		length = make_text(data, size, text, sizeof(text));
	else if (size > 0)
		memcpy(text, data + 1, length = size - 1 < sizeof(text) ? size - 1 : sizeof(text));
	check_request(text, length);
	check_result(text, length);
	check_others(text, length);
	return 0;
}
