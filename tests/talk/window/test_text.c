/*
 * test_text.c - whatever bytes a row has, the client gets valid UTF-8 and
 * exactly one event, and no field can contain the end of the event or another
 * field.
 */
#include <string.h>

#include "tests/talk/peer/peer.h"

static void
test_every_line_end_ends_a_data_line(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	append(sv, "main", "a\nb\rc\r\nd");
	want(c, "id: 1\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
}

static void
test_empty_lines_are_kept(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	append(sv, "main", "\n\r\rx\r\n\r\n");
	want_event(c, "1", "message", "\n\n\nx\n\n");
	append(sv, "main", "\n");
	want_event(c, "2", "message", "\n");
}

static void
test_empty_data_is_an_event(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	append(sv, "main", "");
	want_event(c, "1", "message", "");
	append_event(sv, NULL, NULL, NULL, NULL);
	want_event(c, "2", "message", "");
}

static void
test_blanks_and_colons_are_data(void)
{
	static const char *const data[] = {
	    " x", "  x ", ": x", ":", "\tx", "data: x", "\xef\xbb\xbfx"};
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
		append(sv, "main", data[i]);
		want_event(c, NULL, "message", data[i]);
	}
}

static void
test_data_cannot_break_out_of_its_field(void)
{
	static const char *const data[] = {"x\n\nid: 99\ndata: forged",
	    "x\r\rid: 99\revent: forged\rdata: y", "x\r\n\r\nretry: 1",
	    "\n\n\nevent: stream-gap\ndata: {}\n\n"};
	static const char *const line[] = {"x\n\nid: 99\ndata: forged",
	    "x\n\nid: 99\nevent: forged\ndata: y", "x\n\nretry: 1",
	    "\n\n\nevent: stream-gap\ndata: {}\n\n"};
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	int64_t retry = c->retry;

	for (int i = 0; i < 4; i++) {
		append(sv, "main", data[i]);
		want_event(c, text("%d", i + 1), "message", line[i]);
	}
	check(c->retry == retry);
}

static void
test_event_cannot_break_out_of_its_field(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	struct row nul = {.event = {"a\0b", 3}, .data = column("2")};

	append_event(sv, "main", "a\nid: 9\r\n\ndata: x", "1", NULL);
	want_event(c, "1",
	    "a\xef\xbf\xbd"
	    "id: 9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
	    "data: x",
	    "1");
	append_rows(sv, &nul, 1);
	want_event(c, "2",
	    "a\xef\xbf\xbd"
	    "b",
	    "2");
}

static void
test_types_that_are_ours_cannot_be_forged(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	append_event(sv, "main", "stream-gap", "{}", NULL);
	check(strncmp(want_next(c)->type, "stream-", 7) != 0);
	append_event(sv, "main", "upstream-gap", "{}", NULL);
	want_event(c, "2", "upstream-gap", "{}");
}

static void
test_nul_and_controls_stay_in_data(void)
{
	static const char data[] = "a\0b\x01\x7f\x1b[2J\0";
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	append_bytes(sv, data, sizeof(data) - 1);
	want_data(c, data, sizeof(data) - 1);
}

/* Each maximal subpart becomes one U+FFFD, as in a browser's decoder. */
static void
test_what_is_not_utf8_is_replaced(void)
{
	static const char *const t[][2] = {{"\xff", "\xef\xbf\xbd"},
	    {"a\xc3", "a\xef\xbf\xbd"}, {"\xe2\x82z", "\xef\xbf\xbdz"},
	    {"\xf0\x9f\x98\n\x80", "\xef\xbf\xbd\n\xef\xbf\xbd"},
	    {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\xf4\x90\x80\x80",
		"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\xf0\x9f\x98\x80 \xef\xbf\xbf", "\xf0\x9f\x98\x80 \xef\xbf\xbf"}};
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		append_bytes(sv, t[i][0], strlen(t[i][0]));
		want_data(c, t[i][1], strlen(t[i][1]));
	}
}

/* Nobody can ask for it by name, but it is an event like any other. */
static void
test_a_topic_of_64_kib(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=*");
	char *topic = keep(65537);

	memset(topic, '0', 65536);
	append(sv, topic, "x");
	want(c, "id: 1\ndata: x\n\n");
	want_nothing_more(c, sv, "main");
}

static void
test_odd_topics_are_of_the_star_alone(void)
{
	struct server *sv = serve();
	struct client *star = stream(sv, "/events?topic=*");
	struct client *one = stream(sv, "/events?topic=a");
	struct row rows[] = {{.topic = {"a\0", 2}, .data = column("1")},
	    {.topic = {"a\xff", 2}, .data = column("2")},
	    {.topic = {"a\n", 2}, .data = column("3")},
	    {.topic = {"a", 1}, .data = column("4")}};

	append_rows(sv, rows, 4);
	for (int i = 1; i <= 4; i++)
		want_event(star, text("%d", i), "message", text("%d", i));
	want_event(one, "4", "message", "4");
}

static void
test_data_of_1_mib(void)
{
	enum {
		MIB = 1 << 20
	};
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	char *data = keep(MIB + 1);

	memset(data, 'x', MIB);
	data[MIB / 2] = '\n';
	append(sv, "main", data);
	append(sv, "main", "small");
	want_data(c, data, MIB);
	want(c, "id: 2\ndata: small\n\n");
	c = get(sv, "/events", "HTTP_LAST_EVENT_ID", "0", NULL);
	want_start(c);
	want_data(c, data, MIB);
	want(c, "id: 2\ndata: small\n\n");
}

/* An empty line takes seven bytes to send, which is the worst case. */
static void
test_data_of_nothing_but_line_ends(void)
{
	enum {
		MANY = 100000
	};
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	char *data = keep(MANY + 1);

	memset(data, '\r', MANY);
	append(sv, "main", data);
	memset(data, '\n', MANY);
	want_data(c, data, MANY);
	want_nothing_more(c, sv, "main");
}

/* Every length near the size of a record, to find errors by one. */
static void
test_data_of_every_length_about_a_record(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	for (size_t around = 8192; around <= 65536; around *= 2)
		for (size_t len = around - 40; len < around + 10; len += 3) {
			append_many(sv, "main", (int)len, 1, len);
			check(want_next(c)->len == len);
		}
	want_nothing_more(c, sv, "main");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_every_line_end_ends_a_data_line),
	    TALK(test_empty_lines_are_kept),
	    TALK(test_empty_data_is_an_event),
	    TALK(test_blanks_and_colons_are_data),
	    TALK(test_data_cannot_break_out_of_its_field),
	    TALK(test_event_cannot_break_out_of_its_field),
	    TALK(test_types_that_are_ours_cannot_be_forged),
	    TALK(test_nul_and_controls_stay_in_data),
	    TALK(test_what_is_not_utf8_is_replaced),
	    TALK(test_a_topic_of_64_kib),
	    TALK(test_odd_topics_are_of_the_star_alone),
	    TALK(test_data_of_1_mib),
	    TALK(test_data_of_nothing_but_line_ends),
	    TALK(test_data_of_every_length_about_a_record),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
