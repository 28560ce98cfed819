/*
 * test_status.c - /status and /metrics tell how the responder is.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/keyed.h"
#include "tests/talk/peer/peer.h"

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
	check(metric(sv, "largesse_longest_turn_us") > 0);
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

/* --- for whom ----------------------------------------------------------- */

/* All that came on a connection. */
static const char *
whole(struct client *c)
{
	want_headers(c);
	return text("%.*s%s", (int)c->head.len, c->head.s, body_of(c));
}

/* A stranger does not even learn that there are such pages. */
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
