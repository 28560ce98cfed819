/*
 * command.c - what the commands have in common: how they end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/command.h"
#include "fcgi/log.h"

int
command_done(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return STATUS_DONE;
	log_error("standard output", "%s", strerror(errno));
	return STATUS_FAILED;
}
