/*
 * file.c - what is wrong with a log, and with the limits of the system.
 *
 * store_check knows about the log.  The limits of the system that a responder
 * with so many streams would reach are looked at here.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/conf.h"
#include "fcgi/base/log.h"
#include "fcgi/doctor/doctor.h"
#include "store/store.h"

enum {
	BACKLOG = 1024, /* what serve asks for */
	PORTS = 28000	/* from which one address can connect */
};

static void
add_found(void *arg, const struct store_finding *f)
{
	static const enum level levels[] = {
	    [STORE_SICK] = LEVEL_ERROR,
	    [STORE_AILING] = LEVEL_WARNING,
	    [STORE_NOTE] = LEVEL_NOTE,
	};
	struct report *r = arg;
	struct finding *fd = report_add(r, f->code, levels[f->grade],
	    f->certain ? SURE_CERTAIN : SURE_LIKELY, f->effect, "%s", f->seen);
	int i;

	for (i = 0; i < STORE_MENDS && f->mend[i] != NULL; i++)
		report_mend(
		    r, fd, i == 0 ? "in a shell" : "and", "%s", f->mend[i]);
}

/* --- whoever asks may not read it ---------------------------------------- */

/*
 * The owner of a file that cannot be read, or of the directory that is closed;
 * false: nobody knows.
 */
static bool
owner_of(const char *path, uid_t *uid)
{
	char *s = strdup(path), *slash;
	struct stat st;
	bool found = false;

	while (s != NULL && !(found = stat(s, &st) == 0)) {
		if (errno != EACCES || (slash = strrchr(s, '/')) == NULL ||
		    slash == s)
			break;
		*slash = '\0';
	}
	free(s);
	if (found)
		*uid = st.st_uid;
	return found;
}

/* The path, or a word for one that is not to be pasted as it is. */
static const char *
plain_path(const char *path)
{
	static const char chars[] = "/abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_.";

	return *path != '-' && path[strspn(path, chars)] == '\0' ? path
								 : "FILE";
}

/* Who may read it is the user whose it is: with our units, largesse. */
static void
mend_unreadable(const char *path, struct report *r, struct finding *f)
{
	const struct passwd *pw;
	uid_t uid;

	if (access(path, R_OK) == 0 || errno != EACCES ||
	    !owner_of(path, &uid) || uid == geteuid() ||
	    (pw = getpwuid(uid)) == NULL)
		return;
	if (uid == 0)
		report_mend(r, f, "as root, who may", "sudo largesse doctor %s",
		    plain_path(path));
	else
		report_mend(r, f, "as the user whose it is",
		    "sudo -u %s largesse doctor %s", pw->pw_name,
		    plain_path(path));
}

/* --- the limits of the system --------------------------------------------- */

/* Reads a number that the system shows in a file.  False: there is none. */
static bool
read_limit(const char *path, uint64_t *n)
{
	FILE *f = fopen(path, "re");
	bool ok = f != NULL && fscanf(f, "%" SCNu64, n) == 1;

	if (f != NULL)
		fclose(f);
	return ok;
}

/*
 * These are the limits of the person who asks.  A responder that systemd
 * starts has the same ones, unless its unit file sets others.
 */
static void
check_descriptors(const struct doctor *d, struct report *r)
{
	uint64_t need = d->max_streams + SPARE_FDS, most = 0;
	struct finding *f;
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_max < need) {
		f = report_add(r, "descriptors", LEVEL_ERROR, SURE_LIKELY,
		    "What is over the limit is told to come back, for ever.",
		    "%" PRIu64 " streams take %" PRIu64 " descriptors, and "
		    "a process started from here may have %" PRIu64,
		    d->max_streams, need, (uint64_t)rl.rlim_max);
		report_mend(r, f, "systemd, in [Service]",
		    "LimitNOFILE=%" PRIu64, need);
		report_mend(r, f, "or, before spawn-fcgi, as root",
		    "ulimit -n %" PRIu64, need);
	}
	if (!read_limit("/proc/sys/fs/nr_open", &most) || most >= need)
		return;
	f = report_add(r, "descriptors", LEVEL_ERROR, SURE_CERTAIN,
	    "What is over the limit is told to come back, for ever.",
	    "no process here may have more than %" PRIu64 " descriptors", most);
	report_mend(r, f, "in a shell", "sysctl -w fs.nr_open=%" PRIu64, need);
}

static void
check_backlog(struct report *r)
{
	uint64_t most;
	struct finding *f;

	if (!read_limit("/proc/sys/net/core/somaxconn", &most) ||
	    most >= BACKLOG)
		return;
	f = report_add(r, "backlog", LEVEL_WARNING, SURE_CERTAIN,
	    "When all come at once, as after a restart, some are answered "
	    "502, and their EventSource gives up for good.",
	    "no more than %" PRIu64 " connections may wait to be accepted",
	    most);
	report_mend(r, f, "in a shell", "sysctl -w net.core.somaxconn=4096");
}

static void
note_ports(const struct doctor *d, struct report *r)
{
	struct finding *f;

	if (d->max_streams <= PORTS)
		return;
	f = report_add(r, "ports", LEVEL_NOTE, SURE_CERTAIN,
	    "Over TCP the web server has no more than that for one address.",
	    "%" PRIu64 " streams, and some %d ports to connect from",
	    d->max_streams, PORTS);
	report_mend(r, f, "the responder", "largesse serve --listen unix:PATH");
}

bool
doctor_file(const struct doctor *d, struct report *r)
{
	struct store_check check = {
	    .users = (const char *const *)d->users.v,
	    .nusers = d->users.n,
	    .found = add_found,
	    .arg = r,
	};
	char summary[512];
	size_t i;

	if (store_check(d->subject, &check, summary, sizeof(summary)) == -1) {
		log_error(
		    *r->subject != '\0' ? r->subject : "''", "%s", summary);
		return false;
	}
	for (i = 0; i < r->n; i++)
		if (strcmp(r->findings[i].code, "unreadable") == 0)
			mend_unreadable(d->subject, r, &r->findings[i]);
	if (*summary != '\0')
		report_summary(r, "%s", summary);
	if (d->max_streams > 0) {
		check_descriptors(d, r);
		check_backlog(r);
		note_ports(d, r);
	}
	return !r->failed;
}
