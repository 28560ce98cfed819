/*
 * env.h - strings NAME=VALUE with a NULL after the last: an environment, or
 * the parameters of a request as libfcgi returns them.
 */
#ifndef ENV_H
#define ENV_H

#include <string.h>

/* The first value of this name.  NULL: there is none, or it is empty. */
static inline const char *
env_value(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; *env != NULL; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return (*env)[len + 1] != '\0' ? *env + len + 1 : NULL;
	return NULL;
}

#endif
