/*
 * serve.c - `largesse serve`: on a socket, as several workers, or for one CGI
 * request.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/command.h"
#include "fcgi/base/log.h"
#include "fcgi/reply/tell.h"
#include "fcgi/serve/answer.h"
#include "fcgi/serve/inherit.h"
#include "fcgi/serve/listen.h"
#include "fcgi/serve/loop.h"
#include "fcgi/serve/process.h"
#include "fcgi/serve/sandbox.h"
#include "fcgi/serve/serve.h"
#include "fcgi/serve/sockets.h"
#include "fcgi/serve/workers.h"
#include "fcgi/stream/news.h"
#include "fcgi/stream/write.h"

/* Sent when a CGI program cannot even start; the web server passes it on. */
static const char broken[] = "Status: 500 Internal Server Error\r\n"
			     "Content-Type: text/plain\r\n\r\n"
			     "largesse: cannot start, see the error log\n";

enum {
	LOG_MS = 5000 /* a CGI program waits so long for the log */
};

/* --- on a socket -------------------------------------------------------- */

/* Serves on the listening socket until a signal. */
static int
run_loop(struct server *srv)
{
	if (listen_start(srv) != 0) {
		log_error("listening", "%s", strerror(errno));
		listen_remove(srv);
		return STATUS_FAILED;
	}
	sandbox_enter(srv, SANDBOX_LOOP);
	loop_run(srv);
	return STATUS_DONE;
}

static int
serve_fastcgi(struct server *srv)
{
	int status = STATUS_FAILED;

	if (process_open(srv) == -1)
		return STATUS_FAILED;
	log_doubt(store_doubt(srv->hub.store));
	if (sockets_open(srv) == 0)
		status = run_loop(srv);
	process_close(srv);
	tell_stopped(&srv->hub);
	return status;
}

/*
 * One worker of several.  The socket is open already, and its file belongs to
 * the parent.
 */
static int
serve_worker(void *arg, uint64_t i, bool again)
{
	struct server *srv = arg;
	int status = STATUS_FAILED;

	free(srv->socket_path);
	srv->socket_path = NULL;
	srv->away_told &= !again;
	srv->hub.worker = i;
	srv->hub.count = srv->hub.tallies->of[i].count;
	memcpy(srv->hub.told.ended, srv->hub.count.ended,
	    sizeof(srv->hub.told.ended));
	if (process_open(srv) == -1)
		return STATUS_FAILED;
	status = run_loop(srv);
	process_close(srv);
	tell_stopped(&srv->hub);
	return status;
}

/* The parent of several workers. */
static int
serve_workers(struct server *srv)
{
	int status = STATUS_FAILED;
	bool child = false;

	if (process_check(srv) == -1 || sockets_open(srv) == -1)
		return STATUS_FAILED;
	srv->hub.tallies = tallies_make(srv->conf.workers, (uint32_t)random());
	srv->spread = spread_make(srv->conf.workers);
	if (srv->hub.tallies == NULL || srv->spread == NULL)
		log_error("--workers", "%s", strerror(errno));
	else {
		sandbox_enter(srv, SANDBOX_PARENT);
		status = workers_run(srv->hub.tallies, srv->spread,
		    srv->conf.quiet, serve_worker, srv, &child);
	}
	if (!child)
		listen_remove(srv);
	spread_free(srv->spread);
	tallies_free(srv->hub.tallies);
	return status;
}

/* --- one CGI request ---------------------------------------------------- */

/*
 * Reads the body of a CGI program's request.  Its length was announced, so we
 * do not wait for an end.  too_long: the body is over the limit, and is not
 * read.  NULL without memory.
 */
static char *
read_body(const struct serve_conf *conf, size_t *len, bool *too_long)
{
	const char *s = getenv("CONTENT_LENGTH");
	size_t want = s == NULL ? 0 : strtoul(s, NULL, 10);
	char *body;
	ssize_t n;

	*len = 0;
	*too_long = want > conf->max_request_bytes;
	if (*too_long)
		want = 0;
	if ((body = malloc(want + 1)) == NULL)
		return NULL;
	while (*len < want) {
		n = read(STDIN_FILENO, body + *len, want - *len);
		if (n == 0 || (n == -1 && errno != EINTR))
			break;
		*len += n > 0 ? (size_t)n : 0;
	}
	return body;
}

/* Answers; if the log cannot answer at once, waits for it. */
static enum answered
answer_plain(struct server *srv, struct answering *a, bool too_long)
{
	uint64_t until = uv_hrtime() + LOG_MS * 1000000ULL;
	enum answered done;

	a->peer.may_wait = true;
	store_hold(srv->hub.store);
	while ((done = answer(srv, a, environ, too_long)) == ANSWERED_WAIT) {
		srv->hub.count.requests--;
		store_wait(srv->hub.store);
		a->peer.may_wait =
		    news_await(&srv->hub, LOG_MS) && uv_hrtime() < until;
		store_hold(srv->hub.store);
	}
	store_release(srv->hub.store);
	return done;
}

/*
 * Serves one request on standard output.  The stream is the same as on a
 * socket, without FastCGI records.
 */
static int
serve_plain(struct server *srv)
{
	struct answering a = {
	    .peer = {.fd = STDOUT_FILENO, .came_ms = clock_wall_ms()}};
	bool too_long;

	srv->plain = true;
	if (process_open(srv) == -1) {
		stream_say(a.peer.fd, broken, sizeof(broken) - 1);
		return STATUS_FAILED;
	}
	a.peer.body = read_body(&srv->conf, &a.peer.body_len, &too_long);
	fcntl(a.peer.fd, F_SETFL, fcntl(a.peer.fd, F_GETFL) | O_NONBLOCK);
	sandbox_enter(srv, SANDBOX_LOOP);
	if (a.peer.body != NULL &&
	    answer_plain(srv, &a, too_long) == ANSWERED_STREAM)
		loop_run(srv);
	free(a.peer.body);
	process_close(srv);
	return STATUS_DONE;
}

/* --- the command -------------------------------------------------------- */

static bool
is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

/* Says what is wrong with the options, before anything is opened. */
static int
check_conf(struct server *srv)
{
	const struct serve_conf *conf = &srv->conf;
	const char *wrong =
	    conf->listen == NULL ? NULL : sockets_check(conf->listen);
	char why[512];

	if (wrong != NULL)
		log_error("--listen", "%s: %s", conf->listen, wrong);
	else if (!request_start_read(conf->start, &srv->bare))
		log_error("--start", "%s: neither event nor bare", conf->start);
	else if (!allow_check(conf, why, sizeof(why)))
		log_plain(why);
	else if ((wrong = publish_wrong(conf)) != NULL)
		log_plain(wrong);
	else
		return 0;
	return -1;
}

/*
 * With --publish, can the log be written?  A log that may be waited for is
 * looked at later (process.c).
 */
static int
check_publish(const struct server *srv)
{
	char why[512];

	if (!srv->conf.publish || srv->may_wait ||
	    publish_can(&srv->conf, STORE_PATIENT, why, sizeof(why)))
		return 0;
	log_plain(why);
	return -1;
}

int
cmd_serve(int argc, char **argv)
{
	struct server *srv = calloc(1, sizeof(*srv));
	int status =
	    srv == NULL ? STATUS_FAILED
			: options_take(&serve_options, &argc, argv, &srv->conf);
	bool plain;

	inherit_signals();
	if (status != -1) {
		free(srv);
		return status;
	}
	if (srv->conf.key_file.n > 0 || srv->conf.jwks_file.n > 0)
		inherit_no_dump();
	plain = srv->conf.listen == NULL && !is_listening(0) &&
		getenv("GATEWAY_INTERFACE") != NULL;
	srv->may_wait = srv->conf.listen == NULL && is_listening(0);
	if (check_conf(srv) == -1) {
		status = STATUS_USAGE;
		if (plain)
			stream_say(STDOUT_FILENO, broken, sizeof(broken) - 1);
	} else if (!plain && check_publish(srv) == -1)
		status = STATUS_FAILED;
	else if (plain)
		status = serve_plain(srv);
	else if (srv->conf.workers > 1)
		status = serve_workers(srv);
	else
		status = serve_fastcgi(srv);
	options_free(&serve_options, &srv->conf);
	free(srv);
	return status;
}
