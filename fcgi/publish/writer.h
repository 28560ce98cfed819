/*
 * writer.h - the process that writes what is published over HTTP.
 */
#ifndef WRITER_H
#define WRITER_H

/*
 * Not a command for people: `serve --publish` starts it.  shut_in is called
 * with the name of the log when that is open (serve/sandbox.h).
 */
int writer_run(int argc, char **argv, void (*shut_in)(const char *db));

#endif
