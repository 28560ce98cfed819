/*
 * test_status.c - /status and /metrics tell how the responder is.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/talk/peer/keyed.h"
#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

/* The body of a whole answer that is not a stream. */
static const char *
answer_of(struct client *c, int status, const char *type)
{
	check(want_headers(c) == status);
	if (strcmp(header(c, "Content-Type"), type) != 0)
		talk_fail("wanted %s, got %s", type, header(c, "Content-Type"));
	return body_of(c);
}

static const char *
status_of(struct server *sv)
{
	return answer_of(
	    get(sv, "/events/status", NULL), 200, "application/json");
}

/* A number of /status as it is now. */
static int64_t
now(struct server *sv, const char *path)
{
	return json_number(status_of(sv), path);
}

/* The value of the sample of this name, or -1 if there is none. */
static int64_t
metric(struct server *sv, const char *name)
{
	const char *body = answer_of(get(sv, "/events/metrics", NULL), 200,
	    "text/plain; version=0.0.4; charset=utf-8");
	const char *p = strstr(body, text("\n%s ", name));

	return p == NULL ? -1 : strtoll(p + strlen(name) + 2, NULL, 10);
}

/* All that came on a connection. */
static const char *
whole(struct client *c)
{
	want_headers(c);
	return text("%.*s%s", (int)c->head.len, c->head.s, body_of(c));
}

static void
test_status_counts_streams(void)
{
	struct server *sv = serve();
	struct client *a, *b;

	check(now(sv, "$.streams") == 0);
	a = get(sv, "/events?topic=a", NULL);
	b = get(sv, "/events?topic=b&topic=c*", NULL);
	want_start(a);
	want_start(b);
	check(now(sv, "$.streams") == 2);
	check(now(sv, "$.opened") == 2);
	check(now(sv, "$.topics") == 3);
	check(now(sv, "$.subscriptions") == 2);
	leave(a);
	until(now(sv, "$.streams") == 1);
	check(now(sv, "$.ended.left") == 1);
	check(now(sv, "$.opened") == 2);
	check(now(sv, "$.topics") == 2);
}

static void
test_status_counts_deliveries_and_bytes(void)
{
	struct server *sv = serve();
	struct client *a = get(sv, "/events", NULL);
	struct client *b = get(sv, "/events", NULL);

	want_start(a);
	want_start(b);
	append(sv, "main", "hello");
	want_event(a, "1", NULL, "hello");
	want_event(b, "1", NULL, "hello");
	check(now(sv, "$.events") == 1);
	check(now(sv, "$.deliveries") == 2);
	check(now(sv, "$.writes") == 4);
	check(now(sv, "$.sent_bytes") == (int64_t)(a->out.len + b->out.len));
	check(now(sv, "$.window_events") == 1);
	check(now(sv, "$.window_bytes") > 0);
	check(now(sv, "$.heartbeats") == 0);
	check(now(sv, "$.blocked") == 0);
	check(strcmp(json(status_of(sv), "$.store.head"), "1") == 0);
}

static void
test_status_counts_pages_and_gaps(void)
{
	struct server *sv = prepare();
	struct client *c;

	append_many(sv, "main", 1, 20, 0);
	log_remove_before(sv, 11);
	start(sv, NULL);
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "5", NULL);
	want_start(c);
	want_gap(c);
	want_event(c, "11", NULL, "11 ");
	check(now(sv, "$.gaps") == 1);
	check(now(sv, "$.pages") >= 1); /* a busy machine reads it in parts */
}

static void
test_status_knows_the_log_and_the_limits(void)
{
	struct server *sv = serve_with(
	    "--max-streams", "7", "--stall", "90", "--window", "2M", NULL);
	struct client *c = get(sv, "/events", NULL);
	const char *s;

	want_start(c);
	s = status_of(sv);
	check(strcmp(json(s, "$.store.log"), json(c->start, "$.log")) == 0);
	check(strcmp(json(s, "$.store.healthy"), "1") == 0);
	check(json_number(s, "$.limits.max_streams") == 7);
	check(json_number(s, "$.limits.stall_ms") == 90000);
	check(json_number(s, "$.limits.window_bytes") == 2 << 20);
	check(json_number(s, "$.resident_bytes") > 1 << 20);
	check(json_number(s, "$.uptime_seconds") >= 0);
	check(json_number(s, "$.workers") == 1);
	check(strlen(json(s, "$.version")) > 0);
}

static void
test_refused_streams_are_counted(void)
{
	struct server *sv = serve_with("--max-streams", "1", NULL);
	struct client *c;

	want_start(get(sv, "/events", NULL));
	c = get(sv, "/events", NULL);
	check(want_headers(c) == 200);
	want_farewell(c);
	check(now(sv, "$.refused") == 1);
	check(now(sv, "$.streams") == 1);
}

static void
test_status_says_that_the_log_is_away(void)
{
	struct server *sv = serve();

	log_lose(sv);
	until(strcmp(json(status_of(sv), "$.store.healthy"), "0") == 0);
	check(
	    strstr(json(status_of(sv), "$.store.why"), log_shown(sv)) != NULL);
	check(metric(sv, "largesse_store_healthy") == 0);
	log_find(sv);
	until(metric(sv, "largesse_store_healthy") == 1);
}

/* Both pages are printed from the same numbers, so they say the same. */
static void
test_metrics_say_the_same(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events", NULL);

	want_start(c);
	append(sv, "main", "hello");
	want_event(c, "1", NULL, "hello");
	check(metric(sv, "largesse_streams") == 1);
	check(metric(sv, "largesse_opened_total") == 1);
	check(metric(sv, "largesse_events_total") == 1);
	check(metric(sv, "largesse_deliveries_total") == 1);
	check(metric(sv, "largesse_head_id") == 1);
	check(metric(sv, "largesse_limit{name=\"max_topics\"}") == 16);
	check(metric(sv, "largesse_ended_total{reason=\"left\"}") == 0);
	check(metric(sv, "largesse_longest_turn_seconds") >= 0);
	check(metric(sv, "largesse_turn_seconds_bucket{le=\"+Inf\"}") > 0);
	check(json(status_of(sv), "$.turns.longer") != NULL);
	leave(c);
	until(metric(sv, "largesse_ended_total{reason=\"left\"}") == 1);
}

static void
test_head_has_no_body(void)
{
	struct server *sv = serve();

	check(*answer_of(ask(sv, "HEAD", "/events/status", NULL, NULL), 200,
		  "application/json") == '\0');
	check(*answer_of(ask(sv, "HEAD", "/events/metrics", NULL, NULL), 200,
		  "text/plain; version=0.0.4; charset=utf-8") == '\0');
}

static void
test_other_methods_are_refused(void)
{
	struct server *sv = serve();

	want_refusal(ask(sv, "POST", "/events/status", "", NULL), 405);
	want_refusal(ask(sv, "DELETE", "/events/metrics", NULL, NULL), 405);
}

/* --- what the page shows ------------------------------------------------- */

/*
 * An event is counted by its age when its streams have been sent it.  One of
 * the day before was not late: it was copied, or its publisher gave its time.
 */
static void
test_status_counts_events_by_their_delay(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events", NULL);
	int64_t now_wall = (int64_t)time(NULL) * 1000;

	want_start(c);
	append_timed(sv, "new", now_wall + 5000);
	append_timed(sv, "old", now_wall - 30000);
	append_timed(sv, "very old", now_wall - 100000000);
	want_event(c, "1", NULL, "new");
	want_event(c, "2", NULL, "old");
	want_event(c, "3", NULL, "very old");
	check(now(sv, "$.delays.1_ms") == 1);
	check(now(sv, "$.delays.longer") == 1);
	check(now(sv, "$.delays_sum_ms") >= 30000);
	check(now(sv, "$.delays_sum_ms") < 100000);
	check(metric(sv, "largesse_delay_seconds_count") == 2);
	check(metric(sv, "largesse_delay_seconds_bucket{le=\"5\"}") == 1);
}

/* However many streams get it. */
static void
test_status_counts_each_delay_once(void)
{
	struct server *sv = serve();
	struct client *a = get(sv, "/events?topic=a", NULL);
	struct client *b = get(sv, "/events?topic=a*", NULL);
	int i;

	want_start(a);
	want_start(b);
	append_many(sv, "ab", 1, 1500, 0);
	append(sv, "a", "x");
	want_event(a, "1501", NULL, "x");
	for (i = 1; i <= 1501; i++)
		check(atoi(want_next(b)->id) == i);
	until(metric(sv, "largesse_delay_seconds_count") == 1501);
	check(now(sv, "$.events") == 1501);
}

/* An event that no stream gets is sent to nobody, so it has no delay. */
static void
test_status_counts_no_delay_where_nobody_listens(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events?topic=a", NULL);

	want_start(c);
	append_many(sv, "nobody", 1, 700, 0);
	append(sv, "a", "x");
	want_event(c, "701", NULL, "x");
	until(metric(sv, "largesse_delay_seconds_count") > 0);
	check(now(sv, "$.events") == 701);
	check(metric(sv, "largesse_delay_seconds_count") == 1);
}

/* Each of three workers follows the log: it has had a turn. */
static bool
all_follow(struct server *sv)
{
	const char *s = status_of(sv);

	return json_number(s, "$.by_worker[0].resident_bytes") > 0 &&
	       json_number(s, "$.by_worker[1].resident_bytes") > 0 &&
	       json_number(s, "$.by_worker[2].resident_bytes") > 0;
}

/* What the other workers read is not counted, for they sent it to nobody. */
static void
test_status_counts_no_delay_of_idle_workers(void)
{
	struct server *sv = serve_with("--workers", "3", NULL);
	struct client *c = get(sv, "/events", NULL);

	want_start(c);
	until(all_follow(sv));
	append(sv, "main", "x");
	want_event(c, "1", NULL, "x");
	until(now(sv, "$.events") == 3);
	append(sv, "main", "y");
	want_event(c, "2", NULL, "y");
	until(now(sv, "$.events") == 6);
	until(metric(sv, "largesse_delay_seconds_count") >= 2);
	check(metric(sv, "largesse_delay_seconds_count") == 2);
}

static void
test_status_names_the_topics_with_the_most_streams(void)
{
	struct server *sv = serve();
	struct client *c;
	const char *s;
	int i;

	for (i = 0; i < 3; i++)
		want_start(get(sv, "/events?topic=most&topic=b*", NULL));
	c = get(sv, "/events?topic=most&start=bare&end=x", NULL);
	check(want_headers(c) == 200);
	for (i = 0; i < 30; i++)
		want_start(get(sv, text("/events?topic=t%d", i), NULL));
	s = status_of(sv);
	check(strcmp(json(s, "$.topics_most[0].topic"), "most") == 0);
	check(json_number(s, "$.topics_most[0].streams") == 4);
	check(strcmp(json(s, "$.topics_most[1].topic"), "b*") == 0);
	check(json_number(s, "$.topics_most[1].streams") == 3);
	check(json_number(s, "$.topics_most[19].streams") == 1);
	check(json(s, "$.topics_most[20]") == NULL);
	check(json_number(s, "$.listens") == 37);
	check(json_number(s, "$.topics_other_listens") == 12);
	check(json_number(s, "$.by_worker[0].streams") == 34);
	leave(c);
	until(now(sv, "$.topics_most[0].streams") == 3);
}

/* One answer that has all of them: 16 and 8 streams, of three workers. */
static bool
has_all(struct server *sv)
{
	const char *s = status_of(sv),
		   *name = json(s, "$.topics_most[0].topic");

	return name != NULL && strcmp(name, "run/7") == 0 &&
	       json_number(s, "$.topics_most[0].streams") == 16 &&
	       json(s, "$.topics_most[1]") != NULL &&
	       json_number(s, "$.topics_most[1].streams") == 8 &&
	       json_number(s, "$.by_worker[0].streams") +
		       json_number(s, "$.by_worker[1].streams") +
		       json_number(s, "$.by_worker[2].streams") ==
		   24;
}

/* Whichever worker answers, and whichever has the streams. */
static void
test_status_names_the_topics_of_all_workers(void)
{
	enum {
		STREAMS = 24,
		ASKED = 20
	};
	struct server *sv = serve_with("--workers", "3", NULL);
	struct client *c[STREAMS];
	int i;

	for (i = 0; i < STREAMS; i++)
		c[i] = stream(
		    sv, i % 3 ? "/events?topic=run/7" : "/events?topic=run/*");
	for (i = 0; i < ASKED; i++)
		until(has_all(sv));
	for (i = 0; i < STREAMS; i++)
		leave(c[i]);
	for (i = 0; i < ASKED; i++)
		until(json(status_of(sv), "$.topics_most[0]") == NULL);
}

/* A client that does not read.  Its address is told if the site says so. */
static void
want_slow(struct server *sv, const char *address)
{
	struct client *c = get(sv, "/events?topic=slow&topic=other", NULL);
	const char *s;

	want_start(c);
	append_many(sv, "slow", 1, 200, 60000);
	until(now(sv, "$.slow") == 1);
	s = status_of(sv);
	check(strcmp(json(s, "$.slowest[0].topic"), "other") == 0);
	check(json_number(s, "$.slowest[0].more_topics") == 1);
	check(json_number(s, "$.slowest[0].waits_ms") < PATIENCE_MS);
	if (address == NULL)
		check(json(s, "$.slowest[0].address") == NULL);
	else
		check(strcmp(json(s, "$.slowest[0].address"), address) == 0);
	check(metric(sv, "largesse_slow") == 1);
	leave(c);
	until(now(sv, "$.slow") == 0);
	check(json(status_of(sv), "$.slowest[0]") == NULL);
}

static void
test_status_lists_slow_streams_without_addresses(void)
{
	want_slow(serve_with("--max-streams-per-address", "9", NULL), NULL);
}

static void
test_status_lists_addresses_if_the_site_says_so(void)
{
	want_slow(serve_with("--status-addresses", NULL), "127.0.0.1");
}

/* A slow stream that reads again is slow no more. */
static void
test_slow_stream_that_reads_is_not_slow(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events", NULL);
	int i;

	want_start(c);
	append_many(sv, "main", 1, 100, 60000);
	until(now(sv, "$.slow") == 1);
	for (i = 1; i <= 100; i++)
		check(atoi(want_next(c)->id) == i);
	until(now(sv, "$.slow") == 0);
	check(json(status_of(sv), "$.slowest[0]") == NULL);
}

/* What the window has not is read from the log, and counted. */
static void
test_status_counts_deliveries_from_the_log(void)
{
	struct server *sv = prepare();
	struct client *c;

	append_many(sv, "main", 1, 20, 0);
	start(sv, NULL);
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "10", NULL);
	want_start(c);
	want_event(c, "11", NULL, "11 ");
	until(now(sv, "$.deliveries") == 10);
	check(now(sv, "$.deliveries_log") == 10);
	append(sv, "main", "live");
	until(now(sv, "$.deliveries") == 11);
	check(now(sv, "$.deliveries_log") == 10);
}

/* Redis says how many events there are, and a file how much it takes. */
static void
test_status_knows_how_large_the_log_is(void)
{
	struct server *sv = prepare();
	int64_t wall = (int64_t)time(NULL) * 1000;
	const char *s;

	check(run_with(sv, NULL, "init", sv->db, "--keep-rows", "500",
		  "--keep-age", "2d", NULL)
		  .status == 0);
	append_many(sv, "main", 1, 20, 0);
	start(sv, NULL);
	want_event(come_back(sv, "/events", "earliest"), "1", NULL, "1 ");
	s = status_of(sv);
	check(json_number(s, "$.store.size.keep_rows") == 500);
	check(json_number(s, "$.store.size.keep_age_ms") == 2 * 86400000);
	check(llabs(json_number(s, "$.store.size.oldest_ms") - wall) < 3600000);
	if (log_engine() == &log_redis) {
		check(json_number(s, "$.store.size.rows") == 20);
		check(json(s, "$.store.size.bytes") == NULL);
		append(sv, "main", "x");
		until(now(sv, "$.store.size.rows") == 21);
	} else {
		check(json(s, "$.store.size.rows") == NULL);
		check(json_number(s, "$.store.size.bytes") > 4096);
	}
	check(metric(sv, "largesse_log_oldest_timestamp_seconds") > 0);
	check((metric(sv, "largesse_log_bytes") == -1) ==
	      (log_engine() == &log_redis));
	log_lose(sv);
	until(strcmp(json(status_of(sv), "$.store.healthy"), "0") == 0);
	check(json(status_of(sv), "$.store.size.keep_rows") == NULL);
}

/* --- as a stream ---------------------------------------------------------- */

static struct client *
watch(struct server *sv, const char *open)
{
	return get(sv, "/events/status", "HTTP_ACCEPT", "text/event-stream",
	    "LARGESSE_STATUS", open, NULL);
}

/* The status in the next event. */
static const char *
watched(struct client *c)
{
	const struct event *e;

	if (c->head.len == 0)
		check(want_headers(c) == 200);
	e = want_next(c);
	check(strcmp(e->type, "stream-status") == 0);
	check(e->id == NULL);
	return text("%s", e->data);
}

static void
test_watch_tells_the_status_each_second(void)
{
	struct server *sv = serve();
	struct client *w = watch(sv, "on"), *c;
	int64_t before;

	check(json_number(watched(w), "$.streams") == 0);
	check(strcmp(header(w, "Content-Type"), "text/event-stream") == 0);
	check(now(sv, "$.watches") == 1);
	c = get(sv, "/events", NULL);
	want_start(c);
	before = now_ms();
	while (json_number(watched(w), "$.streams") == 0)
		check(now_ms() - before < PATIENCE_MS);
	leave(w);
	until(now(sv, "$.watches") == 0);
	check(now(sv, "$.streams") == 1);
}

/* Of a bare stream the request stays in the socket, and of a watch it is taken.
 */
static void
test_watch_goes_on_where_streams_are_bare(void)
{
	struct server *sv = serve_with("--start", "bare", NULL);
	struct client *w = watch(sv, "on");

	check(json_number(watched(w), "$.watches") == 1);
	check(json_number(watched(w), "$.watches") == 1);
}

/* The same rule as that of /status. */
static void
test_watch_is_no_page_for_strangers(void)
{
	struct server *sv = serve();

	check(strcmp(whole(watch(sv, "")),
		  whole(get(sv, "/events/nothing", "PATH_INFO", "/nothing",
		      NULL))) == 0);
}

/* What a page of another site may read is a stream, and never this. */
static void
test_no_other_site_reads_the_status(void)
{
	static const char *const paths[] = {
	    "/events/status", "/events/metrics"};
	struct server *sv = serve_with("--allow-origin", "*", NULL);
	struct client *c;
	size_t i;

	c = get(sv, "/events", "HTTP_ORIGIN", "https://a.example", NULL);
	want_start(c);
	check(header(c, "Access-Control-Allow-Origin") != NULL);
	for (i = 0; i < 2; i++) {
		c = get(sv, paths[i], "HTTP_ORIGIN", "https://a.example", NULL);
		check(want_headers(c) == 200);
		check(header(c, "Access-Control-Allow-Origin") == NULL);
	}
	c = get(sv, "/events/status", "HTTP_ORIGIN", "https://a.example",
	    "HTTP_ACCEPT", "text/event-stream", NULL);
	watched(c);
	check(header(c, "Access-Control-Allow-Origin") == NULL);
}

/* There are only so many; one more is told to come back. */
static void
test_watches_are_few(void)
{
	struct server *sv = serve();
	struct client *c[17];
	int i;

	for (i = 0; i < 16; i++) {
		c[i] = watch(sv, "on");
		watched(c[i]);
	}
	c[16] = watch(sv, "on");
	check(want_headers(c[16]) == 200);
	want_farewell(c[16]);
	leave(c[0]);
	until(now(sv, "$.watches") == 15);
	watched(watch(sv, "on"));
}

/* The farewell of a watch, after as many events as there were. */
static int64_t
want_end_of_watch(struct client *c, const char *reason)
{
	int64_t began = now_ms(), retry;
	const struct event *e;

	do {
		e = want_next(c);
		check(now_ms() - began < PATIENCE_MS);
	} while (strcmp(e->type, "stream-status") == 0);
	check(strcmp(e->type, "stream-retry") == 0);
	check(strcmp(json(e->data, "$.reason"), reason) == 0);
	retry = json_number(e->data, "$.retry");
	want_end(c);
	return retry;
}

/* Its client is wanted back at once, and goes on. */
static void
test_watch_ends_at_its_age_and_comes_back(void)
{
	struct server *sv = serve_with("--max-age", "1", NULL);
	struct client *w = watch(sv, "on");

	watched(w);
	check(want_end_of_watch(w, "age") <= 300);
	until(now(sv, "$.watches") == 0);
	check(json_number(watched(watch(sv, "on")), "$.watches") == 1);
}

/* Who keeps all places for ever keeps nobody out for ever. */
static void
test_watches_that_take_all_places_end(void)
{
	struct server *sv = serve_with("--max-age", "2", NULL);
	struct client *c[16], *one;
	int i;

	for (i = 0; i < 16; i++)
		c[i] = watch(sv, "on");
	for (i = 0; i < 16; i++)
		watched(c[i]);
	for (i = 0; i < 16; i++)
		want_end_of_watch(c[i], "age");
	one = watch(sv, "on");
	check(json_number(watched(one), "$.watches") == 1);
}

/* Who watches is told when the responder stops, as streams are. */
static void
test_watch_is_told_of_the_end(void)
{
	struct server *sv = serve();
	struct client *w = watch(sv, "on");

	watched(w);
	stop(sv);
	want_farewell(w);
}

/* --- for whom ----------------------------------------------------------- */

/* The owner, who asks by the port of the site, reads where it is. */
static void
test_closed_status_says_where_it_is(void)
{
	static const char *const paths[] = {"/status", "/metrics", "/nothing"};
	struct server *sv = serve();
	struct client *c;

	for (size_t i = 0; i < 3; i++) {
		c = get(sv, "/events", "PATH_INFO", paths[i], "LARGESSE_STATUS",
		    "", NULL);
		check(want_headers(c) == 404);
		check(strcmp(body_of(c),
			  "no such page here; status and metrics are on a port "
			  "of their own: status.conf\n") == 0);
	}
}

/* A stranger does not learn that they are open to anybody: all say the same. */
static void
test_status_is_no_page_for_strangers(void)
{
	static const char *const methods[] = {
	    "GET", "HEAD", "POST", "OPTIONS", "DELETE"};
	static const char *const paths[] = {"/status", "/metrics"};
	static const char *const said[] = {"", "off", "ON", "on,on", " on"};
	struct server *sv = serve();
	size_t m, p, s;

	for (m = 0; m < 5; m++)
		for (p = 0; p < 2; p++)
			for (s = 0; s < 5; s++)
				check(strcmp(whole(ask(sv, methods[m],
						 "/events/x", NULL, "PATH_INFO",
						 "/nothing", NULL)),
					  whole(ask(sv, methods[m],
					      "/events/x?LARGESSE_STATUS=on",
					      NULL, "PATH_INFO", paths[p],
					      "LARGESSE_STATUS", said[s],
					      "HTTP_LARGESSE_STATUS", "on",
					      NULL))) == 0);
}

/* Without PATH_INFO the URI counts, which may have a fragment. */
static void
test_no_uri_opens_status(void)
{
	static const char *const uris[] = {"/events#/status",
	    "/events#/metrics", "/events?a=/status", "/events?#/status"};
	struct server *sv = serve();

	for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++)
		want_start(get(sv, uris[i], NULL));
}

/* --- of one topic ------------------------------------------------------- */

static int64_t
listeners(struct server *sv, const char *topic)
{
	const char *uri = text("/events/status?topic=%s", topic);

	return json_number(
	    answer_of(get(sv, uri, NULL), 200, "application/json"),
	    "$.streams");
}

static void
test_status_of_a_topic_counts_its_streams(void)
{
	struct server *sv = serve();
	struct client *a, *both, *all;

	check(listeners(sv, "run/7") == 0);
	a = get(sv, "/events?topic=run/7", NULL);
	both = get(sv, "/events?topic=other&topic=run/7&topic=run/*", NULL);
	all = get(sv, "/events?topic=*", NULL);
	want_start(a);
	want_start(both);
	want_start(all);
	check(listeners(sv, "run/7") == 3);
	check(listeners(sv, "run/77") == 2);
	check(listeners(sv, "run") == 1);
	check(listeners(sv, "other") == 2);
	check(strcmp(answer_of(get(sv, "/events/status?topic=run%2F7", NULL),
			 200, "application/json"),
		  "{\"topic\":\"run/7\",\"streams\":3}\n") == 0);
	leave(a);
	until(listeners(sv, "run/7") == 2);
	leave(both);
	leave(all);
	until(listeners(sv, "run/7") == 0);
}

/* Streams that get nothing but what was published have topics of their own. */
static void
test_status_of_a_topic_counts_bare_streams(void)
{
	struct server *sv = serve();
	struct client *c =
	    get(sv, "/events?topic=run/7&start=bare&end=x", NULL);
	struct client *p = get(sv, "/events?topic=run/*&start=bare", NULL);

	check(want_headers(c) == 200);
	check(want_headers(p) == 200);
	check(listeners(sv, "run/7") == 2);
	check(listeners(sv, "run/8") == 1);
}

/* Whichever worker answers, and whichever has the streams. */
static void
test_status_of_a_topic_is_that_of_all_workers(void)
{
	enum {
		STREAMS = 24,
		ASKED = 40
	};
	struct server *sv = serve_with("--workers", "3", NULL);
	pid_t pids[8];
	struct client *c[STREAMS];
	int i;

	until(children_of(sv->pid, pids, 8) == 3);
	for (i = 0; i < STREAMS; i++) {
		c[i] = get(sv,
		    i % 2 ? "/events?topic=run/7" : "/events?topic=run/*",
		    NULL);
		want_start(c[i]);
	}
	for (i = 0; i < ASKED; i++) {
		check(listeners(sv, "run/7") == STREAMS);
		check(listeners(sv, "run/8") == STREAMS / 2);
		check(listeners(sv, "jump/7") == 0);
	}
	for (i = 0; i < STREAMS; i += 2)
		leave(c[i]);
	for (i = 0; i < ASKED; i++)
		until(listeners(sv, "run/7") == STREAMS / 2);
	check(kill(pids[0], SIGKILL) == 0);
	check(kill(pids[1], SIGKILL) == 0);
	check(kill(pids[2], SIGKILL) == 0);
	for (i = 0; i < ASKED; i++)
		until(listeners(sv, "run/7") == 0);
}

static void
test_status_of_a_topic_wants_one_name(void)
{
	struct server *sv = serve();

	want_refusal(get(sv, "/events/status?topic=run/*", NULL), 400);
	want_refusal(get(sv, "/events/status?topic=a&topic=b", NULL), 400);
	check(*answer_of(ask(sv, "HEAD", "/events/status?topic=a", NULL, NULL),
		  200, "application/json") == '\0');
}

/* A token with these rights, asked for a topic on a page that is closed. */
static struct client *
ask_closed(struct server *sv, const char *topic, const char *claims)
{
	return get(sv, text("/events/status?topic=%s", topic),
	    "LARGESSE_STATUS", "", "HTTP_AUTHORIZATION",
	    text("Bearer %s", claims), NULL);
}

static void
test_status_of_a_topic_is_for_those_who_publish_to_it(void)
{
	struct server *sv = serve_keyed();
	char *mine = kept(forge(FORGE_HS256, "{\"exp\":4102444800,\"largesse\":"
					     "{\"publish\":[\"run/7\"]}}"));
	char *old = kept(forge(
	    FORGE_HS256, "{\"exp\":1,\"largesse\":{\"publish\":[\"run/7\"]}}"));
	char *reads = token_for("al", "\"*\"");
	const char *nothing =
	    whole(get(sv, "/events/nothing", "PATH_INFO", "/nothing", NULL));

	check(json_number(answer_of(ask_closed(sv, "run/7", mine), 200,
			      "application/json"),
		  "$.streams") == 0);
	want_refusal(ask_closed(sv, "run/8", mine), 403);
	want_refusal(ask_closed(sv, "run/7", reads), 403);
	check(strcmp(whole(ask_closed(sv, "run/7", "x")), nothing) == 0);
	check(strcmp(whole(ask_closed(sv, "run/7", old)), nothing) == 0);
	check(strcmp(whole(get(sv, "/events/status", "LARGESSE_STATUS", "",
			 "HTTP_AUTHORIZATION", text("Bearer %s", mine), NULL)),
		  nothing) == 0);
	check(strcmp(whole(get(sv, "/events/status?topic=run/7",
			 "LARGESSE_STATUS", "", NULL)),
		  nothing) == 0);
	check(strcmp(whole(get(sv, "/events/metrics?topic=run/7",
			 "LARGESSE_STATUS", "", "HTTP_AUTHORIZATION",
			 text("Bearer %s", mine), NULL)),
		  nothing) == 0);
}

/* --- /health ------------------------------------------------------------ */

static struct client *
health(struct server *sv, const char *method)
{
	return ask(sv, method, "/events/health", NULL, NULL);
}

static void
test_health_tells_strangers_no_name(void)
{
	struct server *sv = serve();
	struct client *c = health(sv, "GET");

	check(want_headers(c) == 200);
	check(strcmp(body_of(c), "ok\n") == 0);
	log_lose(sv);
	until(want_headers(health(sv, "GET")) == 503);
	c = health(sv, "GET");
	check(want_headers(c) == 503);
	check(strcmp(body_of(c), "unavailable: the log is not read\n") == 0);
	c = health(sv, "HEAD");
	check(want_headers(c) == 503);
	check(*body_of(c) == '\0');
	until(strstr(errors(sv), log_shown(sv)) != NULL);
}

/*
 * The log was not read meanwhile.  Whoever asks before the first look is told
 * 503; whether somebody can is a matter of luck.
 */
static void
test_health_was_not_good_while_it_was_stopped(void)
{
	struct server *sv = serve();
	struct client *c;
	int status;

	check(want_headers(health(sv, "GET")) == 200);
	freeze(sv);
	c = health(sv, "GET");
	poll(NULL, 0, 5000); /* its patience is 4 s */
	check(kill(sv->pid, SIGCONT) == 0);
	status = want_headers(c);
	check(status == 200 || status == 503);
	until(want_headers(health(sv, "GET")) == 200);
	until(errors_with(sv, "can be read again") == 1);
	check(errors_with(sv, "was not read for") == 1);
}

/* However long it takes, each change is one line. */
static void
test_health_says_each_change_once(void)
{
	struct server *sv = serve_with("--poll", "50", NULL);

	log_lose(sv);
	until(want_headers(health(sv, "GET")) == 503);
	for (int i = 0; i < 20; i++) {
		check(want_headers(health(sv, "GET")) == 503);
		check(strcmp(json(status_of(sv), "$.store.healthy"), "0") == 0);
		check(metric(sv, "largesse_store_healthy") == 0);
	}
	check(errors_with(sv, log_shown(sv)) == 1);
	log_find(sv);
	until(want_headers(health(sv, "GET")) == 200);
	check(errors_with(sv, log_shown(sv)) == 2);
	check(errors_with(sv, "can be read again") == 1);
}

static void
test_health_takes_what_it_allows(void)
{
	static const char *const others[] = {"POST", "PUT", "DELETE", "get"};
	struct server *sv = serve();
	struct client *c = health(sv, "HEAD");

	check(want_headers(c) == 200);
	check(*body_of(c) == '\0');
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		c = health(sv, others[i]);
		check(want_headers(c) == 405);
		check(strcmp(header(c, "Allow"), "GET, HEAD, OPTIONS") == 0);
		check(strcmp(body_of(c), "only GET, HEAD, OPTIONS are "
					 "understood here\n") == 0);
	}
	c = health(sv, "OPTIONS");
	check(want_headers(c) == 204);
	check(strcmp(header(c, "Allow"), "GET, HEAD, OPTIONS") == 0);
}

/* --- every answer ------------------------------------------------------- */

static const char *const uris[] = {"/events", "/events?last=x",
    "/events/nothing", "/events/health", "/events/status", "/events/metrics",
    "/events/probe?ticks=1", "/events/probe?ticks=x", "/events?topic={user}"};

static struct client *
ask_uri(struct server *sv, const char *method, const char *uri)
{
	const char *mark = strchr(uri, '?'), *path = uri + strlen("/events");

	return ask(sv, method, uri, NULL, "PATH_INFO",
	    text("%.*s", (int)(mark != NULL ? mark - path : (long)strlen(path)),
		path),
	    NULL);
}

static void
test_no_answer_to_a_head_has_a_body(void)
{
	struct server *sv = serve();

	for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
		struct client *c = ask_uri(sv, "HEAD", uris[i]);

		want_headers(c);
		if (*body_of(c) != '\0')
			talk_fail("%s: %s", uris[i], body_of(c));
	}
}

/* No browser takes what is in an answer for a page or for a script. */
static void
test_no_answer_is_guessed_at(void)
{
	static const char *const methods[] = {
	    "GET", "HEAD", "DELETE", "OPTIONS"};
	struct server *sv = serve();
	struct server *full = serve_with("--max-streams", "1", NULL);
	struct client *c;
	size_t i, m;

	for (m = 0; m < 4; m++)
		for (i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
			const char *s;

			c = ask_uri(sv, methods[m], uris[i]);
			want_headers(c);
			s = header(c, "X-Content-Type-Options");
			if (s == NULL || strcmp(s, "nosniff") != 0)
				talk_fail("%s %s", methods[m], uris[i]);
		}
	want_start(get(full, "/events", NULL));
	c = get(full, "/events", NULL);
	want_headers(c);
	check(strcmp(header(c, "X-Content-Type-Options"), "nosniff") == 0);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_status_counts_streams),
	    TALK(test_status_counts_deliveries_and_bytes),
	    TALK(test_status_counts_pages_and_gaps),
	    TALK(test_status_knows_the_log_and_the_limits),
	    TALK(test_refused_streams_are_counted),
	    TALK(test_status_says_that_the_log_is_away),
	    TALK(test_metrics_say_the_same),
	    TALK(test_head_has_no_body),
	    TALK(test_other_methods_are_refused),
	    TALK(test_status_counts_events_by_their_delay),
	    TALK(test_status_counts_each_delay_once),
	    TALK(test_status_counts_no_delay_where_nobody_listens),
	    TALK(test_status_counts_no_delay_of_idle_workers),
	    TALK(test_status_names_the_topics_with_the_most_streams),
	    TALK(test_status_names_the_topics_of_all_workers),
	    TALK(test_status_lists_slow_streams_without_addresses),
	    TALK(test_status_lists_addresses_if_the_site_says_so),
	    TALK(test_slow_stream_that_reads_is_not_slow),
	    TALK(test_status_counts_deliveries_from_the_log),
	    TALK(test_status_knows_how_large_the_log_is),
	    TALK(test_watch_tells_the_status_each_second),
	    TALK(test_watch_goes_on_where_streams_are_bare),
	    TALK(test_watch_is_no_page_for_strangers),
	    TALK(test_no_other_site_reads_the_status),
	    TALK(test_watches_are_few),
	    TALK(test_watch_ends_at_its_age_and_comes_back),
	    TALK(test_watches_that_take_all_places_end),
	    TALK(test_watch_is_told_of_the_end),
	    TALK(test_closed_status_says_where_it_is),
	    TALK(test_status_is_no_page_for_strangers),
	    TALK(test_no_uri_opens_status),
	    TALK(test_status_of_a_topic_counts_its_streams),
	    TALK(test_status_of_a_topic_counts_bare_streams),
	    TALK(test_status_of_a_topic_is_that_of_all_workers),
	    TALK(test_status_of_a_topic_wants_one_name),
	    TALK(test_status_of_a_topic_is_for_those_who_publish_to_it),
	    TALK(test_health_tells_strangers_no_name),
	    TALK(test_health_was_not_good_while_it_was_stopped),
	    TALK(test_health_says_each_change_once),
	    TALK(test_health_takes_what_it_allows),
	    TALK(test_no_answer_to_a_head_has_a_body),
	    TALK(test_no_answer_is_guessed_at),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
