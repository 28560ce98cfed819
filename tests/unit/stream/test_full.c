/*
 * test_full.c - a gap that has to be told when the socket has no room.
 */
#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include "tests/unit/hub.h"
#include "tests/unit/stub.h"

#include "fcgi/stream/advance.h"
#include "fcgi/stream/stream.h"

enum {
	PLACE = 1,   /* where the stream is */
	PRUNED = 5,  /* all up to here is gone */
	FLOOR = 8,   /* the window has what comes after this */
	REPLACED = 3 /* where streams of a log that is gone went on */
};

static bool
stub_place(struct store *st, struct store_id *id, int64_t *time_ms)
{
	(void)st;
	(void)id;
	(void)time_ms;
	return false;
}

static const struct store_ops ops = {
    .read = stub_read, .seek = stub_seek, .place = stub_place};

static void
fill(int fd)
{
	char buf[4096];

	memset(buf, ':', sizeof(buf));
	while (send(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	while (send(fd, buf, 1, MSG_DONTWAIT) > 0)
		;
}

/* Reads all that is there.  Has the last of it these words? */
static bool
heard(int fd, const char *words)
{
	char buf[4096];
	ssize_t n, last = 0;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		last = n;
	return memmem(buf, (size_t)last, words, strlen(words)) != NULL;
}

static void
test_a_gap_without_room_is_told_later(void **state)
{
	struct request_topic rt = {"main", 4, false};
	struct stub stub = {.store.ops = &ops, .pruned = PRUNED};
	struct serve_conf conf = {.window_bytes = 1 << 20,
	    .max_event_bytes = 1 << 20,
	    .page_rows = 100,
	    .write_budget_bytes = 1 << 16};
	struct hub hub = {.place.lo = REPLACED};
	struct stream s = {.id.lo = PLACE, .framed = true};
	uv_loop_t loop;
	int fd[2];

	(void)state;
	lone_hub_open(&hub, &loop, &conf, &stub.store);
	hub.turn.until = UINT64_MAX;
	hub.head.lo = STUB_EVENTS;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	s.conn.fd = fd[0];
	s.sub = topics_subscribe(
	    &hub.topics, &rt, 1, NULL, (struct store_id){0, FLOOR});
	assert_non_null(s.sub);
	assert_int_equal(topics_join(s.sub, &s, &s.index), 0);
	assert_int_equal(poller_add(&hub.poller, &s.conn, s.conn.fd), 0);

	fill(fd[0]);
	assert_int_equal(stream_advance(&hub, &s, true), ADVANCE_STUCK);
	assert_true(s.blocked);
	assert_false(heard(fd[1], "gap"));
	s.blocked = false;
	assert_int_equal(stream_advance(&hub, &s, true), ADVANCE_LEVEL);
	assert_true(heard(fd[1], "\"asked\":\"1\",\"id\":\"5\""));
	assert_int_equal(hub.count.gaps, 1);
	assert_int_equal(s.id.lo, STUB_EVENTS);

	close(fd[0]);
	close(fd[1]);
	topics_leave(s.sub, s.index);
	topics_forget(&hub.topics, s.sub);
	lone_hub_close(&hub, &loop);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_gap_without_room_is_told_later),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("full", tests, NULL, NULL);
}
