/*
 * env.h - strings NAME=VALUE with a NULL after the last: an environment, or
 * the parameters of a request as libfcgi returns them.
 */
#ifndef ENV_H
#define ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/*
 * The value of env[0] if it has this name, or NULL.  A request is asked for
 * some 30 names, and most strings differ in the first letters: a call of
 * strncmp for each was up to a tenth of what a new stream costs us.
 */
static inline const char *
env_named(char *const *env, const char *name)
{
	const char *s = *env;

	while (*name != '\0' && *s == *name) {
		s++;
		name++;
	}
	return *name == '\0' && *s == '=' ? s + 1 : NULL;
}

/* The first value of this name.  NULL: there is none, or it is empty. */
static inline const char *
env_value(char *const *env, const char *name)
{
	const char *s;

	for (; *env != NULL; env++)
		if ((s = env_named(env, name)) != NULL)
			return *s != '\0' ? s : NULL;
	return NULL;
}

/* Does this name stand there more than once, with different values? */
static inline bool
env_differs(char *const *env, const char *name)
{
	const char *first = NULL, *s;

	for (; *env != NULL; env++) {
		if ((s = env_named(env, name)) == NULL)
			continue;
		if (first != NULL && strcmp(first, s) != 0)
			return true;
		first = s;
	}
	return false;
}

#endif
