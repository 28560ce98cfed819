/*
 * test_listen.c - where the program listens, and what it says when it cannot.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"

static int
dial_six(int port)
{
	struct sockaddr_in6 in = {.sin6_family = AF_INET6,
	    .sin6_port = htons((uint16_t)port),
	    .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool
has_ipv6(void)
{
	struct sockaddr_in6 in = {
	    .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0;

	close(fd);
	return ok;
}

/* Speaks to it on IPv6; the client's own connection is put aside. */
static void
want_served_on_six(struct server *sv)
{
	struct client *c = client_of(dial_six(sv->port));
	struct bytes b = {0};

	check(c->fd >= 0);
	put_request(&b, 1, 0, "GET", "/events", NULL, NULL);
	say(c, &b);
	bytes_free(&b);
	want_start(c);
	append(sv, "main", "six");
	want_event(c, NULL, "message", "six");
}

static void
hear_on_all_addresses(const char *workers)
{
	struct server *sv = prepare();

	start_bare(sv, -1, -1, "serve", "--db", sv->db, "--listen", ":0",
	    "--workers", workers, NULL);
	until((sv->port = port_of(sv)) != 0);
	stream(sv, "/events");
	if (!has_ipv6())
		return;
	want_served_on_six(sv);
	check(strstr(errors(sv), text("on 0.0.0.0:%d\n", sv->port)) != NULL);
	check(strstr(errors(sv), text("on [::]:%d\n", sv->port)) != NULL);
}

static void
test_no_host_means_every_address(void)
{
	hear_on_all_addresses("1");
}

static void
test_no_host_means_every_address_for_workers(void)
{
	hear_on_all_addresses("2");
}

static void
test_localhost_means_all_that_it_has(void)
{
	struct server *sv = prepare();

	start_bare(sv, -1, -1, "serve", "--db", sv->db, "--listen",
	    "localhost:0", NULL);
	until((sv->port = port_of(sv)) != 0);
	stream(sv, "/events");
}

/* --- unix:PATH ----------------------------------------------------------- */

/* serve --listen unix:PATH ends with 1 and one line that has these words. */
static void
want_refused(struct server *sv, const char *path, const char *words)
{
	struct ran r = run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%s", path), NULL);

	want_one_line(&r, 1);
	if (strstr(r.err, words) == NULL ||
	    strstr(r.err, text("unix:%s: ", path)) == NULL)
		talk_fail("wanted: %s; came: %s", words, r.err);
}

static int
bound(const char *path, int backlog)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	check(bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0);
	check(listen(fd, backlog) == 0);
	return fd;
}

/* Connects until nobody else can.  How many have. */
static int
fill(const char *path, int *fds, int most)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int n = 0;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	do
		fds[n] = socket(
		    AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	while (connect(fds[n], (struct sockaddr *)&un, sizeof(un)) == 0 &&
	       ++n < most);
	check(n < most && errno == EAGAIN);
	return n + 1;
}

/* Its owner accepts nobody, and its backlog is full. */
static void
test_a_socket_whose_owner_hangs_is_not_waited_for(void)
{
	struct server *sv = prepare();
	int fds[16], fd = bound(sv->socket, 1), n;

	n = fill(sv->socket, fds, 16);
	want_refused(sv, sv->socket, "another process listens");
	while (n > 0)
		close(fds[--n]);
	close(fd);
	start(sv, NULL); /* now it is stale */
}

static void
test_what_is_no_socket_is_named(void)
{
	struct server *sv = prepare();
	char *file = text("%s/file", sv->dir), *way = text("%s/way", sv->dir);
	struct stat st;

	check(close(creat(file, 0644)) == 0);
	want_refused(sv, file, "no socket");
	check(symlink(file, way) == 0);
	want_refused(sv, way, "symbolic link");
	check(stat(file, &st) == 0 && S_ISREG(st.st_mode));
	check(unlink(file) == 0); /* the link leads nowhere */
	want_refused(sv, way, "symbolic link");
	check(lstat(file, &st) == -1);
	want_refused(sv, sv->dir, "no socket");
}

static void
test_a_directory_that_does_not_take_it_is_named(void)
{
	struct server *sv = prepare();
	char *in = text("%s/in", sv->dir);
	struct ran r;

	want_refused(sv, text("%s/s", in), "no such directory");
	check(mkdir(in, 0755) == 0);
	log_share(sv);
	become_nobody(sv);
	check(chmod(in, 0555) == 0);
	want_refused(sv, text("%s/s", in), "may not make a file");
	r = run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%0200d", 1), NULL);
	want_one_line(&r, 2);
	check(strstr(r.err, "too long") != NULL);
}

/* Whatever the umask; and nobody's file is changed for it. */
static void
test_the_mode_is_there_from_the_beginning(void)
{
	struct server *sv = prepare();
	struct stat st;
	mode_t before = umask(0077);

	start(sv, "--listen-mode", "0666", NULL);
	umask(before);
	check(stat(sv->socket, &st) == 0 && (st.st_mode & 0777) == 0666);
	stop(sv);
	before = umask(0);
	start(sv, "--listen-mode", "0600", NULL);
	umask(before);
	check(stat(sv->socket, &st) == 0 && (st.st_mode & 0777) == 0600);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_no_host_means_every_address),
	    TALK(test_no_host_means_every_address_for_workers),
	    TALK(test_localhost_means_all_that_it_has),
	    TALK(test_a_socket_whose_owner_hangs_is_not_waited_for),
	    TALK(test_what_is_no_socket_is_named),
	    TALK(test_a_directory_that_does_not_take_it_is_named),
	    TALK(test_the_mode_is_there_from_the_beginning),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
