/*
 * test_doctor_url.c - the doctor of an address: what it takes for one, what it
 * says of a site that is not largesse, and what it shows to who waits.
 *
 * The site is a child that gives one answer to every request.  What real web
 * servers do is in tests/web/test_doctor.py.
 */
#include <arpa/inet.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/talk/peer/exam.h"
#include "tests/talk/peer/within.h"

/* --- a site ------------------------------------------------------------- */

static void
answer_all(int listening, const char *answer)
{
	char request[4096];
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		if ((fd = accept(listening, NULL, NULL)) == -1)
			continue;
		if (read(fd, request, sizeof(request)) > 0)
			(void)!write(fd, answer, strlen(answer));
		close(fd);
	}
}

/* A socket that takes connections, if it listens, and its port. */
static int
open_socket(bool listens, int *port)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(fd != -1 && bind(fd, (struct sockaddr *)&in, len) == 0);
	check(!listens || listen(fd, 16) == 0);
	check(getsockname(fd, (struct sockaddr *)&in, &len) == 0);
	*port = ntohs(in.sin_port);
	return fd;
}

/* Its port.  It is gone when the tests end. */
static int
site(const char *answer)
{
	int port, fd = open_socket(true, &port);
	pid_t pid;

	fflush(NULL);
	if ((pid = fork()) == 0)
		answer_all(fd, answer);
	check(pid > 0);
	close(fd);
	return port;
}

#define HTML                                             \
	"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" \
	"Connection: close\r\n\r\n<!doctype html><title>Shop</title>\n"

static const char *
doctor(const char *subject)
{
	struct ran r = run_with(
	    prepare_nothing(), NULL, "doctor", subject, "--json", NULL);

	if (r.status > 1 || *r.err != '\0')
		talk_fail("status %d: %s", r.status, r.err);
	return r.out;
}

/* --- what is an address ------------------------------------------------- */

static void
test_an_address_without_http(void)
{
	int port = site(HTML);
	const char *s = doctor(text("localhost:%d/events", port));

	check(strcmp(json(s, "$.subject"),
		  text("http://localhost:%d/events", port)) == 0);
	want_only(s, "not-largesse");
	s = doctor(text("127.0.0.1:%d", port));
	want_only(s, "not-largesse");
}

static void
test_an_address_that_nobody_answers(void)
{
	static const char *const cases[][2] = {
	    {"localhost:1/events", "http://localhost:1/events"},
	    {"[::1]:1/events", "http://[::1]:1/events"},
	    {"no-such-host.invalid/events",
		"https://no-such-host.invalid/events"},
	    {"no-such-host.invalid:443?topic=a",
		"https://no-such-host.invalid:443?topic=a"},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *s = doctor(cases[i][0]);

		check(strcmp(json(s, "$.subject"), cases[i][1]) == 0);
		want_only(s, "unreachable");
	}
}

static void
test_a_file_stays_a_file(void)
{
	static const char *const files[] = {"events.db", "data/events.db",
	    "./host.example/events", "../a.b/c", "/no/such.d/events.db",
	    "localhost", "a:b/c"};
	struct server *sv = log_of(3);
	int home = open(".", O_PATH | O_DIRECTORY);
	const char *s;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		want_only(doctor(files[i]), "missing");
	/* A directory that is named like a host. */
	sv->program = realpath(sv->program, keep(4096));
	check(chdir(sv->dir) == 0 && mkdir("example.org", 0755) == 0);
	check(rename(sv->db, "example.org/events") == 0);
	s = run_with(sv, NULL, "doctor", "example.org/events", "--json", NULL)
		.out;
	check(rename("example.org/events", sv->db) == 0);
	check(rmdir("example.org") == 0 && fchdir(home) == 0);
	close(home);
	check(strcmp(json(s, "$.subject"), "example.org/events") == 0);
	want_healthy(s);
}

/* --- nobody, or no answer ------------------------------------------------ */

static void
test_an_address_that_refuses_has_a_mend(void)
{
	int port, fd = open_socket(false, &port);
	const char *s = doctor(text("http://127.0.0.1:%d/events", port));

	close(fd);
	want_only(s, "unreachable");
	want_mend(s, "unreachable", "sudo ss -ltnp");
}

/*
 * The connection is taken, and that is all: so it looks from outside when the
 * responder cannot start.  Whoever waits is told so, without a terminal too.
 */
static void
test_a_site_that_hangs(void)
{
	int port, fd = open_socket(true, &port);
	struct ran r = run_with(prepare_nothing(), NULL, "doctor",
	    text("http://127.0.0.1:%d/events", port), NULL);

	close(fd);
	check(r.status == 1);
	check(strstr(r.out, "error: hangs (likely)") != NULL);
	check(strstr(r.out, "systemctl status largesse.service") != NULL);
	check(strstr(r.out, "journalctl -u largesse") != NULL);
	check(strcmp(r.err, "largesse: doctor: this takes about 22 s\n") == 0);
}

/* --- what is not largesse ----------------------------------------------- */

static void
test_a_page_for_every_path_is_not_largesse(void)
{
	int port = site(HTML);
	const char *s = doctor(text("http://127.0.0.1:%d/live?topic=a", port));
	const char *seen = want_only(s, "not-largesse");

	check(strstr(seen, "text/html") != NULL);
	check(strstr(seen, "snippet is not included") != NULL);
	want_mend(s, "not-largesse",
	    text("largesse doctor 'http://127.0.0.1:%d/events'", port));
	s = doctor(text("http://127.0.0.1:%d/events", port));
	want_mend(s, "not-largesse", "include snippets/largesse.conf;");
}

/* The path that was typed is asked about before the snippet. */
static void
test_a_path_that_is_not_there(void)
{
	int port = site("HTTP/1.1 404 Not Found\r\nServer: nginx\r\n"
			"Content-Type: text/html\r\n\r\n<html></html>\n");
	const char *s = doctor(text("http://127.0.0.1:%d/event", port));

	want_only(s, "status");
	want_mend(s, "status",
	    text("largesse doctor 'http://127.0.0.1:%d/events'", port));
	s = doctor(text("http://127.0.0.1:%d/events", port));
	want_mend(s, "status", "include snippets/largesse.conf;");
	/* The snippet may be in another site of this web server. */
	check(strstr(s, text("largesse doctor 'http://NAME:%d/events'",
			    port)) != NULL);
	/* Half a block is nothing to paste. */
	check(strstr(s, "location ~") == NULL);
}

/* largesse's own answer, whose type something has changed. */
static void
test_another_type_of_largesse(void)
{
	int port = site("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
			"retry: 2000\nevent: stream-start\ndata: {}\n\n");

	want_only(
	    doctor(text("http://127.0.0.1:%d/events", port)), "content-type");
	port = site("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nok\n");
	want_only(
	    doctor(text("http://127.0.0.1:%d/events", port)), "content-type");
}

/* --- who waits ---------------------------------------------------------- */

/* What the doctor says on a terminal where its messages go. */
static const char *
said_on_terminal(struct server *sv, const char *subject)
{
	const char *const words[] = {"largesse", "doctor", subject, NULL};
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct bytes said = {0};
	const char *out;
	char buf[4096];
	ssize_t n;

	check(master != -1 && grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	check(slave != -1);
	sv->env = keep(2 * sizeof(char *));
	sv->env[0] = "TERM=xterm";
	sv->pid = spawn(sv, words, -1, -1, slave);
	close(slave);
	while ((n = read(master, buf, sizeof(buf))) > 0)
		put(&said, buf, (size_t)n);
	close(master);
	check(await_exit(sv) == 1 << 8);
	out = text("%.*s", (int)said.len, said.s != NULL ? said.s : "");
	bytes_free(&said);
	return out;
}

static void
test_who_waits_is_told_how_long(void)
{
	const char *url = text("http://127.0.0.1:%d/events", site(HTML));
	const char *said = said_on_terminal(prepare_nothing(), url);

	check(strstr(said, " s of about 22 s: the stream") != NULL);
	/* And the line is gone before the report. */
	check(strcmp(said + strlen(said) - 4, "\r\033[K") == 0);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_an_address_without_http),
	    TALK(test_an_address_that_nobody_answers),
	    TALK(test_a_file_stays_a_file),
	    TALK(test_an_address_that_refuses_has_a_mend),
	    TALK(test_a_site_that_hangs),
	    TALK(test_a_page_for_every_path_is_not_largesse),
	    TALK(test_a_path_that_is_not_there),
	    TALK(test_another_type_of_largesse),
	    TALK(test_who_waits_is_told_how_long),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
