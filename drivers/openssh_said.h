/* What became of an ssh program, by what it said; a pure function on text. */
#ifndef BALANCERFS_OPENSSH_SAID_H
#define BALANCERFS_OPENSSH_SAID_H

#include "drivers/driver.h"

/* err: EACCES, ECONNREFUSED, ETIMEDOUT or EHOSTUNREACH, and its words in one line, with host in
 * front. true: the host was only busy, and another try may pass. */
bool openssh_said(const char *host, const char *text, struct error *err);

#endif
