/* Apache httpd: what differs from other balancers with a directory of pool files. apache.c has the
 * text, apache_test.sh and apache_reload.sh what is to be heeded on a host. */
#include "drivers/builtin.h"
#include "drivers/confdir.h"

static const struct option options[] = {
    CONFDIR_OPTIONS,
    {"include_dir", OPTION_STRING, "/etc/apache2/conf-enabled/", false,
     "directory of the pools' files on the hosts"},
    {"test_cmd", OPTION_STRING, "apache2ctl configtest", false, "must succeed before a reload"},
    {"reload_cmd", OPTION_STRING, "apache2ctl graceful", false,
     "puts the files in force; never starts a stopped server"},
    {NULL}};

static const char *const test_sh[] = {
#include "drivers/apache_test_sh.h"
    NULL};

static const char *const reload_sh[] = {
#include "drivers/apache_reload_sh.h"
    NULL};

static const struct confdir_programs programs = {.test = {test_sh, NULL},
                                                 .reload = {reload_sh, NULL}};

static void *apache_open(const struct options *o, struct error *err)
{
    return confdir_open_programs(o, &apache_dialect, NULL, &programs, err);
}

const struct driver apache_driver = {
    .abi = BALANCERFS_ABI,
    .name = "apache",
    .classes = "ApacheBalancer",
    .summary = "Apache httpd on one or several hosts, over SSH",
    .options = options,
    .open = apache_open,
    .get_pools = confdir_get_pools,
    .get_nodes = confdir_get_nodes,
    .apply = confdir_apply,
    .close = confdir_close,
    .status = confdir_status,
    .probe = confdir_probe,
};
