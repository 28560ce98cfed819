/*
 * test_request.c - from the parameters of a request to what it asks for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/request/query.h"
#include "fcgi/base/age.h"
#include "fcgi/request/request.h"
#include "tests/unit/cm.h"

#define TOPICS_ALLOWED 8

struct asked {
	struct request r;
	const char *why;
	int status;
};

/* Reads a request with these NAME=VALUE parameters; NULL ends them. */
static struct asked
ask(const char *first, ...)
{
	struct asked a = {.why = NULL};
	const char *env[32];
	size_t n = 0;
	va_list ap;

	va_start(ap, first);
	for (; first != NULL; first = va_arg(ap, const char *))
		env[n++] = first;
	va_end(ap);
	env[n] = NULL;
	a.status = request_read(
	    &a.r, (char *const *)env, NULL, TOPICS_ALLOWED, &a.why);
	return a;
}

static struct asked
ask_query(const char *query)
{
	static char param[8192];

	snprintf(param, sizeof(param), "QUERY_STRING=%s", query);
	return ask(param, NULL);
}

/* Posts a body to PATH below the mount. */
static struct asked
post(const char *path, const char *query, const char *body, size_t len,
    const char *more)
{
	static char info[64], text[8192];
	struct request_body b = {body, len};
	struct asked a = {.why = NULL};
	const char *env[] = {"REQUEST_METHOD=POST", info, text, more, NULL};

	snprintf(info, sizeof(info), "PATH_INFO=%s", path);
	snprintf(text, sizeof(text), "QUERY_STRING=%s", query);
	a.status =
	    request_read(&a.r, (char *const *)env, &b, TOPICS_ALLOWED, &a.why);
	return a;
}

static void
want_refused(struct asked a, int status, const char *why)
{
	assert_int_equal(a.status, status);
	assert_string_equal(a.why, why);
	request_free(&a.r);
	request_free(&a.r);
}

static void
want_refused_query(const char *query, const char *why)
{
	struct asked a = ask_query(query);

	if (a.status != 400)
		fail_msg("%s: %d", query, a.status);
	want_refused(a, 400, why);
}

/* Wants these topics in this order, written as `a b news*`. */
static void
want_topics(const char *query, const char *want)
{
	struct asked a = ask_query(query);
	char got[4096];
	size_t i, len = 0;

	assert_int_equal(a.status, 0);
	for (i = 0; i < a.r.ntopics; i++)
		len += snprintf(got + len, sizeof(got) - len, "%s%.*s%s",
		    i > 0 ? " " : "", (int)a.r.topics[i].len,
		    a.r.topics[i].name, a.r.topics[i].prefix ? "*" : "");
	assert_string_equal(got, want);
	request_free(&a.r);
}

static void
want_path(enum request_path path, const char *info, const char *uri)
{
	struct asked a = ask(info != NULL ? info : uri, uri, NULL);

	assert_int_equal(a.status, 0);
	assert_int_equal(a.r.path, path);
	request_free(&a.r);
}

static void
want_id(struct asked a, const char *id)
{
	assert_int_equal(a.status, 0);
	assert_int_equal(a.r.start, START_ID);
	assert_string_equal(a.r.last_id, id);
	request_free(&a.r);
}

static void
want_start(struct asked a, enum request_start start)
{
	assert_int_equal(a.status, 0);
	assert_int_equal(a.r.start, start);
	request_free(&a.r);
}

static void
want_last(const char *query, uint64_t count)
{
	struct asked a = ask_query(query);

	assert_int_equal(a.status, 0);
	assert_int_equal(a.r.start, START_LAST);
	assert_int_equal(a.r.count, count);
	request_free(&a.r);
}

static void
want_since(const char *query, int64_t ms, bool age)
{
	struct asked a = ask_query(query);

	if (a.status != 0 || a.r.since_ms != ms)
		fail_msg(
		    "%s: %d, %lld", query, a.status, (long long)a.r.since_ms);
	assert_int_equal(a.r.start, START_SINCE);
	assert_int_equal(a.r.since_age, age);
	request_free(&a.r);
}

static void
test_nothing_is_a_stream_of_main_from_now(void **state)
{
	struct asked a = ask(NULL);

	(void)state;
	assert_int_equal(a.status, 0);
	assert_int_equal(a.r.method, METHOD_OTHER);
	assert_int_equal(a.r.path, PATH_STREAM);
	assert_int_equal(a.r.start, START_NOW);
	assert_int_equal(a.r.ntopics, 1);
	assert_int_equal(a.r.topics[0].len, 4);
	assert_memory_equal(a.r.topics[0].name, "main", 4);
	assert_false(a.r.topics[0].prefix);
	assert_string_equal(a.r.address, "");
	assert_string_equal(a.r.query, "");
	assert_null(a.r.user);
	assert_null(a.r.access_token);
	assert_int_equal(a.r.content_length, -1);
	request_free(&a.r);
}

static void
test_method_by_exact_name(void **state)
{
	static const struct {
		const char *param;
		enum request_method method;
	} cases[] = {
	    {"REQUEST_METHOD=GET", METHOD_GET},
	    {"REQUEST_METHOD=HEAD", METHOD_HEAD},
	    {"REQUEST_METHOD=POST", METHOD_POST},
	    {"REQUEST_METHOD=OPTIONS", METHOD_OPTIONS},
	    {"REQUEST_METHOD=DELETE", METHOD_OTHER},
	    {"REQUEST_METHOD=get", METHOD_OTHER},
	    {"REQUEST_METHOD=GETS", METHOD_OTHER},
	    {"REQUEST_METHOD=", METHOD_OTHER},
	};
	struct asked a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a = ask(cases[i].param, NULL);
		assert_int_equal(a.r.method, cases[i].method);
		request_free(&a.r);
	}
}

static void
test_path_info_decides(void **state)
{
	(void)state;
	want_path(PATH_STREAM, "PATH_INFO=/", "REQUEST_URI=/events/health");
	want_path(PATH_HEALTH, "PATH_INFO=/health", NULL);
	want_path(PATH_METRICS, "PATH_INFO=/metrics", NULL);
	want_path(PATH_STATUS, "PATH_INFO=/status", NULL);
	want_path(PATH_PROBE, "PATH_INFO=/probe", NULL);
	want_path(PATH_UNKNOWN, "PATH_INFO=/healthy", NULL);
	want_path(PATH_UNKNOWN, "PATH_INFO=/heal", NULL);
	want_path(PATH_UNKNOWN, "PATH_INFO=/health/", NULL);
	want_path(PATH_UNKNOWN, "PATH_INFO=health", NULL);
	want_path(PATH_UNKNOWN, "PATH_INFO=//", NULL);
	want_path(PATH_UNKNOWN, "PATH_INFO=/x", "REQUEST_URI=/events/health");
}

/* Caddy and H2O: the whole path, and where it begins is not told. */
static void
test_path_info_with_the_whole_path(void **state)
{
	struct asked a = ask("PATH_INFO=/live/health",
	    "REQUEST_URI=/live/health?x=1", "SCRIPT_NAME=/live", NULL);

	(void)state;
	assert_int_equal(a.r.path, PATH_HEALTH);
	request_free(&a.r);
	want_path(PATH_STREAM, "PATH_INFO=/events", "REQUEST_URI=/events?a=b");
	want_path(PATH_STREAM, "PATH_INFO=/events/", "REQUEST_URI=/events/");
	want_path(PATH_PROBE, "PATH_INFO=/events/probe",
	    "REQUEST_URI=/events/probe?ticks=1");
	want_path(PATH_UNKNOWN, "PATH_INFO=/events/x", "REQUEST_URI=/events/x");
	want_path(PATH_UNKNOWN, "PATH_INFO=/events/x/health",
	    "REQUEST_URI=/events/x/health");
	want_path(PATH_UNKNOWN, "PATH_INFO=/eventsx", "REQUEST_URI=/eventsx");
	want_path(PATH_UNKNOWN, "PATH_INFO=/live", "REQUEST_URI=/live");
	/* Another mount is not /events, and this is below one already. */
	want_path(PATH_UNKNOWN, "PATH_INFO=/events/health",
	    "REQUEST_URI=/events/events/health");
	a = ask("PATH_INFO=/events", "REQUEST_URI=/events", "SCRIPT_NAME=/live",
	    NULL);
	assert_int_equal(a.r.path, PATH_UNKNOWN);
	request_free(&a.r);
	a = ask("PATH_INFO=/events/health", "REQUEST_URI=/events/health",
	    "LARGESSE_HANDED_OVER=on", NULL);
	assert_int_equal(a.r.path, PATH_UNKNOWN);
	request_free(&a.r);
}

static void
test_path_by_last_segment_without_path_info(void **state)
{
	(void)state;
	want_path(PATH_HEALTH, "PATH_INFO=", "REQUEST_URI=/events/health");
	want_path(PATH_STATUS, NULL, "REQUEST_URI=/events/status?x=/probe");
	want_path(PATH_PROBE, NULL, "REQUEST_URI=http://a.example/e/probe");
	want_path(PATH_STREAM, NULL, "REQUEST_URI=/events?a=/health");
	want_path(PATH_STREAM, NULL, "REQUEST_URI=/events/");
	want_path(PATH_STREAM, NULL, "REQUEST_URI=/events/health/");
	want_path(PATH_STREAM, NULL, "REQUEST_URI=/events/other");
	want_path(PATH_STREAM, NULL, "REQUEST_URI=");
}

/* The URI is then that of an application, whatever its name is. */
static void
test_path_of_an_application_is_none_of_ours(void **state)
{
	struct asked a = ask("LARGESSE_HANDED_OVER=on",
	    "REQUEST_URI=/run/7/status", "QUERY_STRING=topic=a", NULL);

	(void)state;
	assert_int_equal(a.r.path, PATH_STREAM);
	request_free(&a.r);
	a = ask("LARGESSE_HANDED_OVER=on", "PATH_INFO=/health",
	    "REQUEST_URI=/app", NULL);
	assert_int_equal(a.r.path, PATH_HEALTH);
	request_free(&a.r);
}

static void
test_topics_sorted_without_repeats(void **state)
{
	(void)state;
	want_topics("", "main");
	want_topics("topic=a", "a");
	want_topics("topic=b&topic=a&topic=b", "a b");
	want_topics("topic=ab&topic=a&topic=abc", "a ab abc");
	want_topics("topic=*&topic=b*&topic=b&topic=a*&topic=ab&topic=*",
	    "ab b * a* b*");
}

static void
test_topics_decoded_as_a_browser_writes_them(void **state)
{
	(void)state;
	want_topics("topic=a+b%20c", "a b c");
	want_topics("topic=%2b%26%3D=", "+&==");
	want_topics("t%6Fpic=gr%C3%BC%c3%9f", "gr\xc3\xbc\xc3\x9f");
	want_topics("topic=100%&topic=%zz&topic=%4", "%4 %zz 100%");
	want_topics("&&topic=a&", "a");
	want_topics("topic=news%2A", "news*");
}

/* What looks like one of our names would be passed over in silence. */
static void
test_names_that_are_almost_ours(void **state)
{
	static const struct {
		const char *query, *right;
	} cases[] = {
	    {"topic[]=a", "topic"},
	    {"topic%5B%5D=a", "topic"},
	    {"topic[0]=a&topic[1]=b", "topic"},
	    {"topic[x]=a", "topic"},
	    {"topic[", "topic"},
	    {"Topic=a", "topic"},
	    {"TOPIC=a", "topic"},
	    {"topics=a", "topic"},
	    {"topics[]=a", "topic"},
	    {"topc=a", "topic"},
	    {"tpoic=a", "topic"},
	    {"tobic=a", "topic"},
	    {"topic+=a", "topic"},
	    {"topic%00=a", "topic"},
	    {"topic.0=a", "topic"},
	    {"topic0", "topic"},
	    {"topic=a&amp;topic=b", "topic"},
	    {"topic=a&Topic=b", "topic"},
	    {"lasteventid=5", "lastEventId"},
	    {"LastEventId=5", "lastEventId"},
	    {"last-event-id=5", "lastEventId"},
	    {"Last-Event-ID=5", "lastEventId"},
	    {"lastEventsId=5", "lastEventId"},
	    {"lastEvntId=5", "lastEventId"},
	    {"last_id=5", "lastEventId"},
	    {"Last=5", "last"},
	    {"last[]=5", "last"},
	    {"Since=5m", "since"},
	    {"snice=5m", "since"},
	    {"accessToken=x", "access_token"},
	    {"access-token=x", "access_token"},
	    {"Access_Token=x", "access_token"},
	};
	struct asked a;
	char right[40];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a = ask_query(cases[i].query);
		snprintf(
		    right, sizeof(right), "did you mean %s", cases[i].right);
		if (a.status != 400 || strstr(a.why, right) == NULL)
			fail_msg("%s: %d %s", cases[i].query, a.status,
			    a.why != NULL ? a.why : "");
		request_free(&a.r);
	}
	a = ask("PATH_INFO=/health", "QUERY_STRING=topic[]=a", NULL);
	assert_int_equal(a.status, 0);
	request_free(&a.r);
}

/* What pages and libraries append of their own is passed over. */
static void
test_other_names_are_passed_over(void **state)
{
	static const char *const queries[] = {"_=1763798400123", "", "=", "=a",
	    "utm_source=a&utm_medium=b", "fbclid=a", "v=2", "offset=-1",
	    "offset=now", "runId=5", "nocache", "t=1", "id=1", "list=1",
	    "past=1", "cast=1", "lastname=x", "tags[]=a", "to=1", "type=x",
	    "evs_preamble=1", "evs_last_event_id=7", "token=a", "user=al",
	    "event=x", "[]=1", "%5B", "%ff%fe=1", "amp;=1", "lang=de",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1"};
	struct asked a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		a = ask_query(queries[i]);
		if (a.status != 0)
			fail_msg("%s: %d %s", queries[i], a.status, a.why);
		request_free(&a.r);
	}
}

static void
test_topics_refused(void **state)
{
	static const char text[] =
	    "topic: not UTF-8, or a control character in it";

	(void)state;
	want_refused_query("topic=", "topic: empty name");
	want_refused_query("topic=a&topic", "topic: empty name");
	want_refused_query("topic=a*b", "topic: `*` may only stand at the end");
	want_refused_query("topic=**", "topic: `*` may only stand at the end");
	want_refused_query("topic=a%00", text);
	want_refused_query("topic=a%0Ab", text);
	want_refused_query("topic=a%7F", text);
	want_refused_query("topic=%C2%85", text);
	want_refused_query("topic=%FF", text);
	want_refused_query("topic=%C3", text);
	want_refused_query("topic=%ED%A0%80", text);
}

static void
test_topics_no_more_and_no_longer_than_allowed(void **state)
{
	char query[300] = "topic=";
	struct asked a;

	(void)state;
	want_topics("topic=1&topic=2&topic=3&topic=4&topic=5&topic=6&topic=7"
		    "&topic=8&topic=8&topic=1",
	    "1 2 3 4 5 6 7 8");
	want_refused_query("topic=1&topic=2&topic=3&topic=4&topic=5&topic=6"
			   "&topic=7&topic=8&topic=9",
	    "topic: too many of them");
	memset(query + 6, 'x', 255);
	a = ask_query(query);
	assert_int_equal(a.status, 0);
	assert_int_equal(a.r.topics[0].len, 255);
	request_free(&a.r);
	query[6 + 255] = '*';
	a = ask_query(query);
	assert_int_equal(a.status, 0);
	request_free(&a.r);
	query[6 + 255] = 'x';
	want_refused_query(query, "topic: longer than 255 bytes");
}

/* Whatever the option allows, there is room for this many topics only. */
static void
test_topics_never_more_than_there_is_room_for(void **state)
{
	char param[2048] = "QUERY_STRING=", *env[] = {param, NULL};
	size_t len = strlen(param), i;
	const char *why;
	struct request r;

	(void)state;
	for (i = 0; i < REQUEST_TOPICS_MAX; i++)
		len += sprintf(param + len, "topic=%zu&", 999 - i);
	assert_int_equal(request_read(&r, env, NULL, SIZE_MAX, &why), 0);
	assert_int_equal(r.ntopics, REQUEST_TOPICS_MAX);
	request_free(&r);
	sprintf(param + len, "topic=one");
	assert_int_equal(request_read(&r, env, NULL, SIZE_MAX, &why), 400);
	request_free(&r);
}

static void
test_id_header_wins_over_query(void **state)
{
	(void)state;
	want_id(ask("HTTP_LAST_EVENT_ID=7", "QUERY_STRING=lastEventId=9", NULL),
	    "7");
	want_id(ask("HTTP_LAST_EVENT_ID=", "QUERY_STRING=lastEventId=9", NULL),
	    "9");
	want_id(ask("HTTP_LAST_EVENT_ID=7", "HTTP_LAST_EVENT_ID=8", NULL), "7");
}

static void
test_id_in_query_last_one_wins(void **state)
{
	(void)state;
	want_id(ask_query("lastEventId=1"), "1");
	want_id(ask_query("last_event_id=2"), "2");
	want_id(ask_query("lastEventID=3"), "3");
	want_id(ask_query("lastEventId=1&last_event_id=2&lastEventId=4"), "4");
	want_id(ask_query("lastEventId=1&lastEventId="), "1");
	want_start(ask_query("lastEventId="), START_NOW);
}

static void
test_id_wins_over_last_and_since(void **state)
{
	(void)state;
	want_id(ask_query("last=5&since=10m&lastEventId=a-uid"), "a-uid");
	want_start(
	    ask("HTTP_LAST_EVENT_ID=earliest", "QUERY_STRING=last=5", NULL),
	    START_EARLIEST);
	want_start(ask_query("lastEventId=earliest"), START_EARLIEST);
	want_last("since=10m&last=5", 5);
}

/* Such an id is not refused: the browser would repeat it, and then give up. */
static void
test_id_that_cannot_be_ours_is_unknown(void **state)
{
	char param[200] = "HTTP_LAST_EVENT_ID=", want[129] = "";

	(void)state;
	want_id(ask("HTTP_LAST_EVENT_ID=gr\xc3\xbc\xc3\x9f", NULL), "?");
	want_id(ask("HTTP_LAST_EVENT_ID=a\tb", NULL), "?");
	want_id(ask("HTTP_LAST_EVENT_ID=a\x7f", NULL), "?");
	want_id(ask_query("lastEventId=1%00"), "?");
	want_id(ask("HTTP_LAST_EVENT_ID=1, 2", NULL), "1, 2");
	memset(param + strlen(param), 'x', 128);
	memset(want, 'x', 128);
	want_id(ask(param, NULL), want);
	strcat(param, "x");
	want_id(ask(param, NULL), "?");
}

/* A request that was handed over: the place is the client's, if it says one. */
static void
test_id_of_who_was_handed_over(void **state)
{
	static const struct {
		const char *sent, *id;
	} cases[] = {
	    {"/app?lastEventId=3", "3"},
	    {"/app?last_event_id=3&x", "3"},
	    {"/app?a=b&lastEventID=3", "3"},
	    {"/app?lastEventId=1&last_event_id=3", "3"},
	    {"/app?lastEventId=3&lastEventId=", "3"},
	    {"/app?lastEventId=3#&lastEventId=4", "3"},
	    {"/app?last%45ventId=%33-abcd", "3-abcd"},
	    {"http://a.example/app?lastEventId=3", "3"},
	    {"/app?lastEventId=3%26topic=b", "3&topic=b"},
	    {"/app?lastEventId=3%00&topic=b&last=1", "?"},
	    {"/app?notLastEventId=3", "9"},
	    {"/app?lastEventId=", "9"},
	    {"/app?lastEventId", "9"},
	    {"/app?", "9"},
	    {"/lastEventId=3", "9"},
	};
	char uri[80];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(uri, sizeof(uri), "REQUEST_URI=%s", cases[i].sent);
		want_id(ask("LARGESSE_HANDED_OVER=on", uri,
			    "QUERY_STRING=topic=a&lastEventId=9", NULL),
		    cases[i].id);
		want_id(
		    ask(uri, "QUERY_STRING=topic=a&lastEventId=9", NULL), "9");
		want_id(
		    ask("LARGESSE_HANDED_OVER=on", uri, "HTTP_LAST_EVENT_ID=7",
			"QUERY_STRING=topic=a&lastEventId=9", NULL),
		    "7");
	}
	want_start(ask("LARGESSE_HANDED_OVER=on",
		       "REQUEST_URI=/app?lastEventId=earliest",
		       "QUERY_STRING=lastEventId=9", NULL),
	    START_EARLIEST);
	want_id(
	    ask("LARGESSE_HANDED_OVER=on", "QUERY_STRING=lastEventId=9", NULL),
	    "9");
}

/* Nothing else of what the client has sent counts. */
static void
test_query_of_who_was_handed_over(void **state)
{
	struct asked a = ask("LARGESSE_HANDED_OVER=on",
	    "REQUEST_URI=/app?topic=b&last=5&since=1h&access_token=x&subject=bo"
	    "&sub=bo&sign=x&expires=1&lastEventId=3",
	    "QUERY_STRING=topic=a&subject=al", NULL);

	(void)state;
	assert_int_equal(a.status, 0);
	assert_int_equal(a.r.ntopics, 1);
	assert_int_equal(a.r.topics[0].name[0], 'a');
	assert_int_equal(a.r.start, START_ID);
	assert_int_equal(a.r.count, 0);
	assert_null(a.r.access_token);
	assert_null(a.r.sign.text);
	assert_string_equal(a.r.subject, "al");
	request_free(&a.r);
}

static void
want_form(const char *query, bool bare, bool active, const char *end,
    const char *end_event)
{
	struct asked a = ask_query(query);
	const struct request_form *form = &a.r.form;

	assert_int_equal(a.status, 0);
	assert_int_equal(form->bare, bare);
	assert_int_equal(form->active, active);
	assert_int_equal(form->end.s != NULL, end != NULL);
	if (end != NULL)
		assert_string_equal(form->end.s, end);
	assert_int_equal(form->end_event.s != NULL, end_event != NULL);
	if (end_event != NULL)
		assert_string_equal(form->end_event.s, end_event);
	request_free(&a.r);
}

static void
test_how_it_begins_and_ends(void **state)
{
	char longer[300] = "end=";
	struct asked a;

	(void)state;
	want_form("topic=a", false, false, NULL, NULL);
	want_form("start=bare", true, false, NULL, NULL);
	want_form("start=bare&start=event", false, false, NULL, NULL);
	want_form("active", false, true, NULL, NULL);
	want_form("active=1&end=", false, true, "", NULL);
	want_form("end=%5BDONE%5D&end=x+y&endEvent=update", false, false, "x y",
	    "update");
	want_refused_query("start=", "start: neither `bare` nor `event`");
	want_refused_query("start=Bare", "start: neither `bare` nor `event`");
	want_refused_query(
	    "start=bare%00", "start: neither `bare` nor `event`");
	want_refused_query("active=0", "active: it has no value");
	want_refused_query("active=1%00", "active: it has no value");
	memset(longer + 4, 'x', 255);
	a = ask_query(longer);
	assert_int_equal(a.status, 0);
	request_free(&a.r);
	longer[4 + 255] = 'x';
	want_refused_query(longer, "end, endEvent: longer than 255 bytes");
	want_refused_query("endevent=x",
	    "the query has a name that is not known: did you mean endEvent?");
}

static void
test_last_is_a_number_with_a_cap(void **state)
{
	static const char why[] = "last: not a number of events";

	(void)state;
	want_last("last=1", 1);
	want_last("last=007", 7);
	want_last("last=1000000000", 1000000000);
	want_last("last=1000000001", 1000000000);
	want_last("last=99999999999999999999999999", 1000000000);
	want_last("last=3&last=5", 5);
	want_start(ask_query("last=0"), START_NOW);
	want_refused_query("last=", why);
	want_refused_query("last=-1", why);
	want_refused_query("last=%2B1", why);
	want_refused_query("last=1.5", why);
	want_refused_query("last=1%00", why);
	want_refused_query("last=ten", why);
	want_refused_query("last=x&lastEventId=1", why);
}

static void
test_since_an_age_or_a_time(void **state)
{
	(void)state;
	want_since("since=10m", 600000, true);
	want_since("since=999999999", 999999999000, true);
	want_since("since=1000000000", 1000000000000, false);
	want_since("since=999999999999", 999999999999000, false);
	want_since("since=1000000000000", 1000000000000, false);
	want_since("since=1763798400123", 1763798400123, false);
	want_since("since=2026-11-22T08:00:00Z", 1795334400000, false);
	want_since("since=2026-11-22T08%3A00%3A00.5Z", 1795334400500, false);
	want_since("since=2026-11-22T08:00:00.0429Z", 1795334400042, false);
	want_since("since=2028-02-29T23:59:59Z", 1835481599000, false);
	want_since("since=1970-01-01T00:00:00Z", 0, false);
}

/* What ISO 8601 looks like when a library prints it. */
static void
test_since_in_each_form_of_iso_8601(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} forms[] = {
	    {"2026-11-22", 1795305600000},
	    {"2026-11-22T08", 1795334400000},
	    {"2026-11-22T08:00", 1795334400000},
	    {"2026-11-22T08:00:00", 1795334400000},
	    {"2026-11-22 08:00:00", 1795334400000},
	    {"2026-11-22+08:00:00", 1795334400000},
	    {"2026-11-22T08:00:00.042917", 1795334400042},
	    {"2026-11-22T08:00:00,042", 1795334400042},
	    {"2026-11-22T08:00:00.123456789Z", 1795334400123},
	    {"2026-11-22t08:00:00z", 1795334400000},
	    {"2026-11-22T08:00Z", 1795334400000},
	    {"2026-11-22T08Z", 1795334400000},
	    {"2026-11-22T09:00:00%2B01:00", 1795334400000},
	    {"2026-11-22T09:00:00+01:00", 1795334400000},
	    {"2026-11-22 09:00:00%2B01:00", 1795334400000},
	    {"2026-11-22+09:00:00.000+%2B01:00", 1795334400000},
	    {"2026-11-22+09:00:00.000++01:00", 1795334400000},
	    {"2026-11-22T04:30:00-03:30", 1795334400000},
	    {"2026-11-22T04:30:00 -0330", 1795334400000},
	    {"2026-11-22T09:00:00%2B0100", 1795334400000},
	    {"2026-11-22T09:00:00+01", 1795334400000},
	    {"2026-11-22T09+01", 1795334400000},
	    {"2026-11-22T08:53:28+00:53:28", 1795334400000},
	    {"2026-11-22T08:53:28+00:53:28.000001", 1795334400000},
	    {"2026-11-22T08:00:00-00:00", 1795334400000},
	    {"20261122T080000Z", 1795334400000},
	    {"20261122T080000", 1795334400000},
	    {"20261122T0800", 1795334400000},
	    {"20261122T090000.000+0100", 1795334400000},
	    {"20261122T080000,5Z", 1795334400500},
	    {"%2B002026-11-22T08:00:00.000Z", 1795334400000},
	    {"+002026-11-22T08:00:00.000Z", 1795334400000},
	    {"%2B275760-09-13T00:00:00.000Z", 8640000000000000},
	    {"-000001-01-01T00:00:00.000Z", -62198755200000},
	    {"0000-01-01T00:00:00.000Z", -62167219200000},
	    {"2028-02-29", 1835395200000},
	    /* ZonedDateTime of Temporal (RFC 9557) */
	    {"2026-11-22T09:00:00+01:00[Europe/Berlin]", 1795334400000},
	    {"2026-11-22T09:00:00%2B01:00%5BEurope/Berlin%5D%5Bu-ca=hebrew%5D",
		1795334400000},
	    {"2026-11-22T08:00:00Z[UTC]", 1795334400000},
	};
	char query[96];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		snprintf(query, sizeof(query), "since=%s", forms[i].text);
		want_since(query, forms[i].ms, false);
	}
}

/* Each line of the program's output is a time in ms, a blank and the text. */
static void
want_printed(const char *command)
{
	FILE *f = popen(command, "re");
	char line[128], query[160];
	size_t n = 0;
	char *text;
	int64_t ms;

	assert_non_null(f);
	for (; fgets(line, sizeof(line), f) != NULL; n++) {
		line[strcspn(line, "\n")] = '\0';
		ms = strtoll(line, &text, 10);
		snprintf(query, sizeof(query), "since=%s", text + 1);
		want_since(query, ms, false);
	}
	if (pclose(f) != 0 || n == 0)
		skip(); /* it is not installed here */
}

static void
test_since_as_python_prints_it(void **state)
{
	(void)state;
	want_printed(
	    "python3 - 2>/dev/null <<'END'\n"
	    "from datetime import *\n"
	    "from urllib.parse import quote\n"
	    "utc = timezone.utc\n"
	    "zones = [None, utc] + [timezone(timedelta(seconds=s))\n"
	    "    for s in (3600, -12600, 20700, 3208, -3208)]\n"
	    "days = [datetime(2026, 11, 22, 8, 7, 6, us)\n"
	    "    for us in (0, 5, 5000, 123456)]\n"
	    "days += [datetime(1969, 1, 1), datetime(2400, 2, 29)]\n"
	    "for d in days:\n"
	    "    for z in zones:\n"
	    "        t = d.replace(tzinfo=z)\n"
	    "        r = d.replace(tzinfo=z or utc)\n"
	    "        ms = (r - datetime(1970, 1, 1, tzinfo=utc))\\\n"
	    "            // timedelta(milliseconds=1)\n"
	    "        texts = [t.isoformat(), str(t),\n"
	    "            t.isoformat(timespec='microseconds'),\n"
	    "            t.isoformat(timespec='milliseconds'),\n"
	    "            t.strftime('%Y-%m-%dT%H:%M:%S.%f%z'),\n"
	    "            t.strftime('%Y%m%dT%H%M%S.%f%z')]\n"
	    "        for text in texts:\n"
	    "            print(ms, text)\n"
	    "            print(ms, quote(text))\n"
	    "    print(ms // 86400000 * 86400000, d.date().isoformat())"
	    " if z is None else None\n"
	    "END");
}

static void
test_since_as_javascript_prints_it(void **state)
{
	(void)state;
	want_printed("node - 2>/dev/null <<'END'\n"
		     "for (const ms of [0, 1, -1, 1795334400042, 4e12, -7e13,\n"
		     "    3e14, 8.64e15, -8.64e15]) {\n"
		     "  const d = new Date(ms);\n"
		     "  console.log(ms, d.toISOString());\n"
		     "  console.log(ms, encodeURIComponent(d.toISOString()));\n"
		     "  console.log(ms, JSON.parse(JSON.stringify(d)));\n"
		     "}\n"
		     "END");
}

static void
test_since_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "yesterday",
	    "-5m",
	    "10x",
	    "10m%00",
	    "10+m",
	    "99999999999999999999",
	    "9223372036854775807w",
	    "2026-11",
	    "2026-11-22T",
	    "2026-11-22+",
	    "2026-11-22T8:00",
	    "2026-11-22T08:",
	    "2026-11-22T08:00:",
	    "2026-11-22T08:00:0",
	    "2026-11-22T08:00:00.Z",
	    "2026-11-22T08:00:00.",
	    "2026-11-22T08:00.5Z",
	    "2026-11-22T08:00:00Zulu",
	    "2026-11-22T08:00:00Z%00",
	    "2026-11-22T08:00:00ZZ",
	    "2026-11-22T08:00:00Z[UTC",
	    "2026-11-22T08:00:00Z[]",
	    "2026-11-22T08:00:00Z[UTC]Z",
	    "2026-11-22T08:00:00[Europe/Berlin]",
	    "2026-11-22T08:00:00+",
	    "2026-11-22T08:00:00%2B1",
	    "2026-11-22T08:00:00%2B24:00",
	    "2026-11-22T08:00:00%2B01:60",
	    "2026-11-22T08:00:00%2B%2B01:00",
	    "2026-11-22T08:00:00+++01:00",
	    "2026-11-22T08:00:00CET",
	    "2026-11-22Z",
	    "2026-11-22_08:00:00",
	    "2026-11-22T080000",
	    "20261122T08:00:00",
	    "2026-1122",
	    "202611-22",
	    "26-11-22",
	    "%2B2026-11-22T08:00:00Z",
	    "-000000-01-01T00:00:00Z",
	    "2026-W48-5",
	    "2026-326",
	    "22-11-2026",
	    "2026/11/22",
	    "2026-02-29T00:00:00Z",
	    "2026-00-10T00:00:00Z",
	    "2026-13-10T00:00:00Z",
	    "2026-11-31T00:00:00Z",
	    "2026-11-00",
	    "2026-11-22T24:00:00Z",
	    "2026-11-22T08:60:00Z",
	    "2026-11-22T08:00:60Z",
	};
	char query[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(query, sizeof(query), "since=%s", bad[i]);
		want_refused_query(query,
		    "since: neither an age like 10m nor a time like "
		    "2026-11-22T08:00:00Z");
	}
}

static void
test_age_units(void **state)
{
	static const struct {
		const char *s;
		int64_t ms;
	} good[] = {
	    {"90", 90000},
	    {"0", 0},
	    {"500ms", 500},
	    {"90s", 90000},
	    {"10m", 600000},
	    {"2h", 7200000},
	    {"7d", 604800000},
	    {"1w", 604800000},
	};
	static const char *const bad[] = {
	    "",
	    "m",
	    "-1",
	    "+1",
	    " 1",
	    "1 ",
	    "1.5h",
	    "1y",
	    "1hh",
	    "0x10",
	    "1H",
	    "99999999999999999999",
	    "9223372036854775807",
	    "15250284453w",
	};
	int64_t ms;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ms = -1;
		assert_true(age_read(good[i].s, &ms));
		assert_true(ms == good[i].ms);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ms = -1;
		assert_false(age_read(bad[i], &ms));
		assert_true(ms == -1);
	}
	assert_true(age_read("15250284452w", &ms));
}

static void
test_length_absent_number_or_refused(void **state)
{
	struct asked a = ask("CONTENT_LENGTH=", NULL);

	(void)state;
	assert_int_equal(a.status, 0);
	assert_int_equal(a.r.content_length, -1);
	request_free(&a.r);
	a = ask("CONTENT_LENGTH=0", NULL);
	assert_int_equal(a.r.content_length, 0);
	request_free(&a.r);
	a = ask("CONTENT_LENGTH=9223372036854775807", NULL);
	assert_int_equal(a.status, 0);
	assert_true(a.r.content_length == INT64_MAX);
	request_free(&a.r);
	want_refused(ask("CONTENT_LENGTH=12a", NULL), 400,
	    "Content-Length: not a number");
	want_refused(ask("CONTENT_LENGTH=-1", NULL), 400,
	    "Content-Length: not a number");
	want_refused(ask("CONTENT_LENGTH=9223372036854775808", NULL), 413,
	    "Content-Length: too large");
	/* As nginx passes it: see below. */
	a = ask("HTTP_CONTENT_LENGTH=7", NULL);
	assert_int_equal(a.r.content_length, 7);
	request_free(&a.r);
	a = ask("HTTP_CONTENT_LENGTH=7", "CONTENT_LENGTH=8", NULL);
	assert_int_equal(a.r.content_length, 8);
	request_free(&a.r);
}

static void
test_credentials_and_address(void **state)
{
	struct asked a = ask("FCGI_ROLE=RESPONDER", "REMOTE_ADDR=::1",
	    "REMOTE_USER=ann", "HTTP_AUTHORIZATION=Bearer x.y.z",
	    "HTTP_COOKIE=a=b; c=d", "HTTP_ORIGIN=https://a.example",
	    "CONTENT_TYPE=application/json", "SERVER_PROTOCOL=HTTP/2.0",
	    "HTTP_X_FORWARDED_FOR=10.0.0.1",
	    "HTTP_ACCESS_CONTROL_REQUEST_METHOD=POST",
	    "QUERY_STRING=access_token=x%2Ey&access_token=z&topic=t", NULL);

	(void)state;
	assert_int_equal(a.status, 0);
	assert_string_equal(a.r.address, "::1");
	assert_string_equal(a.r.user, "ann");
	assert_string_equal(a.r.authorization, "Bearer x.y.z");
	assert_string_equal(a.r.cookie, "a=b; c=d");
	assert_string_equal(a.r.origin, "https://a.example");
	assert_string_equal(a.r.content_type, "application/json");
	assert_string_equal(a.r.protocol, "HTTP/2.0");
	assert_string_equal(a.r.forwarded_for, "10.0.0.1");
	assert_string_equal(a.r.preflight, "POST");
	assert_false(a.r.tls);
	assert_string_equal(a.r.access_token, "x.y");
	assert_string_equal(
	    a.r.query, "access_token=x%2Ey&access_token=z&topic=t");
	request_free(&a.r);
	want_refused_query("access_token=a%00b", "access_token: not a token");
}

/* nginx passes each header like this, and our snippet adds no parameter. */
static void
test_content_type_as_a_header(void **state)
{
	struct asked a = ask("HTTP_CONTENT_TYPE=text/plain", NULL);

	(void)state;
	assert_string_equal(a.r.content_type, "text/plain");
	request_free(&a.r);
	a = ask("HTTP_CONTENT_TYPE=text/plain", "CONTENT_TYPE=a/b", NULL);
	assert_string_equal(a.r.content_type, "a/b");
	request_free(&a.r);
}

static void
test_cookies_in_several_lines(void **state)
{
	struct asked a = ask("HTTP_COOKIE=a=b",
	    "HTTP_COOKIE=", "HTTP_COOKIES=x", "HTTP_COOKIE=c=d; e=f", NULL);

	(void)state;
	assert_int_equal(a.status, 0);
	assert_string_equal(a.r.cookie, "a=b;c=d; e=f");
	request_free(&a.r);
	a = ask("HTTP_COOKIE=", "HTTP_COOKIE=c=d", NULL);
	assert_string_equal(a.r.cookie, "c=d");
	request_free(&a.r);
	a = ask("HTTP_COOKIE=", NULL);
	assert_null(a.r.cookie);
	request_free(&a.r);
}

/* nginx 1.22 passes each line as a parameter; others join them. */
static void
test_forwarded_for_in_several_lines(void **state)
{
	struct asked a = ask("HTTP_X_FORWARDED_FOR=9.9.9.9",
	    "HTTP_X_FORWARDED_FOR=", "HTTP_X_FORWARDED_FOR=8.8.8.8, 7.7.7.7",
	    "HTTP_X_FORWARDED_FORE=x", "HTTP_X_FORWARDED_FOR=10.0.0.1", NULL);

	(void)state;
	assert_int_equal(a.status, 0);
	assert_string_equal(
	    a.r.forwarded_for, "9.9.9.9,8.8.8.8, 7.7.7.7,10.0.0.1");
	request_free(&a.r);
	request_free(&a.r);
	a = ask("HTTP_X_FORWARDED_FOR=", "HTTP_X_FORWARDED_FOR=8.8.8.8", NULL);
	assert_string_equal(a.r.forwarded_for, "8.8.8.8");
	request_free(&a.r);
	a = ask("HTTP_X_FORWARDED_FOR=", NULL);
	assert_null(a.r.forwarded_for);
	request_free(&a.r);
}

/* Of two that differ neither is believed. */
static void
test_what_may_come_once(void **state)
{
	static const char *const names[] = {"REMOTE_USER", "REMOTE_ADDR",
	    "HTTP_AUTHORIZATION", "HTTP_ORIGIN", "HTTP_HOST",
	    "HTTP_SEC_FETCH_SITE"};
	char one[64], two[64], none[64];
	struct asked a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(one, sizeof(one), "%s=1", names[i]);
		snprintf(two, sizeof(two), "%s=2", names[i]);
		snprintf(none, sizeof(none), "%s=", names[i]);
		a = ask(one, "X=1", one, NULL);
		assert_int_equal(a.status, 0);
		request_free(&a.r);
		a = ask(one, "X=1", two, NULL);
		if (a.status != 400 ||
		    strstr(a.why, "two of them, which differ") == NULL)
			fail_msg("%s", names[i]);
		request_free(&a.r);
		a = ask(none, two, NULL);
		assert_int_equal(a.status, 400);
		request_free(&a.r);
	}
}

/* An empty REMOTE_USER must not pass for a user. */
static void
test_empty_parameter_is_absent(void **state)
{
	struct asked a = ask("REMOTE_USER=", "REMOTE_USER",
	    "HTTP_COOKIE=", "QUERY_STRING=access_token=", "=x", "", NULL);

	(void)state;
	assert_int_equal(a.status, 0);
	assert_null(a.r.user);
	assert_null(a.r.cookie);
	assert_null(a.r.access_token);
	request_free(&a.r);
}

/* A refused request still has its method and its origin: CORS needs it. */
static void
test_refused_request_is_still_known(void **state)
{
	struct asked a = ask("REQUEST_METHOD=GET", "HTTP_ORIGIN=https://o",
	    "QUERY_STRING=topic=", NULL);

	(void)state;
	assert_int_equal(a.status, 400);
	assert_int_equal(a.r.method, METHOD_GET);
	assert_string_equal(a.r.origin, "https://o");
	assert_int_equal(a.r.ntopics, 1);
	request_free(&a.r);
}

static void
test_query_pairs_as_the_standard_parses_them(void **state)
{
	char text[] = "a=1&b&&=c&d=e=f&g%3d=%00&h=%e4%";
	static const struct {
		const char *name, *value;
		size_t name_len, value_len;
	} want[] = {
	    {"a", "1", 1, 1},
	    {"b", "", 1, 0},
	    {"", "c", 0, 1},
	    {"d", "e=f", 1, 3},
	    {"g=", "\0", 2, 1},
	    {"h", "\xe4%", 1, 2},
	};
	struct query q = {text, text + sizeof(text) - 1};
	struct query_pair pair;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_true(query_next(&q, &pair));
		assert_int_equal(pair.name_len, want[i].name_len);
		assert_int_equal(pair.value_len, want[i].value_len);
		assert_memory_equal(pair.name, want[i].name, pair.name_len + 1);
		assert_memory_equal(
		    pair.value, want[i].value, pair.value_len + 1);
	}
	assert_false(query_next(&q, &pair));
	assert_false(query_next(&q, &pair));
}

/* The text may go on after the end of the query. */
static void
test_query_ends_where_its_end_is(void **state)
{
	char text[] = "a=%41";
	struct query q = {text, text + 4};
	struct query_pair pair;

	(void)state;
	assert_true(query_next(&q, &pair));
	assert_string_equal(pair.value, "%4");
	assert_false(query_next(&q, &pair));
}

/* --- ways that harm, and parameters by POST ---------------------------------
 */

static void
test_ways_of_a_stream(void **state)
{
	struct asked a =
	    ask_query("beat=5&age=00007&poll&pad=99999999999999999999");

	(void)state;
	assert_int_equal(a.status, 0);
	assert_int_equal(a.r.way.beat_s, 5);
	assert_true(a.r.way.has_age && a.r.way.age_s == 7);
	assert_true(a.r.way.poll);
	assert_int_equal(a.r.way.pad, 1000000000);
	assert_null(request_way_wrong(&a.r));
	a.r.form.bare = true;
	assert_non_null(request_way_wrong(&a.r));
	request_free(&a.r);
	a = ask_query("age=0");
	assert_string_equal(
	    request_way_wrong(&a.r), "age: from 1 up, or with poll");
	request_free(&a.r);
	a = ask_query("topic=a");
	assert_true(!a.r.way.has_age && !a.r.way.poll && a.r.way.pad == 0 &&
		    a.r.way.beat_s == 0);
	request_free(&a.r);
	want_refused_query("beat=0", "beat: not a number of seconds from 1 up");
	want_refused_query(
	    "beat=+1", "beat: not a number of seconds from 1 up");
	want_refused_query("age=", "age: not a number of seconds");
	want_refused_query("pad=1%00", "pad: not a number of bytes");
	want_refused_query("poll=0", "poll: it has no value");
	want_refused_query("poll=1%00", "poll: it has no value");
}

static void
test_parameters_in_a_body(void **state)
{
	static const char body[] = "topic=b&lastEventId=7&pad=9";
	struct asked a = post("/stream", "topic=a&lastEventId=5&last=3", body,
	    sizeof(body) - 1, NULL);

	(void)state;
	assert_int_equal(a.status, 0);
	assert_int_equal(a.r.path, PATH_STREAM);
	assert_int_equal(a.r.ntopics, 2);
	assert_string_equal(a.r.last_id, "7");
	assert_int_equal(a.r.way.pad, 9);
	request_free(&a.r);
	a = post("/stream", "", "topic=a\0b", 9, NULL);
	assert_int_equal(a.status, 400);
	request_free(&a.r);
	a = post("/stream", "", "", 0, "CONTENT_TYPE=application/json");
	assert_int_equal(a.status, 0);
	request_free(&a.r);
	want_refused(post("/stream", "", body, sizeof(body) - 1,
			 "CONTENT_TYPE=text/plain"),
	    415,
	    "the body has to be a form: application/x-www-form-urlencoded");
	want_refused(post("/stream", "", body, sizeof(body) - 1,
			 "HTTP_CONTENT_ENCODING=gzip"),
	    415,
	    "the body has to be a form: application/x-www-form-urlencoded");
	want_refused(post("/stream", "", "sign=1", 6, NULL), 400,
	    "sign: it stands in the address, not in the body");
}

/* A body to publish, and that of a reader who was handed over, say nothing. */
static void
test_bodies_that_are_no_parameters(void **state)
{
	struct asked a = post("/", "topic=a", "topic=b", 7, NULL);

	(void)state;
	assert_int_equal(a.r.ntopics, 1);
	request_free(&a.r);
	a = post("/stream", "topic=a", "topic=b", 7, "LARGESSE_HANDED_OVER=on");
	assert_int_equal(a.r.ntopics, 1);
	request_free(&a.r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_is_a_stream_of_main_from_now),
	    cmocka_unit_test(test_method_by_exact_name),
	    cmocka_unit_test(test_path_info_decides),
	    cmocka_unit_test(test_path_info_with_the_whole_path),
	    cmocka_unit_test(test_path_by_last_segment_without_path_info),
	    cmocka_unit_test(test_path_of_an_application_is_none_of_ours),
	    cmocka_unit_test(test_topics_sorted_without_repeats),
	    cmocka_unit_test(test_topics_decoded_as_a_browser_writes_them),
	    cmocka_unit_test(test_names_that_are_almost_ours),
	    cmocka_unit_test(test_other_names_are_passed_over),
	    cmocka_unit_test(test_topics_refused),
	    cmocka_unit_test(test_topics_no_more_and_no_longer_than_allowed),
	    cmocka_unit_test(test_topics_never_more_than_there_is_room_for),
	    cmocka_unit_test(test_id_header_wins_over_query),
	    cmocka_unit_test(test_id_in_query_last_one_wins),
	    cmocka_unit_test(test_id_wins_over_last_and_since),
	    cmocka_unit_test(test_id_that_cannot_be_ours_is_unknown),
	    cmocka_unit_test(test_id_of_who_was_handed_over),
	    cmocka_unit_test(test_query_of_who_was_handed_over),
	    cmocka_unit_test(test_how_it_begins_and_ends),
	    cmocka_unit_test(test_last_is_a_number_with_a_cap),
	    cmocka_unit_test(test_since_an_age_or_a_time),
	    cmocka_unit_test(test_since_in_each_form_of_iso_8601),
	    cmocka_unit_test(test_since_as_python_prints_it),
	    cmocka_unit_test(test_since_as_javascript_prints_it),
	    cmocka_unit_test(test_since_refused),
	    cmocka_unit_test(test_age_units),
	    cmocka_unit_test(test_length_absent_number_or_refused),
	    cmocka_unit_test(test_credentials_and_address),
	    cmocka_unit_test(test_content_type_as_a_header),
	    cmocka_unit_test(test_cookies_in_several_lines),
	    cmocka_unit_test(test_forwarded_for_in_several_lines),
	    cmocka_unit_test(test_what_may_come_once),
	    cmocka_unit_test(test_empty_parameter_is_absent),
	    cmocka_unit_test(test_refused_request_is_still_known),
	    cmocka_unit_test(test_query_pairs_as_the_standard_parses_them),
	    cmocka_unit_test(test_query_ends_where_its_end_is),
	    cmocka_unit_test(test_ways_of_a_stream),
	    cmocka_unit_test(test_parameters_in_a_body),
	    cmocka_unit_test(test_bodies_that_are_no_parameters),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
