/*
 * test_protocol.c - FastCGI 1.0 as web servers speak it, and as they may speak
 * it: records of any size, management records, a connection that is kept.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/witness.h"

/* The content of the PARAMS records of a GET. */
static struct bytes
params(const char *uri, ...)
{
	struct bytes b = {0};
	va_list ap;

	va_start(ap, uri);
	put_params(&b, "GET", uri, ap);
	va_end(ap);
	return b;
}

/* --- what peers may send ------------------------------------------------ */

static void
test_a_request_in_single_bytes(void)
{
	struct server *sv = serve();
	struct client *c = join(sv);
	struct bytes b = request(1, 0, "GET", "/events?topic=a");

	for (size_t i = 0; i < b.len; i++)
		say(c, &(struct bytes){b.s + i, 1, 1});
	bytes_free(&b);
	want_start(c);
	want_nothing_more(c, sv, "a");
}

static void
test_a_request_cut_anywhere(void)
{
	struct server *sv = serve();
	unsigned seed = (unsigned)now_ms();

	fprintf(stderr, "seed %u\n", seed);
	for (int n = 0; n < 40; n++) {
		struct client *c = join(sv);
		struct bytes b = request(1, 0, "GET", "/events?topic=a");

		for (size_t at = 0, len; at < b.len; at += len) {
			len = (size_t)rand_r(&seed) % 200 + 1;
			len = len < b.len - at ? len : b.len - at;
			say(c, &(struct bytes){b.s + at, len, len});
		}
		bytes_free(&b);
		want_start(c);
		leave(c);
	}
}

/* Puts params in records of len bytes with this much padding, then STDIN. */
static void
put_params_cut(struct bytes *b, const struct bytes *p, size_t len, size_t pad)
{
	for (size_t at = 0, n; at < p->len; at += n) {
		n = p->len - at < len ? p->len - at : len;
		put_record(b, R_PARAMS, 1, p->s + at, n, pad);
	}
	put_record(b, R_PARAMS, 1, NULL, 0, pad);
	put_record(b, R_STDIN, 1, NULL, 0, pad);
}

static void
test_padding_of_every_length(void)
{
	struct server *sv = serve();
	struct bytes p = params("/events?topic=a", NULL);

	for (size_t pad = 0; pad <= 255; pad += 15) {
		struct client *c = join(sv);
		struct bytes b = {0};

		put_begin(&b, 1, RESPONDER, 0);
		put_params_cut(&b, &p, 32768, pad);
		say_and_free(c, b);
		want_start(c);
		leave(c);
	}
	bytes_free(&p);
}

/* Section 3.4 with 3.3: a pair may lie across records of its stream. */
static void
test_pairs_across_records(void)
{
	static const size_t len[] = {1, 2, 3, 7, 11, 100, 127, 128, 256};
	struct server *sv = serve();
	struct bytes p = params("/events?topic=a", "HTTP_LAST_EVENT_ID", "1",
	    "HTTP_COOKIE", text("%0300d", 7), NULL);

	append(sv, "a", "1");
	append(sv, "a", "2");
	for (size_t i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		struct client *c = join(sv);
		struct bytes b = {0};

		put_begin(&b, 1, RESPONDER, 0);
		put_params_cut(&b, &p, len[i], i % 8);
		say_and_free(c, b);
		want_start(c);
		want(c, "id: 2\ndata: 2\n\n");
		leave(c);
	}
	bytes_free(&p);
}

static void
test_lengths_of_four_bytes_for_short_names(void)
{
	struct server *sv = serve();
	struct client *c = join(sv);
	struct bytes p = {0}, b = {0};

	put(&p, "\x80\0\0\x0e\x80\0\0\x03REQUEST_METHODGET", 25);
	put(&p, "\x0c\x80\0\0\x07QUERY_STRINGtopic=a", 24);
	put_begin(&b, 1, RESPONDER, 0);
	put_params_cut(&b, &p, 100, 0);
	bytes_free(&p);
	say_and_free(c, b);
	want_start(c);
	want_nothing_more(c, sv, "a");
}

static void
test_any_request_id(void)
{
	static const int id[] = {1, 2, 255, 256, 258, 65535};
	struct server *sv = serve();

	for (size_t i = 0; i < sizeof(id) / sizeof(id[0]); i++) {
		struct client *c = join(sv);

		c->id = id[i];
		say_and_free(c, request(id[i], 0, "GET", "/events?topic=a"));
		want_start(c);
		want_nothing_more(c, sv, "a");
		c = join(sv);
		c->id = id[i];
		say_and_free(c, request(id[i], 0, "GET", "/events?last=x"));
		want_refusal(c, 400);
	}
}

static void
test_parameters_of_60_kib(void)
{
	struct server *sv = serve();
	struct client *c = get(
	    sv, "/events?topic=a", "HTTP_COOKIE", text("%061440d", 7), NULL);

	want_start(c);
	want_nothing_more(c, sv, "a");
}

static void
test_a_parameter_twice(void)
{
	struct server *sv = serve();
	struct client *c;

	append_many(sv, "main", 1, 4, 0);
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "3", "HTTP_LAST_EVENT_ID",
	    "3", NULL);
	want_start(c);
	want_event(c, "4", "message", "4 ");
}

static void
test_a_body_with_a_get_is_passed_over(void)
{
	struct server *sv = serve();
	struct client *c =
	    ask(sv, "GET", "/events?topic=a", "a body of a GET", NULL);

	want_start(c);
	want_nothing_more(c, sv, "a");
}

static void
test_bytes_behind_the_request_do_no_harm(void)
{
	struct witness w = serve_witness();
	struct client *c = join(w.sv);
	struct bytes b = request(1, 0, "GET", "/events?topic=a");

	put_record(&b, R_STDIN, 1, NULL, 0, 0);
	say_and_free(c, b);
	want_start(c);
	want_alive(&w);
}

/* --- management -------------------------------------------------------- */

static void
put_get_values(struct bytes *b, const char *const *name, int n)
{
	struct bytes p = {0};

	for (int i = 0; i < n; i++)
		put_pair(&p, name[i], "");
	put_record(b, R_GET_VALUES, 0, p.s, p.len, 0);
	bytes_free(&p);
}

static void
want_values(struct client *c)
{
	struct record r = want_record(c);
	char mpxs[] = "\x0f\x01"
		      "FCGI_MPXS_CONNS0";

	check(r.type == R_GET_VALUES_RESULT && r.id == 0);
	if (memmem(r.content, r.len, mpxs, sizeof(mpxs) - 1) == NULL)
		talk_fail("wanted FCGI_MPXS_CONNS 0; came %s",
		    shown(r.content, r.len));
}

static void
test_get_values_before_a_request(void)
{
	static const char *const name[] = {
	    "FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS"};
	struct server *sv = serve();
	struct client *c = join(sv);
	struct bytes b = {0};

	put_get_values(&b, name, 3);
	say_and_free(c, b);
	want_values(c);
	say_and_free(c, request(1, 0, "GET", "/events?topic=a"));
	want_start(c);
	want_nothing_more(c, sv, "a");
}

static void
test_get_values_and_a_request_in_one_go(void)
{
	static const char *const name[] = {"FCGI_MPXS_CONNS"};
	struct server *sv = serve();
	struct client *c = join(sv);
	struct bytes b = {0};

	put_get_values(&b, name, 1);
	put_request(&b, 1, 0, "GET", "/events?topic=a", NULL, NULL);
	say_and_free(c, b);
	want_values(c);
	want_start(c);
}

/* libfcgi would write past the end of its buffer here. */
static void
test_get_values_with_names_again_and_again(void)
{
	struct witness w = serve_witness();
	struct client *c = join(w.sv);
	const char *name[3000];
	struct bytes b = {0};

	for (int i = 0; i < 3000; i++)
		name[i] = "FCGI_MPXS_CONNS";
	put_get_values(&b, name, 3000);
	put_request(&b, 1, 0, "GET", "/events?topic=a", NULL, NULL);
	say_and_free(c, b);
	until(c->closed || c->odd.len > 0 || hear(c, now_ms()));
	want_alive(&w);
}

static void
test_get_values_of_names_that_nobody_knows(void)
{
	static const char *const name[] = {"FCGI_NO_SUCH", ""};
	struct witness w = serve_witness();
	struct client *c = join(w.sv);
	struct bytes b = {0};
	struct record r;

	put_get_values(&b, name, 2);
	say_and_free(c, b);
	r = want_record(c);
	check(r.type == R_GET_VALUES_RESULT && r.id == 0 && r.len == 0);
	want_alive(&w);
}

static void
test_an_unknown_management_record(void)
{
	struct server *sv = serve();
	struct client *c = join(sv);
	struct bytes b = {0};
	struct record r;

	put_record(&b, 77, 0, "what is this", 12, 4);
	say_and_free(c, b);
	r = want_record(c);
	check(r.type == R_UNKNOWN_TYPE && r.id == 0);
	check(r.len == 8 && r.content[0] == 77);
	say_and_free(c, request(1, 0, "GET", "/events"));
	want_start(c);
}

/* --- a kept connection ------------------------------------------------- */

static void
test_a_refused_request_leaves_a_kept_connection_usable(void)
{
	struct server *sv = serve();
	struct client *c = join(sv);

	c->keep_conn = true;
	for (int i = 0; i < 3; i++) {
		say_and_free(c, request(1, KEEP_CONN, "GET", "/events?last=x"));
		want_refusal(c, 400);
		c->ended = false;
	}
	say_and_free(c, request(1, KEEP_CONN, "GET", "/events?topic=a"));
	want_start(c);
	want_nothing_more(c, sv, "a");
}

static void
test_two_requests_in_one_go_on_a_kept_connection(void)
{
	struct server *sv = serve();
	struct client *c = join(sv);
	struct bytes b = request(1, KEEP_CONN, "POST", "/events");

	put_request(&b, 1, KEEP_CONN, "GET", "/events?topic=a", NULL, NULL);
	c->keep_conn = true;
	/*
	 * The answers may come in one piece, so the first is read to its end
	 * first.
	 */
	say(c, &(struct bytes){b.s, b.len - 8, 0});
	want_refusal(c, 405);
	c->ended = false;
	say(c, &(struct bytes){b.s + b.len - 8, 8, 0});
	bytes_free(&b);
	want_start(c);
	want_nothing_more(c, sv, "a");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_request_in_single_bytes),
	    TALK(test_a_request_cut_anywhere),
	    TALK(test_padding_of_every_length),
	    TALK(test_pairs_across_records),
	    TALK(test_lengths_of_four_bytes_for_short_names),
	    TALK(test_any_request_id),
	    TALK(test_parameters_of_60_kib),
	    TALK(test_a_parameter_twice),
	    TALK(test_a_body_with_a_get_is_passed_over),
	    TALK(test_bytes_behind_the_request_do_no_harm),
	    TALK(test_get_values_before_a_request),
	    TALK(test_get_values_and_a_request_in_one_go),
	    TALK(test_get_values_with_names_again_and_again),
	    TALK(test_get_values_of_names_that_nobody_knows),
	    TALK(test_an_unknown_management_record),
	    TALK(test_a_refused_request_leaves_a_kept_connection_usable),
	    TALK(test_two_requests_in_one_go_on_a_kept_connection),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
