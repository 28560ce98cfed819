/*
 * test_redis_secret.c - no password is to be seen in the command line of a
 * process, or in the environment that it began with: ps is asked for a
 * responder, its workers and its writer.
 */
#include <dirent.h>
#include <stdio.h>

#include "tests/talk/peer/redis_own.h"

#define PASSWORD "sesame"

/* The file of this process in /proc, with blanks for what ends words. */
static char *
proc_text(int pid, const char *name)
{
	FILE *f = fopen(text("/proc/%d/%s", pid, name), "re");
	char buf[65536];
	size_t n;

	if (f == NULL)
		return text("%s", "");
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	for (size_t i = 0; i < n; i++)
		if (buf[i] == '\0')
			buf[i] = ' ';
	buf[n] = '\0';
	return text("%s", buf);
}

static int
parent_of(int pid)
{
	const char *s = strstr(proc_text(pid, "status"), "\nPPid:");

	return s == NULL ? 0 : atoi(s + 6);
}

static bool
is_below(int pid, int top)
{
	while (pid > 1 && pid != top)
		pid = parent_of(pid);
	return pid == top;
}

/* Processes of this name in the tree, and what their command lines are. */
static int
lines(int top, const char *comm, char *all, size_t size)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int n = 0;

	check(d != NULL);
	while ((e = readdir(d)) != NULL) {
		int pid = atoi(e->d_name);
		const char *line = text("%s", "");

		if (pid <= 0 || !is_below(pid, top))
			continue;
		line = proc_text(pid, "cmdline");
		n += strncmp(proc_text(pid, "comm"), comm, strlen(comm)) == 0;
		snprintf(all + strlen(all), size - strlen(all), "%s\n%s\n",
		    line, proc_text(pid, "environ"));
	}
	closedir(d);
	return n;
}

/* All that ps shows of it, when its writers run. */
static char *
shown_by_ps(const struct server *sv, int writers)
{
	enum {
		SIZE = 1 << 20
	};
	char *all = keep(SIZE);

	until((all[0] = '\0',
	    lines(sv->pid, "largesse-writer", all, SIZE) == writers));
	return all;
}

static struct server *
prepare_locked(struct redis_server *rs)
{
	struct server *sv = prepare_nothing();
	struct ran r;

	check(redis_new(rs));
	tell(rs, "CONFIG SET requirepass " PASSWORD);
	sv->db = text("redis+unix://:%s@%s?stream=%s", PASSWORD, rs->socket,
	    redis_stream(sv));
	r = run_with(sv, NULL, "init", sv->db, NULL);
	check(r.status == 0);
	return sv;
}

static const char *
environment(struct server *sv, const char *db, const char *password)
{
	const char *key = text("%s/key", sv->dir);
	struct ran r;

	forge_write(key, FORGE_SECRET "\n", sizeof(FORGE_SECRET));
	chmod(key, 0600);
	sv->env = keep(8 * sizeof(*sv->env));
	sv->env[0] = text("LARGESSE_KEY_FILE=%s", key);
	sv->env[1] = "LARGESSE_PUBLIC=*";
	sv->env[2] = "LARGESSE_PUBLISH=yes";
	sv->env[3] = "LARGESSE_WORKERS=2";
	sv->env[4] = text("LARGESSE_DB=%s", db);
	sv->env[5] = text("LARGESSE_REDIS_PASSWORD=%s", password);
	r = run_with(
	    sv, NULL, "token", "--key-file", key, "--publish", "*", NULL);
	check(r.status == 0);
	return text("Bearer %.*s", (int)strcspn(r.out, "\n"), r.out);
}

static void
want_published(struct server *sv, const char *token)
{
	struct client *c = stream(sv, "/events");

	check(want_headers(post(sv, token, "data=one")) == 201);
	want_event(c, NULL, "message", "one");
}

static void
test_the_address_is_in_the_environment(void)
{
	struct redis_server rs = {.pid = 0};
	struct server *sv = prepare_locked(&rs);
	const char *token = environment(sv, sv->db, "");
	char *ps;

	start_bare(
	    sv, -1, -1, "serve", "--listen", text("unix:%s", sv->socket), NULL);
	await_listening(sv);
	ps = shown_by_ps(sv, 2);
	check(strstr(ps, "largesse serve") != NULL);
	check(strstr(ps, PASSWORD) == NULL);
	want_published(sv, token);
	check(strstr(errors(sv), PASSWORD) == NULL);
	stop(sv);
	redis_gone(&rs);
}

static void
test_the_password_is_in_the_environment(void)
{
	struct redis_server rs = {.pid = 0};
	struct server *sv = prepare_locked(&rs);
	const char *token = environment(sv, "", PASSWORD);

	sv->db = text("redis+unix://%s?stream=%s", rs.socket, redis_stream(sv));
	start(sv, NULL);
	check(strstr(shown_by_ps(sv, 2), PASSWORD) == NULL);
	want_published(sv, token);
	stop(sv);
	redis_gone(&rs);
}

static void
test_the_address_is_in_the_command_line(void)
{
	struct redis_server rs = {.pid = 0};
	struct server *sv = prepare_locked(&rs);
	const char *token = environment(sv, "/nowhere", "");
	char *ps;

	start(sv, NULL);
	ps = shown_by_ps(sv, 2);
	check(strstr(ps, "largesse writer") != NULL);
	check(strstr(ps, "redis+unix://:x@") != NULL);
	check(strstr(ps, PASSWORD) == NULL);
	want_published(sv, token);
	stop(sv);
	redis_gone(&rs);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_the_address_is_in_the_environment),
	    TALK(test_the_password_is_in_the_environment),
	    TALK(test_the_address_is_in_the_command_line),
	};

	return talk_main_redis(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
