/*
 * env.h - NAME=VALUE strings up to a NULL: an environment, and the parameters
 * of a request as libfcgi has them.
 */
#ifndef ENV_H
#define ENV_H

#include <string.h>

/* The first value of this name; an empty one is as good as none: NULL. */
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
