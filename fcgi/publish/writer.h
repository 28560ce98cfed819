/*
 * writer.h - the process that writes what is published over HTTP.
 */
#ifndef WRITER_H
#define WRITER_H

#include "fcgi/base/command.h"

/* Not a command for people: `serve --publish` starts it. */
command cmd_writer;

#endif
