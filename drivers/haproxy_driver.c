/* HAProxy: what differs from other balancers with a directory of pool files. haproxy.c has the
 * text, haproxy_reload.sh how nodes come and go without a reload. */
#include "drivers/builtin.h"
#include "drivers/confdir.h"
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
    CONFDIR_OPTIONS,
    {"include_dir", OPTION_STRING, "/etc/haproxy/pools/", false,
     "directory of the pools' files on the hosts"},
    {"test_cmd", OPTION_STRING, NULL, false,
     "must succeed before a change; default: haproxy -c -f /etc/haproxy/haproxy.cfg -f "
     "include_dir"},
    {"reload_cmd", OPTION_STRING, NULL, false,
     "puts new and removed pools in force; default: systemctl or /etc/init.d/haproxy reload"},
    {"runtime_socket", OPTION_STRING, "/run/haproxy/admin.sock", false,
     "stats socket for nodes of running pools: a path, or host:port; empty: reload always"},
    {NULL}};

static const char *const test_sh[] = {
#include "drivers/haproxy_test_sh.h"
    NULL};

static const char *const reload_sh[] = {
#include "drivers/haproxy_reload_sh.h"
    NULL};

static const struct confdir_programs programs = {
    .test = {test_sh, "haproxy -c"},
    .reload = {reload_sh, "reload of haproxy"},
    .settings = {"runtime_socket"},
};

static bool is_port(const char *text)
{
    size_t len = strspn(text, "0123456789");

    return len > 0 && len < 6 && !text[len] && atoi(text) > 0 && atoi(text) < 65536;
}

/* Programs on the host read it, each with a syntax of its own: only what means the same to all. */
static bool is_socket(const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-";
    const char *colon = strrchr(text, ':');
    size_t len = strspn(text, plain);

    if (!*text)
        return true;
    if (*text == '/')
        return !text[len];
    if (!colon || colon == text || !is_port(colon + 1))
        return false;
    if (*text == '[')
        return colon[-1] == ']' &&
               strspn(text + 1, "0123456789abcdefABCDEF:.") + 2 == (size_t)(colon - text);
    return *text != '-' && len == (size_t)(colon - text) && !strchr(text, '/');
}

static void *haproxy_open(const struct options *o, struct error *err)
{
    const char *where = options_string(o, "runtime_socket");

    if (!is_socket(where)) {
        (void)options_error(o, "runtime_socket", err,
                            "runtime_socket must be an absolute path of letters, digits and _ . -, "
                            "or host:port, or [v6]:port");
        return NULL;
    }
    return confdir_open_programs(o, &haproxy_dialect, NULL, &programs, err);
}

const struct driver haproxy_driver = {
    .abi = BALANCERFS_ABI,
    .name = "haproxy",
    .classes = "HAProxyBalancer",
    .summary = "HAProxy on one or several hosts, over SSH",
    .options = options,
    .open = haproxy_open,
    .get_pools = confdir_get_pools,
    .get_nodes = confdir_get_nodes,
    .apply = confdir_apply,
    .close = confdir_close,
    .status = confdir_status,
    .probe = confdir_probe,
};
