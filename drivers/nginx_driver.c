/* nginx: what differs from other balancers with a directory of pool files. nginx.c has the text. */
#include "drivers/builtin.h"
#include "drivers/confdir.h"

static const struct option options[] = {
    CONFDIR_OPTIONS,
    {"include_dir", OPTION_STRING, "/etc/nginx/sites-enabled/", false,
     "directory of the pools' files on the hosts"},
    {"test_cmd", OPTION_STRING, "nginx -t -q", false, "must succeed before a reload"},
    {"reload_cmd", OPTION_STRING, "/etc/init.d/nginx reload", false, "puts the files in force"},
    {NULL}};

static void *nginx_open(const struct options *o, struct error *err)
{
    return confdir_open(o, &nginx_dialect, NULL, err);
}

const struct driver nginx_driver = {
    .abi = BALANCERFS_ABI,
    .name = "nginx",
    .classes = "NginxBalancer",
    .summary = "nginx on one or several hosts, over SSH",
    .options = options,
    .open = nginx_open,
    .get_pools = confdir_get_pools,
    .get_nodes = confdir_get_nodes,
    .apply = confdir_apply,
    .close = confdir_close,
    .status = confdir_status,
    .probe = confdir_probe,
};
