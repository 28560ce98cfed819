/*
 * test_redis_name.c - a Redis that is given by name, and a name server that
 * does not answer, or names several addresses.
 *
 * The test needs port 53 and its own /etc/resolv.conf.  So the process first
 * moves into a network and mounts of its own, and all that it starts is in
 * there, too.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/talk/peer/redis_own.h"

enum {
	BOUND_MS = 3000,  /* within that the loop does anything it is asked */
	SILENT_MS = 12000 /* longer than getaddrinfo waits for an answer */
};

static int names = -1; /* the name server's socket */
static pid_t server;   /* who answers on it, or 0: nobody does */

/* --- a world of our own --------------------------------------------------- */

static void
write_file(const char *path, const char *s)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	check(fd >= 0 && write(fd, s, strlen(s)) == (ssize_t)strlen(s));
	close(fd);
}

static void
leave_the_world(void)
{
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (unshare((uid == 0 ? 0 : CLONE_NEWUSER) | CLONE_NEWNET |
		    CLONE_NEWNS) == -1)
		talk_fail("no namespaces here: %s", strerror(errno));
	if (uid != 0) {
		write_file("/proc/self/setgroups", "deny");
		write_file("/proc/self/uid_map", text("0 %d 1", (int)uid));
		write_file("/proc/self/gid_map", text("0 %d 1", (int)gid));
	}
	check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
}

static void
lo_up(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	check(ioctl(names, SIOCSIFFLAGS, &lo) == 0);
}

/* A file of our world has this in it. */
static void
put_over(const char *name, const char *content)
{
	char path[] = "/tmp/over.XXXXXX";
	int fd = mkstemp(path);

	check(fd >= 0);
	close(fd);
	write_file(path, content);
	check(mount(path, name, NULL, MS_BIND, NULL) == 0);
	unlink(path);
}

/*
 * Once for all claims of this file.  Debian 12's c-ares loses ten bytes where
 * /etc/hosts has no localhost.
 */
static void
begin(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};

	if (names != -1)
		return;
	leave_the_world();
	put_over("/etc/resolv.conf", "nameserver 127.0.0.1\n");
	put_over("/etc/hosts", "127.0.0.1 localhost\n");
	names = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	lo_up();
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(names, (struct sockaddr *)&at, sizeof(at)) == 0);
}

/* --- the name server ------------------------------------------------------ */

/*
 * Every name is 127.0.0.2, 127.0.0.3 and 127.0.0.1, in this order, and has no
 * IPv6.  The question stands from byte 12 on: a name, its type and its class.
 */
static void
answer_one(void)
{
	static const unsigned char last[] = {2, 3, 1};
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	unsigned char m[600];
	ssize_t n = recvfrom(names, m, 512, 0, (struct sockaddr *)&from, &size);
	size_t end = 12;
	bool v4;

	if (n < 17)
		return;
	while (end < (size_t)n && m[end] != 0)
		end += m[end] + 1u;
	end += 5;
	v4 = m[end - 3] == 1;
	m[2] = 0x81;
	m[3] = 0x80;
	memset(m + 6, 0, 6);
	for (int i = 0; v4 && i < 3; i++) {
		const unsigned char rr[16] = {
		    0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, last[i]};

		memcpy(m + end, rr, sizeof(rr));
		end += sizeof(rr);
		m[7]++;
	}
	sendto(names, m, end, 0, (struct sockaddr *)&from, size);
}

static void
names_up(void)
{
	check((server = fork()) != -1);
	if (server != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		answer_one();
}

/* The socket of the name server stays, and nobody reads the questions. */
static void
names_down(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	server = 0;
}

static bool
names_asked(void)
{
	char c;

	return recv(names, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

/* --- the claims ----------------------------------------------------------- */

/* A log whose Redis is named; the name is answered. */
static struct server *
named(void)
{
	struct server *sv;

	begin();
	sv = prepare();
	redis_text("CONFIG SET bind 127.0.0.1");
	redis_text("CONFIG SET port 6379");
	names_up();
	sv->db = text("redis://redis.example/0?stream=%s", redis_stream(sv));
	return sv;
}

static void
cut(void)
{
	names_down();
	redis_text("CLIENT KILL TYPE normal SKIPME yes");
	until(names_asked());
}

static void
test_each_address_of_a_name_is_tried(void)
{
	struct server *sv = named();
	struct ran r = run_with(sv, NULL, "publish", sv->db, "one", NULL);
	struct client *c;

	check(r.status == 0);
	start(sv, NULL);
	c = get(sv, "/events?last=1", NULL);
	want_start(c);
	want_event(c, NULL, "message", "one");
	names_down();
}

static void
want_status_soon(struct server *sv)
{
	int64_t asked = now_ms();
	struct client *c = get(sv, "/events/status", NULL);

	check(want_headers(c) == 200);
	check(now_ms() - asked < BOUND_MS);
	leave(c);
}

/* All this time the responder does everything else. */
static void
test_a_silent_name_server_stops_nothing(void)
{
	struct server *sv = named();
	const char *token = start_posting(sv);
	struct client *c, *posted;
	int64_t end, beat;
	const char *id[3];
	size_t heard;
	int i;

	c = get(sv, "/events", NULL);
	want_start(c);
	check(want_headers(post(sv, token, "data=before")) == 201);
	want_event(c, NULL, "message", "before");
	cut();
	for (i = 0; i < 3; i++)
		id[i] =
		    redis_text(text("XADD %s * data %d", redis_stream(sv), i));
	posted = post(sv, token, "data=never");
	heard = c->out.len;
	beat = now_ms();
	for (end = beat + SILENT_MS; now_ms() < end;) {
		want_status_soon(sv);
		hear(c, now_ms() + 200);
		if (c->out.len != heard)
			beat = now_ms();
		heard = c->out.len;
		check(now_ms() - beat < 1000 + BOUND_MS);
	}
	check(want_headers(posted) == 503);
	names_up();
	for (i = 0; i < 3; i++)
		want_event(c, id[i], "message", text("%d", i));
	check(want_headers(post(sv, token, "data=after")) == 201);
	want_event(c, NULL, "message", "after");
	check(c->gap == NULL);
	names_down();
}

/* A command that waits for Redis says in time what is missing. */
static void
test_a_silent_name_server_is_told(void)
{
	struct server *sv = named();
	struct ran r;

	names_down();
	r = run_with(sv, NULL, "publish", sv->db, "one", NULL);
	check(r.status == 1);
	check(strstr(r.err, "redis.example: no name server answers") != NULL);
	names_up();
	r = run_with(sv, NULL, "publish", sv->db, "one", NULL);
	check(r.status == 0);
	names_down();
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_each_address_of_a_name_is_tried),
	    TALK(test_a_silent_name_server_stops_nothing),
	    TALK(test_a_silent_name_server_is_told),
	};

	return talk_main_redis(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
