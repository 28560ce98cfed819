/*
 * fuzz_doctor_http.c - whatever a server answers, the doctor's report is whole
 * and harmless to a terminal.
 *
 * The answers go through libcurl, as they would come from the network, over a
 * pair of sockets.  The doctor's clock is ours: it goes on by a fixed step at
 * each look, so the same input gives the same report.
 *
 * input	a byte: the step of the clock, and whether a page is asked for;
 *		then what is answered to each visit, with 0xff between them, in
 *		the order of `visits'.  A visit without an answer is not made.
 */
#include <sys/socket.h>

#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "fcgi/doctor/http.h"
#include "fcgi/doctor/judge.h"
#include "tests/fuzz/fuzz.h"

enum {
	ANSWER_ENDS = 0xff,
	VISITS = 11 + TRIES
};

/* --- the clock, in place of clock_gettime (see run) ------------------------
 */

int fuzz_clock(clockid_t, struct timespec *);

static struct {
	int64_t ns, step_ns;
} now;

int
fuzz_clock(clockid_t which, struct timespec *ts)
{
	(void)which;
	now.ns += now.step_ns;
	ts->tv_sec = now.ns / 1000000000;
	ts->tv_nsec = now.ns % 1000000000;
	return 0;
}

/* --- one visit ----------------------------------------------------------- */

static curl_socket_t
hand_over(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	int *fd = arg, mine = *fd;

	(void)purpose;
	(void)address;
	*fd = CURL_SOCKET_BAD;
	return mine;
}

/* In place of the system's: what was handed over is connected. */
int
connect(int fd, const struct sockaddr *address, socklen_t len)
{
	(void)fd;
	(void)address;
	(void)len;
	return 0;
}

static void
check_text(const char *s, size_t size)
{
	must(memchr(s, '\0', size) != NULL);
}

static void
check_visit(const struct visit *v)
{
	must(v->done);
	must(v->nticks <= VISIT_TICKS);
	check_text(v->error, sizeof(v->error));
	check_text(v->server, sizeof(v->server));
	check_text(v->via, sizeof(v->via));
	check_text(v->type, sizeof(v->type));
	check_text(v->encoding, sizeof(v->encoding));
	check_text(v->cache_control, sizeof(v->cache_control));
	check_text(v->allow_origin, sizeof(v->allow_origin));
	check_text(v->location, sizeof(v->location));
	check_text(v->text, sizeof(v->text));
	check_text(v->reason, sizeof(v->reason));
	must(v->nbeats <= VISIT_BEATS);
	check_text(v->echo.protocol, sizeof(v->echo.protocol));
	check_text(v->echo.software, sizeof(v->echo.software));
	check_text(v->echo.via, sizeof(v->echo.via));
	check_text(v->echo.forwarded_proto, sizeof(v->echo.forwarded_proto));
}

static struct going *
visit(const struct doctor *d, const struct visit_ask *ask, const uint8_t *in,
    size_t len)
{
	struct going *g = http_open(d, ask);
	int pair[2], mine;

	must(g != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	must(send(pair[1], in, len, MSG_DONTWAIT) == (ssize_t)len);
	must(shutdown(pair[1], SHUT_WR) == 0);
	mine = pair[0];
	curl_easy_setopt(g->curl, CURLOPT_OPENSOCKETFUNCTION, hand_over);
	curl_easy_setopt(g->curl, CURLOPT_OPENSOCKETDATA, &mine);
	curl_easy_setopt(g->curl, CURLOPT_PROXY, "");
	http_over(g, curl_easy_perform(g->curl));
	close(pair[1]);
	if (mine != CURL_SOCKET_BAD)
		close(mine);
	check_visit(&g->visit);
	return g;
}

/* --- the report ----------------------------------------------------------- */

static void
check_report(const struct report *r)
{
	char *text = NULL, *json = NULL;
	size_t len, i;
	json_t *j;
	FILE *f = open_memstream(&text, &len);

	must(f != NULL);
	report_print(r, f);
	must(fclose(f) == 0);
	for (i = 0; i < len; i++)
		must((uint8_t)text[i] >= ' ' || text[i] == '\n');
	must(memchr(text, 0x7f, len) == NULL);
	f = open_memstream(&json, &len);
	must(f != NULL);
	report_print_json(r, f);
	must(fclose(f) == 0);
	j = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
	must(j != NULL);
	must(json_array_size(json_object_get(j, "findings")) == r->n);
	must(json_array_size(json_object_get(j, "ways")) == r->nways);
	json_decref(j);
	free(text);
	free(json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct doctor d = {.subject = "http://127.0.0.1/events"};
	struct evidence e = {.url = d.subject,
	    .small_bytes = 2048,
	    .large_bytes = 16384,
	    .idle_ms = 18000};
	const struct visit **const visits[VISITS] = {&e.stream, &e.probe,
	    &e.plain, &e.silence, &e.again, &e.small, &e.large, &e.health,
	    &e.asked, &e.tries[TRY_STREAM], &e.tries[TRY_PADDED],
	    &e.tries[TRY_SHORT], &e.tries[TRY_POST], &e.tries[TRY_POLL],
	    &e.once, &e.twice};
	struct visit_ask ask = {.url = d.subject, .timeout_ms = 60000};
	struct going *made[VISITS] = {NULL};
	struct report r = {.subject = d.subject};
	const uint8_t *end;
	size_t i, n;

	if (len == 0)
		return 0;
	now.ns = 1000000000;
	now.step_ns = (int64_t)1000 << in[0] % 24;
	d.origin = e.origin = in[0] & 0x80 ? "https://a.example" : NULL;
	for (in++, len--, i = 0; i < VISITS && len > 0; i++) {
		end = memchr(in, ANSWER_ENDS, len);
		n = end != NULL ? (size_t)(end - in) : len;
		ask.encodings = visits[i] != &e.plain;
		ask.dummies = i > 0 && i < 9;
		ask.form = visits[i] == &e.tries[TRY_POST] ? "beat=1" : NULL;
		ask.until_start = i == 0;
		if (n > 0) {
			made[i] = visit(&d, &ask, in, n);
			*visits[i] = &made[i]->visit;
		}
		n += end != NULL;
		in += n;
		len -= n;
	}
	e.redirects = e.asked != NULL;
	if (e.stream != NULL) {
		judge_evidence(&e, &r);
		check_report(&r);
	}
	report_free(&r);
	for (i = 0; i < VISITS; i++)
		if (made[i] != NULL)
			http_close(made[i]);
	return 0;
}
