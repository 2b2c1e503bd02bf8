// SPDX-License-Identifier: Apache-2.0
/* Frames fed byte by byte, cut short, too long; and a server on a real socket. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/daemon/protocol.h"
#include "runtime/daemon/server.h"

/* ---- frames ---- */

static void reads_frame_byte_by_byte(void **state)
{
	static const char bytes[] = "\x02\x00\x00\x00{}x";
	struct hone_frame frame = {.max_bytes = 16};

	(void)state;
	for (int i = 0; i < 6; i++) {
		assert_false(frame.is_complete);
		assert_int_equal(hone_frame_feed(&frame, bytes + i, 1), 1);
	}
	assert_true(frame.is_complete);
	assert_string_equal(frame.text, "{}");
	assert_int_equal(hone_frame_feed(&frame, bytes + 6, 1), 0);
	assert_int_equal(hone_frame_end(&frame), 0);
	hone_frame_free(&frame);
}

static void stops_at_the_end_of_a_frame(void **state)
{
	struct hone_frame frame = {.max_bytes = 16};

	(void)state;
	assert_int_equal(hone_frame_feed(&frame, "\x02\x00\x00\x00{}tail", 10), 6);
	assert_true(frame.is_complete);
	hone_frame_free(&frame);
}

static void refuses_oversized_and_empty(void **state)
{
	struct hone_frame frame = {.max_bytes = 16};

	(void)state;
	assert_int_equal(hone_frame_feed(&frame, "\x11\x00\x00\x00", 4), -EMSGSIZE);
	hone_frame_free(&frame);
	assert_int_equal(hone_frame_feed(&frame, "\xff\xff\xff\xff", 4), -EMSGSIZE);
	hone_frame_free(&frame);
	assert_int_equal(hone_frame_feed(&frame, "\x00\x00\x00\x00", 4), -EPROTO);
	hone_frame_free(&frame);
}

static void notices_truncation(void **state)
{
	struct hone_frame frame = {.max_bytes = 16};

	(void)state;
	assert_int_equal(hone_frame_end(&frame), 0);
	assert_int_equal(hone_frame_feed(&frame, "\x05", 1), 1);
	assert_int_equal(hone_frame_end(&frame), -EPROTO);
	assert_int_equal(hone_frame_feed(&frame, "\x00\x00\x00{", 4), 4);
	assert_int_equal(hone_frame_end(&frame), -EPROTO);
	hone_frame_free(&frame);
}

/* ---- server ---- */

struct fixture {
	char dir[32], path[64];
	struct hone_loop *loop;
	struct hone_server *server;
	pthread_t thread;
};

static json_t *echo(void *arg, const json_t *request, int netns_fd)
{
	struct fixture *fixture = arg;

	if (json_object_get(request, "stop"))
		hone_loop_stop(fixture->loop);
	return json_pack("{s:b,s:O?,s:b}", "ok", 1, "you_said", json_object_get(request, "say"),
			 "netns", netns_fd >= 0);
}

static void *run_loop(void *arg)
{
	hone_loop_run(((struct fixture *)arg)->loop);
	return NULL;
}

static int start(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->dir, "/tmp/hone-test.XXXXXX");
	if (!mkdtemp(fixture->dir))
		return -1;
	snprintf(fixture->path, sizeof(fixture->path), "%s/s", fixture->dir);
	if (hone_loop_new(&fixture->loop) ||
	    hone_server_new(fixture->loop, fixture->path, echo, fixture, &fixture->server))
		return -1;
	*state = fixture;
	return pthread_create(&fixture->thread, NULL, run_loop, fixture);
}

static int stop(void **state)
{
	struct fixture *fixture = *state;
	json_t *request = json_pack("{s:b}", "stop", 1), *reply = NULL;

	hone_socket_call(fixture->path, request, -1, 5000, &reply);
	pthread_join(fixture->thread, NULL);
	json_decref(request);
	json_decref(reply);
	hone_server_free(&fixture->server);
	hone_loop_free(&fixture->loop);
	rmdir(fixture->dir);
	free(fixture);
	return 0;
}

static int connect_raw(const struct fixture *fixture)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, fixture->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Send bytes as they are; the message of the error that comes back. */
static void expect_error(const struct fixture *fixture, const char *bytes, size_t size,
			 const char *says)
{
	int fd = connect_raw(fixture);
	char answer[1024] = "";
	ssize_t n, have = 0;

	assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
	shutdown(fd, SHUT_WR);
	while ((n = recv(fd, answer + have, sizeof(answer) - 1 - (size_t)have, 0)) > 0)
		have += n;
	close(fd);
	assert_true(have > 4);
	if (!strstr(answer + 4, "\"error\"") || !strstr(answer + 4, says))
		fail_msg("answer: %s", answer + 4);
}

static void answers_with_the_netns(void **state)
{
	const struct fixture *fixture = *state;
	json_t *request = json_pack("{s:s}", "say", "hello"), *reply = NULL;
	int fd = open("/proc/self/ns/net", 0);

	assert_int_equal(hone_socket_call(fixture->path, request, fd, 5000, &reply), 0);
	assert_string_equal(json_string_value(json_object_get(reply, "you_said")), "hello");
	assert_true(json_is_true(json_object_get(reply, "netns")));
	json_decref(reply);
	json_decref(request);
	close(fd);
}

static void answers_bad_frames_with_an_error(void **state)
{
	expect_error(*state, "\x08\x00\x00\x00garbage!", 12, "not JSON");
	expect_error(*state, "\x02\x00\x00\x00[]", 6, "not an object");
	expect_error(*state, "\x10\x00\x00\x00{\"verb\"", 11, "truncated");
	expect_error(*state, "\xff", 1, "truncated");
	expect_error(*state, "\xff\xff\xff\x7f{}", 6, "larger than");
	expect_error(*state, "\x0d\x00\x00\x00{\"a\":1,\"a\":2}", 17, "not JSON");
}

static void slow_client_keeps_nobody_waiting(void **state)
{
	const struct fixture *fixture = *state;
	json_t *request = json_pack("{s:i}", "say", 1), *reply = NULL;
	int slow[8];

	for (int i = 0; i < 8; i++) {
		slow[i] = connect_raw(fixture);
		assert_int_equal(send(slow[i], "\x10\x00", 2, 0), 2);
	}
	assert_int_equal(hone_socket_call(fixture->path, request, -1, 5000, &reply), 0);
	for (int i = 0; i < 8; i++)
		close(slow[i]);
	json_decref(reply);
	json_decref(request);
}

static void socket_is_for_its_owner_only(void **state)
{
	const struct fixture *fixture = *state;
	struct stat st;

	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void refuses_a_second_listener(void **state)
{
	const struct fixture *fixture = *state;
	struct hone_server *second = NULL;
	struct hone_loop *loop;

	assert_int_equal(hone_loop_new(&loop), 0);
	assert_int_equal(hone_server_new(loop, fixture->path, echo, NULL, &second), -EADDRINUSE);
	hone_loop_free(&loop);
}

int main(void)
{
	const struct CMUnitTest frames[] = {
		cmocka_unit_test(reads_frame_byte_by_byte),
		cmocka_unit_test(stops_at_the_end_of_a_frame),
		cmocka_unit_test(refuses_oversized_and_empty),
		cmocka_unit_test(notices_truncation),
	};
	const struct CMUnitTest servers[] = {
		cmocka_unit_test(answers_with_the_netns),
		cmocka_unit_test(answers_bad_frames_with_an_error),
		cmocka_unit_test(slow_client_keeps_nobody_waiting),
		cmocka_unit_test(socket_is_for_its_owner_only),
		cmocka_unit_test(refuses_a_second_listener),
	};
	int failed = cmocka_run_group_tests_name("frames", frames, NULL, NULL);

	return failed + cmocka_run_group_tests_name("server", servers, start, stop);
}
