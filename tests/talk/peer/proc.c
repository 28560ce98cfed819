/*
 * proc.c - what the kernel knows of the program: descriptors, threads, memory
 * and the port it listens on.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"

size_t
count_descriptors(const struct server *sv, const char *containing)
{
	const char *dir = text("/proc/%d/fd", (int)sv->pid);
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char to[300] = "";
		char path[300];

		if (*e->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (readlink(path, to, sizeof(to) - 1) > 0 &&
		    strstr(to, containing) != NULL)
			n++;
	}
	if (d == NULL)
		talk_fail("no %s", dir);
	closedir(d);
	return n;
}

size_t
count_threads(const struct server *sv)
{
	return (size_t)status_number(sv, "Threads");
}

static long
number_in(const char *file, const struct server *sv, const char *name)
{
	FILE *f = fopen(text("/proc/%d/%s", (int)sv->pid, file), "r");
	char line[300];
	long n = -1;

	while (f != NULL && n < 0 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0 &&
		    line[strlen(name)] == ':')
			n = atol(line + strlen(name) + 1);
	if (f != NULL)
		fclose(f);
	if (n < 0)
		talk_fail("no %s of process %d", name, (int)sv->pid);
	return n;
}

long
status_number(const struct server *sv, const char *name)
{
	return number_in("status", sv, name);
}

/*
 * VmRSS of /proc/PID/status is a sum of per-CPU counters that are not added
 * up to the last page; this one counts.
 */
long
memory_kb(const struct server *sv)
{
	return number_in("smaps_rollup", sv, "Rss");
}

/* Does the program hold the socket of this inode? */
static bool
holds(const struct server *sv, unsigned long inode)
{
	return count_descriptors(sv, text("socket:[%lu]", inode)) == 1;
}

int
port_of(const struct server *sv)
{
	FILE *f = fopen("/proc/net/tcp", "r");
	unsigned port, state;
	unsigned long inode;
	char line[300];
	int found = 0;

	while (f != NULL && found == 0 && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line,
			" %*d: %*x:%x %*x:%*x %x %*x:%*x %*x:%*x %*x %*u %*u "
			"%lu",
			&port, &state, &inode) == 3 &&
		    state == 10 /* listens */ && holds(sv, inode))
			found = (int)port;
	if (f != NULL)
		fclose(f);
	return found;
}

/* The last word of a line of /proc/net/unix. */
static const char *
path_in(char *line)
{
	char *path;

	line[strcspn(line, "\n")] = '\0';
	path = strrchr(line, ' ');
	return path != NULL ? path + 1 : "";
}

/* The ends of connections that are the program's own carry its address. */
size_t
count_connections(const struct server *sv)
{
	FILE *f =
	    fopen(sv->port != 0 ? "/proc/net/tcp" : "/proc/net/unix", "r");
	unsigned port, state;
	char line[300];
	size_t n = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sv->port != 0)
			n += sscanf(line, " %*d: %*x:%x %*x:%*x %x", &port,
				 &state) == 2 &&
			     (int)port == sv->port &&
			     (state == 1 /* established */ ||
				 state == 8 /* close-wait */);
		else
			n += strcmp(path_in(line), sv->socket) == 0;
	if (f == NULL)
		talk_fail("no /proc/net");
	fclose(f);
	return n - (sv->port == 0); /* the listening socket */
}

int
children_of(pid_t pid, pid_t *list, int most)
{
	FILE *f = fopen(text("/proc/%d/task/%d/children", pid, pid), "re");
	int n = 0;

	while (f != NULL && n < most && fscanf(f, "%d", &list[n]) == 1)
		n++;
	if (f != NULL)
		fclose(f);
	return n;
}
