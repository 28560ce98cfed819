/*
 * without.c - what the static build answers where libcurl is missing.
 *
 * Debian has no libcurl that can be linked statically.  So `make static` leaves
 * out the files that need it (STATIC_OUT in the Makefile), and what is here
 * takes their place: it refuses and says why.
 */
#include "fcgi/base/command.h"
#include "fcgi/base/log.h"
#include "fcgi/command/tail.h"

int
tail_url(const struct tail *tail)
{
	log_error(tail->source, "this program was built without libcurl");
	return STATUS_FAILED;
}
