/* The configuration: from a YAML file to balancers with checked settings. Contacts nobody. */
#ifndef BALANCERFS_CONFIG_H
#define BALANCERFS_CONFIG_H

#include "drivers/options.h"
#include "mount/problems.h"

struct config_balancer {
    const char *name;
    const struct driver *driver;
    struct options *options;
    bool given; /* to a file system, which frees the options */
    struct place place;
};

struct config {
    struct config_balancer *balancers;
    size_t n;
};

/* Fills config with every balancer that has no error; the others are in problems. Free it in
 * any case. */
void config_read(struct config *config, struct problems *problems);

/* The same from a text; file is what a driver calls it. Whose the file is was not asked: the
 * place of the first password is returned, line 0 when there is none. */
struct place config_parse(struct config *config, const char *text, size_t len,
                          struct problems *problems);

/* Opens and closes the driver, since only it can judge some values; likewise the file system. */
void config_try(const struct config_balancer *b, struct problems *problems);

struct config_balancer *config_find(const struct config *config, const char *name); /* or NULL */

void config_free(struct config *config);

#endif
