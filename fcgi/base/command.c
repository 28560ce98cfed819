/*
 * command.c - what the commands have in common: how they end, and what they
 * take for a URL.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/base/command.h"
#include "fcgi/base/log.h"

int
command_done(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return STATUS_DONE;
	log_error("standard output", "%s", strerror(errno));
	return STATUS_FAILED;
}

int
command_failed(const char *why)
{
	log_plain(why);
	return STATUS_FAILED;
}

bool
command_is_url(const char *s)
{
	return strncmp(s, "http://", 7) == 0 || strncmp(s, "https://", 8) == 0;
}
