/*
 * test_memory.c - memory runs out, at every place where something is asked for.
 *
 * A piece of work is done once to count what the program asks for, and then
 * again and again, so that each time another one of these is refused; once as
 * the only one, and once with all that come after it.  Nothing may crash, and
 * nothing may be lost: at the end of the program the sanitizer looks for memory
 * that nobody has.
 *
 * The linker puts these functions in place of the system's (see the Makefile).
 * Only what the program itself calls comes here.  Libraries get their memory.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/kit.h"

#include "fcgi/auth/allow.h"
#include "fcgi/publish/body.h"
#include "fcgi/request/request.h"
#include "fcgi/window/reader.h"
#include "fcgi/window/window.h"
#include "store/engine.h"
#include "tests/unit/forge.h"

/* --- refusing ---------------------------------------------------------------
 */

static struct {
	bool armed, rest;
	size_t asked, at; /* the one that is refused, from 1 on */
} refuse;

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
char *__real_strdup(const char *);
char *__real_strndup(const char *, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
char *__wrap_strdup(const char *);
char *__wrap_strndup(const char *, size_t);
int __wrap_asprintf(char **, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static bool
refused(void)
{
	if (!refuse.armed)
		return false;
	refuse.asked++;
	return refuse.rest ? refuse.asked >= refuse.at
			   : refuse.asked == refuse.at;
}

void *
__wrap_malloc(size_t n)
{
	return refused() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return refused() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return refused() ? NULL : __real_realloc(p, n);
}

char *
__wrap_strdup(const char *s)
{
	return refused() ? NULL : __real_strdup(s);
}

char *
__wrap_strndup(const char *s, size_t n)
{
	return refused() ? NULL : __real_strndup(s, n);
}

int
__wrap_asprintf(char **s, const char *fmt, ...)
{
	va_list ap;
	int n;

	*s = NULL;
	if (refused())
		return -1;
	va_start(ap, fmt);
	n = vasprintf(s, fmt, ap);
	va_end(ap);
	return n;
}

/* --- doing it again and again
 * ------------------------------------------------- */

/* Returns whether all of the work was done. */
typedef bool work(void *arg);

static bool
work_with(work *w, void *arg, size_t at, bool rest)
{
	bool done;

	refuse.asked = 0;
	refuse.at = at;
	refuse.rest = rest;
	refuse.armed = true;
	done = w(arg);
	refuse.armed = false;
	return done;
}

static void
try_all(work *w, void *arg, size_t least)
{
	size_t n, at;

	assert_true(work_with(w, arg, 0, false));
	n = refuse.asked;
	assert_true(n >= least);
	for (at = 1; at <= n; at++) {
		work_with(w, arg, at, false);
		work_with(w, arg, at, true);
	}
	assert_true(work_with(w, arg, 0, false));
}

/* The work cannot be done in part: without memory it is not done. */
static void
try_whole(work *w, void *arg, size_t least)
{
	size_t n, at;

	try_all(w, arg, least);
	n = refuse.asked;
	for (at = 1; at <= n; at++)
		assert_false(work_with(w, arg, at, true));
}

/* --- requests ------------------------------------------------------------- */

static bool
read_request(void *arg)
{
	static char query[] = "QUERY_STRING=topic=b&topic=a*&lastEventId=7",
		    method[] = "REQUEST_METHOD=GET", user[] = "REMOTE_USER=ann";
	char *env[] = {query, method, user, NULL};
	struct request rq;
	const char *why;
	int status = request_read(&rq, env, NULL, 16, &why);

	(void)arg;
	assert_true(status == 0 || status == 500);
	request_free(&rq);
	return status == 0;
}

static void
test_a_request(void **state)
{
	(void)state;
	try_whole(read_request, NULL, 1);
}

struct posted {
	const char *type, *text;
	bool parser_only;
};

static bool
read_body(void *arg)
{
	const struct posted *p = arg;
	struct body_limits limits = {100, 4096, p->parser_only};
	struct body body = {0};
	size_t len = strlen(p->text);
	char text[512];
	int status;

	memcpy(text, p->text, len + 1);
	status = body_read(&body, p->type, text, len, &limits);
	assert_true(status == 0 || status == 500);
	body_free(&body);
	return status == 0;
}

static void
test_a_body(void **state)
{
	static struct posted bodies[] = {
	    {"application/x-www-form-urlencoded", "topic=a&data=b", false},
	    {"application/json", "{\"topic\":\"a\",\"data\":{\"b\":[1]}}",
		true},
	    {"application/json", "[{\"data\":1},{\"data\":\"x\\u00e4\"}]",
		false},
	    {"application/x-ndjson", "{\"data\":1}\n{\"data\":[2]}\n", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		try_all(read_body, &bodies[i], 1);
}

/* --- keys and tokens --------------------------------------------------------
 */

struct locked {
	struct serve_conf conf;
	struct store *store;
	char *env[3];
};

static bool
ask_for_a_stream(void *arg)
{
	struct locked *l = arg;
	struct refusal no = {.status = 0};
	struct request rq;
	struct who who = {.subject = NULL};
	const char *reason;
	char why[512];
	struct allow *a = allow_open(&l->conf, why, sizeof(why));
	int status = -1;

	if (a != NULL && request_read(&rq, l->env, NULL, 16, &reason) == 0) {
		status = allow_stream(a, l->store, &rq, &who, &no);
		if (status != 0 && status != 500 && status != 503)
			fail_msg("%d %s", status, no.line);
		allow_who_free(&who);
	}
	if (a != NULL)
		request_free(&rq);
	allow_close(a);
	return status == 0;
}

static void
test_keys_and_a_token(void **state)
{
	static char query[] = "QUERY_STRING=topic=in/{user}";
	struct log *lg = *state;
	char key[DIR_SIZE + 8], jwks[DIR_SIZE + 8];
	char *v[] = {key}, *w[] = {jwks}, *proxies[] = {(char *)"10.0.0.0/8"};
	EVP_PKEY *ec = forge_ec("P-256");
	char *jwk = forge_jwk(ec, "k", ""), *set, *token, *bearer;
	struct locked l = {.conf = {.key_file = {v, 1},
			       .jwks_file = {w, 1},
			       .trusted_proxy = {proxies, 1}}};

	snprintf(key, sizeof(key), "%s/key", lg->dir);
	snprintf(jwks, sizeof(jwks), "%s/jwks", lg->dir);
	forge_write(key, FORGE_SECRET, sizeof(FORGE_SECRET) - 1);
	assert_true(asprintf(&set, "{\"keys\":[%s]}", jwk) > 0);
	forge_write(jwks, set, strlen(set));
	token =
	    forge(FORGE_HS256, "{\"sub\":\"al\",\"exp\":99999999999,"
			       "\"largesse\":{\"subscribe\":[\"in/{sub}\"]}}");
	assert_true(
	    asprintf(&bearer, "HTTP_AUTHORIZATION=Bearer %s", token) > 0);
	l.env[0] = bearer;
	l.env[1] = query;
	l.store = lg->reader;
	try_all(ask_for_a_stream, &l, 5);
	free(bearer);
	free(token);
	free(set);
	free(jwk);
	EVP_PKEY_free(ec);
}

/* --- streams -----------------------------------------------------------------
 */

static bool
pass(void *arg, const char *s, size_t len, enum reader_kind kind)
{
	(void)arg, (void)s, (void)len, (void)kind;
	return true;
}

static bool
read_stream(void *arg)
{
	static const char s[] = "id: 7\ndata: a text of some length, so that "
				"there is no room for all of it at first\n\n";
	struct reader r;
	bool done;

	(void)arg;
	reader_init(&r);
	reader_begin(&r);
	done = reader_feed(&r, s, sizeof(s) - 1, pass, NULL);
	reader_free(&r);
	return done;
}

static void
test_a_stream_that_is_read(void **state)
{
	(void)state;
	try_whole(read_stream, NULL, 3);
}

static const struct request_topic two_topics[] = {
    {.name = "a", .len = 1}, {.name = "n", .len = 1, .prefix = true}};

static bool
keep_a_window(void *arg)
{
	static const struct store ids = {.dashed = false};
	struct store_event ev = {.topic = {"news", 4}, .data = {"x", 1}};
	struct topics topics;
	struct window window = {.queue = NULL};
	struct store_id floor = {0, 0};
	struct sub *sub = NULL;
	uint32_t at;
	int i;

	(void)arg;
	if (topics_open(&topics) == 0 &&
	    window_open(&window, 1 << 20, 1 << 16) == 0 &&
	    (sub = topics_subscribe(&topics, two_topics, 2, NULL, floor)) !=
		NULL &&
	    topics_join(sub, (struct stream *)&topics, &at) == 0) {
		for (i = 1; i <= 40; i++) {
			ev.id.lo = (uint64_t)i;
			window_add(&window, &topics, &ids, &ev);
		}
		topics_leave(sub, at);
	} else if (sub != NULL)
		topics_forget(&topics, sub), sub = NULL;
	window_close(&window);
	topics_close(&topics);
	return sub != NULL;
}

static void
test_a_window(void **state)
{
	(void)state;
	try_all(keep_a_window, NULL, 5);
}

/* --- a log
 * -------------------------------------------------------------------- */

static bool
see(void *arg, const struct store_event *ev)
{
	(void)ev;
	++*(int *)arg;
	return true;
}

static void
found(void *arg, const struct store_finding *f)
{
	(void)arg, (void)f;
}

static bool
use_a_log(void *arg)
{
	struct log *lg = arg;
	struct store_event ev = {.topic = {"main", 4}, .data = {"x", 1}};
	struct store_topic many[] = {{"main", 4, false}, {"a", 1, true}};
	struct store_seek last = {
	    .from = STORE_FROM_LAST, .count = 2, .topics = many, .n = 2};
	struct store *writer = store_open(
			 lg->path, STORE_WRITE, lg->why, sizeof(lg->why)),
		     *reader = store_open(
			 lg->path, STORE_READ, lg->why, sizeof(lg->why));
	struct store_span span;
	struct store_id id = {0, 0};
	bool done = writer != NULL && reader != NULL;
	int n = 0;

	done = done && store_append(writer, &ev, 1) == STORE_OK;
	done = done && store_seek(reader, &last, &id) == STORE_OK;
	done = done &&
	       store_read(reader, id, many, 2, 10, see, &n, &span) == STORE_OK;
	assert_true(!done || n > 0);
	store_close(writer);
	store_close(reader);
	return done;
}

static bool
keep_a_log(void *arg)
{
	static const char *const users[] = {"root"};
	struct log *lg = arg;
	struct store_keep keep = {.rows = 5, .age_ms = 0};
	struct store_watch watch = {.table = "notes", .on_insert = true};
	struct store_check check = {
	    .users = users, .nusers = 1, .found = found};
	char why[512];
	bool done = store_init(lg->path, &keep, why, sizeof(why)) == 0;

	done = store_watch(lg->path, &watch, why, sizeof(why)) == 0 && done;
	done = store_unwatch(lg->path, "notes", why, sizeof(why)) >= 0 && done;
	done = store_prune(lg->path, NULL, why, sizeof(why)) >= 0 && done;
	return store_check(lg->path, &check, why, sizeof(why)) == 0 && done;
}

static bool
stand_in_for_a_log(void *arg)
{
	struct store *st = store_open_away(arg);
	bool done = st != NULL;

	store_close(st);
	return done;
}

static void
test_a_log_that_is_away(void **state)
{
	char why[] = "it is away";

	(void)state;
	try_whole(stand_in_for_a_log, why, 1);
}

static void
test_a_log_that_is_used(void **state)
{
	try_all(use_a_log, *state, 2);
}

static void
test_a_log_that_is_kept(void **state)
{
	struct log *lg = *state;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(lg->path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db, "CREATE TABLE notes(id INTEGER PRIMARY KEY, t)",
		NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
	try_all(keep_a_log, lg, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_request),
	    cmocka_unit_test(test_a_body),
	    cmocka_unit_test_setup_teardown(
		test_keys_and_a_token, kit_setup_sqlite, kit_teardown),
	    cmocka_unit_test(test_a_stream_that_is_read),
	    cmocka_unit_test(test_a_window),
	    cmocka_unit_test(test_a_log_that_is_away),
	    cmocka_unit_test_setup_teardown(
		test_a_log_that_is_used, kit_setup_sqlite, kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_log_that_is_kept, kit_setup_sqlite, kit_teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
