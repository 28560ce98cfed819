/*
 * test_hostile.c - FastCGI 1.0 that we do not speak, or that nobody should.
 * Whatever comes in on one connection, the streams on other connections go on.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/talk/peer/witness.h"

/* --- what we do not support --------------------------------------------- */

static void
want_end_of(struct client *c, int id, int protocol_status)
{
	int64_t deadline = now_ms() + PATIENCE_MS;

	if (id != c->id) {
		struct record r = want_record(c);

		check(r.type == R_END && r.id == id && r.len == 8);
		check(r.content[4] == protocol_status);
		return;
	}
	while (!c->ended && hear(c, deadline))
		;
	check(c->ended && c->protocol_status == protocol_status);
	check(c->out.len == 0);
}

static void
test_other_roles(void)
{
	static const int role[] = {0, AUTHORIZER, FILTER, 4, 257};
	struct witness w = serve_witness();

	for (size_t i = 0; i < sizeof(role) / sizeof(role[0]); i++) {
		struct client *c = join(w.sv);
		struct bytes b = {0};

		put_begin(&b, 1, role[i], 0);
		say_and_free(c, b);
		want_end_of(c, 1, UNKNOWN_ROLE);
	}
	want_alive(&w);
}

static void
test_a_second_request_beside_the_first(void)
{
	struct witness w = serve_witness();
	struct client *c = join(w.sv);
	struct bytes b = {0};

	put_begin(&b, 1, RESPONDER, 0);
	put_begin(&b, 2, RESPONDER, 0);
	say_and_free(c, b);
	want_end_of(c, 2, CANT_MPX_CONN);
	want_alive(&w);
}

static void
test_a_second_request_on_a_running_stream(void)
{
	struct witness w = serve_witness();
	struct client *c = join(w.sv);

	say_and_free(c, request(1, KEEP_CONN, "GET", "/events?topic=a"));
	want_start(c);
	say_and_free(c, request(2, KEEP_CONN, "GET", "/events?topic=b"));
	/*
	 * The second request is refused, or the connection closed; nothing is
	 * mixed.
	 */
	while (!c->closed && c->odd.len == 0)
		check(hear(c, now_ms() + PATIENCE_MS) || c->closed);
	if (!c->closed) {
		want_end_of(c, 2, CANT_MPX_CONN);
		want_nothing_more(c, w.sv, "a");
	}
	want_alive(&w);
}

/* --- abort ------------------------------------------------------------- */

static void
put_abort(struct bytes *b)
{
	put_record(b, R_ABORT, 1, NULL, 0, 0);
}

static void
test_abort_within_the_parameters(void)
{
	struct witness w = serve_witness();
	struct client *c = join(w.sv);
	struct bytes b = {0};

	put_begin(&b, 1, RESPONDER, 0);
	put_record(&b, R_PARAMS, 1, "\x0e\x03REQUEST_METH", 14, 0);
	put_abort(&b);
	say_and_free(c, b);
	want_closed(c);
	check(c->out.len == 0);
	want_alive(&w);
}

static void
test_abort_of_a_running_stream(void)
{
	struct witness w = serve_witness();
	struct client *c = get(w.sv, "/events?topic=a", NULL);
	struct bytes b = {0};

	want_start(c);
	put_abort(&b);
	say_and_free(c, b);
	want_end(c);
	want_alive(&w);
}

static void
test_abort_leaves_a_kept_connection_usable(void)
{
	struct server *sv = serve();
	struct client *c = join(sv);
	struct bytes b = {0};

	c->keep_conn = true;
	say_and_free(c, request(1, KEEP_CONN, "GET", "/events?topic=a"));
	want_start(c);
	put_abort(&b);
	say_and_free(c, b);
	want_end(c);
	c->ended = false;
	say_and_free(c, request(1, KEEP_CONN, "GET", "/events?topic=b"));
	want_start(c);
	want_nothing_more(c, sv, "b");
}

static char *
letters(size_t n)
{
	char *s = keep(n + 1);

	memset(s, 'q', n);
	return s;
}

/*
 * The request for a bare stream stays in the socket.  What is left of it when
 * the stream ends would be taken for the next request, and its body is whatever
 * its client likes.
 */
static void
test_no_body_is_taken_for_the_next_request(void)
{
	struct server *sv = serve();
	struct client *c = join(sv);
	struct bytes b = {0};
	int room = 1 << 20;

	setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	c->keep_conn = true;
	put_request(&b, 1, KEEP_CONN, "POST", "/events", letters(900000), NULL);
	say_and_free(c, b);
	want_refusal(c, 405);
	c->ended = false;
	b = (struct bytes){0};
	put_request(&b, 1, KEEP_CONN, "GET", "/events?topic=a&start=bare",
	    letters(150000), NULL);
	freeze(sv); /* so that all of it is there when it is read */
	say_and_free(c, b);
	check(kill(sv->pid, SIGCONT) == 0);
	check(want_headers(c) == 200);
	want(c, "id: ");
	append_event(sv, "a", "stream-end", "", NULL);
	while (!c->ended)
		check(hear(c, now_ms() + PATIENCE_MS));
	c->ended = false;
	c->at = c->out.len;
	say_and_free(c, request(1, KEEP_CONN, "GET", "/events?topic=b"));
	want_start(c);
	want_nothing_more(c, sv, "b");
}

/* --- what nobody should send -------------------------------------------- */

static void
harm(struct witness *w, struct bytes b)
{
	struct client *c = join(w->sv);

	say_and_free(c, b);
	want_closed(c);
	check(c->out.len == 0 || strstr(c->out.s, "stream-start") == NULL);
	want_alive(w);
}

static void
test_parameters_without_end(void)
{
	struct witness w = serve_witness();
	struct bytes b = {0};
	char *mib = keep(1 << 20);

	put_begin(&b, 1, RESPONDER, 0);
	for (int i = 0; i < 32; i++)
		put_record(&b, R_PARAMS, 1, mib, 32768, 0);
	harm(&w, b);
}

static void
test_a_name_longer_than_all_parameters(void)
{
	struct witness w = serve_witness();
	struct bytes b = {0};

	put_begin(&b, 1, RESPONDER, 0);
	put_record(&b, R_PARAMS, 1, "\x40\x40short", 7, 1);
	put_record(&b, R_PARAMS, 1, NULL, 0, 0);
	put_record(&b, R_STDIN, 1, NULL, 0, 0);
	harm(&w, b);
}

/* The sum of the two lengths is more than an int holds: CVE-2025-23016. */
static void
test_lengths_that_overflow(void)
{
	static const char huge[] = "\xff\xff\xff\xff\xff\xff\xff\xff"
				   "aaaa";
	struct witness w = serve_witness();
	struct bytes b = {0};

	put_begin(&b, 1, RESPONDER, 0);
	put_record(&b, R_PARAMS, 1, huge, sizeof(huge) - 1, 0);
	put_record(&b, R_PARAMS, 1, NULL, 0, 0);
	put_record(&b, R_STDIN, 1, NULL, 0, 0);
	harm(&w, b);
	b = (struct bytes){0};
	put_begin(&b, 1, RESPONDER, 0);
	put_record(&b, R_PARAMS, 1, "\x0e\xff\xff\xff\xffREQUEST", 12, 0);
	put_record(&b, R_PARAMS, 1, NULL, 0, 0);
	put_record(&b, R_STDIN, 1, NULL, 0, 0);
	harm(&w, b);
}

static void
test_rubbish(void)
{
	struct witness w = serve_witness();
	struct bytes b = {0};

	put_text(&b, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
	harm(&w, b);
	b = (struct bytes){0};
	put(&b, "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 11);
	put_text(&b, "a TLS client hello would go on here");
	harm(&w, b);
	b = (struct bytes){0};
	put(&b, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	harm(&w, b);
}

static void
test_another_version(void)
{
	struct witness w = serve_witness();
	struct bytes b = request(1, 0, "GET", "/events");

	b.s[0] = 2;
	harm(&w, b);
}

static void
test_a_begin_that_is_too_short(void)
{
	struct witness w = serve_witness();
	struct bytes b = {0};

	put_record(&b, R_BEGIN, 1, "\0\x01\0\0", 4, 0);
	put_record(&b, R_PARAMS, 1, NULL, 0, 0);
	put_record(&b, R_STDIN, 1, NULL, 0, 0);
	harm(&w, b);
}

static void
test_a_request_with_id_0(void)
{
	struct witness w = serve_witness();
	struct client *c = join(w.sv);

	/*
	 * It is refused as an unknown management record, or the connection
	 * closes.
	 */
	say_and_free(c, request(0, 0, "GET", "/events"));
	while (!c->closed && c->odd.len == 0)
		check(hear(c, now_ms() + PATIENCE_MS) || c->closed);
	check(c->out.len == 0);
	want_alive(&w);
}

/* Random bytes, and requests whose rest is random or has random errors. */
static void
test_random_bytes(void)
{
	struct witness w = serve_witness();
	unsigned seed = (unsigned)now_ms();

	fprintf(stderr, "seed %u\n", seed);
	for (int n = 0; n < 300; n++) {
		struct client *c = join(w.sv);
		struct bytes b = request(1, 0, "GET", "/events?topic=a");
		size_t from = n % 3 == 0 ? 0 : (size_t)rand_r(&seed) % b.len;

		for (size_t i = from; i < b.len; i++)
			if (n % 3 != 2 || rand_r(&seed) % 50 == 0)
				b.s[i] = (char)rand_r(&seed);
		say(c, &b);
		bytes_free(&b);
		shutdown(c->fd, SHUT_WR);
		if (n % 30 == 0)
			want_nothing_more(w.c, w.sv, "witness");
		leave(c);
	}
	want_alive(&w);
}

/* Each byte of a good request is changed once: it is answered or refused. */
static void
test_one_wrong_byte_anywhere(void)
{
	struct witness w = serve_witness();
	struct bytes good = request(1, 0, "GET", "/events?topic=a");

	for (size_t i = 0; i < good.len; i++) {
		struct client *c = join(w.sv);
		struct bytes b = {0};

		put(&b, good.s, good.len);
		b.s[i] = (char)(b.s[i] ^ 0x81);
		say_and_free(c, b);
		leave(c);
	}
	bytes_free(&good);
	want_alive(&w);
}

static void
test_half_a_request_and_then_silence(void)
{
	struct witness w = serve_witness();
	struct bytes b = request(1, 0, "GET", "/events");

	for (size_t len = 0; len < b.len; len += b.len / 50 + 1)
		say(join(w.sv), &(struct bytes){b.s, len, 0});
	bytes_free(&b);
	for (int i = 0; i < 3; i++)
		want_alive(&w);
}

static void
test_the_end_in_the_middle_of_a_request(void)
{
	struct witness w = serve_witness();
	struct bytes b = request(1, 0, "GET", "/events?topic=a");

	for (size_t len = 0; len < b.len; len += 7) {
		struct client *c = join(w.sv);

		say(c, &(struct bytes){b.s, len, 0});
		shutdown(c->fd, SHUT_WR);
		want_closed(c);
		check(c->out.len == 0);
	}
	bytes_free(&b);
	want_alive(&w);
}

static void
test_rubbish_on_a_running_stream(void)
{
	struct witness w = serve_witness();
	struct client *c = get(w.sv, "/events?topic=a", NULL);
	struct bytes b = {0};

	want_start(c);
	put_text(&b, "this is no record at all, nor ever will be one");
	say_and_free(c, b);
	want_closed(c);
	want_alive(&w);
}

static void
test_a_flood_on_a_running_stream(void)
{
	struct witness w = serve_witness();
	struct client *c = get(w.sv, "/events?topic=a", NULL);
	struct bytes b = {0};

	want_start(c);
	for (int i = 0; i < 2000; i++)
		put_record(&b, R_STDIN, 1, keep(1000), 1000, 0);
	say_and_free(c, b);
	want_alive(&w);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_other_roles),
	    TALK(test_a_second_request_beside_the_first),
	    TALK(test_a_second_request_on_a_running_stream),
	    TALK(test_abort_within_the_parameters),
	    TALK(test_abort_of_a_running_stream),
	    TALK(test_abort_leaves_a_kept_connection_usable),
	    TALK(test_no_body_is_taken_for_the_next_request),
	    TALK(test_parameters_without_end),
	    TALK(test_a_name_longer_than_all_parameters),
	    TALK(test_lengths_that_overflow),
	    TALK(test_rubbish),
	    TALK(test_another_version),
	    TALK(test_a_begin_that_is_too_short),
	    TALK(test_a_request_with_id_0),
	    TALK(test_random_bytes),
	    TALK(test_one_wrong_byte_anywhere),
	    TALK(test_half_a_request_and_then_silence),
	    TALK(test_the_end_in_the_middle_of_a_request),
	    TALK(test_rubbish_on_a_running_stream),
	    TALK(test_a_flood_on_a_running_stream),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
