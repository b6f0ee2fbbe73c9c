/* What --help prints, out of the tables that the program goes by. */
#ifndef BALANCERFS_HELP_H
#define BALANCERFS_HELP_H

#include "drivers/driver.h"

void help_print(void);
/* -1: there is no such driver. */
int help_print_driver(const char *name, struct error *err);

#endif
