/* What a program of exec finds in its environment. */
#ifndef BALANCERFS_EXEC_ENVIRONMENT_H
#define BALANCERFS_EXEC_ENVIRONMENT_H

#include "drivers/driver.h"

/* Ours, without what is not for it, and the balancer's keys. NULL with *err set: a key cannot be
 * handed over. */
char **exec_environment(const struct options *o, struct error *err);
/* Wiped: a value may be a password. */
void exec_environment_free(char **environment);

#endif
