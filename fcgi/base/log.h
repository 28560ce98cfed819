/*
 * log.h - what is told on stderr: one line each, `largesse: what: why`.
 *
 * A line goes out in one write, so that the lines of several processes on
 * one log stay whole, and controls in it become '?': what a peer sent cannot
 * forge a line.  Nothing here is called on the path of an event.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

void log_error(const char *what, const char *why, ...)
    __attribute__((format(printf, 2, 3)));

/* `largesse: line`, where the line says both. */
void log_plain(const char *line);

/* As log_error, but silent when quiet: good to know and no trouble. */
void log_info(bool quiet, const char *what, const char *why, ...)
    __attribute__((format(printf, 3, 4)));

#endif
