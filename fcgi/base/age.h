/*
 * age.h - a length of time as people write it: 15 (seconds), 500ms, 10m, 7d.
 */
#ifndef AGE_H
#define AGE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The ms of digits and a unit: ms, s, m, h, d or w; none is seconds.  It takes
 * the whole text, so that a typing error is refused and not read as another
 * age.  False, *ms untouched, otherwise; *ms is never negative.
 */
bool age_read(const char *s, int64_t *ms);

#endif
