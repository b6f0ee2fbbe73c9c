/* Fuzzes the configuration: any text gives balancers, or errors that have a place, and ends. */
#include "mount/config.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(what) ((what) ? (void)0 : abort())

static void check_line(const char *line, void *arg)
{
    CLAIM(strncmp(line, "fuzz.yaml:", 10) == 0);
    for (const char *c = line; *c; c++)
        CLAIM((unsigned char)*c >= ' ' && *c != 127);
    (*(size_t *)arg)++;
}

static void check_balancer(const struct config *config, size_t i)
{
    const struct config_balancer *b = &config->balancers[i];
    struct error err;
    struct pool name;

    CLAIM(pool_parse(&name, b->name, &err) == 0);
    CLAIM(b->driver && b->options && b->place.line > 0 && b->place.column > 0);
    CLAIM(options_equal(b->options, b->options));
    CLAIM(config_find(config, b->name) == b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct problems *problems = problems_new("fuzz.yaml");
    struct config config;
    struct place password;
    size_t lines = 0;

    CLAIM(problems);
    password = config_parse(&config, (const char *)data, size, problems);
    CLAIM((password.line > 0) == (password.column > 0));
    for (size_t i = 0; i < config.n; i++)
        check_balancer(&config, i);
    problems_each(problems, check_line, &lines);
    CLAIM((lines > 0) == (problems_count(problems) > 0));
    config_free(&config);
    problems_free(problems);
    return 0;
}
