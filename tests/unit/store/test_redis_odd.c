/*
 * test_redis_odd.c - a Redis that answers what nobody expects.
 *
 * A proxy stands before a real Redis.  Of the answer to one kind of command it
 * makes another answer, in which one part is something odd; which part and
 * which odd thing is counted through.  The store may neither crash nor keep
 * silent about it, and when the answers are right again it has to work.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>

#include "tests/unit/kit.h"

static const char *const odd[] = {"$-1\r\n", ":7\r\n",
    ":-9223372036854775808\r\n", "+OK\r\n", "$0\r\n\r\n", "*0\r\n",
    "*1\r\n$-1\r\n", "*2\r\n:1\r\n$-1\r\n", "*2\r\n$3\r\n0-0\r\n$-1\r\n",
    "*-1\r\n", "-ERR odd\x1b[2J\r\n", "$3\r\n9-9\r\n",
    "*1\r\n*1\r\n*1\r\n*0\r\n"};

enum {
	ODDS = sizeof(odd) / sizeof(*odd),
	PARTS = 400,	       /* more than any answer here has */
	RECOVER_MS = 60 * 1000 /* on the busiest machine */
};

/* Which answer is made odd.  Written by the test while nobody is connected. */
static struct {
	char socket[108], behind[160];
	int fd;
	pthread_mutex_t lock;
	const char *command; /* NULL: none */
	int part, odd;
	int seen;      /* parts of the last such answer */
	char *instead; /* the whole answer, or NULL */
	size_t instead_len;
} proxy = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct bytes {
	char *s;
	size_t len;
};

static void
add(struct bytes *b, const char *s, size_t len)
{
	b->s = realloc(b->s, b->len + len + 1);
	memcpy(b->s + b->len, s, len);
	b->len += len;
}

static void __attribute__((format(printf, 2, 3)))
add_line(struct bytes *b, const char *fmt, ...)
{
	char line[64];
	va_list ap;

	va_start(ap, fmt);
	add(b, line, (size_t)vsnprintf(line, sizeof(line), fmt, ap));
	va_end(ap);
}

/* Writes a reply as it came, but for the part that is to be odd. */
static void
write_reply(struct bytes *b, const redisReply *r, int part, int *n)
{
	static const char mark[] = {0, '$', '*', ':', '$', '+', '-'};
	size_t i;

	if ((*n)++ == part) {
		add(b, odd[proxy.odd], strlen(odd[proxy.odd]));
		return;
	}
	switch (r->type) {
	case REDIS_REPLY_NIL:
		add_line(b, "$-1\r\n");
		return;
	case REDIS_REPLY_INTEGER:
		add_line(b, ":%lld\r\n", r->integer);
		return;
	case REDIS_REPLY_ARRAY:
		add_line(b, "*%zu\r\n", r->elements);
		for (i = 0; i < r->elements; i++)
			write_reply(b, r->element[i], part, n);
		return;
	case REDIS_REPLY_STRING:
		add_line(b, "$%zu\r\n", (size_t)r->len);
		break;
	default:
		add(b, &mark[r->type], 1);
	}
	add(b, r->str, r->len);
	add(b, "\r\n", 2);
}

static bool
is_meant(const redisReply *command)
{
	return proxy.command != NULL && command->elements > 0 &&
	       strcmp(command->element[0]->str, proxy.command) == 0;
}

static struct bytes
make_answer(const redisReply *command, const redisReply *r)
{
	struct bytes b = {NULL, 0};
	int n = 0;

	pthread_mutex_lock(&proxy.lock);
	if (is_meant(command) && proxy.instead != NULL) {
		add(&b, proxy.instead, proxy.instead_len);
		n = 1;
	} else
		write_reply(&b, r, is_meant(command) ? proxy.part : -1, &n);
	if (is_meant(command))
		proxy.seen = n;
	pthread_mutex_unlock(&proxy.lock);
	return b;
}

/* One command and its answer.  False: either side is gone. */
static bool
pass_on(int fd, redisContext *to, const redisReply *command)
{
	const char *argv[64];
	size_t lens[64], i;
	struct bytes b;
	redisReply *r;
	bool ok;

	for (i = 0; i < command->elements && i < 64; i++) {
		argv[i] = command->element[i]->str;
		lens[i] = command->element[i]->len;
	}
	r = redisCommandArgv(to, (int)i, argv, lens);
	if (r == NULL)
		return false;
	b = make_answer(command, r);
	ok = send(fd, b.s, b.len, MSG_NOSIGNAL) == (ssize_t)b.len;
	free(b.s);
	freeReplyObject(r);
	return ok;
}

static void *
serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	redisContext *to = redisConnectUnix(proxy.behind);
	redisReader *in = redisReaderCreate();
	void *command = NULL;
	char buf[65536];
	ssize_t n;
	bool ok = true;

	while (ok && (n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		redisReaderFeed(in, buf, (size_t)n);
		while (ok && redisReaderGetReply(in, &command) == REDIS_OK &&
		       command != NULL) {
			ok = pass_on(fd, to, command);
			freeReplyObject(command);
		}
	}
	close(fd);
	redisReaderFree(in);
	redisFree(to);
	return NULL;
}

static void *
serve_all(void *arg)
{
	pthread_t t;
	int fd;

	while ((fd = accept(proxy.fd, NULL, NULL)) != -1)
		if (pthread_create(&t, NULL, serve_one, (void *)(intptr_t)fd) ==
		    0)
			pthread_detach(t);
	return arg;
}

static void
proxy_start(const struct log *lg)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	pthread_t t;

	snprintf(proxy.socket, sizeof(proxy.socket), "%.90s/proxy", lg->dir);
	strcpy(proxy.behind, kit_server.socket);
	strcpy(sun.sun_path, proxy.socket);
	proxy.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(
	    bind(proxy.fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(proxy.fd, 64), 0);
	assert_int_equal(pthread_create(&t, NULL, serve_all, NULL), 0);
	pthread_detach(t);
}

static void
make_odd(const char *command, int part, int what)
{
	pthread_mutex_lock(&proxy.lock);
	proxy.command = command;
	proxy.part = part;
	proxy.odd = what;
	pthread_mutex_unlock(&proxy.lock);
}

static int
parts_seen(void)
{
	int n;

	pthread_mutex_lock(&proxy.lock);
	n = proxy.seen;
	pthread_mutex_unlock(&proxy.lock);
	return n;
}

/* --- what a reader does -------------------------------------------------- */

static bool
take_any(void *arg, const struct store_event *ev)
{
	size_t *bytes = arg;

	*bytes += ev->topic.len + ev->data.len + ev->uid.len;
	return true;
}

static void
take_revocation(void *arg, const struct store_revocation *rv)
{
	size_t *bytes = arg;

	*bytes += rv->topic.len + rv->subject.len;
}

/* Everything that a reader may ask.  *got: a bit for each that was answered. */
static bool
ask_all(struct store *st, unsigned *got)
{
	static const struct store_topic topic = {"t", 1, false};
	struct store_seek seeks[] = {{.from = STORE_FROM_HEAD},
	    {.from = STORE_FROM_ID, .id = {1, 1}},
	    {.from = STORE_FROM_ID, .id = {UINT64_MAX / 2, 1}},
	    {.from = STORE_FROM_UID, .uid = {"u1", 2}},
	    {.from = STORE_FROM_UID, .uid = {"none", 4}},
	    {.from = STORE_FROM_LAST, .count = 2, .topics = &topic, .n = 1},
	    {.from = STORE_FROM_TIME, .time_ms = 1},
	    {.from = STORE_FROM_ID, .id = {1, 1}, .named = true}};
	struct store_id id, after = {0, 0};
	struct store_span span;
	size_t bytes = 0, i;
	uint64_t numbers;

	store_hold(st);
	if (store_read(st, after, &topic, 1, 9, take_any, &bytes, &span) ==
	    STORE_OK)
		*got |= 1;
	for (i = 0; i < sizeof(seeks) / sizeof(*seeks); i++)
		if (store_seek(st, &seeks[i], &id) != STORE_LATER)
			*got |= 2U << i;
	if (store_revocations(st, &after, 100, take_revocation, &bytes) ==
	    STORE_OK)
		*got |= 512;
	if (store_revoked(st, (struct store_text){"al", 2}, 0, take_revocation,
		&bytes) == STORE_OK)
		*got |= 1024;
	if (store_numbers(st, &numbers) == STORE_OK)
		*got |= 2048;
	if (store_end(st, (struct store_text){"t", 1}, &id) == STORE_OK)
		*got |= 4096;
	store_release(st);
	return *got == 8191;
}

static void
turn(struct store *st, int ms)
{
	struct pollfd pfd = {.fd = store_fd(st), .events = POLLIN};
	struct store_id id;

	if (poll(&pfd, 1, ms) == 1)
		store_news(st, &id);
}

/* A reader meets the odd answer, and then gets right ones. */
static void
meet(const char *path, const char *command, int part, int what)
{
	char why[512] = "";
	struct store *st = store_open(path, STORE_READ, why, sizeof(why));
	unsigned got = 0;
	int64_t until;
	int i;

	if (st == NULL) { /* it was met on opening: that is told */
		assert_int_not_equal(why[0], '\0');
		assert_null(strchr(why, '\x1b'));
		make_odd(NULL, 0, 0);
		st = store_open(path, STORE_READ, why, sizeof(why));
		assert_non_null(st);
	}
	store_set_poll(st, 50);
	/* A busy machine may take longer until the first odd answer comes. */
	for (i = 0; i < 6 || (parts_seen() == 0 && i < 5000); i++) {
		ask_all(st, &got);
		turn(st, 5);
		assert_null(strchr(store_why(st), '\x1b'));
	}
	make_odd(NULL, 0, 0);
	got = 0;
	/* Each question makes a turn: it is time that counts, not turns. */
	until = clock_steady_ms() + RECOVER_MS;
	while (!ask_all(st, &got) || !store_healthy(st)) {
		if (clock_steady_ms() > until)
			fail_msg("%s, part %d, odd %d: got %x: %s", command,
			    part, what, got, store_why(st));
		turn(st, 1000);
	}
	store_close(st);
}

static void
name_proxy(struct log *lg, char path[300])
{
	snprintf(path, 300, "redis+unix://%s?stream=%s", proxy.socket,
	    stream_of(lg->path));
	redis_say("XADD {%s}:revoked * subject al topic t%s",
	    stream_of(lg->path), "");
	redis_say("XADD %s * topic t data x uid u1%s", stream_of(lg->path), "");
	redis_say("XADD %s * data y%s", stream_of(lg->path), "");
}

static void
each_part(struct log *lg, const char *command)
{
	char path[300];
	int part, what;

	proxy_start(lg);
	name_proxy(lg, path);
	for (part = 0; part < PARTS; part++) { /* a fifth of all pairs */
		for (what = part % 5; what < ODDS; what += 5) {
			make_odd(command, part, what);
			meet(path, command, part, what);
		}
		if (part >= parts_seen())
			break;
	}
	assert_true(part > 0 && part < PARTS);
	shutdown(proxy.fd, SHUT_RDWR);
	close(proxy.fd);
}

static void
test_odd_news(void **state)
{
	each_part(*state, "XREAD");
}

static void
test_odd_answers(void **state)
{
	each_part(*state, "EXEC");
}

static void
test_odd_states(void **state)
{
	each_part(*state, "EVALSHA");
}

static void
test_odd_greetings(void **state)
{
	each_part(*state, "SCRIPT");
}

/* The same command lines as the program's, each in a process of its own. */
static void
count_finding(void *arg, const struct store_finding *f)
{
	assert_null(strchr(f->seen, '\x1b'));
	++*(int *)arg;
}

static void
each_of_commands(struct log *lg, const char *command)
{
	struct store_event ev = {.data = {"1", 1}};
	int part, what, n = 0;
	char path[300];
	struct store_check check = {.found = count_finding, .arg = &n};
	struct store_keep keep = {.rows = 1};
	struct store *st;

	proxy_start(lg);
	name_proxy(lg, path);
	for (part = 0; part < 15; part++)
		for (what = part % 5; what < ODDS; what += 5) {
			char why[512] = "";

			make_odd(command, part, what);
			store_check(path, &check, why, sizeof(why));
			store_prune(path, &keep, why, sizeof(why));
			store_init(path, NULL, why, sizeof(why));
			assert_null(strchr(why, '\x1b'));
			st = store_open(path, STORE_WRITE, why, sizeof(why));
			if (st != NULL)
				store_append(st, &ev, 1);
			store_close(st);
		}
	make_odd(NULL, 0, 0);
	shutdown(proxy.fd, SHUT_RDWR);
	close(proxy.fd);
}

static void
test_odd_answers_to_commands(void **state)
{
	each_of_commands(*state, "EVAL");
}

static void
test_odd_answers_to_publishers(void **state)
{
	each_of_commands(*state, "EVALSHA");
}

static void
test_odd_answers_to_the_doctor(void **state)
{
	each_of_commands(*state, "CONFIG");
}

/* --- answers without end -------------------------------------------------- */

static void
want_refused(struct log *lg, const char *command, const char *s, size_t len)
{
	char path[300], why[512] = "";
	unsigned got = 0;
	struct store *st;
	int i;

	proxy_start(lg);
	name_proxy(lg, path);
	st = store_open(path, STORE_READ, why, sizeof(why));
	assert_non_null(st);
	store_set_event_max(st, 1000);
	pthread_mutex_lock(&proxy.lock);
	proxy.instead = (char *)(uintptr_t)s;
	proxy.instead_len = len;
	proxy.command = command;
	pthread_mutex_unlock(&proxy.lock);
	for (i = 0; strstr(store_why(st), "larger than") == NULL; i++) {
		assert_true(i < 20000);
		ask_all(st, &got);
		turn(st, 100);
	}
	pthread_mutex_lock(&proxy.lock);
	proxy.instead = NULL;
	proxy.command = NULL;
	pthread_mutex_unlock(&proxy.lock);
	got = 0;
	for (i = 0; !ask_all(st, &got) || !store_healthy(st); i++) {
		assert_true(i < 20000);
		turn(st, 1000);
	}
	store_close(st);
	shutdown(proxy.fd, SHUT_RDWR);
	close(proxy.fd);
}

static void
test_an_array_of_two_thousand_millions(void **state)
{
	static const char s[] = "*2147483647\r\n:1\r\n";

	want_refused(*state, "XREAD", s, sizeof(s) - 1);
}

static void
test_a_text_without_end(void **state)
{
	enum {
		SIZE = 16 * 1024 * 1024
	};
	char *s = malloc(SIZE);

	memset(s, 'x', SIZE);
	memcpy(s, "$2000000000\r\n", 13);
	want_refused(*state, "XREAD", s, SIZE);
	free(s);
}

/* --- a long entry --------------------------------------------------------- */

struct seen {
	size_t n, large, bytes;
};

static bool
note_event(void *arg, const struct store_event *ev)
{
	struct seen *s = arg;

	s->n++;
	s->large += ev->too_large;
	s->bytes += ev->data.len;
	return true;
}

/* It is of no use to a reader, and is not read; what comes after it is. */
static void
test_an_entry_that_is_too_long(void **state)
{
	enum {
		LONG = 12 * 1024 * 1024
	};
	struct log *lg = *state;
	struct store_id after = {0, 0};
	struct store_span span = {.at_end = false};
	struct seen seen = {0, 0, 0};
	char *data = malloc(LONG + 1);

	memset(data, 'x', LONG);
	data[LONG] = '\0';
	store_set_event_max(lg->reader, 1000);
	kit_turn(lg, &after);
	after = (struct store_id){0, 0};
	redis_say("XADD %s * topic t data %s", stream_of(lg->path), data);
	redis_say("XADD %s * topic t data y%s", stream_of(lg->path), "");
	free(data);
	while (seen.n < 2) {
		assert_int_equal(
		    kit_read(lg, after, NULL, 0, 250, note_event, &seen, &span),
		    STORE_OK);
		after = span.upto;
		if (seen.n < 2)
			kit_turn(lg, &(struct store_id){0, 0});
	}
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.large, 1);
	assert_int_equal(seen.bytes, 1);
}

/* --- long searches -------------------------------------------------------- */

static void
test_many_revocations_of_one(void **state)
{
	struct log *lg = *state;
	size_t bytes = 0;
	struct store_id id;
	enum store_result r;
	int turns = 0;

	redis_say("EVAL %s 1 {%s}:revoked",
	    "for i = 1, 5000 do redis.call('XADD', KEYS[1], '*',"
	    " 'subject', 'al', 'topic', 't' .. (10000 + i)) end",
	    stream_of(lg->path));
	while ((r = store_revoked(lg->reader, (struct store_text){"al", 2}, 0,
		    take_revocation, &bytes)) == STORE_LATER) {
		kit_turn(lg, &id);
		turns++;
	}
	assert_int_equal(r, STORE_OK);
	assert_int_equal(bytes, 5000 * (6 + 2));
	assert_true(turns >= 5000 / 400);
}

/* Far back, in several steps; another topic's uid is not told. */
static void
test_a_search_goes_on_where_it_stopped(void **state)
{
	static const struct store_topic rare = {"rare", 4, false},
					other = {"other", 5, false};
	struct log *lg = *state;
	struct store_seek sk = {
	    .from = STORE_FROM_LAST, .count = 1, .topics = &rare, .n = 1};
	struct store_id id, head;

	redis_say("XADD %s 5-1 topic rare uid old%s", stream_of(lg->path), "");
	redis_say("EVAL %s 1 %s",
	    "for i = 1, 2000 do redis.call('XADD', KEYS[1], '*',"
	    " 'topic', 'm') end",
	    stream_of(lg->path));
	lg->newest = (struct store_id){6, 0};
	kit_settle(lg);
	assert_int_equal(kit_seek(lg, sk, &id), STORE_OK);
	assert_true(id.hi == 5 && id.lo == 0);
	sk.from = STORE_FROM_UID;
	sk.uid = (struct store_text){"old", 3};
	assert_int_equal(kit_seek(lg, sk, &id), STORE_OK);
	assert_true(id.hi == 5 && id.lo == 1);
	redis_say("HSET {%s}:uid old 5-1%s", stream_of(lg->path), "");
	assert_int_equal(kit_seek(lg, sk, &id), STORE_OK);
	sk.topics = &other;
	assert_int_equal(kit_seek(lg, sk, &id), STORE_UNKNOWN);
	kit_seek(lg, (struct store_seek){.from = STORE_FROM_HEAD}, &head);
	assert_int_equal(store_id_cmp(id, head), 0);
}

/* A log whose id is not of our form is not opened. */
static void
test_an_odd_log_id(void **state)
{
	struct log *lg = *state;
	char why[512] = "";

	redis_say(
	    "HSET {%s}:log id %s", stream_of(lg->path), "x\nevent: stream-gap");
	assert_null(store_open(lg->path, STORE_READ, why, sizeof(why)));
	assert_non_null(strstr(why, "32 hexadecimal digits"));
}

#define ON_REDIS(f) \
	cmocka_unit_test_setup_teardown(f, kit_setup_redis, kit_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    ON_REDIS(test_odd_news),
	    ON_REDIS(test_odd_answers),
	    ON_REDIS(test_odd_states),
	    ON_REDIS(test_odd_greetings),
	    ON_REDIS(test_odd_answers_to_commands),
	    ON_REDIS(test_odd_answers_to_publishers),
	    ON_REDIS(test_odd_answers_to_the_doctor),
	    ON_REDIS(test_an_array_of_two_thousand_millions),
	    ON_REDIS(test_a_text_without_end),
	    ON_REDIS(test_an_entry_that_is_too_long),
	    ON_REDIS(test_many_revocations_of_one),
	    ON_REDIS(test_a_search_goes_on_where_it_stopped),
	    ON_REDIS(test_an_odd_log_id),
	};
	int rc;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	signal(SIGPIPE, SIG_IGN);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	redis_gone(&kit_server);
	return rc;
}
