/*
 * log.h - messages on stderr, one line each: `largesse: what: why`.
 *
 * This is the first page of the room base/: small things that every other room
 * may use.
 *
 *	log		messages on stderr
 *	options		what a command line says; option reads one value, age
 *			a length of time
 *	conf		the options of `serve`
 *	command		what all commands have in common
 *	near		the word that somebody meant who typed another one
 *	tally		what a process has counted, and why streams ended
 *	board		what a worker shows the others of its streams
 *	bytes, hash	bytes that grow; one hash function and one hash table
 *	env, json	a value in an environment; a text as JSON
 *	utf8, base64	is it UTF-8, and is it seen?  a part of a token
 *	fetch		what tail and the doctor both say to libcurl
 *
 * The room includes nothing of fcgi/ but itself, and has no state of its own.
 *
 * A line goes out in one write, so lines of several processes in one log stay
 * whole.  What a terminal would obey is shown as an escape (utf8_visible), so
 * no peer can forge a line or reach the terminal of whoever reads the log.
 * Nobody logs on the path of an event.
 *
 * Where stderr is the journal of systemd, a line begins with its level, `<3>',
 * which the journal takes off: sd-daemon(3).  It is an error if something does
 * not work, a warning if it may not work soon, and else information.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

void log_error(const char *what, const char *why, ...)
    __attribute__((format(printf, 2, 3)));

/* `largesse: line`, where the line says what and why; an error. */
void log_plain(const char *line);

/* The same for what is odd and may do harm, a warning; NULL: nothing is. */
void log_doubt(const char *line);

/* As log_error, but a warning, and nothing when quiet. */
void log_warning(bool quiet, const char *what, const char *why, ...)
    __attribute__((format(printf, 3, 4)));

/* As log_error, but nothing when quiet: for what is no error. */
void log_info(bool quiet, const char *what, const char *why, ...)
    __attribute__((format(printf, 3, 4)));

#endif
