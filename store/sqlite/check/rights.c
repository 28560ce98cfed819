/*
 * rights.c - who may do what with the files of a log.
 *
 * It is computed from owners and modes, because the user in question is often
 * not the one who runs the check.  An access list can grant more than is seen
 * here; so such a finding is likely and not certain.  A mount that is read-only
 * forbids it to everybody, and is asked for first.
 */
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/check/check.h"
#include "store/sqlite/place.h"

enum {
	R = 4,
	W = 2,
	X = 1
};

/* Somebody who has to open the log. */
struct user {
	char name[64];
	uid_t uid;
	gid_t *groups;
	int ngroups;
};

static const struct check_kind rights = {"rights", STORE_SICK, false,
    "This user can do nothing with the log: a responder of it tells all to "
    "come back, a publisher fails."};
static const struct check_kind directory = {"directory", STORE_SICK, false,
    "SQLite cannot make -wal and -shm: a responder of this user reads only "
    "while a publisher is connected."};
static const struct check_kind reader_first = {"reader-first", STORE_AILING,
    false,
    "If this user opens the log first, -wal and -shm are its own, and other "
    "publishers fail with `attempt to write a readonly database`."};
static const struct check_kind beside = {"beside", STORE_SICK, false,
    "Publishers of this user fail with `attempt to write a readonly "
    "database`."};
static const struct check_kind not_setgid = {"setgid", STORE_AILING, false,
    "Files that one user makes there are of a group that the other is not "
    "in."};
static const struct check_kind read_only = {"directory", STORE_SICK, true,
    "SQLite cannot make -wal and -shm: a responder reads only while a "
    "publisher is connected to the same directory elsewhere."};
static const struct check_kind world = {"world", STORE_NOTE, true,
    "Keys and tokens of the responder do not count for a user who opens the "
    "file."};
static const struct check_kind only_root = {"root", STORE_NOTE, true,
    "Root may do everything: what other users may is not seen."};

/* --- users -------------------------------------------------------------- */

/* False without memory or such a user. */
static bool
read_user(struct user *u, const struct passwd *pw)
{
	int n = 64;
	gid_t *groups;

	if (pw == NULL)
		return false;
	snprintf(u->name, sizeof(u->name), "%s", pw->pw_name);
	u->uid = pw->pw_uid;
	do {
		u->ngroups = n;
		groups = realloc(u->groups, (size_t)n * sizeof(*groups));
		if (groups == NULL)
			return false;
		u->groups = groups;
		n *= 2;
	} while (getgrouplist(
		     pw->pw_name, pw->pw_gid, u->groups, &u->ngroups) == -1 &&
		 n < 1 << 20);
	return true;
}

static bool
is_in(const struct user *u, gid_t gid)
{
	int i;

	for (i = 0; i < u->ngroups; i++)
		if (u->groups[i] == gid)
			return true;
	return false;
}

static bool
user_may(const struct user *u, const struct stat *sb, unsigned bits)
{
	unsigned mode = sb->st_mode;

	if (u->uid == 0)
		return true;
	if (u->uid == sb->st_uid)
		return (mode >> 6 & bits) == bits;
	if (is_in(u, sb->st_gid))
		return (mode >> 3 & bits) == bits;
	return (mode & bits) == bits;
}

/* --- what they are told ------------------------------------------------- */

/* `file (owner alice, group www-data, mode 0644)`.  Returns buf. */
static const char *
describe_file(char *buf, size_t size, const char *path, const struct stat *sb)
{
	const struct passwd *pw = getpwuid(sb->st_uid);
	char owner[64];
	const struct group *gr;

	snprintf(owner, sizeof(owner), "%s", pw != NULL ? pw->pw_name : "?");
	gr = getgrgid(sb->st_gid);
	snprintf(buf, size, "%s (owner %s, group %s, mode %04o)", path, owner,
	    gr != NULL ? gr->gr_name : "?", sb->st_mode & ALLPERMS);
	return buf;
}

/*
 * What mends it: every user is in the group of the directory, and the group
 * may write the files.  If that group is root's, no group was chosen yet.
 */
static void
tell_shared(const struct check *ck, const struct check_kind *kind,
    const struct user *u, const char *cannot, enum check_file which)
{
	gid_t gid = ck->st[CHECK_DIR].st_gid;
	const struct group *gr = gid != 0 ? getgrgid(gid) : NULL;
	const char *group = gr != NULL ? gr->gr_name : "GROUP";
	const char *mend[STORE_MENDS + 1] = {NULL}, **next = mend;
	char join[512], chgrp[3 * PATH_MAX], chmod[3 * PATH_MAX];
	char what[PATH_MAX + 256], user[128], word[128];

	shell_quote(user, sizeof(user), u->name);
	shell_quote(word, sizeof(word), group);
	snprintf(join, sizeof(join), "adduser %s %s", user, word);
	snprintf(chgrp, sizeof(chgrp), "chgrp %s %s %s*", word,
	    ck->word[CHECK_DIR], ck->word[CHECK_DB]);
	snprintf(chmod, sizeof(chmod), "chmod 2770 %s && chmod 0660 %s*",
	    ck->word[CHECK_DIR], ck->word[CHECK_DB]);
	if (gr == NULL || !is_in(u, gid))
		*next++ = join;
	if (gr == NULL || ck->st[CHECK_DB].st_gid != gid)
		*next++ = chgrp;
	*next++ = chmod;
	check_tell(ck, kind, mend, "%s cannot %s %s", u->name, cannot,
	    describe_file(what, sizeof(what), ck->file[which], &ck->st[which]));
}

/* Each directory on the way has to let the user through. */
static bool
check_way(const struct check *ck, const struct user *u)
{
	char copy[PATH_MAX], what[PATH_MAX + 256], chmod[PATH_MAX + 64];
	char word[CHECK_QUOTED];
	const char *mend[] = {chmod, NULL};
	struct stat sb;
	char *dir;

	snprintf(copy, sizeof(copy), "%s", ck->file[CHECK_DIR]);
	if (!user_may(u, &ck->st[CHECK_DIR], X)) {
		tell_shared(ck, &rights, u, "enter", CHECK_DIR);
		return false;
	}
	for (dir = copy;; dir = dirname(dir)) {
		if (stat(dir, &sb) == 0 && !user_may(u, &sb, X)) {
			shell_quote(word, sizeof(word), dir);
			snprintf(chmod, sizeof(chmod), "chmod a+x %s", word);
			check_tell(ck, &rights, mend, "%s cannot enter %s",
			    u->name,
			    describe_file(what, sizeof(what), dir, &sb));
			return false;
		}
		if (strcmp(dir, "/") == 0 || strcmp(dir, ".") == 0)
			return true;
	}
}

static void
check_one(const struct check *ck, const struct user *u)
{
	enum check_file f;

	if (!check_way(ck, u))
		return;
	if (!user_may(u, &ck->st[CHECK_DIR], R)) {
		tell_shared(ck, &rights, u, "read", CHECK_DIR);
		return;
	}
	for (f = CHECK_DB; f <= CHECK_SHM; f++)
		if (ck->there[f] && !user_may(u, &ck->st[f], R)) {
			tell_shared(ck, &rights, u, "read", f);
			return;
		}
	if (place_read_only(ck->file[CHECK_DB]))
		return; /* check_mount has told it, and modes do not count */
	if (!user_may(u, &ck->st[CHECK_DIR], W)) {
		tell_shared(ck, &directory, u, "write in", CHECK_DIR);
		return;
	}
	if (!user_may(u, &ck->st[CHECK_DB], W)) {
		tell_shared(ck, &reader_first, u,
		    "write the log, but can make files beside", CHECK_DB);
		return;
	}
	for (f = CHECK_WAL; f <= CHECK_SHM; f++)
		if (ck->there[f] && !user_may(u, &ck->st[f], W)) {
			tell_shared(ck, &beside, u, "write", f);
			return;
		}
}

/* Where the mount is read-only nobody may write, whatever the modes say. */
static void
check_mount(const struct check *ck)
{
	char mount[CHECK_QUOTED + 64];
	const char *mend[] = {
	    mount, "in a container: mount the directory without `ro'", NULL};

	if (!place_read_only(ck->file[CHECK_DB]))
		return;
	snprintf(mount, sizeof(mount),
	    "mount -o remount,bind,rw \"$(findmnt -no TARGET -T %s)\"",
	    ck->word[CHECK_DIR]);
	check_tell(ck, &read_only, mend, "%s is mounted read-only",
	    ck->file[CHECK_DIR]);
}

/* A log that all users of the machine can read tells them all there is. */
static void
check_world(const struct check *ck)
{
	char chmod[CHECK_QUOTED + 64], what[PATH_MAX + 256];
	const char *mend[] = {chmod, NULL};
	unsigned mode = ck->st[CHECK_DB].st_mode;

	if ((mode & (R | W)) == 0 || (ck->st[CHECK_DIR].st_mode & X) == 0)
		return;
	snprintf(chmod, sizeof(chmod), "chmod o-rwx %s*", ck->word[CHECK_DB]);
	check_tell(ck, &world, mend, "%s %s by every user of this machine",
	    describe_file(
		what, sizeof(what), ck->file[CHECK_DB], &ck->st[CHECK_DB]),
	    (mode & W) != 0 ? "can be written" : "can be read");
}

/* Several users share a directory by its group: files are to be the group's. */
static void
check_setgid(const struct check *ck, size_t n)
{
	const struct stat *dir = &ck->st[CHECK_DIR];
	char chmod[PATH_MAX + 64], what[PATH_MAX + 256];
	const char *mend[] = {chmod, NULL};

	if (n < 2 || (dir->st_mode & (S_IWGRP | S_ISGID)) != S_IWGRP ||
	    (dir->st_mode & S_IWOTH) != 0)
		return;
	snprintf(chmod, sizeof(chmod), "chmod g+s %s", ck->word[CHECK_DIR]);
	check_tell(ck, &not_setgid, mend,
	    "%s is written by its group and not setgid",
	    describe_file(what, sizeof(what), ck->file[CHECK_DIR], dir));
}

/* --- all of them -------------------------------------------------------- */

static bool
has_user(const struct user *users, size_t n, uid_t uid)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (users[i].uid == uid)
			return true;
	return false;
}

/*
 * The users that were named, ourselves, and the owner, who most likely
 * publishes.  Each is taken once; ourselves and the owner not if that is root,
 * for root may do everything.
 */
static int
gather_users(const struct check *ck, struct user *users, size_t *n)
{
	const uid_t also[] = {geteuid(), ck->st[CHECK_DB].st_uid};
	const struct passwd *pw;
	size_t i;

	for (i = 0; i < ck->want->nusers + 2; i++) {
		pw = i < ck->want->nusers
			 ? getpwnam(ck->want->users[i])
			 : getpwuid(also[i - ck->want->nusers]);
		if (i >= ck->want->nusers && (pw == NULL || pw->pw_uid == 0))
			continue;
		if (pw != NULL && has_user(users, *n, pw->pw_uid))
			continue;
		if (!read_user(&users[*n], pw))
			return -1;
		(*n)++;
	}
	return 0;
}

int
check_rights(const struct check *ck)
{
	struct user *users = calloc(ck->want->nusers + 2, sizeof(*users));
	size_t n = 0, i;
	int r = -1;

	if (users != NULL && gather_users(ck, users, &n) == 0) {
		check_mount(ck);
		check_world(ck);
		for (i = 0; i < n; i++)
			check_one(ck, &users[i]);
		check_setgid(ck, n);
		if (geteuid() == 0 && ck->want->nusers == 0) {
			const char *mend[] = {
			    "largesse doctor --user www-data FILE", NULL};

			check_tell(ck, &only_root, mend,
			    "asked as root, and about no other user");
		}
		r = 0;
	}
	for (i = 0; users != NULL && i < ck->want->nusers + 2; i++)
		free(users[i].groups);
	free(users);
	return r;
}
