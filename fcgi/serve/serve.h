/*
 * serve.h - the command that is the server.
 */
#ifndef SERVE_H
#define SERVE_H

#include "fcgi/base/command.h"

command cmd_serve;

#endif
