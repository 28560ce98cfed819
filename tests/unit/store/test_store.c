/*
 * test_store.c - what store.h promises, whatever the engine.
 *
 * The tests use nothing but store.h, and run on each engine (kit.h).
 */
#include "tests/unit/kit.h"

enum {
	MOST = 4096
};

static void
prune_to(struct log *lg, uint64_t rows)
{
	struct store_keep keep = {.rows = rows, .age_ms = 0};

	assert_true(
	    store_prune(lg->path, &keep, lg->why, sizeof(lg->why)) >= 0);
}

/* Puts another log with n events under the same name. */
static void
replace(struct log *lg, int n)
{
	struct store_event ev = {.data = {"new", 3}};
	struct log other = *lg;
	int i;

	lg->engine->name_log(&other, "other");
	assert_int_equal(
	    store_init(other.path, NULL, lg->why, sizeof(lg->why)), 0);
	other.writer =
	    store_open(other.path, STORE_WRITE, lg->why, sizeof(lg->why));
	assert_non_null(other.writer);
	for (i = 0; i < n; i++)
		assert_int_equal(store_append(other.writer, &ev, 1), STORE_OK);
	store_close(other.writer);
	store_close(lg->writer);
	lg->writer = NULL;
	lg->newest = (struct store_id){0, 0};
	lg->engine->replace(lg, other.path);
}

/* --- appending and reading ---------------------------------------------- */

static struct store_text
text(const char *s)
{
	return (struct store_text){s, s == NULL ? 0 : strlen(s)};
}

static struct store_id
append(struct log *lg, const char *topic, const char *data)
{
	struct store_event ev = {.topic = text(topic), .data = text(data)};

	assert_int_equal(store_append(lg->writer, &ev, 1), STORE_OK);
	assert_false(ev.repeated);
	lg->newest = ev.id;
	return ev.id;
}

/* What a read returned: `topic=data` for each event, with blanks between. */
struct page {
	char text[MOST];
	size_t n, stop_after; /* 0: never */
	struct store_id ids[256];
	struct store_span span;
};

static bool
take(void *arg, const struct store_event *ev)
{
	struct page *pg = arg;
	size_t len = strlen(pg->text);

	assert_true(pg->n == 0 || store_id_cmp(pg->ids[pg->n - 1], ev->id) < 0);
	if (pg->n < 256)
		pg->ids[pg->n] = ev->id;
	pg->n++;
	snprintf(pg->text + len, sizeof(pg->text) - len, "%s%.*s=%.*s",
	    len > 0 ? " " : "", (int)ev->topic.len, ev->topic.s,
	    (int)ev->data.len, ev->data.s);
	return pg->stop_after == 0 || pg->n < pg->stop_after;
}

static void
read_page(struct log *lg, struct page *pg, struct store_id after,
    const struct store_topic *topics, size_t n, size_t limit)
{
	size_t stop = pg->stop_after;

	memset(pg, 0, sizeof(*pg));
	pg->stop_after = stop;
	kit_settle(lg);
	pg->span.upto = after;
	do /* a page may end early */
		assert_int_equal(kit_read(lg, pg->span.upto, topics, n,
				     limit - pg->n, take, pg, &pg->span),
		    STORE_OK);
	while (
	    !pg->span.at_end && pg->n < limit && (stop == 0 || pg->n < stop));
}

static struct store_topic
exact(const char *name)
{
	return (struct store_topic){name, strlen(name), false};
}

static struct store_topic
prefix(const char *name)
{
	return (struct store_topic){name, strlen(name), true};
}

static const struct store_id start = {0, 0};

static void
test_an_empty_log_is_at_its_end(void **state)
{
	struct page pg = {.stop_after = 0};

	read_page(*state, &pg, start, NULL, 0, 10);
	assert_int_equal(pg.n, 0);
	assert_true(pg.span.at_end);
	assert_int_equal(store_id_cmp(pg.span.upto, start), 0);
}

static void
test_what_was_appended_is_read_in_order(void **state)
{
	struct log *lg = *state;
	struct store_id a = append(lg, "x", "1"), b = append(lg, "y", "2");
	struct page pg = {.stop_after = 0};

	assert_true(store_id_cmp(a, b) < 0);
	read_page(lg, &pg, start, NULL, 0, 10);
	assert_string_equal(pg.text, "x=1 y=2");
	assert_int_equal(store_id_cmp(pg.ids[0], a), 0);
	assert_int_equal(store_id_cmp(pg.ids[1], b), 0);
	assert_int_equal(store_id_cmp(pg.span.upto, b), 0);
	assert_true(pg.span.at_end);
	read_page(lg, &pg, a, NULL, 0, 10);
	assert_string_equal(pg.text, "y=2");
	read_page(lg, &pg, b, NULL, 0, 10);
	assert_int_equal(pg.n, 0);
}

static void
test_nothing_given_is_the_default(void **state)
{
	struct log *lg = *state;
	struct page pg = {.stop_after = 0};

	append(lg, NULL, NULL);
	read_page(lg, &pg, start, NULL, 0, 10);
	assert_string_equal(pg.text, "main=");
}

static void
test_pages_follow_one_another(void **state)
{
	struct log *lg = *state;
	struct store_id at = start;
	struct page pg = {.stop_after = 0};
	char data[16];
	int i, n = 0;

	for (i = 0; i < 25; i++) {
		snprintf(data, sizeof(data), "%d", i);
		append(lg, "x", data);
	}
	do {
		read_page(lg, &pg, at, NULL, 0, 10);
		assert_true(pg.n <= 10);
		n += (int)pg.n;
		at = pg.span.upto;
	} while (!pg.span.at_end);
	assert_int_equal(n, 25);
	pg.stop_after = 3;
	read_page(lg, &pg, start, NULL, 0, 10);
	assert_string_equal(pg.text, "x=0 x=1 x=2");
	assert_int_equal(store_id_cmp(pg.span.upto, pg.ids[2]), 0);
	assert_false(pg.span.at_end);
}

/* Some topics have many events and one has few, which are read differently. */
static void
fill(struct log *lg)
{
	char data[16];
	int i;

	for (i = 0; i < 200; i++) {
		snprintf(data, sizeof(data), "%d", i);
		append(lg, i % 50 == 7 ? "rare" : i % 2 ? "odd" : "even", data);
	}
}

static void
read_all(struct log *lg, const struct store_topic *topics, size_t n,
    size_t *count, char *last, size_t size)
{
	struct store_id at = start;
	struct page pg = {.stop_after = 0};

	*count = 0;
	do {
		read_page(lg, &pg, at, topics, n, 64);
		*count += pg.n;
		if (pg.n > 0)
			snprintf(last, size, "%.*s", (int)size - 1,
			    strrchr(pg.text, ' ') == NULL
				? pg.text
				: strrchr(pg.text, ' ') + 1);
		at = pg.span.upto;
	} while (!pg.span.at_end);
}

static void
test_topics_are_picked(void **state)
{
	struct log *lg = *state;
	struct store_topic rare[] = {exact("rare")};
	struct store_topic two[] = {exact("odd"), exact("rare")};
	struct store_topic pre[] = {prefix("o"), prefix("ra")};
	struct store_topic none[] = {exact("od"), exact("oddest")};
	char last[64] = "";
	size_t n;

	fill(lg);
	read_all(lg, rare, 1, &n, last, sizeof(last));
	assert_int_equal(n, 4);
	assert_string_equal(last, "rare=157");
	read_all(lg, two, 2, &n, last, sizeof(last));
	assert_int_equal(n, 100);
	assert_string_equal(last, "odd=199");
	read_all(lg, pre, 2, &n, last, sizeof(last));
	assert_int_equal(n, 100);
	read_all(lg, NULL, 0, &n, last, sizeof(last));
	assert_int_equal(n, 200);
	read_all(lg, none, 2, &n, last, sizeof(last));
	assert_int_equal(n, 0);
}

static void
test_odd_bytes_come_back_as_they_were(void **state)
{
	struct log *lg = *state;
	static const char odd[] = "a\0b\r\n\xff\xc3";
	struct store_event ev = {.topic = {"x", 1},
	    .event = {"t\n", 2},
	    .data = {odd, sizeof(odd) - 1},
	    .uid = {"u 1", 3}};
	struct page pg = {.stop_after = 0};

	assert_int_equal(store_append(lg->writer, &ev, 1), STORE_OK);
	lg->newest = ev.id;
	read_page(lg, &pg, start, NULL, 0, 1);
	assert_memory_equal(pg.text, "x=a", 4);
	assert_int_equal(pg.n, 1);
}

static void
test_a_uid_is_appended_once(void **state)
{
	struct log *lg = *state;
	struct store_event ev[2] = {
	    {.data = {"1", 1}, .uid = {"u1", 2}},
	    {.data = {"2", 1}, .uid = {"u2", 2}},
	};
	struct store_event again[3] = {
	    {.data = {"x", 1}, .uid = {"u2", 2}},
	    {.data = {"3", 1}, .uid = {"u3", 2}},
	    {.data = {"y", 1}, .uid = {"u3", 2}},
	};
	struct page pg = {.stop_after = 0};

	assert_int_equal(store_append(lg->writer, ev, 2), STORE_OK);
	assert_int_equal(store_append(lg->writer, again, 3), STORE_OK);
	lg->newest = again[1].id;
	assert_true(again[0].repeated);
	assert_int_equal(store_id_cmp(again[0].id, ev[1].id), 0);
	assert_false(again[1].repeated);
	assert_true(again[2].repeated);
	assert_int_equal(store_id_cmp(again[2].id, again[1].id), 0);
	read_page(lg, &pg, start, NULL, 0, 10);
	assert_string_equal(pg.text, "main=1 main=2 main=3");
}

/* Else who may publish to one topic could take the uids of all others. */
static void
test_a_uid_is_of_one_topic(void **state)
{
	struct log *lg = *state;
	struct store_event of_a = {.topic = {"a", 1}, .uid = {"u1", 2}},
			   of_main = {.data = {"m", 1}, .uid = {"u2", 2}};
	struct store_event other[2] = {
	    {.topic = {"b", 1}, .data = {"1", 1}},
	    {.topic = {"b", 1}, .uid = {"u1", 2}},
	};
	struct store_event within[2] = {
	    {.topic = {"b", 1}, .uid = {"u3", 2}},
	    {.uid = {"u3", 2}},
	};
	struct store_event named = {.topic = {"main", 4}, .uid = {"u2", 2}};
	struct store_event longer = {.topic = {"aa", 2}, .uid = {"u1", 2}};
	struct store_batch batches[3] = {{.events = &of_a, .n = 1},
	    {.events = other, .n = 2}, {.events = &of_main, .n = 1}};
	struct page pg = {.stop_after = 0};

	store_append_all(lg->writer, batches, 1);
	assert_int_equal(batches[0].result, STORE_OK);
	assert_int_equal(store_append(lg->writer, other, 2), STORE_TAKEN);
	assert_non_null(strstr(store_why(lg->writer), "another topic"));
	assert_int_equal(store_append(lg->writer, within, 2), STORE_TAKEN);
	assert_int_equal(store_append(lg->writer, &longer, 1), STORE_TAKEN);
	store_append_all(lg->writer, batches, 3);
	assert_int_equal(batches[0].result, STORE_OK);
	assert_true(of_a.repeated);
	assert_int_equal(batches[1].result, STORE_TAKEN);
	assert_non_null(strstr(batches[1].why, "another topic"));
	assert_int_equal(batches[2].result, STORE_OK);
	assert_int_equal(store_append(lg->writer, &named, 1), STORE_OK);
	assert_true(named.repeated);
	lg->newest = of_main.id;
	read_page(lg, &pg, start, NULL, 0, 10);
	assert_string_equal(pg.text, "a= main=m");
}

static void
test_all_of_a_batch_or_nothing(void **state)
{
	struct log *lg = *state;
	struct store_event ev[2] = {
	    {.data = {"1", 1}}, {.data = {"2", 1}, .uid = {"12345", 5}}};
	struct page pg = {.stop_after = 0};

	assert_int_not_equal(store_append(lg->writer, ev, 2), STORE_OK);
	assert_int_not_equal(strlen(store_why(lg->writer)), 0);
	read_page(lg, &pg, start, NULL, 0, 10);
	assert_int_equal(pg.n, 0);
	append(lg, "x", "after");
}

/* --- ids ---------------------------------------------------------------- */

static void
test_an_id_is_printed_and_parsed(void **state)
{
	struct log *lg = *state;
	struct store_id id = append(lg, "x", "1"), back = {9, 9};
	char buf[STORE_ID_SIZE];
	size_t len = store_id_print(lg->reader, id, buf);

	assert_int_equal(len, strlen(buf));
	assert_true(store_id_parse(lg->reader, buf, len, &back));
	assert_int_equal(store_id_cmp(id, back), 0);
	assert_true(store_id_cmp(store_id_before(id), id) < 0);
}

static void
test_what_is_no_id_is_not_parsed(void **state)
{
	static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "x", "1x",
	    "0x1", "1.0", "1e3", "99999999999999999999999", "uid-1", "1-", "-",
	    "1-2-3"};
	struct log *lg = *state;
	struct store_id id = {7, 7};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(
		    store_id_parse(lg->reader, bad[i], strlen(bad[i]), &id));
	assert_int_equal(id.hi, 7);
	assert_false(store_id_parse(lg->reader, "1\0", 2, &id));
}

/* --- seeking ------------------------------------------------------------ */

static enum store_result
seek(struct log *lg, struct store_seek sk, struct store_id *id)
{
	kit_settle(lg);
	return kit_seek(lg, sk, id);
}

static void
test_head_and_first(void **state)
{
	struct log *lg = *state;
	struct store_id id, a, b;

	assert_int_equal(
	    seek(lg, (struct store_seek){.from = STORE_FROM_HEAD}, &id),
	    STORE_OK);
	assert_int_equal(store_id_cmp(id, start), 0);
	a = append(lg, "x", "1");
	b = append(lg, "x", "2");
	seek(lg, (struct store_seek){.from = STORE_FROM_HEAD}, &id);
	assert_int_equal(store_id_cmp(id, b), 0);
	seek(lg, (struct store_seek){.from = STORE_FROM_FIRST}, &id);
	assert_true(store_id_cmp(id, a) < 0);
}

static void
test_an_id_of_the_log_is_its_place(void **state)
{
	struct log *lg = *state;
	struct store_id a = append(lg, "x", "1"), id, ahead = {0, 1000};

	append(lg, "x", "2");
	assert_int_equal(
	    seek(lg, (struct store_seek){.from = STORE_FROM_ID, .id = a}, &id),
	    STORE_OK);
	assert_int_equal(store_id_cmp(id, a), 0);
	ahead.hi = UINT64_MAX;
	assert_int_equal(
	    seek(lg, (struct store_seek){.from = STORE_FROM_ID, .id = ahead},
		&id),
	    STORE_UNKNOWN);
}

static void
test_a_place_that_was_pruned_is_gone(void **state)
{
	struct log *lg = *state;
	struct store_id ids[10], id;
	struct page pg = {.stop_after = 0};
	int i;

	for (i = 0; i < 10; i++)
		ids[i] = append(lg, "x", "1");
	prune_to(lg, 3);
	assert_int_equal(
	    seek(lg, (struct store_seek){.from = STORE_FROM_ID, .id = ids[2]},
		&id),
	    STORE_GONE);
	read_page(lg, &pg, id, NULL, 0, 10);
	assert_int_equal(pg.n, 3);
	/* After the last event that was pruned, everything is there. */
	assert_int_equal(
	    seek(lg, (struct store_seek){.from = STORE_FROM_ID, .id = ids[6]},
		&id),
	    STORE_OK);
	seek(lg, (struct store_seek){.from = STORE_FROM_FIRST}, &id);
	read_page(lg, &pg, id, NULL, 0, 10);
	assert_int_equal(pg.n, 3);
}

static void
test_a_uid_is_a_place(void **state)
{
	struct log *lg = *state;
	struct store_event ev = {.uid = {"order-1", 7}};
	struct store_seek sk = {.from = STORE_FROM_UID, .uid = {"order-1", 7}};
	struct store_id id;

	append(lg, "x", "1");
	assert_int_equal(store_append(lg->writer, &ev, 1), STORE_OK);
	append(lg, "x", "2");
	assert_int_equal(seek(lg, sk, &id), STORE_OK);
	assert_int_equal(store_id_cmp(id, ev.id), 0);
	sk.uid.len = 6;
	assert_int_equal(seek(lg, sk, &id), STORE_UNKNOWN);
	seek(lg, (struct store_seek){.from = STORE_FROM_HEAD}, &ev.id);
	assert_int_equal(store_id_cmp(id, ev.id), 0);
}

static size_t
count_last(
    struct log *lg, uint64_t count, const struct store_topic *topics, size_t n)
{
	struct store_seek sk = {
	    .from = STORE_FROM_LAST, .count = count, .topics = topics, .n = n};
	struct page pg = {.stop_after = 0};
	struct store_id id;

	assert_int_equal(seek(lg, sk, &id), STORE_OK);
	read_page(lg, &pg, id, topics, n, 250);
	return pg.n;
}

static void
test_the_newest_n_of_the_topics(void **state)
{
	struct log *lg = *state;
	struct store_topic rare[] = {exact("rare")};
	struct store_topic two[] = {exact("odd"), exact("rare")};
	struct store_topic pre[] = {prefix("r")};

	fill(lg);
	assert_int_equal(count_last(lg, 3, rare, 1), 3);
	assert_int_equal(count_last(lg, 100, rare, 1), 4);
	assert_int_equal(count_last(lg, 20, two, 2), 20);
	assert_int_equal(count_last(lg, 2, pre, 1), 2);
	assert_int_equal(count_last(lg, 17, NULL, 0), 17);
	assert_int_equal(count_last(lg, 0, NULL, 0), 0);
}

/* To look for the newest may take some calls, and what comes then is new. */
static void
test_what_comes_while_the_newest_are_looked_for_is_new(void **state)
{
	struct log *lg = *state;
	struct store_topic x = exact("x");
	struct store_seek s = {
	    .from = STORE_FROM_LAST, .count = 5, .topics = &x, .n = 1};
	struct page pg = {.n = 0};
	struct store_id id, place;
	enum store_result r;
	int i, calls = 0;

	for (i = 0; i < 1000; i++)
		append(lg, "other", "");
	kit_settle(lg);
	while ((r = store_seek(lg->reader, &s, &id)) != STORE_OK) {
		if (r == STORE_LATER)
			kit_turn(lg, &place);
		else
			assert_int_equal(r, STORE_AGAIN);
		if (r == STORE_AGAIN && calls++ == 0)
			append(lg, "x", "1");
	}
	if (calls == 0)
		append(lg, "x", "1");
	read_page(lg, &pg, id, &x, 1, 10);
	assert_string_equal(pg.text, "x=1");
}

static void
test_a_time_is_a_place(void **state)
{
	struct log *lg = *state;
	struct store_event ev = {.data = {"1", 1}};
	struct page pg = {.stop_after = 0};
	struct store_id id;
	int i;

	for (i = 0; i < 100; i++) {
		ev.time_ms = 1000000 + i / 2 * 10;
		assert_int_equal(store_append(lg->writer, &ev, 1), STORE_OK);
	}
	lg->newest = ev.id;
	for (i = 0; i < 50; i++) {
		assert_int_equal(
		    seek(lg,
			(struct store_seek){.from = STORE_FROM_TIME,
			    .time_ms = 1000000 + i * 10},
			&id),
		    STORE_OK);
		read_page(lg, &pg, id, NULL, 0, 250);
		assert_int_equal(pg.n, 100 - 2 * i);
	}
}

/* --- news --------------------------------------------------------------- */

/* Waits until store_news says this; before that it may only say quiet. */
static void
want_news(struct log *lg, enum store_news want, struct store_id *id)
{
	struct pollfd pfd = {.fd = store_fd(lg->reader), .events = POLLIN};
	enum store_news got;
	int turns = 0;

	do {
		assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
		got = store_news(lg->reader, id);
		assert_true(++turns < 10000);
	} while (got == STORE_QUIET ||
		 (want == STORE_REPLACED && got == STORE_LOOK));
	assert_int_equal(got, want);
}

static void
test_an_append_is_news_without_the_sweep(void **state)
{
	struct log *lg = *state;
	struct page pg = {.stop_after = 0};
	struct store_id id, at = start;
	int i;

	store_set_poll(lg->reader, 0);
	for (i = 0; i < 20; i++) {
		append(lg, "x", "1");
		do {
			want_news(lg, STORE_LOOK, &id);
			read_page(lg, &pg, at, NULL, 0, 10);
		} while (pg.n == 0);
		assert_int_equal(pg.n, 1);
		at = pg.span.upto;
	}
}

static void
test_another_log_under_the_name_is_told(void **state)
{
	struct log *lg = *state;
	struct page pg = {.stop_after = 0};
	struct store_id id = start;
	char log_id[64];

	append(lg, "x", "1");
	append(lg, "x", "2");
	read_page(lg, &pg, start, NULL, 0, 10);
	snprintf(log_id, sizeof(log_id), "%s", store_log_id(lg->reader));
	replace(lg, 1);
	want_news(lg, STORE_REPLACED, &id);
	assert_string_not_equal(store_log_id(lg->reader), log_id);
	read_page(lg, &pg, id, NULL, 0, 10);
	assert_string_equal(pg.text, "main=new");
	assert_true(store_healthy(lg->reader));
}

static void
test_no_log_is_refused_with_a_line(void **state)
{
	struct log *lg = *state, none = *lg;
	char why[256] = "";

	lg->engine->name_log(&none, "none");
	assert_null(store_open(none.path, STORE_READ, why, sizeof(why)));
	assert_non_null(strstr(why, "largesse init"));
	assert_null(strchr(why, '\n'));
	lg->engine->unmake(lg);
	assert_null(store_open(lg->path, STORE_READ, why, sizeof(why)));
	assert_non_null(strstr(why, "largesse init"));
}

#define TEST(f) cmocka_unit_test(f)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(test_an_empty_log_is_at_its_end),
	    TEST(test_what_was_appended_is_read_in_order),
	    TEST(test_nothing_given_is_the_default),
	    TEST(test_pages_follow_one_another),
	    TEST(test_topics_are_picked),
	    TEST(test_odd_bytes_come_back_as_they_were),
	    TEST(test_a_uid_is_appended_once),
	    TEST(test_a_uid_is_of_one_topic),
	    TEST(test_all_of_a_batch_or_nothing),
	    TEST(test_an_id_is_printed_and_parsed),
	    TEST(test_what_is_no_id_is_not_parsed),
	    TEST(test_head_and_first),
	    TEST(test_an_id_of_the_log_is_its_place),
	    TEST(test_a_place_that_was_pruned_is_gone),
	    TEST(test_a_uid_is_a_place),
	    TEST(test_the_newest_n_of_the_topics),
	    TEST(test_what_comes_while_the_newest_are_looked_for_is_new),
	    TEST(test_a_time_is_a_place),
	    TEST(test_an_append_is_news_without_the_sweep),
	    TEST(test_another_log_under_the_name_is_told),
	    TEST(test_no_log_is_refused_with_a_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return kit_run("store", tests, sizeof(tests) / sizeof(tests[0]));
}
