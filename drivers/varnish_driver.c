/* Varnish: what differs from other balancers with a directory of pool files. varnish.c has the
 * text. */
#include "drivers/builtin.h"
#include "drivers/confdir.h"
#include <errno.h>
#include <string.h>

static const struct option options[] = {
    CONFDIR_OPTIONS,
    {"include_dir", OPTION_STRING, "/etc/varnish/", false,
     "directory of the pools' files on the hosts"},
    {"main_pool_file", OPTION_STRING, "pools.vcl", false, "file with an include for each pool"},
    {"pool_file_prefix", OPTION_STRING, "pool-", false, "what a pool's file begins with"},
    {"vcl_version", OPTION_NUMBER, "4", false, "4 (of 4.0 and 4.1) or 3"},
    {"test_cmd", OPTION_STRING, NULL, false, "must succeed before a reload; the load is a test"},
    {"reload_cmd", OPTION_STRING, "/etc/init.d/varnish reload", false, "puts the files in force"},
    {NULL}};

/* What a name on the hosts may be made of, as the agent takes it. */
static bool is_file_name(const char *text)
{
    return text[strspn(text,
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] ==
               '\0' &&
           text[0] != '.' && text[0] != '-' && text[0] != '_' && strlen(text) < 128;
}

static int settings_read(const struct options *o, struct dialect_settings *s, struct error *err)
{
    size_t len;

    s->prefix = options_string(o, "pool_file_prefix");
    s->main_file = options_string(o, "main_pool_file");
    s->version = (int)options_number(o, "vcl_version");
    len = strlen(s->main_file);
    if (!is_file_name(s->prefix))
        return options_error(o, "pool_file_prefix", err,
                             "pool_file_prefix %s: letters, digits, _ . - only, a letter or digit "
                             "first",
                             s->prefix);
    if (!is_file_name(s->main_file) || len < 5 || strcmp(s->main_file + len - 4, ".vcl") != 0)
        return options_error(o, "main_pool_file", err,
                             "main_pool_file %s: a name in include_dir that ends with .vcl",
                             s->main_file);
    if (s->version != 3 && s->version != 4)
        return options_error(o, "vcl_version", err, "vcl_version %s: 3 or 4",
                             options_string(o, "vcl_version"));
    return 0;
}

static void *varnish_open(const struct options *o, struct error *err)
{
    struct dialect_settings settings = {.version = 0};

    return settings_read(o, &settings, err) == 0 ? confdir_open(o, &varnish_dialect, &settings, err)
                                                 : NULL;
}

const struct driver varnish_driver = {
    .abi = BALANCERFS_ABI,
    .name = "varnish",
    .classes = "VarnishBalancer",
    .summary = "Varnish on one or several hosts, over SSH",
    .options = options,
    .open = varnish_open,
    .get_pools = confdir_get_pools,
    .get_nodes = confdir_get_nodes,
    .apply = confdir_apply,
    .close = confdir_close,
    .status = confdir_status,
    .probe = confdir_probe,
};
