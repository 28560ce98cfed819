/*
 * test_origin.c - which page asks, what its browser is told, and from which
 * address the client comes.
 */
#include <string.h>

#include "fcgi/auth/client/callers.h"
#include "fcgi/auth/origin.h"
#include "tests/unit/cm.h"

static const struct request nobody;

#define LIST(...)                                                    \
	(struct option_list)                                         \
	{                                                            \
		(char *[]){__VA_ARGS__},                             \
		    sizeof((char *[]){__VA_ARGS__}) / sizeof(char *) \
	}

static enum origin
of(const struct option_list *l, const char *origin, const char *host,
    const char *site)
{
	struct request rq = nobody;

	rq.origin = origin;
	rq.host = host;
	rq.fetch_site = site;
	return origin_of(l, &rq);
}

#define B "https://b.example"

static void
test_whose_page_it_is(void **state)
{
	static const struct {
		const char *origin, *host, *site;
		enum origin want;
	} cases[] = {
	    {NULL, "a.example", NULL, ORIGIN_OWN},
	    {NULL, "a.example", "same-origin", ORIGIN_OWN},
	    {NULL, "a.example", "none", ORIGIN_OWN},
	    {NULL, "a.example", "same-site", ORIGIN_FOREIGN},
	    {NULL, "a.example", "cross-site", ORIGIN_FOREIGN},
	    {B, "a.example", NULL, ORIGIN_LISTED},
	    {B, "a.example", "cross-site", ORIGIN_LISTED},
	    {"https://a.example", "a.example", NULL, ORIGIN_OWN},
	    {"https://A.example", "a.example", NULL, ORIGIN_OWN},
	    {"http://a.example:81", "a.example:81", NULL, ORIGIN_OWN},
	    {"https://a.example:443", "a.example", NULL, ORIGIN_OWN},
	    {"https://a.example", "A.example:443", NULL, ORIGIN_OWN},
	    {"http://a.example", "a.example:80", NULL, ORIGIN_OWN},
	    {"http://a.example:80", "a.example", NULL, ORIGIN_OWN},
	    {"http://a.example", "a.example:0080", NULL, ORIGIN_OWN},
	    {"http://[::1]:80", "[0:0::1]", NULL, ORIGIN_OWN},
	    /* A page of another port is of another site. */
	    {"http://a.example:81", "a.example", NULL, ORIGIN_FOREIGN},
	    {"http://a.example", "a.example:443", NULL, ORIGIN_FOREIGN},
	    {"https://a.example", "a.example:80", NULL, ORIGIN_FOREIGN},
	    {"https://a.example:8443", "a.example", NULL, ORIGIN_FOREIGN},
	    {"http://[::1]:81", "[::1]", NULL, ORIGIN_FOREIGN},
	    {"http://127.0.0.1:8080", "127.0.0.1", NULL, ORIGIN_FOREIGN},
	    {"http://a.example:x", "a.example", NULL, ORIGIN_FOREIGN},
	    {"http://u@a.example", "a.example", NULL, ORIGIN_FOREIGN},
	    {"http://a.example/", "a.example", NULL, ORIGIN_FOREIGN},
	    {"http://[::1]:81", "[::1]:81", NULL, ORIGIN_OWN},
	    {"http://[::1]", "[::", NULL, ORIGIN_FOREIGN},
	    {"http://a.example:81", "a.example:82", NULL, ORIGIN_FOREIGN},
	    {"http://a.example", "a.example:82", NULL, ORIGIN_FOREIGN},
	    {"https://a.example.evil", "a.example", NULL, ORIGIN_FOREIGN},
	    {"https://evil-a.example", "a.example", NULL, ORIGIN_FOREIGN},
	    {"https://a.example", NULL, NULL, ORIGIN_FOREIGN},
	    {"https://a.example", "", NULL, ORIGIN_FOREIGN},
	    {"null", "a.example", NULL, ORIGIN_FOREIGN},
	    {"null", "null", NULL, ORIGIN_FOREIGN},
	    {"", "a.example", NULL, ORIGIN_FOREIGN},
	    /* What the browser says counts more than our guess. */
	    {"https://a.example", "a.example", "same-site", ORIGIN_FOREIGN},
	    {"https://a.example", "b.example", "same-origin", ORIGIN_OWN},
	    {"https://b.example.", "a.example", NULL, ORIGIN_FOREIGN},
	    {"http://b.example", "a.example", NULL, ORIGIN_FOREIGN},
	    {"https://b.example:444", "a.example", NULL, ORIGIN_FOREIGN},
	    {"HTTPS://B.EXAMPLE", "a.example", NULL, ORIGIN_LISTED},
	    {B ":443", "a.example", NULL, ORIGIN_LISTED},
	};
	struct option_list l = LIST((char *)B);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (of(&l, cases[i].origin, cases[i].host, cases[i].site) !=
		    cases[i].want)
			fail_msg("%zu: %s", i,
			    cases[i].origin ? cases[i].origin : "none");
}

/* The origin goes into a header of ours, which has to have room for it. */
static void
test_a_port_has_five_digits(void **state)
{
	struct option_list l = LIST((char *)B);
	struct request rq = nobody;
	char origin[1000], buf[ORIGIN_HEADERS_SIZE];

	(void)state;
	snprintf(origin, sizeof(origin), B ":%0900d", 443);
	rq.origin = origin;
	rq.host = strstr(origin, "//") + 2;
	assert_int_equal(origin_of(&l, &rq), ORIGIN_FOREIGN);
	assert_string_equal(origin_headers(&l, &rq, buf), "Vary: Origin\r\n");
	snprintf(origin, sizeof(origin), B ":00443");
	assert_int_equal(origin_of(&l, &rq), ORIGIN_LISTED);
}

static void
test_any_page_but_ours(void **state)
{
	struct option_list l = LIST((char *)"*", (char *)B);

	(void)state;
	assert_int_equal(of(&l, B, "a.example", NULL), ORIGIN_LISTED);
	assert_int_equal(
	    of(&l, "https://c.example", "a.example", NULL), ORIGIN_ANY);
	assert_int_equal(of(&l, "null", "a.example", NULL), ORIGIN_ANY);
	assert_int_equal(of(&l, "*", "a.example", "cross-site"), ORIGIN_ANY);
	assert_int_equal(
	    of(&l, "https://a.example", "a.example", NULL), ORIGIN_OWN);
	assert_int_equal(
	    of(&l, NULL, "a.example", "cross-site"), ORIGIN_FOREIGN);
}

/* With TLS here, a page without it is not ours; the reverse can be. */
static void
test_scheme_of_a_page(void **state)
{
	struct option_list none = {NULL, 0};
	struct request rq = nobody;

	(void)state;
	rq.host = "a.example";
	rq.origin = "http://a.example";
	assert_int_equal(origin_of(&none, &rq), ORIGIN_OWN);
	rq.tls = true;
	assert_int_equal(origin_of(&none, &rq), ORIGIN_FOREIGN);
	rq.origin = "https://a.example";
	assert_int_equal(origin_of(&none, &rq), ORIGIN_OWN);
	rq.tls = false;
	assert_int_equal(origin_of(&none, &rq), ORIGIN_OWN);
}

/* What the option has, and what the browser of such a page sends. */
static void
test_listed_as_a_browser_writes_it(void **state)
{
	static const char *const same[][2] = {
	    {"https://WWW.b.example", "https://www.b.example"},
	    {"HTTPS://b.example", "https://b.example"},
	    {"https://b.example:443", "https://b.example"},
	    {"http://b.example:80", "http://b.example"},
	    {"http://b.example:", "http://b.example"},
	    {"http://b.example:08080", "http://b.example:8080"},
	    {"http://[2001:DB8:0::1]", "http://[2001:db8::1]"},
	    {"http://[::ffff:192.0.2.1]", "http://[::ffff:c000:201]"},
	    {"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
	};
	static const char *const other[][2] = {
	    {"https://b.example", "http://b.example"},
	    {"https://b.example", "https://b.example:80"},
	    {"https://b.example:8443", "https://b.example"},
	    {"https://b.example", "https://b.example."},
	    {"https://b.example", "https://www.b.example"},
	    {"capacitor://localhost", "http://localhost"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct option_list l = LIST((char *)same[i][0]);

		if (origin_wrong(same[i][0]) != NULL ||
		    of(&l, same[i][1], "a.example", NULL) != ORIGIN_LISTED)
			fail_msg("%s", same[i][0]);
	}
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		struct option_list l = LIST((char *)other[i][0]);

		if (of(&l, other[i][1], "a.example", NULL) != ORIGIN_FOREIGN)
			fail_msg("%s", other[i][0]);
	}
}

static const char *
headers(const struct option_list *l, const char *origin, const char *preflight)
{
	static char buf[ORIGIN_HEADERS_SIZE];
	struct request rq = nobody;

	rq.method = preflight != NULL ? METHOD_OPTIONS : METHOD_GET;
	rq.origin = origin;
	rq.preflight = preflight;
	return origin_headers(l, &rq, buf);
}

static void
test_headers_for_a_page(void **state)
{
	struct option_list none = {NULL, 0}, l = LIST((char *)B),
			   any = LIST((char *)"*");

	(void)state;
	assert_string_equal(headers(&none, B, NULL), "");
	assert_string_equal(headers(&none, B, "GET"), "");
	assert_string_equal(headers(&l, NULL, NULL), "Vary: Origin\r\n");
	assert_string_equal(
	    headers(&l, "https://c.example", "GET"), "Vary: Origin\r\n");
	assert_string_equal(headers(&l, B, NULL),
	    "Access-Control-Allow-Origin: " B "\r\n"
	    "Access-Control-Allow-Credentials: true\r\n"
	    "Vary: Origin\r\n");
	assert_string_equal(headers(&any, "https://c.example", NULL),
	    "Access-Control-Allow-Origin: *\r\nVary: Origin\r\n");
	assert_non_null(strstr(headers(&l, B, "GET"),
	    "Access-Control-Allow-Headers: Authorization, Cache-Control, "
	    "Content-Type, Last-Event-ID\r\n"));
	assert_non_null(strstr(headers(&any, "null", "POST"),
	    "Access-Control-Allow-Methods: GET, HEAD, POST\r\n"));
	assert_null(strstr(headers(&any, "null", "POST"), "Credentials"));
}

static void
test_origins_that_are_none(void **state)
{
	static const char *const bad[] = {"", "null", "b.example", "https://",
	    "://b", "https://b.example/", "https://b.example/x",
	    "https://b.example?x", "https://b example", "https://b\r\nX: y",
	    "https://\xff", "https://*.b.example", "https://b.example:*",
	    "https://b\xc3\xbc.example", "https://u@b.example",
	    "https://u:p@b.example", "https://b.example:65536",
	    "https://b.example:x", "https://b.example:-1", "https:b.example",
	    "https:///b.example", " https://b.example", "https://b.example ",
	    "https://b.example,https://c.example", "https://b%2eexample",
	    "https://[::1", "https://::1", "https://[fe80::1%eth0]",
	    "https://.b.example", "https://127.1", "https://0x7f.0.0.1",
	    "https://2130706433", "https://127.0.0.01", "file://x", "wss://b",
	    "ws://b.example", "data://x", "**", "*.b.example",
	    "https\\://b.example", "https://b\\x"};
	static const char *const good[] = {"*", B, "http://localhost:8080",
	    "http://[::1]:81", "capacitor://localhost"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (origin_wrong(bad[i]) == NULL)
			fail_msg("%s", bad[i]);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (origin_wrong(good[i]) != NULL)
			fail_msg("%s", good[i]);
}

/* --- addresses ---------------------------------------------------------- */

static bool
is(const struct address *a, const char *s)
{
	struct address b;

	assert_true(address_read(&b, s, strlen(s)));
	return memcmp(a, &b, sizeof(b)) == 0;
}

static void
test_addresses(void **state)
{
	static const char *const same[][2] = {
	    {"192.0.2.1", "::ffff:192.0.2.1"},
	    {"192.0.2.1:8080", "192.0.2.1"},
	    {" 192.0.2.1\t", "192.0.2.1"},
	    {"[2001:db8::1]", "2001:db8::1"},
	    {"[2001:db8::1]:443", "2001:DB8:0::1"},
	};
	static const char *const bad[] = {"", " ", "unix:", "192.0.2",
	    "192.0.2.256", "192.0.2.1.1", "2001:db8::1::", "[::1", "x",
	    "192.0.2.1 192.0.2.2", "::1%lo",
	    "00000000000000000000000000000000"
	    "00000000000000000000000000000000000::1"};
	struct address a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_true(address_read(&a, same[i][0], strlen(same[i][0])));
		assert_true(is(&a, same[i][1]));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (address_read(&a, bad[i], strlen(bad[i])))
			fail_msg("%s", bad[i]);
}

static void
test_networks(void **state)
{
	static const struct {
		const char *net, *in, *out;
	} nets[] = {
	    {"10.0.0.0/8", "10.255.1.2", "11.0.0.0"},
	    {"192.0.2.128/25", "192.0.2.200", "192.0.2.127"},
	    {"192.0.2.1", "192.0.2.1", "192.0.2.2"},
	    {"192.0.2.1/32", "192.0.2.1", "192.0.2.0"},
	    {"0.0.0.0/0", "8.8.8.8", "2001:db8::1"},
	    {"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
	    {"::1", "::1", "::2"},
	};
	static const char *const bad[] = {"10.0.0.0/33", "10.0.0.0/", "x/8",
	    "10.0.0.0/-1", "10.0.0.0/8x", "::1/129", "", "/8"};
	struct network net;
	struct address a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		assert_true(address_network_read(&net, nets[i].net));
		address_read(&a, nets[i].in, strlen(nets[i].in));
		assert_true(address_network_has(&net, &a));
		address_read(&a, nets[i].out, strlen(nets[i].out));
		assert_false(address_network_has(&net, &a));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (address_network_read(&net, bad[i]))
			fail_msg("%s", bad[i]);
}

static void
test_forwarded_for_is_believed_of_proxies_only(void **state)
{
	static const struct {
		const char *remote, *forwarded, *want;
	} cases[] = {
	    {"203.0.113.9", "8.8.8.8", "203.0.113.9"},
	    {"10.0.0.1", "8.8.8.8", "8.8.8.8"},
	    {"10.0.0.1", "9.9.9.9, 8.8.8.8", "8.8.8.8"},
	    {"10.0.0.1", "9.9.9.9, 8.8.8.8 , 10.0.0.2", "8.8.8.8"},
	    {"10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"},
	    {"10.0.0.1", "8.8.8.8, rubbish", "10.0.0.1"},
	    {"10.0.0.1", "8.8.8.8, rubbish, 10.0.0.2", "10.0.0.2"},
	    {"10.0.0.1", ",,,", "10.0.0.1"},
	    {"10.0.0.1", "unknown", "10.0.0.1"},
	    {"10.0.0.1", "[2001:db8::7]:81", "2001:db8::7"},
	    {"10.0.0.1", NULL, "10.0.0.1"},
	};
	struct request rq = nobody;
	struct network net;
	struct address a;
	size_t i;

	(void)state;
	assert_true(address_network_read(&net, "10.0.0.0/8"));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rq.address = cases[i].remote;
		rq.forwarded_for = cases[i].forwarded;
		a = address_of(&rq, &net, 1);
		if (!is(&a, cases[i].want))
			fail_msg("%zu", i);
	}
}

/* --- the streams of one client ------------------------------------------ */

static struct caller *
join(struct callers *cs, const char *address, const char *subject)
{
	struct request rq = nobody;
	struct caller *c;

	rq.address = address;
	assert_int_equal(callers_join(cs, &rq, subject,
			     subject ? strlen(subject) : 0, false, &c),
	    0);
	return c;
}

static bool
full(const struct callers *cs, const char *address)
{
	struct request rq = nobody;

	rq.address = address;
	return callers_full(cs, &rq);
}

static void
test_callers_without_a_limit(void **state)
{
	struct serve_conf conf = {.max_streams_per_address = 0};
	struct caller *al, *bo;
	struct callers cs;
	char why[128];

	(void)state;
	assert_int_equal(callers_open(&cs, &conf, why, sizeof(why)), 0);
	assert_null(join(&cs, "192.0.2.1", NULL));
	assert_null(join(&cs, "192.0.2.1", ""));
	al = join(&cs, "192.0.2.1", "al");
	bo = join(&cs, "192.0.2.1", "bo");
	assert_ptr_equal(join(&cs, "192.0.2.2", "al"), al);
	assert_int_equal(al->streams, 2);
	assert_false(full(&cs, "192.0.2.1"));
	callers_leave(&cs, NULL);
	callers_leave(&cs, al);
	callers_leave(&cs, al);
	callers_leave(&cs, bo);
	assert_int_equal(cs.table.n, 0);
	callers_close(&cs);
}

static void
test_callers_of_one_address(void **state)
{
	struct serve_conf conf = {.max_streams_per_address = 3};
	struct caller *c[3];
	struct callers cs;
	char why[128];

	(void)state;
	assert_int_equal(callers_open(&cs, &conf, why, sizeof(why)), 0);
	c[0] = join(&cs, "192.0.2.1", "al");
	c[1] = join(&cs, "192.0.2.1", "bo");
	assert_false(full(&cs, "192.0.2.1"));
	c[2] = join(&cs, "::ffff:192.0.2.1", NULL);
	assert_true(full(&cs, "192.0.2.1"));
	assert_false(full(&cs, "192.0.2.2"));
	assert_false(full(&cs, "unix:"));
	callers_leave(&cs, c[1]);
	assert_false(full(&cs, "192.0.2.1"));
	callers_leave(&cs, c[0]);
	callers_leave(&cs, c[2]);
	assert_int_equal(cs.table.n, 0);
	/* All addresses of one /64 count as one client. */
	join(&cs, "2001:db8::1", NULL);
	join(&cs, "2001:db8::2", NULL);
	join(&cs, "2001:db8::ffff:1", "al");
	assert_true(full(&cs, "2001:db8:0:0:9::"));
	assert_false(full(&cs, "2001:db8:0:1::1"));
	callers_close(&cs);
}

static void
test_many_callers(void **state)
{
	struct serve_conf conf = {.max_streams_per_address = 2};
	struct caller *c[5000];
	struct callers cs;
	char why[128], address[32], name[32];
	int i;

	(void)state;
	assert_int_equal(callers_open(&cs, &conf, why, sizeof(why)), 0);
	for (i = 0; i < 5000; i++) {
		sprintf(address, "10.0.%d.%d", i / 2 / 256, i / 2 % 256);
		sprintf(name, "n%d", i);
		assert_false(full(&cs, address));
		c[i] = join(&cs, address, name);
	}
	assert_int_equal(cs.table.n, 5000);
	assert_true(cs.table.mask >= 2048);
	assert_true(full(&cs, "10.0.3.4"));
	for (i = 0; i < 5000; i++)
		callers_leave(&cs, c[i]);
	assert_int_equal(cs.table.n, 0);
	assert_false(full(&cs, "10.0.3.4"));
	callers_close(&cs);
}

static void
test_a_trusted_proxy_that_is_no_address(void **state)
{
	char *proxies[] = {(char *)"10.0.0.0/8", (char *)"10.0.0.0/99"};
	struct serve_conf conf = {.trusted_proxy = {proxies, 2}};
	struct callers cs;
	char why[128];

	(void)state;
	assert_int_equal(callers_open(&cs, &conf, why, sizeof(why)), -1);
	assert_string_equal(why,
	    "--trusted-proxy: '10.0.0.0/99' is neither an address nor "
	    "ADDRESS/BITS");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whose_page_it_is),
	    cmocka_unit_test(test_a_port_has_five_digits),
	    cmocka_unit_test(test_any_page_but_ours),
	    cmocka_unit_test(test_scheme_of_a_page),
	    cmocka_unit_test(test_listed_as_a_browser_writes_it),
	    cmocka_unit_test(test_headers_for_a_page),
	    cmocka_unit_test(test_origins_that_are_none),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_networks),
	    cmocka_unit_test(test_forwarded_for_is_believed_of_proxies_only),
	    cmocka_unit_test(test_callers_without_a_limit),
	    cmocka_unit_test(test_callers_of_one_address),
	    cmocka_unit_test(test_many_callers),
	    cmocka_unit_test(test_a_trusted_proxy_that_is_no_address),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
