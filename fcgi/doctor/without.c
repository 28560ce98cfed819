/*
 * without.c - what the static build answers where libcurl is missing.
 *
 * Debian has no libcurl that can be linked statically.  So `make static` leaves
 * out the files that need it (STATIC_OUT in the Makefile), and the functions
 * here take their place: each refuses and says why.
 */
#include "fcgi/base/log.h"
#include "fcgi/doctor/doctor.h"

bool
doctor_url(const struct doctor *doctor, struct report *report)
{
	(void)report;
	log_error(doctor->subject, "this program was built without libcurl");
	return false;
}
