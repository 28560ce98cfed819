/*
 * env.h - strings NAME=VALUE with a NULL after the last: an environment, or
 * the parameters of a request as libfcgi returns them.
 */
#ifndef ENV_H
#define ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The value of env[0] if it has this name, or NULL. */
static inline const char *
env_named(char *const *env, const char *name)
{
	size_t len = strlen(name);

	return strncmp(*env, name, len) == 0 && (*env)[len] == '='
		   ? *env + len + 1
		   : NULL;
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
