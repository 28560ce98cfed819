/*
 * inherit.c - what a process gets from the program that starts it, and must not
 * keep.
 *
 * The kernel shows the command line to everybody, and the environment to the
 * same user, from the memory in which the process found them.  So a password is
 * copied elsewhere, and its first place is overwritten.
 */
#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/serve/inherit.h"

/* --- descriptors -------------------------------------------------------- */

/*
 * A pipe without its other end needs no file, so this works in an empty chroot
 * too.
 */
void
inherit_descriptors(void)
{
	int fd, end[2];

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
		    pipe(end) == 0)
			close(end[1]);
}

/* --- secrets ------------------------------------------------------------ */

/* What comes after one of these words, up to one of the marks, is a secret. */
static char *
find_token(char *s, size_t *len)
{
	static const struct {
		const char *word, *marks;
	} before[] = {{"access_token=", "&#"}, {"&sign=", "&#"},
	    {"Authorization:", ""}, {"Cookie:", ""}};
	char *found;
	size_t i;

	for (i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		if ((found = strcasestr(s, before[i].word)) == NULL)
			continue;
		found += strlen(before[i].word);
		if ((*len = strcspn(found, before[i].marks)) > 0)
			return found;
	}
	return NULL;
}

/*
 * The password in an address such as redis://user:password@host, or a token;
 * NULL: there is none.  It has *len bytes.  Without a colon all that stands
 * before the @ counts.
 */
static char *
find_secret(char *s, size_t *len)
{
	char *begin = strstr(s, "://"), *end, *colon;

	if ((end = find_token(s, len)) != NULL)
		return end;
	if (begin == NULL)
		return NULL;
	begin += 3;
	end = memrchr(begin, '@', strcspn(begin, "?#"));
	if (end == NULL)
		return NULL;
	colon = memchr(begin, ':', (size_t)(end - begin));
	if (colon != NULL)
		begin = colon + 1;
	*len = (size_t)(end - begin);
	return *len > 0 ? begin : NULL;
}

/* Puts one x in the place of a secret, so that not even its length shows. */
static void
cover(char *secret, size_t len)
{
	size_t rest = strlen(secret + len);

	*secret = 'x';
	memmove(secret + 1, secret + len, rest);
	explicit_bzero(secret + 1 + rest, len - 1);
}

/* Is it a variable whose whole value is secret?  The value begins at value. */
static bool
is_secret(const char *variable, const char *value)
{
	static const char *const words[] = {"PASSWORD", "SECRET", "TOKEN"};
	const char *found;
	size_t i;

	if (strncmp(variable, "LARGESSE_", 9) != 0)
		return false;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		found = strstr(variable, words[i]);
		if (found != NULL && found < value)
			return true;
	}
	return false;
}

static bool
hide_word(char **word)
{
	size_t len;
	char *secret = find_secret(*word, &len), *copy;

	if (secret == NULL || (copy = strdup(*word)) == NULL)
		return false;
	cover(secret, len);
	*word = copy;
	return true;
}

static bool
hide_variable(char **variable)
{
	char *value = strchr(*variable, '='), *copy;

	if (value == NULL || *++value == '\0')
		return false;
	if (!is_secret(*variable, value))
		return hide_word(variable);
	if ((copy = strdup(*variable)) == NULL)
		return false;
	explicit_bzero(value, strlen(value));
	*variable = copy;
	return true;
}

void
inherit_secrets(int argc, char **argv)
{
	bool found = false;
	char **p;
	int i;

	for (i = 1; i < argc; i++)
		found |= hide_word(&argv[i]);
	for (p = environ; *p != NULL; p++)
		found |= hide_variable(p);
	if (found)
		inherit_no_dump();
}

/* The leak checker of a build with sanitizers has to look into the process. */
void
inherit_no_dump(void)
{
#ifndef __SANITIZE_ADDRESS__
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* --- signals ------------------------------------------------------------ */

static void
mask_one(int how, int signum)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signum);
	sigprocmask(how, &set, NULL);
}

void
inherit_signals(void)
{
	static const int ours[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		signal(ours[i], SIG_DFL);
		mask_one(SIG_UNBLOCK, ours[i]);
	}
	mask_one(SIG_BLOCK, SIGHUP);
}

void
inherit_hangups(void)
{
	mask_one(SIG_UNBLOCK, SIGHUP);
}
