/*
 * clinic.h - several requests under way at a time.
 */
#ifndef DOCTOR_CLINIC_H
#define DOCTOR_CLINIC_H

#include "fcgi/doctor/http.h"
#include "fcgi/doctor/progress.h"

struct clinic;

/* NULL without memory.  While it waits, it shows the progress. */
struct clinic *clinic_open(const struct doctor *, struct progress *);
void clinic_close(struct clinic *);

/* Begins a visit, which lives as long as the clinic.  NULL without memory. */
struct visit *clinic_begin(struct clinic *, const struct visit_ask *);

/* Waits for the end of this visit; the others go on meanwhile. */
void clinic_wait(struct clinic *, const struct visit *);

#endif
