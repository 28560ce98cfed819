/*
 * test_gate.c - bytes of a web server, good, odd and hostile.
 *
 * The bytes to scan are in a buffer of their exact size, at another place for
 * each call.  So the sanitizer sees a byte that is read too far, and a pointer
 * that was kept.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fastcgi.h>

#include "fcgi/request/gate.h"
#include "tests/unit/cm.h"

#define MAX_BODY 100000

/* --- what a web server says ----------------------------------------------- */

struct wire {
	size_t len;
	uint8_t bytes[400000];
};

static struct wire wire; /* the conversation of the test */

static void
record(int type, int id, const void *content, size_t len, size_t padding)
{
	uint8_t *p = wire.bytes + wire.len;

	assert_true(wire.len + 8 + len + padding <= sizeof(wire.bytes));
	p[0] = 1;
	p[1] = (uint8_t)type;
	p[2] = (uint8_t)(id >> 8);
	p[3] = (uint8_t)id;
	p[4] = (uint8_t)(len >> 8);
	p[5] = (uint8_t)len;
	p[6] = (uint8_t)padding;
	p[7] = 0xee; /* reserved: it has no meaning */
	if (len > 0)
		memcpy(p + 8, content, len);
	memset(p + 8 + len, 0xdd, padding);
	wire.len += 8 + len + padding;
}

static void
begin_role(int id, int role)
{
	const uint8_t body[8] = {
	    (uint8_t)(role >> 8), (uint8_t)role, 1, 9, 9, 9, 9, 9};

	record(FCGI_BEGIN_REQUEST, id, body, 8, 0);
}

static void
begin(int id)
{
	wire.len = 0;
	begin_role(id, FCGI_RESPONDER);
}

#define PARAMS(s)  record(FCGI_PARAMS, 1, s, sizeof(s) - 1, 3)
#define END_PARAMS record(FCGI_PARAMS, 1, NULL, 0, 0)
#define END_STDIN  record(FCGI_STDIN, 1, NULL, 0, 0)

/* Pairs in the short form, as text; each length is a byte. */
#define PAIR_A "\001\003Axyz"
#define PAIR_B "\004\002LONGhi"

static void
end(void)
{
	END_PARAMS;
	END_STDIN;
}

/* --- what the gate answers ---------------------------------------------- */

/* Scans a copy that is exactly len bytes long. */
static enum gate_result
scan_part(struct gate *g, size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));
	enum gate_result result;

	assert_non_null(copy);
	memcpy(copy, wire.bytes, len);
	result = gate_scan(g, copy, len, MAX_BODY);
	free(copy);
	return result;
}

static struct gate
want_result(enum gate_result want)
{
	struct gate whole = {0}, bytewise = {0};
	enum gate_result result;
	size_t len;

	result = scan_part(&whole, wire.len);
	if (result != want && whole.why != NULL)
		fprintf(stderr, "why: %s\n", whole.why);
	assert_int_equal(result, want);
	for (len = 0; len <= wire.len; len++) {
		result = scan_part(&bytewise, len);
		if (result != GATE_MORE)
			break;
	}
	assert_int_equal(result, want);
	assert_int_equal(whole.scanned, bytewise.scanned);
	assert_int_equal(whole.params_len, bytewise.params_len);
	assert_int_equal(whole.body_len, bytewise.body_len);
	assert_int_equal(whole.reply_len, bytewise.reply_len);
	assert_memory_equal(whole.reply, bytewise.reply, whole.reply_len);
	assert_ptr_equal(whole.why, bytewise.why);
	return whole;
}

static void
want_broken(const char *why)
{
	struct gate g = want_result(GATE_BROKEN);

	assert_string_equal(g.why, why);
	assert_int_equal(g.reply_len, 0);
}

static void
want_reply(const struct gate *g, const void *bytes, size_t len)
{
	assert_int_equal(g->reply_len, len);
	assert_memory_equal(g->reply, bytes, len);
}

static void
want_env(struct gate_reader *r, const struct gate *g, const char *first, ...)
{
	char **env = gate_parse(r, g, wire.bytes);
	va_list ap;

	assert_non_null(env);
	assert_string_equal(*env++, "FCGI_ROLE=RESPONDER");
	va_start(ap, first);
	for (; first != NULL; first = va_arg(ap, const char *), env++) {
		assert_non_null(*env);
		assert_string_equal(*env, first);
	}
	va_end(ap);
	assert_null(*env);
}

static int
open_reader(void **state)
{
	*state = gate_reader_open();
	return *state != NULL ? 0 : -1;
}

static int
close_reader(void **state)
{
	gate_reader_close(*state);
	return 0;
}

/* --- requests ------------------------------------------------------------- */

/* It is the first test, because libfcgi sets its handlers once a process. */
static void
test_reader_leaves_signals_alone(void **state)
{
	struct sigaction sa;
	struct gate_reader *r;

	(void)state;
	signal(SIGUSR1, SIG_IGN);
	r = gate_reader_open();
	assert_non_null(r);
	sigaction(SIGTERM, NULL, &sa);
	assert_ptr_equal(sa.sa_handler, SIG_DFL);
	sigaction(SIGPIPE, NULL, &sa);
	assert_ptr_equal(sa.sa_handler, SIG_DFL);
	sigaction(SIGUSR1, NULL, &sa);
	assert_ptr_equal(sa.sa_handler, SIG_IGN);
	signal(SIGUSR1, SIG_DFL);
	gate_reader_close(r);
	gate_reader_close(NULL);
}

static void
test_whole_request_is_ready_and_parsed(void **state)
{
	struct gate g;

	begin(1);
	PARAMS(PAIR_A PAIR_B);
	end();
	g = want_result(GATE_READY);
	assert_int_equal(g.scanned, wire.len);
	assert_int_equal(g.id, 1);
	assert_true(g.keep_conn);
	assert_int_equal(g.params_len, 14);
	assert_int_equal(g.body_len, 0);
	want_env(*state, &g, "A=xyz", "LONG=hi", NULL);
}

static void
test_request_without_params(void **state)
{
	struct gate g;

	begin(1);
	end();
	g = want_result(GATE_READY);
	want_env(*state, &g, NULL);
}

static void
test_large_request_id(void **state)
{
	struct gate g;

	begin(0xabcd);
	record(FCGI_PARAMS, 0xabcd, PAIR_A, 6, 0);
	record(FCGI_PARAMS, 0xabcd, NULL, 0, 0);
	record(FCGI_STDIN, 0xabcd, NULL, 0, 0);
	g = want_result(GATE_READY);
	assert_int_equal(g.id, 0xabcd);
	want_env(*state, &g, "A=xyz", NULL);
}

static void
test_pairs_cut_at_any_place(void **state)
{
	static const char pairs[] =
	    PAIR_A "\x80\0\0\004\x80\0\0\003NAMEval" PAIR_B "\001\0E";
	const size_t len = sizeof(pairs) - 1;
	size_t i, j;
	struct gate g;

	for (i = 1; i < len; i++)
		for (j = i; j < len; j++) {
			begin(1);
			record(FCGI_PARAMS, 1, pairs, i, 0);
			if (j > i)
				record(FCGI_PARAMS, 1, pairs + i, j - i, 255);
			record(FCGI_PARAMS, 1, pairs + j, len - j, 1);
			end();
			g = (struct gate){0};
			assert_int_equal(scan_part(&g, wire.len), GATE_READY);
			want_env(*state, &g, "A=xyz", "NAME=val", "LONG=hi",
			    "E=", NULL);
		}
}

static void
test_more_is_asked_for_until_the_last_byte(void **state)
{
	struct gate g;
	size_t len;

	(void)state;
	begin(1);
	PARAMS(PAIR_A);
	END_PARAMS;
	record(FCGI_STDIN, 1, "body", 4, 4);
	record(FCGI_STDIN, 1, NULL, 0, 7);
	for (len = 0; len < wire.len; len++) {
		g = (struct gate){0};
		assert_int_equal(scan_part(&g, len), GATE_MORE);
	}
	want_result(GATE_READY);
}

static void
test_next_request_is_left_behind(void **state)
{
	struct gate g;
	size_t len;

	(void)state;
	begin(1);
	end();
	len = wire.len;
	begin_role(1, FCGI_RESPONDER);
	g = want_result(GATE_READY);
	assert_int_equal(g.scanned, len);
}

static void
test_body_is_moved_together(void **state)
{
	uint8_t *body;
	struct gate g;

	begin(1);
	PARAMS(PAIR_A);
	END_PARAMS;
	record(FCGI_STDIN, 1, "one ", 4, 200);
	record(FCGI_GET_VALUES, 0, NULL, 0, 8);
	record(FCGI_STDIN, 9, "not this", 8, 0);
	record(FCGI_STDIN, 1, "two three", 9, 7);
	END_STDIN;
	g = (struct gate){0};
	assert_int_equal(scan_part(&g, wire.len), GATE_ANSWER);
	assert_int_equal(scan_part(&g, wire.len), GATE_READY);
	assert_int_equal(g.body_len, 13);
	body = gate_body(&g, wire.bytes);
	assert_memory_equal(body, "one two three", 13);
	want_env(*state, &g, "A=xyz", NULL);
}

/*
 * gate_body moves the body to where record headers were.  Nobody may look for
 * PARAMS there after that.
 */
static void
test_body_that_looks_like_params(void **state)
{
	struct gate g;

	begin(1);
	PARAMS(PAIR_A);
	END_PARAMS;
	record(FCGI_STDIN, 1, "body", 4, 0);
	record(FCGI_STDIN, 1, "\001\004\0\001\0\010\0\0" PAIR_B, 16, 0);
	END_STDIN;
	g = want_result(GATE_READY);
	gate_body(&g, wire.bytes);
	want_env(*state, &g, "A=xyz", NULL);
}

static void
test_body_may_be_empty(void **state)
{
	struct gate g;

	(void)state;
	begin(1);
	end();
	g = want_result(GATE_READY);
	assert_int_equal(g.body_len, 0);
	assert_non_null(gate_body(&g, wire.bytes));
}

static void
test_body_at_and_over_the_limit(void **state)
{
	static uint8_t zeros[65535];
	struct gate g;

	begin(1);
	PARAMS(PAIR_A);
	END_PARAMS;
	record(FCGI_STDIN, 1, zeros, 60000, 0);
	record(FCGI_STDIN, 1, zeros, 40000, 0);
	END_STDIN;
	g = (struct gate){0};
	assert_int_equal(scan_part(&g, wire.len), GATE_READY);
	assert_int_equal(g.body_len, MAX_BODY);

	/* One byte more is seen in the header: the rest need not be here. */
	wire.len -= 8;
	record(FCGI_STDIN, 1, zeros, 1, 0);
	g = (struct gate){0};
	assert_int_equal(scan_part(&g, wire.len - 1), GATE_READY);
	assert_int_equal(g.body_len, MAX_BODY + 1);
	want_env(*state, &g, "A=xyz", NULL);
}

/* --- records of no request ---------------------------------------------- */

static void
test_records_of_inactive_ids_are_ignored(void **state)
{
	struct gate g;

	wire.len = 0;
	record(FCGI_STDIN, 1, NULL, 0, 0);
	record(FCGI_PARAMS, 1, "\377rubbish", 8, 0);
	record(FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
	begin_role(1, FCGI_RESPONDER);
	PARAMS("\001\003Ax");
	record(FCGI_PARAMS, 2, PAIR_B, 8, 0);
	record(FCGI_ABORT_REQUEST, 2, NULL, 0, 0);
	record(99, 3, "?", 1, 0);
	PARAMS("yz");
	end();
	g = want_result(GATE_READY);
	assert_int_equal(g.params_len, 6);
	want_env(*state, &g, "A=xyz", NULL);
}

static void
test_values_are_answered_once_each(void **state)
{
	/* The header, 39 bytes of content, one of padding. */
	static const char want[] = "\001\012\0\0\0\047\001\0"
				   "\016\005FCGI_MAX_CONNS65535"
				   "\017\001FCGI_MPXS_CONNS0";
	struct gate g;

	(void)state;
	wire.len = 0;
	record(FCGI_GET_VALUES, 0,
	    "\017\0FCGI_MPXS_CONNS\005\002OTHER??"
	    "\016\0FCGI_MAX_CONNS\017\0FCGI_MPXS_CONNS",
	    17 + 9 + 16 + 17, 5);
	g = want_result(GATE_ANSWER);
	want_reply(&g, want, sizeof(want));
}

static void
test_values_all_unknown_and_none(void **state)
{
	static const char all[] = "\016\0FCGI_MAX_CONNS\015\0FCGI_MAX_REQS"
				  "\017\0FCGI_MPXS_CONNS";
	struct gate g;

	(void)state;
	wire.len = 0;
	record(FCGI_GET_VALUES, 0, all, sizeof(all) - 1, 0);
	g = want_result(GATE_ANSWER);
	assert_int_equal(g.reply_len, 8 + 64);
	assert_int_equal(g.reply[5], 59);
	wire.len = 0;
	record(FCGI_GET_VALUES, 0, "\001\0X", 3, 0);
	g = want_result(GATE_ANSWER);
	want_reply(&g, "\001\012\0\0\0\0\0\0", 8);
	wire.len = 0;
	record(FCGI_GET_VALUES, 0, NULL, 0, 0);
	g = want_result(GATE_ANSWER);
	want_reply(&g, "\001\012\0\0\0\0\0\0", 8);
}

static void
test_values_with_false_lengths(void **state)
{
	static const char why[] = "GET_VALUES with a false length";

	(void)state;
	wire.len = 0;
	record(FCGI_GET_VALUES, 0, "\002\0X", 3, 200);
	want_broken(why);
	wire.len = 0;
	record(FCGI_GET_VALUES, 0, "\001\001X", 3, 200);
	want_broken(why);
	wire.len = 0;
	record(FCGI_GET_VALUES, 0, "\001", 1, 200);
	want_broken(why);
	wire.len = 0;
	record(FCGI_GET_VALUES, 0, "\377\377\377\377\377\377\377\377X", 9, 0);
	want_broken(why);
}

static void
test_unknown_management_is_answered_so(void **state)
{
	struct gate g;

	(void)state;
	wire.len = 0;
	record(200, 0, "what is this", 12, 4);
	g = want_result(GATE_ANSWER);
	want_reply(&g, "\001\013\0\0\0\010\0\0\310\0\0\0\0\0\0\0", 16);
}

static void
test_management_in_the_middle_changes_nothing(void **state)
{
	struct gate g = {0};

	begin(1);
	PARAMS("\001\003Ax");
	record(FCGI_GET_VALUES, 0, NULL, 0, 0);
	PARAMS("yz");
	record(77, 0, "\004", 1, 0);
	end();
	assert_int_equal(scan_part(&g, wire.len), GATE_ANSWER);
	assert_int_equal(scan_part(&g, wire.len), GATE_ANSWER);
	assert_int_equal(scan_part(&g, wire.len), GATE_READY);
	assert_int_equal(g.reply_len, 0);
	want_env(*state, &g, "A=xyz", NULL);
}

/* --- refusals ------------------------------------------------------------- */

static void
test_other_roles_are_refused(void **state)
{
	static const int roles[] = {0, 2, 3, 0x0101, 0x0100};
	struct gate g;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		wire.len = 0;
		begin_role(0x0102, roles[i]);
		g = want_result(GATE_REFUSE);
		want_reply(&g,
		    "\001\003\001\002\0\010\0\0"
		    "\0\0\0\0\003\0\0\0",
		    16);
		assert_string_equal(
		    g.why, "asked for a role other than Responder");
	}
}

static void
test_second_request_at_once_is_refused(void **state)
{
	struct gate g;

	(void)state;
	begin(1);
	begin_role(2, FCGI_RESPONDER);
	g = want_result(GATE_REFUSE);
	want_reply(&g, "\001\003\0\002\0\010\0\0\0\0\0\0\001\0\0\0", 16);
	assert_string_equal(g.why, "a second request on a busy connection");
}

static void
test_abort_is_confirmed(void **state)
{
	struct gate g;

	(void)state;
	begin(1);
	PARAMS("\001");
	record(FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
	g = want_result(GATE_REFUSE);
	want_reply(&g, "\001\003\0\001\0\010\0\0\0\0\0\0\0\0\0\0", 16);
	assert_string_equal(g.why, "the web server took the request back");
}

/* --- not FastCGI ---------------------------------------------------------- */

static void
test_another_protocol_is_broken(void **state)
{
	static const char http[] = "GET / HTTP/1.1\r\n";

	(void)state;
	wire.len = sizeof(http) - 1;
	memcpy(wire.bytes, http, wire.len);
	want_broken("not FastCGI version 1");
	begin(1);
	PARAMS(PAIR_A);
	wire.bytes[16] = 2;
	want_broken("not FastCGI version 1");
}

static void
test_records_out_of_order_are_broken(void **state)
{
	(void)state;
	begin(1);
	END_STDIN;
	want_broken("STDIN before the end of PARAMS");
	begin(1);
	END_PARAMS;
	END_PARAMS;
	want_broken("PARAMS after the end of PARAMS");
	begin(1);
	begin_role(1, FCGI_RESPONDER);
	want_broken("BEGIN_REQUEST twice");
	begin(1);
	record(FCGI_DATA, 1, NULL, 0, 0);
	want_broken("a record that no Responder is sent");
	begin(1);
	record(FCGI_GET_VALUES, 1, NULL, 0, 0);
	want_broken("a record that no Responder is sent");
}

static void
test_begin_of_a_wrong_length_is_broken(void **state)
{
	(void)state;
	wire.len = 0;
	record(FCGI_BEGIN_REQUEST, 1, "\0\001\0\0\0\0\0", 7, 0);
	want_broken("BEGIN_REQUEST of a wrong length");
	wire.len = 0;
	record(FCGI_BEGIN_REQUEST, 1, "\0\001\0\0\0\0\0\0", 9, 0);
	want_broken("BEGIN_REQUEST of a wrong length");
	wire.len = 0;
	record(FCGI_BEGIN_REQUEST, 1, NULL, 0, 0);
	want_broken("BEGIN_REQUEST of a wrong length");
}

static void
test_request_without_an_id_is_broken(void **state)
{
	(void)state;
	begin(0);
	want_broken("a request's record without a request id");
	begin(1);
	record(FCGI_PARAMS, 0, PAIR_A, 6, 0);
	want_broken("a request's record without a request id");
}

static void
test_names_and_values_that_are_no_strings(void **state)
{
	(void)state;
	begin(1);
	PARAMS("\003\001A\0Bx");
	end();
	want_broken("NUL in a parameter");
	begin(1);
	PARAMS("\001\003Ax\0y");
	end();
	want_broken("NUL in a parameter");
	begin(1);
	PARAMS("\003\001A=Bx");
	end();
	want_broken("`=` in the name of a parameter");
	begin(1);
	PARAMS("\001\003Ax=y");
	end();
	want_result(GATE_READY);
}

static void
test_lengths_that_lie(void **state)
{
	static const char past[] = "a name or value runs past the end of "
				   "PARAMS";
	static const char within[] = "PARAMS end within a length";

	(void)state;
	begin(1);
	PARAMS("\001\004Axyz");
	end();
	want_broken(past);
	begin(1);
	PARAMS("\005\0Axyz");
	end();
	want_broken(past);
	begin(1);
	PARAMS("\377\377\377\377\377\377\377\377Axyz");
	end();
	want_broken(past);
	begin(1);
	PARAMS("\x80\0\0");
	end();
	want_broken(within);
	begin(1);
	PARAMS(PAIR_A "\001");
	end();
	want_broken(within);
}

/* PARAMS end at every place that is not the end of a pair. */
static void
test_params_that_end_too_early(void **state)
{
	static const char pairs[] = PAIR_A "\x80\0\0\004\x80\0\0\003NAMEval";
	size_t i;

	(void)state;
	for (i = 1; i < sizeof(pairs) - 1; i++) {
		if (i == 6)
			continue;
		begin(1);
		record(FCGI_PARAMS, 1, pairs, i, 0);
		end();
		want_result(GATE_BROKEN);
	}
}

/* --- limits --------------------------------------------------------------- */

/* Writes one pair as len bytes of PARAMS, in two records. */
static void
params_of(size_t len)
{
	static uint8_t params[GATE_PARAMS_MAX + 1];
	size_t value = len - 6;

	memset(params, 'v', sizeof(params));
	params[0] = 1;
	params[1] = 0x80;
	params[2] = (uint8_t)(value >> 16);
	params[3] = (uint8_t)(value >> 8);
	params[4] = (uint8_t)value;
	params[5] = 'A';
	begin(1);
	record(FCGI_PARAMS, 1, params, len / 2, 0);
	record(FCGI_PARAMS, 1, params + len / 2, len - len / 2, 0);
}

static void
test_params_up_to_the_limit(void **state)
{
	struct gate g = {0};
	char **env;

	params_of(GATE_PARAMS_MAX);
	end();
	assert_int_equal(scan_part(&g, wire.len), GATE_READY);
	assert_int_equal(g.params_len, GATE_PARAMS_MAX);
	env = gate_parse(*state, &g, wire.bytes);
	assert_non_null(env);
	assert_int_equal(strlen(env[1]), GATE_PARAMS_MAX - 4);
	assert_null(env[2]);
}

static void
test_params_over_the_limit_are_not_waited_for(void **state)
{
	struct gate g = {0};

	(void)state;
	params_of(GATE_PARAMS_MAX + 1);
	wire.len = 16 + 8 + GATE_PARAMS_MAX / 2 + 8;
	assert_int_equal(scan_part(&g, wire.len), GATE_BROKEN);
	assert_string_equal(g.why, "more than 64 KB of parameters");
}

/* No client can make us hold megabytes for a few bytes of content. */
static void
test_framing_has_a_limit(void **state)
{
	struct gate g = {0};
	int i;

	(void)state;
	begin(1);
	for (i = 0; i < 300; i++)
		record(FCGI_PARAMS, 1, "x", 1, 255);
	assert_int_equal(scan_part(&g, wire.len), GATE_BROKEN);
	assert_string_equal(g.why, "too many records for what is in them");
	assert_true(g.scanned <= GATE_FRAMING_MAX + 600);

	g = (struct gate){0};
	wire.len = 0;
	for (i = 0; i < 9000; i++)
		record(FCGI_STDIN, 7, NULL, 0, 0);
	assert_int_equal(scan_part(&g, wire.len), GATE_BROKEN);
}

/* --- libfcgi -------------------------------------------------------------- */

static void
test_parse_short_after_long(void **state)
{
	struct gate g;
	int i;

	for (i = 0; i < 20; i++) {
		g = (struct gate){0};
		params_of(40000);
		end();
		assert_int_equal(scan_part(&g, wire.len), GATE_READY);
		assert_non_null(gate_parse(*state, &g, wire.bytes));
		g = (struct gate){0};
		begin(1);
		PARAMS(PAIR_B);
		end();
		assert_int_equal(scan_part(&g, wire.len), GATE_READY);
		want_env(*state, &g, "LONG=hi", NULL);
	}
}

static int
open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/*
 * As if the scan had let a wrong request through: libfcgi refuses it, and the
 * next request is read well.
 */
static void
test_parse_goes_on_after_libfcgi_refused(void **state)
{
	struct gate g = {0}, lie;
	int before = open_files();

	begin(1);
	PARAMS("\001\007Axyz");
	end();
	lie = (struct gate){.scanned = wire.len,
	    .params_len = 6,
	    .id = 1,
	    .begun = true,
	    .params_done = true};
	assert_null(gate_parse(*state, &lie, wire.bytes));
	begin(1);
	PARAMS(PAIR_A);
	end();
	assert_int_equal(scan_part(&g, wire.len), GATE_READY);
	want_env(*state, &g, "A=xyz", NULL);
	assert_int_equal(open_files(), before);
}

#define with_reader(test) \
	cmocka_unit_test_setup_teardown(test, open_reader, close_reader)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reader_leaves_signals_alone),
	    with_reader(test_whole_request_is_ready_and_parsed),
	    with_reader(test_request_without_params),
	    with_reader(test_large_request_id),
	    with_reader(test_pairs_cut_at_any_place),
	    cmocka_unit_test(test_more_is_asked_for_until_the_last_byte),
	    cmocka_unit_test(test_next_request_is_left_behind),
	    with_reader(test_body_is_moved_together),
	    with_reader(test_body_that_looks_like_params),
	    cmocka_unit_test(test_body_may_be_empty),
	    with_reader(test_body_at_and_over_the_limit),
	    with_reader(test_records_of_inactive_ids_are_ignored),
	    cmocka_unit_test(test_values_are_answered_once_each),
	    cmocka_unit_test(test_values_all_unknown_and_none),
	    cmocka_unit_test(test_values_with_false_lengths),
	    cmocka_unit_test(test_unknown_management_is_answered_so),
	    with_reader(test_management_in_the_middle_changes_nothing),
	    cmocka_unit_test(test_other_roles_are_refused),
	    cmocka_unit_test(test_second_request_at_once_is_refused),
	    cmocka_unit_test(test_abort_is_confirmed),
	    cmocka_unit_test(test_another_protocol_is_broken),
	    cmocka_unit_test(test_records_out_of_order_are_broken),
	    cmocka_unit_test(test_begin_of_a_wrong_length_is_broken),
	    cmocka_unit_test(test_request_without_an_id_is_broken),
	    cmocka_unit_test(test_names_and_values_that_are_no_strings),
	    cmocka_unit_test(test_lengths_that_lie),
	    cmocka_unit_test(test_params_that_end_too_early),
	    with_reader(test_params_up_to_the_limit),
	    cmocka_unit_test(test_params_over_the_limit_are_not_waited_for),
	    cmocka_unit_test(test_framing_has_a_limit),
	    with_reader(test_parse_short_after_long),
	    with_reader(test_parse_goes_on_after_libfcgi_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
