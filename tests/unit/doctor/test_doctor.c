/*
 * test_doctor.c - the doctor's findings for what it has seen.  The tests make
 * the visits by hand: what came, when it came, and when it was sent.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/doctor/judge.h"
#include "tests/unit/cm.h"

/* --- visits ------------------------------------------------------------- */

static void
headers(struct visit *v, const char *const *lines)
{
	for (; *lines != NULL; lines++)
		visit_header(v, *lines, strlen(*lines));
}

#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A stream that began well. */
static struct visit
good_stream(void)
{
	struct visit v = {.done = true, .stream = true, .head_ms = 2};

	headers(&v, HEADERS("HTTP/2 200\r\n", "server: nginx/1.22.1\r\n",
			"content-type: text/event-stream\r\n",
			"cache-control: no-store, no-transform\r\n"));
	visit_block(&v, "retry: 2000\n\n", 2);
	visit_block(&v, "event: stream-start\nid: 7\ndata: {}\n\n", 2);
	v.end_ms = 3;
	return v;
}

#define ECHO                                                             \
	"{\"gateway\":\"fastcgi\",\"heartbeat_ms\":15000,"               \
	"\"protocol\":\"HTTP/2.0\",\"software\":\"nginx\",\"via\":null," \
	"\"forwarded_proto\":null,\"forwarded_for\":0,\"query\":23,"     \
	"\"path\":6,\"address\":9,\"last_event_id\":15,"                 \
	"\"authorization\":22,\"cookie\":17,\"accept\":17,"              \
	"\"accept_encoding\":17,\"origin\":0}"

static void
tick(struct visit *v, unsigned n, unsigned of, double sent, double came,
    const char *echo)
{
	char text[2048];

	snprintf(text, sizeof(text),
	    "event: stream-probe\n"
	    "data: {\"n\":%u,\"of\":%u,\"sent\":%.0f%s%s}\n\n",
	    n, of, 1.7e12 + sent, echo != NULL ? ",\"echo\":" : "",
	    echo != NULL ? echo : "");
	visit_block(v, text, came);
	v->end_ms = came + 1;
}

/* Twenty ticks, 100 ms apart, each a little after it was sent. */
static struct visit
good_probe(void)
{
	struct visit v = good_stream();
	unsigned n;

	v.started = false;
	for (n = 1; n <= 20; n++)
		tick(&v, n, 20, n * 100, n * 100 + 3 + n % 3,
		    n == 1 ? ECHO : NULL);
	return v;
}

/* The same ticks, but `heap` of them come at once each time. */
static struct visit
heaped_probe(unsigned heap, unsigned gap_ms)
{
	struct visit v = good_stream();
	unsigned n, last;

	v.started = false;
	for (n = 1; n <= 20; n++) {
		last = (n + heap - 1) / heap * heap;
		if (last > 20)
			last = 20;
		tick(&v, n, 20, n * gap_ms, last * gap_ms + 3,
		    n == 1 ? ECHO : NULL);
	}
	return v;
}

/* --- verdicts ----------------------------------------------------------- */

struct scene {
	struct visit stream, probe;
	struct evidence e;
	struct report r;
};

static struct scene *
scene(void)
{
	struct scene *sc = calloc(1, sizeof(*sc));

	assert_non_null(sc);
	sc->stream = good_stream();
	sc->probe = good_probe();
	sc->e.url = "https://example.org/events";
	sc->e.stream = &sc->stream;
	sc->e.probe = &sc->probe;
	sc->r.subject = sc->e.url;
	return sc;
}

/* Wants these codes of findings, in this order, and frees the scene. */
static void
want(struct scene *sc, const char *codes)
{
	char got[256] = "";
	size_t i, len = 0;

	judge_evidence(&sc->e, &sc->r);
	for (i = 0; i < sc->r.n; i++)
		if (sc->r.findings[i].level != LEVEL_NOTE)
			len += (size_t)snprintf(got + len, sizeof(got) - len,
			    "%s%s", len > 0 ? " " : "", sc->r.findings[i].code);
	assert_string_equal(got, codes);
	assert_int_equal(report_sick(&sc->r), *codes != '\0');
	report_free(&sc->r);
	free(sc);
}

static void
want_line(struct scene *sc, const char *code, const char *line)
{
	bool found = false;
	size_t i, j;

	judge_evidence(&sc->e, &sc->r);
	assert_true(report_has(&sc->r, code));
	for (i = 0; i < sc->r.n; i++)
		for (j = 0; j < sc->r.findings[i].nmends; j++)
			found |=
			    strcmp(sc->r.findings[i].mends[j].line, line) == 0;
	assert_true(found);
	report_free(&sc->r);
	free(sc);
}

static void
test_nothing_is_wrong(void **state)
{
	(void)state;
	want(scene(), "");
}

/* A busy machine: some ticks come at once, and one comes late. */
static void
test_a_hiccup_is_nothing(void **state)
{
	struct scene *sc = scene();
	unsigned i;

	(void)state;
	for (i = 5; i < 9; i++)
		sc->probe.ticks[i].came_ms = sc->probe.ticks[9].came_ms;
	sc->probe.ticks[15].came_ms += 90;
	want(sc, "");
}

static void
test_all_at_the_end_is_buffered(void **state)
{
	struct scene *sc = scene();
	struct visit plain = heaped_probe(20, 100);
	struct visit small = heaped_probe(20, 60);
	struct visit large = heaped_probe(4, 100);

	(void)state;
	sc->probe = heaped_probe(20, 100);
	plain.ticks[0].sent_ms++; /* these are other ticks */
	sc->e.plain = &plain;
	sc->e.small = &small;
	sc->e.large = &large;
	sc->e.small_bytes = 2048;
	sc->e.large_bytes = 16384;
	judge_evidence(&sc->e, &sc->r);
	assert_non_null(strstr(sc->r.findings[0].seen, "about 65536 bytes"));
	report_free(&sc->r);
	memset(&sc->r, 0, sizeof(sc->r));
	want(sc, "buffered");
}

static void
test_buffer_is_measured_by_what_was_sent_meanwhile(void **state)
{
	struct visit v = heaped_probe(4, 60);

	(void)state;
	assert_int_equal(judge_buffer(&v, 2048), 4 * 2048);
	v = heaped_probe(1, 60);
	assert_int_equal(judge_buffer(&v, 2048), 2048);
	v = heaped_probe(20, 60);
	assert_int_equal(judge_buffer(&v, 2048), 0);
}

static void
test_two_and_three_together_are_gathered(void **state)
{
	struct scene *sc = scene();
	struct visit plain = heaped_probe(3, 100);

	(void)state;
	sc->probe = heaped_probe(3, 100);
	sc->e.plain = &plain;
	plain.ticks[0].sent_ms++;
	want_line(sc, "gathered", "option http-no-delay");
}

static void
test_gathered_once_is_nothing(void **state)
{
	struct scene *sc = scene();
	struct visit plain = good_probe();

	(void)state;
	sc->probe = heaped_probe(3, 100);
	sc->e.plain = &plain;
	plain.ticks[0].sent_ms++;
	want(sc, "");
}

static void
test_compressed_and_held_by_it(void **state)
{
	struct scene *sc = scene();
	struct visit plain = good_probe();

	(void)state;
	strcpy(sc->probe.encoding, "gzip");
	plain.ticks[0].sent_ms++;
	sc->e.plain = &plain;
	want(sc, "compressed");
	sc = scene();
	sc->probe = heaped_probe(20, 100);
	strcpy(sc->probe.encoding, "gzip");
	sc->e.plain = &plain;
	judge_evidence(&sc->e, &sc->r);
	assert_int_equal(sc->r.findings[0].level, LEVEL_ERROR);
	report_free(&sc->r);
	memset(&sc->r, 0, sizeof(sc->r));
	want(sc, "compressed");
}

static void
test_the_same_ticks_twice_are_cached(void **state)
{
	struct scene *sc = scene();
	struct visit plain = heaped_probe(20, 100);

	(void)state;
	sc->probe = heaped_probe(20, 100);
	sc->e.plain = &plain;
	want(sc, "cached");
	sc = scene();
	headers(&sc->probe, HEADERS("Age: 17\r\n"));
	want(sc, "cached");
	sc = scene();
	headers(&sc->probe, HEADERS("X-Cache: HIT from here\r\n"));
	want(sc, "cached");
	sc = scene();
	headers(&sc->probe, HEADERS("Age: 0\r\n", "X-Cache: MISS\r\n"));
	want(sc, "");
}

/* What waits for the whole answer counts its own time as an age. */
static void
test_an_age_of_its_own_time_is_no_cache(void **state)
{
	struct scene *sc = scene();

	(void)state;
	sc->probe = heaped_probe(20, 100);
	sc->probe.head_ms = 1904;
	headers(&sc->probe, HEADERS("Age: 2\r\n"));
	want(sc, "buffered");
}

static void
test_late_start_needs_to_be_seen_twice(void **state)
{
	struct scene *sc = scene();
	struct visit again = {.head_ms = 1600, .nticks = 1};

	(void)state;
	sc->probe.head_ms = 2000;
	sc->e.again = &again;
	want(sc, "late-start");
	sc = scene();
	sc->probe.head_ms = 2000;
	again.head_ms = 50;
	sc->e.again = &again;
	want(sc, "");
}

static void
test_cut_in_the_middle(void **state)
{
	struct scene *sc = scene();

	(void)state;
	sc->probe.nticks = 12;
	sc->probe.trouble = TROUBLE_CUT;
	want(sc, "cut");
}

/* That a silence was cut matters only if the heartbeat would come later. */
static void
test_silence(void **state)
{
	struct scene *sc = scene();
	struct visit silence = good_stream();

	(void)state;
	silence.started = false;
	tick(&silence, 1, 2, 0, 3, NULL);
	silence.end_ms = 10003;
	silence.trouble = TROUBLE_CUT;
	sc->e.silence = &silence;
	want_line(sc, "idle", "fastcgi_read_timeout 60s;");
	sc = scene();
	sc->e.silence = &silence;
	want_line(sc, "idle", "largesse serve --heartbeat 5");
	silence.end_ms = 60003;
	sc = scene();
	sc->e.silence = &silence;
	judge_evidence(&sc->e, &sc->r);
	assert_true(report_has(&sc->r, "idle-limit"));
	report_free(&sc->r);
	memset(&sc->r, 0, sizeof(sc->r));
	sc->probe.echo.cgi = true;
	judge_evidence(&sc->e, &sc->r);
	assert_true(report_has(&sc->r, "cgi"));
	report_free(&sc->r);
	memset(&sc->r, 0, sizeof(sc->r));
	want(sc, "");
	tick(&silence, 2, 2, 18000, 18003, NULL);
	sc = scene();
	sc->e.silence = &silence;
	want(sc, "");
}

static void
test_what_did_not_arrive(void **state)
{
	struct scene *sc = scene();

	(void)state;
	sc->probe.echo.authorization = 0;
	strcpy(sc->probe.echo.software, "Apache");
	strcpy(sc->probe.server, "Apache/2.4");
	want_line(sc, "authorization", "CGIPassAuth On");
	sc = scene();
	sc->probe.echo.last_event_id = 0;
	want(sc, "last-event-id");
	sc = scene();
	sc->probe.echo.query = sc->probe.echo.cookie = 0;
	want(sc, "query cookie");
	sc = scene();
	sc->probe.echo.address = 0;
	want(sc, "address");
}

static void
test_http10_behind_another(void **state)
{
	struct scene *sc = scene();

	(void)state;
	strcpy(sc->probe.echo.protocol, "HTTP/1.0");
	strcpy(sc->probe.echo.software, "lighttpd");
	want_line(sc, "http10", "proxy_http_version 1.1;");
	sc = scene();
	strcpy(sc->probe.echo.protocol, "HTTP/1.0");
	want(sc, "http10");
	sc = scene();
	sc->probe.http = 10;
	want(sc, "http10");
}

static void
test_http1_is_a_note(void **state)
{
	struct scene *sc = scene();

	(void)state;
	sc->probe.http = 11;
	judge_evidence(&sc->e, &sc->r);
	assert_true(report_has(&sc->r, "http1"));
	assert_false(report_has(&sc->r, "cgi"));
	report_free(&sc->r);
	memset(&sc->r, 0, sizeof(sc->r));
	want(sc, "");
}

/* deploy/apache/README.md: do not use Apache's HTTP/2 for streams. */
static void
test_http2_is_not_for_apache(void **state)
{
	struct scene *sc = scene();
	const struct finding *f;
	size_t i;

	(void)state;
	sc->probe.http = 11;
	strcpy(sc->probe.server, "Apache/2.4.62 (Debian)");
	strcpy(sc->probe.echo.software, "Apache/2.4.62 (Debian)");
	judge_evidence(&sc->e, &sc->r);
	assert_int_equal(sc->r.n, 1);
	f = &sc->r.findings[0];
	assert_string_equal(f->code, "http1");
	for (i = 0; i < f->nmends; i++)
		assert_null(strstr(f->mends[i].line, "Protocols"));
	assert_string_equal(f->mends[0].line, "listen 443 ssl http2;");
	report_free(&sc->r);
	memset(&sc->r, 0, sizeof(sc->r));
	sc->probe.http = 20;
	want_line(sc, "http2", "Protocols http/1.1");
	/* nginx speaks with the browser, and Apache with nginx. */
	sc = scene();
	sc->probe.http = 20;
	strcpy(sc->probe.server, "nginx");
	strcpy(sc->probe.echo.software, "Apache/2.4.62 (Debian)");
	want(sc, "");
}

static void
test_cors(void **state)
{
	struct scene *sc = scene();

	(void)state;
	sc->e.origin = "https://a.example";
	want_line(sc, "cors",
	    "add_header Access-Control-Allow-Origin https://a.example;");
	sc = scene();
	sc->e.origin = "https://a.example";
	strcpy(sc->probe.allow_origin, "https://b.example");
	want(sc, "cors");
	sc = scene();
	sc->e.origin = "https://a.example";
	strcpy(sc->probe.allow_origin, "https://a.example");
	want(sc, "");
	sc = scene();
	sc->e.origin = "https://a.example";
	strcpy(sc->probe.allow_origin, "*");
	want(sc, "");
}

static void
test_cache_control_of_another(void **state)
{
	struct scene *sc = scene();

	(void)state;
	headers(&sc->probe, HEADERS("Cache-Control: max-age=3600\r\n"));
	want(sc, "cache-control");
	sc = scene();
	sc->probe.cache_control[0] = '\0';
	want(sc, "cache-control");
}

static void
test_no_stream_at_all(void **state)
{
	const unsigned fatal[] = {400, 404, 429, 500, 502, 503, 504};
	struct scene *sc;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
		sc = scene();
		sc->stream = (struct visit){
		    .done = true, .status = fatal[i], .http = 11};
		sc->e.probe = NULL;
		assert_false(judge_usable(&sc->stream));
		want(sc, "status");
	}
	sc = scene();
	sc->stream = (struct visit){
	    .done = true, .status = 200, .http = 11, .type = "text/html"};
	sc->e.probe = NULL;
	assert_true(judge_doubtful(&sc->stream));
	want(sc, "not-largesse");
	sc = scene();
	sc->stream = (struct visit){
	    .done = true, .status = 200, .http = 11, .type = "text/plain"};
	strcpy(sc->stream.text, "retry: 2000\nevent: stream-start\n");
	sc->e.probe = NULL;
	want(sc, "content-type");
	sc = scene();
	sc->stream = (struct visit){.done = true, .trouble = TROUBLE_TLS};
	sc->e.probe = NULL;
	want(sc, "tls");
	sc = scene();
	sc->stream = (struct visit){.done = true, .trouble = TROUBLE_NAME};
	sc->e.probe = NULL;
	want(sc, "unreachable");
}

/* The stream's own type is lost, and its text was held back. */
static void
test_health_shows_that_it_is_largesse(void **state)
{
	struct scene *sc = scene();
	struct visit health = {
	    .done = true, .status = 200, .type = "text/plain", .text = "ok\n"};

	(void)state;
	sc->stream = (struct visit){
	    .done = true, .status = 200, .http = 11, .type = "text/plain"};
	sc->e.probe = NULL;
	sc->e.health = &health;
	want(sc, "content-type");
	sc = scene();
	sc->stream = (struct visit){
	    .done = true, .status = 200, .http = 11, .type = "text/plain"};
	sc->e.probe = NULL;
	strcpy(health.text, "<!doctype html>ok\n");
	sc->e.health = &health;
	want(sc, "not-largesse");
}

/* The words of largesse's own 404: it is there, and asked for another page. */
static void
test_largesse_knows_its_own_404(void **state)
{
	struct scene *sc = scene();

	(void)state;
	sc->stream = (struct visit){.done = true, .status = 404, .http = 11};
	strcpy(sc->stream.text, "no such page here\n");
	sc->e.probe = NULL;
	sc->e.url = "https://example.org/live?topic=a";
	strcpy(sc->stream.server, "Caddy");
	want_line(sc, "mount", "env SCRIPT_NAME /live");
	sc = scene();
	sc->stream = (struct visit){.done = true, .status = 404, .http = 11};
	strcpy(sc->stream.text, "no such page here; status and metrics\n");
	sc->e.probe = NULL;
	sc->e.url = "https://example.org/live";
	want_line(sc, "mount", "largesse doctor 'https://example.org/events'");
}

/* What was seen of the first finding, and its first mend or "". */
static void
want_seen(struct scene *sc, const char *seen, const char *mend)
{
	const struct finding *f;

	judge_evidence(&sc->e, &sc->r);
	assert_true(sc->r.n > 0);
	f = &sc->r.findings[0];
	assert_string_equal(f->seen, seen);
	assert_string_equal(f->nmends > 0 ? f->mends[0].line : "", mend);
	report_free(&sc->r);
	free(sc);
}

static void
test_trouble_is_told_by_its_kind(void **state)
{
	static const struct {
		enum trouble trouble;
		const char *seen, *mend;
	} cases[] = {
	    {TROUBLE_NAME, "no such host: why", ""},
	    {TROUBLE_CONNECT, "nobody answers: why", "sudo ss -ltnp"},
	    {TROUBLE_CUT, "closed without an answer: why",
		"worker_connections 17500;"},
	    {TROUBLE_OTHER, "no answer: why", ""},
	};
	struct scene *sc;
	size_t i, probe;

	(void)state;
	/* Of the stream, and of the probe alone. */
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (probe = 0; probe < 2; probe++) {
			struct visit v = {.done = true,
			    .trouble = cases[i].trouble,
			    .error = "why"};

			sc = scene();
			*(probe ? &sc->probe : &sc->stream) = v;
			if (!probe)
				sc->e.probe = NULL;
			want_seen(sc, cases[i].seen, cases[i].mend);
		}
}

/* The text of a server is told if it is one line, and no page. */
static void
test_status_with_its_text(void **state)
{
	static const struct {
		const char *text, *seen;
	} cases[] = {
	    {"", "status 403 from nginx"},
	    {"token: expired\nmore", "status 403 from nginx: token: expired"},
	    {"<html><h1>no", "status 403 from nginx"},
	};
	struct scene *sc;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sc = scene();
		sc->stream = (struct visit){
		    .done = true, .status = 403, .http = 11, .server = "nginx"};
		strcpy(sc->stream.text, cases[i].text);
		sc->e.probe = NULL;
		want_seen(sc, cases[i].seen,
		    "largesse doctor --header 'Cookie: ...' URL");
	}
}

/* Which of the two is not there, and what to look at. */
static void
test_a_responder_that_is_not_there(void **state)
{
	static const struct {
		unsigned status;
		const char *text, *seen;
	} cases[] = {
	    {502, "<html>",
		"status 502 from nginx: the web server is there, the responder "
		"is not"},
	    {503, "",
		"status 503 from nginx: the web server is there, the responder "
		"is not"},
	    {504, "<html>",
		"status 504 from nginx: the web server is there, the responder "
		"does not answer"},
	    {500, "<html>", "status 500 from nginx"},
	    {503, "out of order\n", "status 503 from nginx: out of order"},
	};
	struct scene *sc;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sc = scene();
		sc->stream = (struct visit){.done = true,
		    .status = cases[i].status,
		    .http = 11,
		    .server = "nginx"};
		strcpy(sc->stream.text, cases[i].text);
		sc->e.probe = NULL;
		want_seen(sc, cases[i].seen,
		    "systemctl status largesse.service largesse.socket");
	}
}

/* Nothing came of the stream, nor of health, nor of the probe. */
static void
test_a_responder_that_hangs(void **state)
{
	struct scene *sc = scene();

	(void)state;
	sc->stream = (struct visit){.done = true,
	    .connected = true,
	    .trouble = TROUBLE_TIMEOUT,
	    .end_ms = 6000};
	sc->probe = (struct visit){.connected = true};
	sc->e.hangs = true;
	want_line(sc, "hangs", "sudo journalctl -u largesse -n 20");
}

/* The stream needs a token; the probe is open, and shows what else is wrong. */
static void
test_refused_and_more(void **state)
{
	struct scene *sc = scene();

	(void)state;
	sc->stream = (struct visit){.done = true, .status = 401, .http = 20};
	assert_true(judge_usable(&sc->stream));
	sc->probe.echo.cookie = 0;
	sc->e.credential = true;
	want(sc, "status cookie");
	sc = scene();
	sc->stream = (struct visit){.done = true, .status = 403, .http = 20};
	want(sc, "status");
}

/* That the doctor has no token is nothing wrong with the site. */
static void
test_a_stream_that_is_not_public(void **state)
{
	struct scene *sc = scene();

	(void)state;
	sc->stream = (struct visit){.done = true, .status = 401, .http = 20};
	strcpy(sc->stream.text, "a token is needed: Authorization: Bearer\n");
	want_line(sc, "token",
	    "largesse doctor 'https://example.org/events?topic=TOPIC'");
	sc = scene();
	sc->stream = (struct visit){.done = true, .status = 401, .http = 20};
	sc->probe.echo.cookie = 0;
	want(sc, "cookie");
	sc = scene(); /* the web server asks for it, before largesse is asked */
	sc->stream = (struct visit){.done = true, .status = 401, .http = 20};
	sc->probe = sc->stream;
	want(sc, "status");
}

static void
test_told_to_come_back(void **state)
{
	struct visit health = {.status = 200, .text = "ok\n"};
	struct scene *sc;

	(void)state;
	sc = scene();
	sc->stream.started = false;
	sc->e.health = &health;
	want(sc, "busy");
	health = (struct visit){.status = 503, .text = "/x: locked\n"};
	sc = scene();
	sc->stream.started = false;
	sc->e.health = &health;
	want_line(sc, "unhealthy", "sudo -u largesse largesse doctor FILE");
	health = (struct visit){.status = 502, .text = "<html>"};
	sc = scene();
	sc->stream.started = false;
	sc->e.health = &health;
	want_line(sc, "down", "sudo journalctl -u largesse -n 20");
	health = (struct visit){.status = 200, .stream = true};
	sc = scene();
	sc->stream.started = false;
	sc->e.health = &health;
	want(sc, "down");
}

static void
test_redirects(void **state)
{
	struct visit asked = {.status = 301, .location = "https://x/events"};
	struct scene *sc = scene();

	(void)state;
	sc->e.redirects = 1;
	sc->e.asked = &asked;
	want_line(
	    sc, "redirect", "new EventSource(\"https://example.org/events\")");
	sc = scene();
	sc->e.redirects = 1;
	sc->e.asked = &asked;
	sc->stream = (struct visit){
	    .done = true, .status = 200, .http = 11, .type = "text/html"};
	sc->e.probe = NULL;
	want(sc, "redirect");
}

/* As with http that leads to https, and a certificate of one's own. */
static void
test_redirected_to_a_certificate_that_nobody_trusts(void **state)
{
	struct visit asked = {.status = 301, .location = "https://x/events"};
	struct scene *sc = scene();

	(void)state;
	sc->e.redirects = 1;
	sc->e.asked = &asked;
	sc->stream = (struct visit){.done = true, .trouble = TROUBLE_TLS};
	sc->e.probe = NULL;
	want_line(sc, "tls", "largesse doctor --insecure URL");
}

static void
test_a_probe_that_is_none(void **state)
{
	struct scene *sc = scene();

	(void)state;
	sc->probe = good_stream();
	want(sc, "path");
	sc = scene();
	sc->probe = (struct visit){
	    .done = true, .status = 404, .http = 11, .type = "text/html"};
	want(sc, "probe");
	sc = scene(); /* such as the page that stands for all paths */
	sc->probe = (struct visit){
	    .done = true, .status = 200, .http = 11, .type = "text/html"};
	want(sc, "probe");
	sc = scene();
	sc->probe = (struct visit){.done = true, .trouble = TROUBLE_TIMEOUT};
	want(sc, "buffered");
	sc = scene();
	sc->probe.started = false;
	sc->probe.nticks = 0;
	want(sc, "probes");
	sc = scene(); /* a probe came through, and the stream did not begin */
	sc->stream = (struct visit){
	    .done = true, .stream = true, .status = 200, .end_ms = 5000};
	want(sc, "dumb");
}

/* --- ways for visitors -------------------------------------------------- */

/*
 * What was tried, from a stream that says the time: its start and so many
 * beats, a second apart.  The responder's clock is ahead of ours.
 */
#define AHEAD_MS 1.7e12

static void
say(struct visit *v, const char *type, double sent, double came)
{
	char text[256];

	snprintf(text, sizeof(text),
	    "event: %s\ndata: {\"time\":%.0f,\"beat\":1}\n\n", type,
	    AHEAD_MS + v->begun_ms + sent);
	visit_block(v, text, came);
	v->end_ms = came;
}

static void
end_well(struct visit *v, const char *reason, double came)
{
	char text[256];

	snprintf(text, sizeof(text),
	    "retry: 200\nevent: stream-retry\n"
	    "data: {\"retry\":200,\"reason\":\"%s\"}\n\n",
	    reason);
	visit_block(v, text, came);
	v->end_ms = came;
}

/*
 * Each message is so much late; at_end: none came before the end.  Visits do
 * not begin at the same time.
 */
static struct visit
tried(unsigned beats, double late, bool at_end)
{
	struct visit v = {.done = true,
	    .status = 200,
	    .stream = true,
	    .begun_ms = 5000 + beats * 1000};
	unsigned i;

	for (i = 0; i <= beats; i++)
		say(&v, i == 0 ? "stream-start" : "stream-beat", i * 1000,
		    at_end ? 3004 : i * 1000 + 4 + late);
	end_well(&v, "age", 3004);
	return v;
}

/* A scene in which all five were tried, and came so. */
static struct scene *
scene_of_tries(struct visit tries[TRIES], double late, bool at_end)
{
	struct scene *sc = scene();
	size_t i;

	for (i = 0; i < TRIES; i++) {
		tries[i] = tried(2, late, at_end);
		sc->e.tries[i] = &tries[i];
	}
	tries[TRY_POLL] = tried(0, 0, false);
	return sc;
}

/* What is said of one; frees the scene. */
static void
want_way_says(struct scene *sc, enum tried which, const char *how)
{
	judge_evidence(&sc->e, &sc->r);
	assert_int_equal(sc->r.nways, TRIES);
	assert_string_equal(sc->r.ways[which].how, how);
	assert_int_equal(
	    sc->r.ways[which].works, strncmp(how, "works", 5) == 0);
	report_free(&sc->r);
	free(sc);
}

static void
test_each_way_works(void **state)
{
	static const char *const names[] = {
	    "stream", "padded", "short", "post", "poll"};
	struct visit tries[TRIES];
	struct scene *sc = scene_of_tries(tries, 0, false);
	size_t i;

	(void)state;
	judge_evidence(&sc->e, &sc->r);
	assert_false(report_sick(&sc->r));
	assert_int_equal(sc->r.nways, TRIES);
	for (i = 0; i < TRIES; i++) {
		assert_string_equal(sc->r.ways[i].name, names[i]);
		assert_string_equal(sc->r.ways[i].how, "works");
	}
	report_free(&sc->r);
	free(sc);
}

static struct scene *
scene_cached(struct visit tries[TRIES], struct visit *twice)
{
	struct scene *sc = scene_of_tries(tries, 0, false);

	*twice = tries[TRY_POLL];
	sc->e.once = &tries[TRY_POLL];
	sc->e.twice = twice;
	return sc;
}

/* A cache lets pass what has a cookie, as the probe has; pages have none. */
static void
test_asked_twice_as_pages_ask(void **state)
{
	struct visit tries[TRIES], twice;
	struct scene *sc = scene_cached(tries, &twice);

	(void)state;
	want_line(sc, "cached", "fastcgi_cache off;");
	want_way_says(scene_cached(tries, &twice), TRY_STREAM,
	    "no: out of a cache when it is asked for again");
	want_way_says(scene_cached(tries, &twice), TRY_POLL, "works");
	sc = scene_cached(tries, &twice);
	twice.beats[0].sent_ms += 900;
	want(sc, "");
	/* What it is made of does not say the time. */
	sc = scene_cached(tries, &twice);
	tries[TRY_POLL].nbeats = twice.nbeats = 0;
	judge_evidence(&sc->e, &sc->r);
	assert_false(report_has(&sc->r, "cached"));
	report_free(&sc->r);
	free(sc);
}

static void
test_a_stream_that_is_held_is_polled(void **state)
{
	struct visit tries[TRIES];
	struct scene *sc = scene_of_tries(tries, 0, true);

	(void)state;
	want_way_says(sc, TRY_STREAM, "no: held until its end");
	want_way_says(
	    scene_of_tries(tries, 0, true), TRY_POST, "no: held until its end");
	want_way_says(scene_of_tries(tries, 0, true), TRY_POLL, "works");
}

/* The first of the ways that works: it costs least. */
static void
test_a_finding_has_the_way_around_it(void **state)
{
	struct visit tries[TRIES];
	struct scene *sc;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		sc = scene_of_tries(tries, 0, true);
		sc->probe = heaped_probe(20, 100);
		if (i > 0)
			tries[TRY_POST] = tried(2, 0, false);
		judge_evidence(&sc->e, &sc->r);
		assert_string_equal(sc->r.findings[0].code, "buffered");
		assert_non_null(strstr(
		    sc->r.findings[0].now, i == 0 ? "by polling" : "by POST"));
		report_free(&sc->r);
		free(sc);
	}
}

/* All are equally late, so only the poll tells that they are. */
static void
test_the_newest_is_held(void **state)
{
	struct visit tries[TRIES];
	struct scene *sc;

	(void)state;
	want(scene_of_tries(tries, 1000, false), "newest");
	want_way_says(scene_of_tries(tries, 1000, false), TRY_STREAM,
	    "no: the newest event waits for the next");
	want_way_says(scene_of_tries(tries, 1000, false), TRY_PADDED,
	    "works, up to 1.0 s late");
	want_way_says(scene_of_tries(tries, 2000, false), TRY_PADDED,
	    "no: events come up to 2.0 s late");
	want(scene_of_tries(tries, 2000, false), "");
	want_way_says(scene_of_tries(tries, 700, false), TRY_STREAM,
	    "no: events come up to 0.7 s late");
	sc = scene_of_tries(tries, 1000, false);
	sc->probe = heaped_probe(20, 100);
	want(sc, "buffered");
	/* Then a quiet stream did not begin either, for the same reason. */
	sc = scene_of_tries(tries, 1000, false);
	sc->stream = (struct visit){
	    .done = true, .stream = true, .status = 200, .end_ms = 5000};
	want(sc, "newest");
}

/* On a busy machine one beat comes late. */
static void
test_one_late_beat_is_a_hiccup(void **state)
{
	struct visit tries[TRIES];
	struct scene *sc = scene_of_tries(tries, 0, false);

	(void)state;
	tries[TRY_STREAM].beats[1].came_ms += 800;
	want_way_says(sc, TRY_STREAM, "works");
	sc = scene_of_tries(tries, 0, false);
	tries[TRY_STREAM].beats[1].came_ms += 1800;
	tries[TRY_STREAM].beats[2].came_ms += 800;
	want_way_says(sc, TRY_STREAM, "no: events come up to 1.8 s late");
}

static void
test_why_a_way_does_not_work(void **state)
{
	static const struct {
		struct visit v;
		const char *how;
	} cases[] = {
	    {{.trouble = TROUBLE_TIMEOUT, .end_ms = 12000},
		"no: nothing came in 12 s"},
	    {{.trouble = TROUBLE_CUT, .error = "Empty reply"},
		"no: Empty reply"},
	    {{.trouble = TROUBLE_OTHER}, "no: no answer"},
	    {{.status = 403, .text = "not here\n\x1b[2J"},
		"no: status 403: not here"},
	    {{.status = 502, .text = "<html>"}, "no: status 502"},
	    {{.status = 200, .type = "text/html"},
		"no: text/html in the place of a stream"},
	    {{.status = 200,
		 .stream = true,
		 .trouble = TROUBLE_TIMEOUT,
		 .end_ms = 12000},
		"no: nothing came in 12 s"},
	    {{.status = 200, .stream = true, .end_ms = 1500},
		"no: cut after 1.5 s, before anything came"},
	    {{.status = 200, .stream = true, .retry = true, .reason = "busy"},
		"no: told to come back: busy"},
	    {{.status = 200, .stream = true, .started = true, .ended = true},
		"no: its parameters did not arrive, or largesse there is "
		"older"},
	};
	struct visit tries[TRIES];
	struct scene *sc;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sc = scene_of_tries(tries, 0, false);
		tries[TRY_POST] = cases[i].v;
		want_way_says(sc, TRY_POST, cases[i].how);
	}
	for (i = 0; i < 2; i++) {
		sc = scene_of_tries(tries, 0, false);
		tries[TRY_SHORT].ended = false;
		tries[TRY_SHORT].trouble =
		    i == 0 ? TROUBLE_CUT : TROUBLE_TIMEOUT;
		want_way_says(sc, TRY_SHORT,
		    i == 0 ? "no: cut after 3.0 s"
			   : "no: its end did not come in 3 s");
	}
}

/* That a way does not work is no finding; that none does is one. */
static void
test_none_works(void **state)
{
	struct visit tries[TRIES];
	struct scene *sc = scene_of_tries(tries, 0, true);
	size_t i;

	(void)state;
	want(sc, "");
	sc = scene_of_tries(tries, 0, true);
	tries[TRY_POLL] = (struct visit){.status = 404};
	want(sc, "ways");
	sc = scene_of_tries(tries, 0, true);
	for (i = 0; i < TRIES; i++)
		tries[i] = (struct visit){.status = 404};
	sc->stream.started = false; /* one finding is enough */
	want(sc, "down");
}

static void
test_a_stream_with_a_token_is_not_tried(void **state)
{
	struct scene *sc = scene();

	(void)state;
	sc->stream = (struct visit){.done = true, .status = 401, .http = 20};
	judge_evidence(&sc->e, &sc->r);
	assert_false(report_has(&sc->r, "untried"));
	assert_int_equal(sc->r.nways, 0);
	report_free(&sc->r);
	memset(&sc->r, 0, sizeof(sc->r));
	sc->e.credential = true;
	judge_evidence(&sc->e, &sc->r);
	assert_true(report_has(&sc->r, "untried"));
	report_free(&sc->r);
	memset(&sc->r, 0, sizeof(sc->r));
	want(sc, "status");
}

/* Beats that no responder of ours would send, and more of them than expected.
 */
static void
test_beats_that_are_none(void **state)
{
	struct visit v = {0};
	int i;

	(void)state;
	visit_block(&v, "event: stream-beat\ndata: {\n\n", 1);
	visit_block(&v, "event: stream-beat\ndata: {\"time\":-1}\n\n", 1);
	visit_block(&v, "event: stream-beat\n\n", 1);
	visit_block(&v, "event: stream-start\ndata: 7\n\n", 1);
	assert_int_equal(v.nbeats, 0);
	visit_block(&v, "event: stream-retry\ndata: {\"reason\":7}\n\n", 1);
	assert_true(v.ended);
	assert_string_equal(v.reason, "");
	end_well(&v, "a reason that is much too long for it", 1);
	assert_string_equal(v.reason, "a reason that i");
	for (i = 0; i < 50; i++)
		say(&v, "stream-beat", 1, 1);
	assert_int_equal(v.nbeats, VISIT_BEATS);
}

/* --- who is in the way -------------------------------------------------- */

static void
want_way(const char *server, const char *software, const char *via,
    enum server_kind inner, enum server_kind outer, bool proxied)
{
	struct scene *sc = scene();
	struct way w;

	strcpy(sc->probe.server, server);
	strcpy(sc->probe.echo.software, software);
	strcpy(sc->probe.echo.via, via);
	w = way_of(&sc->probe);
	assert_int_equal(w.inner, inner);
	assert_int_equal(w.outer, outer);
	assert_int_equal(w.proxied, proxied);
	free(sc);
}

static void
test_way(void **state)
{
	(void)state;
	want_way(
	    "nginx/1.22.1", "nginx", "", SERVER_NGINX, SERVER_UNKNOWN, false);
	want_way("nginx", "", "", SERVER_NGINX, SERVER_UNKNOWN, false);
	want_way("openresty/1.21", "lighttpd", "", SERVER_LIGHTTPD,
	    SERVER_NGINX, true);
	want_way("Apache/2.4 (Debian)", "Apache", "1.1 x", SERVER_APACHE,
	    SERVER_UNKNOWN, true);
	want_way("cloudflare", "nginx", "", SERVER_NGINX, SERVER_CDN, true);
	want_way("nginx", "nginx", "1.1 host (squid/5.7)", SERVER_NGINX,
	    SERVER_SQUID, true);
	want_way("Caddy", "nginx", "", SERVER_NGINX, SERVER_CADDY, true);
}

/* Its administrator has given it another name, or it tells none. */
static void
test_one_server_is_one(void **state)
{
	struct scene *sc = scene();
	struct way w;

	(void)state;
	want_way("", "lighttpd", "", SERVER_LIGHTTPD, SERVER_UNKNOWN, false);
	want_way("our-site", "nginx", "", SERVER_NGINX, SERVER_UNKNOWN, false);
	/* Caddy says by FastCGI what a proxy would. */
	strcpy(sc->probe.server, "Caddy");
	strcpy(sc->probe.echo.software, "Caddy");
	strcpy(sc->probe.echo.forwarded_proto, "http");
	sc->probe.echo.forwarded_for = 1;
	w = way_of(&sc->probe);
	assert_int_equal(w.inner, SERVER_CADDY);
	assert_false(w.proxied);
	sc->probe.echo.forwarded_for = 2;
	assert_true(way_of(&sc->probe).proxied);
	free(sc);
}

/* --- which line first --------------------------------------------------- */

/* The first line, and how many are as likely. */
static void
want_first(struct scene *sc, const char *code, const char *line, size_t likely)
{
	const struct finding *f = NULL;
	size_t i, n = 0;

	judge_evidence(&sc->e, &sc->r);
	for (i = 0; i < sc->r.n; i++)
		if (strcmp(sc->r.findings[i].code, code) == 0)
			f = &sc->r.findings[i];
	assert_non_null(f);
	assert_string_equal(f->mends[0].line, line);
	for (i = 0; i < f->nmends; i++)
		n += !f->mends[i].other;
	assert_int_equal(n, likely);
	report_free(&sc->r);
	free(sc);
}

static void
test_of_an_unknown_server_in_front_one_line_is_first(void **state)
{
	struct scene *sc = scene();

	(void)state;
	sc->probe = heaped_probe(20, 100);
	strcpy(sc->probe.echo.via, "1.1 somebody");
	want_first(sc, "buffered", "proxy_buffering off;", 1);
	sc = scene();
	sc->probe = heaped_probe(20, 100);
	strcpy(sc->probe.via, "1.1 varnish (Varnish/7.1)");
	want_first(sc, "buffered",
	    "if (bereq.url ~ \"^/events\") { set beresp.do_stream = true; "
	    "set beresp.uncacheable = true; return (deliver); }",
	    1);
	sc = scene();
	sc->probe.echo.authorization = 0;
	strcpy(sc->probe.echo.via, "1.1 host (squid/5.7)");
	want_first(sc, "authorization", "login=PASSTHRU", 1);
	sc = scene();
	sc->probe.echo.authorization = 0;
	strcpy(sc->probe.echo.software, "Apache");
	strcpy(sc->probe.echo.via, "1.1 somebody");
	want_first(sc, "authorization", "CGIPassAuth On", 1);
}

/* Nothing shows an nginx before an nginx, so it is told as well. */
static void
test_a_second_one_of_the_same_name(void **state)
{
	struct scene *sc = scene();
	struct visit silence = good_stream();

	(void)state;
	tick(&silence, 1, 2, 0, 3, NULL);
	silence.end_ms = 10003;
	silence.trouble = TROUBLE_CUT;
	sc->e.silence = &silence;
	want_line(sc, "idle", "proxy_read_timeout 60s;");
	sc = scene();
	sc->e.silence = &silence;
	want_first(sc, "idle", "fastcgi_read_timeout 60s;", 2);
}

/* A directive that makes an Expires, and a header of somebody's own. */
static void
test_what_sets_cache_control(void **state)
{
	struct scene *sc = scene();

	(void)state;
	headers(&sc->probe, HEADERS("Cache-Control: max-age=3600\r\n",
				"Expires: Thu, 01 Jan 2037 00:00:00 GMT\r\n"));
	want_first(sc, "cache-control", "expires off;", 1);
	sc = scene();
	headers(&sc->probe, HEADERS("Cache-Control: public\r\n"));
	want_first(sc, "cache-control",
	    "add_header Cache-Control \"no-store, no-transform\";", 1);
}

/* --- reading what came -------------------------------------------------- */

static void
test_headers_are_read(void **state)
{
	struct visit v = {0};

	(void)state;
	headers(&v, HEADERS("HTTP/1.1 200 OK\r\n", "SERVER:nginx\r\n",
			"Servers: no\r\n", "Content-Type:  text/x \r\n",
			"Cache-Control: no-store\r\n",
			"cache-control: private\r\n", "\r\n"));
	assert_int_equal(v.status, 200);
	assert_int_equal(v.http, 11);
	assert_string_equal(v.server, "nginx");
	assert_string_equal(v.type, "text/x");
	assert_string_equal(v.cache_control, "no-store, private");
	headers(&v, HEADERS("HTTP/2 404 \r\n"));
	assert_int_equal(v.status, 404);
	assert_int_equal(v.http, 20);
}

/* A header of any length must do no harm. */
static void
test_long_headers_are_cut(void **state)
{
	struct visit v = {0};
	char line[8192];
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		memset(line, 'x', sizeof(line));
		memcpy(line, "Cache-Control:", 14);
		visit_header(&v, line, sizeof(line));
		memcpy(line, "Server:       ", 14);
		visit_header(&v, line, sizeof(line));
		memcpy(line, "Location:     ", 14);
		visit_header(&v, line, sizeof(line));
		memcpy(line, "Age:          ", 14);
		visit_header(&v, line, sizeof(line));
	}
	assert_int_equal(strlen(v.server), sizeof(v.server) - 1);
	assert_int_equal(strlen(v.cache_control), sizeof(v.cache_control) - 1);
	visit_header(&v, "", 0);
	visit_header(&v, "Server", 6);
	visit_header(&v, "HTTP/", 5);
}

static void
test_blocks_that_are_no_ticks(void **state)
{
	struct visit v = {0};
	int i;

	(void)state;
	visit_block(&v, "event: stream-probe\ndata: {\n\n", 1);
	visit_block(&v, "event: stream-probe\n\n", 1);
	visit_block(&v, "data: {\"n\":1}\n\n", 1);
	visit_block(&v, ":\n", 1);
	visit_block(&v, "", 1);
	assert_int_equal(v.nticks, 0);
	assert_false(visit_full(&v));
	for (i = 0; i < 50; i++) /* more than there is room for */
		tick(&v, 1, 9, 0, 0, "[1]");
	assert_int_equal(v.nticks, VISIT_TICKS);
	assert_false(v.echo.heard);
}

/* --- the report --------------------------------------------------------- */

static char *
printed(const struct report *r, void (*print)(const struct report *, FILE *))
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	print(r, f);
	fclose(f);
	return text;
}

static void
test_report_as_text(void **state)
{
	struct report r = {.subject = "x"};
	struct finding *f;
	char *text;

	(void)state;
	f = report_add(&r, "code", LEVEL_ERROR, SURE_LIKELY, "it is bad",
	    "a%s\tb", "\x1b[2J\xc2\x9b");
	report_mend(&r, f, "there", "line %d;", 1);
	report_mend(&r, f, "elsewhere", "line 2;");
	report_mend_other(f);
	report_add(&r, "other", LEVEL_NOTE, SURE_CERTAIN, "no", "nothing");
	text = printed(&r, report_print);
	assert_string_equal(text, "x\n"
				  "\nerror: code (likely)\n"
				  "  seen  a\\x1b[2J\\u009b b\n"
				  "  so    it is bad\n"
				  "  mend  there\n"
				  "            line 1;\n"
				  "  or    elsewhere\n"
				  "            line 2;\n"
				  "\nnote: other (certain)\n"
				  "  seen  nothing\n"
				  "  so    no\n"
				  "\n1 finding\n");
	free(text);
	report_free(&r);
}

/* Long texts are broken between words; what is well is said in one. */
static void
test_report_of_a_healthy_way(void **state)
{
	struct report r = {.subject = "x"};
	char *text, *line, *end;
	size_t lines = 0;

	(void)state;
	report_summary(&r, "%s",
	    "one two three four five six seven eight nine ten eleven twelve "
	    "thirteen fourteen fifteen sixteen seventeen eighteen nineteen");
	text = printed(&r, report_print);
	for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		lines += end > line;
		assert_true(end - line <= 80);
		if (lines == 3 && end > line)
			assert_non_null(strstr(line, "nineteen"));
	}
	assert_int_equal(lines, 4);
	assert_non_null(strstr(text, "nineteen\n\nhealthy\n"));
	free(text);
	report_free(&r);
}

static void
test_report_of_ways(void **state)
{
	struct report r = {.subject = "x"};
	json_t *j, *ways;
	char *text;
	int i;

	(void)state;
	for (i = 0; i < REPORT_WAYS + 2; i++)
		report_add_way(&r, "poll", false, "no: %s", "\x1b[2J\t\nx");
	assert_int_equal(r.nways, REPORT_WAYS);
	text = printed(&r, report_print);
	assert_non_null(
	    strstr(text, "\nways for visitors, with largesse.js in the page\n"
			 "        poll    no: \\x1b[2J  x\n"));
	free(text);
	text = printed(&r, report_print_json);
	j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	ways = json_object_get(j, "ways");
	assert_int_equal(json_array_size(ways), REPORT_WAYS);
	ways = json_array_get(ways, 0);
	assert_true(json_is_false(json_object_get(ways, "works")));
	assert_string_equal(json_string_value(json_object_get(ways, "how")),
	    "no: \x1b[2J\t\nx");
	json_decref(j);
	free(text);
	report_free(&r);
}

static void
test_report_as_json(void **state)
{
	struct report r = {.subject = "x\xff"};
	json_t *j, *f;
	char *text;

	(void)state;
	report_add(
	    &r, "code", LEVEL_WARNING, SURE_PERHAPS, "so", "\"%s\"", "\n\\");
	report_summary(&r, "one %s", "line");
	text = printed(&r, report_print_json);
	j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	assert_true(json_is_false(json_object_get(j, "healthy")));
	f = json_array_get(json_object_get(j, "findings"), 0);
	assert_string_equal(
	    json_string_value(json_object_get(f, "seen")), "\"\n\\\"");
	assert_string_equal(
	    json_string_value(json_object_get(f, "level")), "warning");
	json_decref(j);
	free(text);
	report_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_is_wrong),
	    cmocka_unit_test(test_a_hiccup_is_nothing),
	    cmocka_unit_test(test_all_at_the_end_is_buffered),
	    cmocka_unit_test(
		test_buffer_is_measured_by_what_was_sent_meanwhile),
	    cmocka_unit_test(test_two_and_three_together_are_gathered),
	    cmocka_unit_test(test_gathered_once_is_nothing),
	    cmocka_unit_test(test_compressed_and_held_by_it),
	    cmocka_unit_test(test_the_same_ticks_twice_are_cached),
	    cmocka_unit_test(test_asked_twice_as_pages_ask),
	    cmocka_unit_test(test_an_age_of_its_own_time_is_no_cache),
	    cmocka_unit_test(test_late_start_needs_to_be_seen_twice),
	    cmocka_unit_test(test_cut_in_the_middle),
	    cmocka_unit_test(test_silence),
	    cmocka_unit_test(test_what_did_not_arrive),
	    cmocka_unit_test(test_http10_behind_another),
	    cmocka_unit_test(test_http1_is_a_note),
	    cmocka_unit_test(test_http2_is_not_for_apache),
	    cmocka_unit_test(test_cors),
	    cmocka_unit_test(test_cache_control_of_another),
	    cmocka_unit_test(test_no_stream_at_all),
	    cmocka_unit_test(test_health_shows_that_it_is_largesse),
	    cmocka_unit_test(test_largesse_knows_its_own_404),
	    cmocka_unit_test(test_trouble_is_told_by_its_kind),
	    cmocka_unit_test(test_status_with_its_text),
	    cmocka_unit_test(test_a_responder_that_is_not_there),
	    cmocka_unit_test(test_a_responder_that_hangs),
	    cmocka_unit_test(test_refused_and_more),
	    cmocka_unit_test(test_a_stream_that_is_not_public),
	    cmocka_unit_test(test_told_to_come_back),
	    cmocka_unit_test(test_redirects),
	    cmocka_unit_test(
		test_redirected_to_a_certificate_that_nobody_trusts),
	    cmocka_unit_test(test_a_probe_that_is_none),
	    cmocka_unit_test(test_each_way_works),
	    cmocka_unit_test(test_a_stream_that_is_held_is_polled),
	    cmocka_unit_test(test_a_finding_has_the_way_around_it),
	    cmocka_unit_test(test_the_newest_is_held),
	    cmocka_unit_test(test_one_late_beat_is_a_hiccup),
	    cmocka_unit_test(test_why_a_way_does_not_work),
	    cmocka_unit_test(test_none_works),
	    cmocka_unit_test(test_a_stream_with_a_token_is_not_tried),
	    cmocka_unit_test(test_beats_that_are_none),
	    cmocka_unit_test(test_way),
	    cmocka_unit_test(test_one_server_is_one),
	    cmocka_unit_test(
		test_of_an_unknown_server_in_front_one_line_is_first),
	    cmocka_unit_test(test_a_second_one_of_the_same_name),
	    cmocka_unit_test(test_what_sets_cache_control),
	    cmocka_unit_test(test_headers_are_read),
	    cmocka_unit_test(test_long_headers_are_cut),
	    cmocka_unit_test(test_blocks_that_are_no_ticks),
	    cmocka_unit_test(test_report_as_text),
	    cmocka_unit_test(test_report_of_a_healthy_way),
	    cmocka_unit_test(test_report_of_ways),
	    cmocka_unit_test(test_report_as_json),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
