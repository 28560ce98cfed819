/*
 * mend.h - the lines that mend a finding, for the servers in the way.
 */
#ifndef DOCTOR_MEND_H
#define DOCTOR_MEND_H

#include "fcgi/doctor/report.h"
#include "fcgi/doctor/way.h"

/*
 * Adds the lines for the code of this finding.  arg, which may be NULL, takes
 * the place of {} in them.
 */
void mend_finding(
    struct report *, struct finding *, const struct way *, const char *arg);
/* Adds the lines for another code. */
void mend_like(struct report *, struct finding *, const char *code,
    const struct way *, const char *arg);

#endif
