/* The keys that every balancer has, whatever its driver: balancerfs.conf(5), keys of every
 * balancer. */
#include "fs/fs.h"

const struct option fs_options[] = {
    {"timeout", OPTION_DURATION, "60s", false, "time for one remote transaction"},
    {"cache_ttl", OPTION_DURATION, "1s", false, "time for which a listing is taken as true"},
    {"commit_delay", OPTION_DURATION, "0", false, "changes are collected for that long"},
    {"auto_pools", OPTION_BOOL, "false", false, "any pool can be entered and is made when needed"},
    {"read_only", OPTION_BOOL, "false", false, "every change is EROFS"},
    {"min_nodes", OPTION_NUMBER, "0", false, "a deletion must leave a pool as many nodes"},
    {"max_removal", OPTION_STRING, NULL, false, "how much may be deleted, as 50%/60s or 5/60s"},
    {"protected_pools", OPTION_LIST, NULL, false, "pools that may not be changed"},
    {"owner", OPTION_STRING, NULL, false, "user who owns this balancer's entries"},
    {"group", OPTION_STRING, NULL, false, "group of this balancer's entries"},
    {"mode", OPTION_STRING, NULL, false, "mode of this balancer's directories, as 0755"},
    {"serve_stale", OPTION_DURATION, "0", false, "time for which the last listing stands in"},
    {NULL, OPTION_STRING, NULL, false, NULL}};
