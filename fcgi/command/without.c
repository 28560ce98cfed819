/*
 * without.c - what the static build answers where libcurl or libjwt is missing.
 *
 * Debian has no libcurl and no libjwt that can be linked statically.  So `make
 * static` leaves out the files that need it (STATIC_OUT in the Makefile), and
 * the functions here take their place: each refuses and says why.
 */
#include "fcgi/base/log.h"
#include "fcgi/command/commands.h"
#include "fcgi/command/tail.h"

int
tail_url(const struct tail *tail)
{
	log_error(tail->source, "this program was built without libcurl");
	return STATUS_FAILED;
}

int
cmd_token(int argc, char **argv)
{
	(void)argc;
	log_error(argv[0], "this program was built without libjwt");
	return STATUS_FAILED;
}
