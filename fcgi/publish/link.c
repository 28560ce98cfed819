/*
 * link.c - the loop's end of the writer.
 *
 * The requests that wait are bounded, in number and in bytes.  Beyond that a
 * publisher is told to come again, which costs us nothing.  When the writer
 * dies, nobody knows what it had committed, and all publishers that wait are
 * told so.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/log.h"
#include "fcgi/publish/link.h"
#include "fcgi/stream/news.h"

enum {
	WAITING_MAX = 4096, /* requests */
	WAITING_BYTES =
	    16 * 1024 * 1024, /* or four of the largest requests, if more */
	READ_BYTES = 64 * 1024,
	START_MS = 8 * 1000, /* a request not begun by then is not written */
	PAUSE_MS = 1000,     /* after a writer that lived for less */
	SOON_MS = 20
};

/*
 * A socket to one writer.  libuv uses it until on_wire_closed is called, so it
 * is freed there.
 */
struct wire {
	uv_poll_t poll; /* its data points to the link */
	int fd;
	bool wants_out;
};

/* --- results, and the death of a writer --------------------------------- */

static void
on_wire_closed(uv_handle_t *handle)
{
	struct wire *wire = (struct wire *)handle; /* poll comes first */

	close(wire->fd);
	free(wire);
}

static void
drop_wire(struct link *ln)
{
	struct wire *wire = ln->wire;

	if (wire == NULL)
		return;
	ln->wire = NULL;
	ln->hub->now.writers = 0;
	uv_poll_stop(&wire->poll);
	uv_close((uv_handle_t *)&wire->poll, on_wire_closed);
}

static void
tell_first(struct link *ln, const char *result)
{
	struct ticket *t = ln->first;

	ln->first = t->next;
	if (ln->first == NULL)
		ln->last = &ln->first;
	ln->hub->now.posts_waiting--;
	ln->bytes -= t->bytes;
	if (t->owner != NULL)
		ln->result(ln->arg, t->owner, result);
	free(t);
}

static void on_again(uv_timer_t *);

/*
 * The writer is dead.  The next one starts when this one has been waited for,
 * and after a pause if this one did not live long.
 */
static void
on_dead(struct link *ln)
{
	ln->hub->count.writer_ends++;
	drop_wire(ln);
	bytes_free(&ln->in);
	bytes_free(&ln->out);
	if (ln->pid != 0)
		kill(ln->pid, SIGKILL); /* not waited for: still ours */
	while (ln->first != NULL)
		tell_first(ln, NULL);
	uv_timer_start(&ln->again, on_again,
	    uv_now(ln->hub->loop) - ln->born_ms < PAUSE_MS ? PAUSE_MS : SOON_MS,
	    0);
}

/* --- bytes -------------------------------------------------------------- */

static void on_ready(uv_poll_t *, int status, int events);

static void
want_out(struct wire *wire, bool out)
{
	if (wire->wants_out == out)
		return;
	wire->wants_out = out;
	uv_poll_start(&wire->poll,
	    out ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_ready);
}

/* False: the writer is dead. */
static bool
send_out(struct link *ln)
{
	struct bytes *out = &ln->out;
	ssize_t n;

	while (out->at < out->len) {
		n = send(ln->wire->fd, out->s + out->at, out->len - out->at,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1)
			return false;
		out->at += (size_t)n;
	}
	want_out(ln->wire, out->at < out->len);
	if (out->at == out->len || out->at > out->size / 2)
		bytes_trim(out);
	return true;
}

/* False: the writer is dead. */
static bool
take_results(struct link *ln)
{
	size_t len;
	ssize_t n;

	if (bytes_room(&ln->in, READ_BYTES) == -1)
		return false;
	n = recv(ln->wire->fd, ln->in.s + ln->in.len, READ_BYTES, MSG_DONTWAIT);
	if (n <= 0)
		return n == -1 && (errno == EAGAIN || errno == EINTR);
	ln->in.len += (size_t)n;
	while (ln->first != NULL && (len = handoff_whole(&ln->in)) > 0) {
		tell_first(ln, ln->in.s + ln->in.at);
		ln->in.at += len;
		news_written(ln->hub);
	}
	bytes_trim(&ln->in);
	return true;
}

static void
on_ready(uv_poll_t *handle, int status, int events)
{
	struct link *ln = handle->data;
	bool ok = status == 0;

	turn_step(&ln->hub->turn);
	if (ok && (events & UV_WRITABLE) != 0)
		ok = send_out(ln);
	if (ok && (events & UV_READABLE) != 0)
		ok = take_results(ln);
	if (!ok)
		on_dead(ln);
}

void
link_turn(struct link *ln)
{
	if (ln->wire != NULL && ln->out.len > 0 && !ln->wire->wants_out &&
	    !send_out(ln))
		on_dead(ln);
}

struct ticket *
link_hand(struct link *ln, const struct body *body)
{
	size_t bytes = handoff_size(body), most = WAITING_BYTES;
	struct ticket *t;

	if (most < 4 * ln->hub->conf->max_request_bytes)
		most = 4 * ln->hub->conf->max_request_bytes;
	if (ln->wire == NULL || ln->hub->now.posts_waiting >= WAITING_MAX ||
	    ln->bytes + bytes > most || (t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	if (handoff_put(&ln->out, body, clock_steady_ms() + START_MS) == -1) {
		free(t);
		return NULL;
	}
	t->bytes = bytes;
	*ln->last = t;
	ln->last = &t->next;
	ln->hub->now.posts_waiting++;
	ln->bytes += bytes;
	return t;
}

/* --- starting a writer -------------------------------------------------- */

/*
 * The environment of the writer.  Its first variable names the log: an address
 * may have a password in it, and everybody can read a command line.  The
 * variable of CGI is left out, because it is not about the writer and would
 * mislead it.
 */
static char **
make_environment(const char *db)
{
	char **env;
	size_t n, to = 1;

	for (n = 0; environ[n] != NULL; n++)
		;
	if ((env = calloc(n + 2, sizeof(*env))) == NULL)
		return NULL;
	if (asprintf(&env[0], "LARGESSE_DB=%s", db) == -1) {
		free(env);
		return NULL;
	}
	for (n = 0; environ[n] != NULL; n++)
		if (strncmp(environ[n], "GATEWAY_INTERFACE=", 18) != 0 &&
		    strncmp(environ[n], "LARGESSE_DB=", 12) != 0)
			env[to++] = environ[n];
	return env;
}

const char link_program[] = "/proc/self/exe";

const char *const *
link_words(const struct serve_conf *conf)
{
	static const char *const words[][5] = {
	    {"largesse", "writer", "normal", NULL},
	    {"largesse", "writer", "normal", "no-sandbox", NULL},
	    {"largesse", "writer", "full", NULL},
	    {"largesse", "writer", "full", "no-sandbox", NULL}};
	int full = strcmp(conf->synchronous, "full") == 0;

	return words[2 * full + conf->no_sandbox];
}

/*
 * Starts the writer with fd as its descriptor 0.  Returns 0, or what errno
 * would be.
 */
static int
spawn(struct link *ln, int fd)
{
	const char *const *words = link_words(ln->hub->conf);
	char **env = make_environment(ln->hub->conf->db);
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t blocked; /* from the start: see writer.c */
	int err;

	if (env == NULL)
		return ENOMEM;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGHUP);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &blocked);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	err = posix_spawn(&ln->pid, link_program, &actions, &attr,
	    (char *const *)(uintptr_t)words, env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	free(env[0]);
	free(env);
	return err;
}

static int
open_wire(struct link *ln, int fd)
{
	struct wire *wire = calloc(1, sizeof(*wire));

	if (wire == NULL || uv_poll_init(ln->hub->loop, &wire->poll, fd) != 0) {
		free(wire);
		return -1;
	}
	wire->fd = fd;
	wire->poll.data = ln;
	ln->wire = wire;
	ln->hub->now.writers = 1;
	return uv_poll_start(&wire->poll, UV_READABLE, on_ready) == 0 ? 0 : -1;
}

static int
start_writer(struct link *ln)
{
	int pair[2], err;

	ln->born_ms = uv_now(ln->hub->loop);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
		log_error("writer", "%s", strerror(errno));
		return -1;
	}
	err = spawn(ln, pair[1]);
	close(pair[1]);
	if (err == 0 && open_wire(ln, pair[0]) == 0)
		return 0;
	log_error("writer", "%s", strerror(err != 0 ? err : ENOMEM));
	if (err != 0)
		ln->pid = 0;
	if (ln->wire == NULL)
		close(pair[0]);
	return -1;
}

void
link_start(struct link *ln)
{
	if (start_writer(ln) == -1) {
		drop_wire(ln);
		uv_timer_start(&ln->again, on_again, PAUSE_MS, 0);
	}
}

static void
on_again(uv_timer_t *timer)
{
	struct link *ln = timer->data;
	int status;
	pid_t pid = ln->pid == 0 ? 0 : waitpid(ln->pid, &status, WNOHANG);

	if (ln->pid != 0 && pid == 0) {
		uv_timer_start(timer, on_again, SOON_MS, 0);
		return;
	}
	if (pid > 0)
		log_warning(ln->hub->conf->quiet, "writer",
		    "%d ended by %s %d, starting another", (int)pid,
		    WIFSIGNALED(status) ? "signal" : "status",
		    WIFSIGNALED(status) ? WTERMSIG(status)
					: WEXITSTATUS(status));
	ln->pid = 0;
	if (!ln->hub->closing)
		link_start(ln);
}

int
link_open(struct link *ln, struct hub *hub, bool start, link_result *result,
    void *arg)
{
	ln->hub = hub;
	ln->result = result;
	ln->arg = arg;
	ln->last = &ln->first;
	uv_timer_init(hub->loop, &ln->again);
	ln->again.data = ln;
	return start ? start_writer(ln) : 0;
}

/*
 * Closes our end of the socket.  The writer ends when it has done what it was
 * given; we do not wait for that.
 */
void
link_close(struct link *ln)
{
	uv_timer_stop(&ln->again);
	drop_wire(ln);
	while (ln->first != NULL)
		tell_first(ln, NULL);
	bytes_free(&ln->in);
	bytes_free(&ln->out);
}
