/*
 * test_auth_limits.c - pages of other sites, and how many streams one client
 * may have.
 */
#include <string.h>

#include "tests/talk/peer/keyed.h"

#define SITE "https://www.example.org"

/* --- other sites -------------------------------------------------------- */

static const char *
allowed(struct client *c)
{
	return header(c, "Access-Control-Allow-Origin");
}

static void
want_allowed(struct client *c, int status)
{
	check(want_headers(c) == status);
	if (allowed(c) == NULL || strcmp(allowed(c), SITE) != 0)
		talk_fail("allowed: %s", allowed(c));
	check(
	    strcmp(header(c, "Access-Control-Allow-Credentials"), "true") == 0);
	check(strcmp(header(c, "Vary"), "Origin") == 0);
}

static struct server *
serve_site(void)
{
	struct server *sv = prepare_keys();

	start(sv, KEYED(sv), "--allow-origin", SITE, "--public", "news",
	    "--max-streams-per-address", "2", NULL);
	return sv;
}

static void
test_page_of_an_allowed_site_reads(void)
{
	struct server *sv = serve_site();
	struct client *c =
	    get(sv, "/events?topic=news", "HTTP_ORIGIN", SITE, NULL);

	want_allowed(c, 200);
	append(sv, "news", "hello");
	c = get(sv, "/events?topic=news", "HTTP_ORIGIN", SITE, NULL);
	want_start(c);
	append(sv, "news", "again");
	want_event(c, "2", "message", "again");
}

/* A page has to see the status, or it does not know to get a new token. */
static void
test_refusals_tell_the_page_too(void)
{
	struct server *sv = serve_site();
	struct client *c[2];

	want_allowed(
	    get(sv, "/events?topic=x", "HTTP_ORIGIN", SITE, NULL), 401);
	want_allowed(get(sv, "/events?topic=", "HTTP_ORIGIN", SITE, NULL), 400);
	want_allowed(get(sv, "/events?topic=x", "HTTP_ORIGIN", SITE,
			 "HTTP_AUTHORIZATION",
			 text("Bearer %s", token_for("al", "\"y\"")), NULL),
	    403);
	want_allowed(
	    ask(sv, "DELETE", "/events", NULL, "HTTP_ORIGIN", SITE, NULL), 405);
	want_allowed(get(sv, "/events/nothing", "PATH_INFO", "/nothing",
			 "HTTP_ORIGIN", SITE, NULL),
	    404);
	c[0] = get(sv, "/events?topic=news", NULL);
	c[1] = get(sv, "/events?topic=news", NULL);
	want_start(c[0]);
	want_start(c[1]);
	want_allowed(
	    get(sv, "/events?topic=news", "HTTP_ORIGIN", SITE, NULL), 200);
}

static void
test_page_of_another_site_is_told_nothing(void)
{
	static const char *const others[] = {"https://www.example.com",
	    "http://www.example.org", "https://www.example.org:8443",
	    "https://www.example.org.evil.com", "https://www.example.org:80",
	    "null", "*", "", "https://www.example.org\r\nX: y"};
	struct server *sv = serve_site();
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct client *c = get(
		    sv, "/events?topic=news", "HTTP_ORIGIN", others[i], NULL);

		check(want_headers(c) == 200);
		check(allowed(c) == NULL);
		check(header(c, "X") == NULL);
		check(strcmp(header(c, "Vary"), "Origin") == 0);
	}
}

static void
test_cookie_of_another_sites_page_is_refused(void)
{
	struct server *sv = serve_site();
	const char *cookie = text("largesse=%s", token_for("al", "\"secret\""));
	struct client *c;

	c = get(sv, "/events?topic=secret", "HTTP_COOKIE", cookie,
	    "HTTP_ORIGIN", "https://evil.example", NULL);
	want_refusal(c, 403);
	c = get(sv, "/events?topic=secret", "HTTP_COOKIE", cookie,
	    "HTTP_SEC_FETCH_SITE", "cross-site", NULL);
	want_refusal(c, 403);
	c = get(sv, "/events?topic=secret", "HTTP_COOKIE", cookie,
	    "HTTP_ORIGIN", SITE, "HTTP_SEC_FETCH_SITE", "cross-site", NULL);
	want_start(c);
	c = get(sv, "/events?topic=secret", "HTTP_COOKIE", cookie,
	    "HTTP_ORIGIN", "http://localhost", NULL);
	want_start(c);
}

static void
test_preflight(void)
{
	struct server *sv = serve_site();
	struct client *c = ask(sv, "OPTIONS", "/events?topic=secret", NULL,
	    "HTTP_ORIGIN", SITE, "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "GET",
	    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
	    "authorization,cache-control,last-event-id", NULL);
	const char *headers;

	want_allowed(c, 204);
	headers = header(c, "Access-Control-Allow-Headers");
	check(strcmp(headers, "Authorization, Cache-Control, Content-Type, "
			      "Last-Event-ID") == 0);
	check(strstr(header(c, "Access-Control-Allow-Methods"), "GET") != NULL);
	check(header(c, "Access-Control-Max-Age") != NULL);
	want_end(c);
	c = ask(sv, "OPTIONS", "/events", NULL, "HTTP_ORIGIN",
	    "https://evil.example", "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "GET",
	    NULL);
	check(want_headers(c) == 204);
	check(allowed(c) == NULL);
	check(header(c, "Access-Control-Allow-Headers") == NULL);
}

static void
test_any_site_but_without_cookies(void)
{
	struct server *sv = prepare_keys();
	const char *token = token_for("al", "\"secret\"");
	struct client *c;

	start(sv, KEYED(sv), "--allow-origin", "*", NULL);
	c = get(sv, "/events?topic=secret", "HTTP_ORIGIN", SITE,
	    "HTTP_AUTHORIZATION", text("Bearer %s", token), NULL);
	check(want_headers(c) == 200);
	check(strcmp(allowed(c), "*") == 0);
	check(header(c, "Access-Control-Allow-Credentials") == NULL);
	c = get(sv, "/events?topic=secret", "HTTP_ORIGIN", SITE, "HTTP_COOKIE",
	    text("largesse=%s", token), NULL);
	want_refusal(c, 403);
}

static void
test_without_the_option_nothing_is_said(void)
{
	struct server *sv = serve();
	struct client *c = get(sv, "/events", "HTTP_ORIGIN", SITE, NULL);

	check(want_headers(c) == 200);
	check(allowed(c) == NULL);
	check(header(c, "Vary") == NULL);
}

static void
test_origins_that_are_none_are_refused_at_start(void)
{
	struct server *sv = prepare();
	struct ran r = run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%s", sv->socket), "--allow-origin", "www.example.org",
	    NULL);

	check(r.status == 2);
	check(strstr(r.err, "--allow-origin: 'www.example.org': an origin is "
			    "SCHEME://HOST") != NULL);
}

/* --- how many ----------------------------------------------------------- */

static struct client *
from(struct server *sv, const char *address, const char *forwarded)
{
	return get(sv, "/events", "REMOTE_ADDR", address,
	    "HTTP_X_FORWARDED_FOR", forwarded, NULL);
}

static void
want_in(struct client *c)
{
	want_start(c);
}

static bool
is_in(struct client *c)
{
	const struct event *e;

	check(want_headers(c) == 200);
	e = next_or_end(c);
	return e != NULL && strcmp(e->type, "stream-start") == 0;
}

/* A client over the limit is told to come back: 200, retry and an end. */
static void
want_later(struct client *c)
{
	check(want_headers(c) == 200);
	check(want_farewell(c) > 0);
}

static void
test_streams_of_one_address(void)
{
	struct server *sv = serve_with("--max-streams-per-address", "2", NULL);
	struct client *a = from(sv, "192.0.2.1", "");

	want_in(a);
	want_in(from(sv, "192.0.2.1", ""));
	want_later(from(sv, "192.0.2.1", ""));
	want_later(from(sv, "192.0.2.1", "192.0.2.9"));
	want_later(from(sv, "::ffff:192.0.2.1", ""));
	want_in(from(sv, "192.0.2.2", ""));
	leave(a);
	until(is_in(from(sv, "192.0.2.1", "")));
	want_later(from(sv, "192.0.2.1", ""));
}

static void
test_streams_of_one_address_and_many_subjects(void)
{
	struct server *sv = prepare_keys();
	int i;

	start(sv, KEYED(sv), "--max-streams-per-address", "3", NULL);
	for (i = 0; i < 3; i++)
		open_with(sv, "/events", token_for(text("s%d", i), "\"main\""));
	want_later(get_with(sv, "/events", token_for("s4", "\"main\"")));
}

static void
test_proxies_are_believed_if_trusted(void)
{
	struct server *sv =
	    serve_with("--max-streams-per-address", "1", "--trusted-proxy",
		"10.0.0.0/8", "--trusted-proxy", "2001:db8::1", NULL);

	want_in(from(sv, "10.0.0.1", "192.0.2.1"));
	want_later(from(sv, "10.0.0.2", "192.0.2.1"));
	want_later(from(sv, "2001:db8::1", "192.0.2.1, 10.0.0.9"));
	want_later(from(sv, "192.0.2.1", "192.0.2.5"));
	want_in(from(sv, "10.0.0.1", "192.0.2.1, 192.0.2.2"));
	/* X-Forwarded-For of a client that is no proxy does not count. */
	want_in(from(sv, "192.0.2.77", "192.0.2.78"));
	want_later(from(sv, "192.0.2.77", "192.0.2.79"));
}

/* A proxy behind another may add a line of its own after the client's. */
static void
test_what_the_client_says_does_not_count_before_the_proxys_line(void)
{
	struct server *sv = serve_with("--max-streams-per-address", "1",
	    "--trusted-proxy", "10.0.0.0/8", NULL);
	int i;

	for (i = 0; i < 4; i++) {
		struct client *c = get(sv, "/events", "REMOTE_ADDR", "10.0.0.1",
		    "HTTP_X_FORWARDED_FOR", text("198.51.100.%d", i),
		    "HTTP_X_FORWARDED_FOR", "192.0.2.1", "HTTP_X_FORWARDED_FOR",
		    "10.0.0.7", "HTTP_X_REAL_IP", text("198.51.100.%d", i),
		    "HTTP_FORWARDED", text("for=198.51.100.%d", i), NULL);

		if (i == 0)
			want_in(c);
		else
			want_later(c);
	}
}

static void
test_one_has_a_whole_net_of_ipv6(void)
{
	struct server *sv = serve_with("--max-streams-per-address", "1", NULL);

	want_in(from(sv, "2001:db8:1:2::1", ""));
	want_later(from(sv, "2001:db8:1:2:3:4:5:6", ""));
	want_in(from(sv, "2001:db8:1:3::1", ""));
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_page_of_an_allowed_site_reads),
	    TALK(test_refusals_tell_the_page_too),
	    TALK(test_page_of_another_site_is_told_nothing),
	    TALK(test_cookie_of_another_sites_page_is_refused),
	    TALK(test_preflight),
	    TALK(test_any_site_but_without_cookies),
	    TALK(test_without_the_option_nothing_is_said),
	    TALK(test_origins_that_are_none_are_refused_at_start),
	    TALK(test_streams_of_one_address),
	    TALK(test_streams_of_one_address_and_many_subjects),
	    TALK(test_proxies_are_believed_if_trusted),
	    TALK(
		test_what_the_client_says_does_not_count_before_the_proxys_line),
	    TALK(test_one_has_a_whole_net_of_ipv6),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
