/*
 * test_protocol.c - FastCGI 1.0 as peers speak it, as they may speak it, and
 * as nobody should: whatever comes in on one connection, the streams on the
 * others go on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "peer.h"

static struct bytes
request(int id, int flags, const char *method, const char *uri)
{
	struct bytes b = {0};

	put_request(&b, id, flags, method, uri, NULL, NULL);
	return b;
}

static void
say_and_free(struct client *c, struct bytes b)
{
	say(c, &b);
	bytes_free(&b);
}

/* Content of the PARAMS of a GET. */
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

/* A stream that is there before any harm is done, and must be there after. */
struct witness {
	struct server *sv;
	struct client *c;
	int n;
};

static struct witness
serve_witness(void)
{
	struct witness w = {.sv = serve()};

	w.c = get(w.sv, "/events?topic=witness", NULL);
	want_start(w.c);
	return w;
}

static void
want_alive(struct witness *w)
{
	struct client *c;

	want_nothing_more(w->c, w->sv, "witness");
	c = get(w->sv, "/events?topic=witness", NULL);
	want_start(c);
	want_nothing_more(c, w->sv, "witness");
	want_event(w->c, NULL, "message", "the marker");
	leave(c);
}

/* --- as peers may speak it ---------------------------------------------------
 */

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

/* params in records of len bytes with this much padding, then STDIN. */
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

/* --- management --------------------------------------------------------------
 */

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

/* libfcgi writes the answer to these past the end of its buffer. */
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

/* --- what we do not do -------------------------------------------------------
 */

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
	/* It is told so, or the connection is closed; it is never mixed. */
	while (!c->closed && c->odd.len == 0)
		check(hear(c, now_ms() + PATIENCE_MS) || c->closed);
	if (!c->closed) {
		want_end_of(c, 2, CANT_MPX_CONN);
		want_nothing_more(c, w.sv, "a");
	}
	want_alive(&w);
}

/* --- abort -------------------------------------------------------------------
 */

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

/* --- a kept connection -------------------------------------------------------
 */

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
	/* Both answers may come in one piece: the first to its end first. */
	say(c, &(struct bytes){b.s, b.len - 8, 0});
	want_refusal(c, 405);
	c->ended = false;
	say(c, &(struct bytes){b.s + b.len - 8, 8, 0});
	bytes_free(&b);
	want_start(c);
	want_nothing_more(c, sv, "a");
}

/* --- as nobody should --------------------------------------------------------
 */

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

	/* Refused as a management record of no known type, or closed. */
	say_and_free(c, request(0, 0, "GET", "/events"));
	while (!c->closed && c->odd.len == 0)
		check(hear(c, now_ms() + PATIENCE_MS) || c->closed);
	check(c->out.len == 0);
	want_alive(&w);
}

/* Noise of every kind, and noise that begins as a request does. */
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

/* Each flips one byte of a good request: parsed to the end, or refused. */
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
	    TALK(test_other_roles),
	    TALK(test_a_second_request_beside_the_first),
	    TALK(test_a_second_request_on_a_running_stream),
	    TALK(test_abort_within_the_parameters),
	    TALK(test_abort_of_a_running_stream),
	    TALK(test_abort_leaves_a_kept_connection_usable),
	    TALK(test_a_refused_request_leaves_a_kept_connection_usable),
	    TALK(test_two_requests_in_one_go_on_a_kept_connection),
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
