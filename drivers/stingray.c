/* Stingray, once ZXTM: pools of a traffic manager, over its SOAP control API.
 *
 * What is listed are the nodes in use: active and draining. A disabled node is configured, but
 * gets no requests, and the server's own list leaves it out: it is either in its grace period,
 * or was disabled by a person. Adding it enables it, deleting it removes it, and a pool with one
 * that is not in its grace period is not empty. */
#include "drivers/stingray.h"
#include "drivers/builtin.h"
#include "drivers/clock.h"
#include "drivers/secret.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define LIST_TRIES 3 /* pools may go between the two calls of a listing */

static const struct option stingray_options[] = {
    {"url", OPTION_STRING, NULL, true, "its control API: https://HOST:9090/soap"},
    {"user", OPTION_STRING, NULL, true, "user of the API"},
    {"password", OPTION_SECRET, NULL, false, "password of the API"},
    {"password_file", OPTION_STRING, NULL, false, "file whose first line is the password"},
    {"password_command", OPTION_STRING, NULL, false, "shell command that prints the password"},
    {"pool_prefix", OPTION_STRING, "", false, "only pools that begin so are shown, without it"},
    {"grace_period", OPTION_DURATION, "2s", false, "between disabling and removing a node"},
    {"ca_file", OPTION_STRING, NULL, false, "certificates to trust, instead of the system's"},
    {"pinned_key", OPTION_STRING, NULL, false, "the server's public key: sha256//BASE64"},
    {"verify", OPTION_BOOL, "true", false, "check the server's certificate"},
    {NULL, OPTION_STRING, NULL, false, NULL}};

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "out of memory");
}

/* ---- listing ------------------------------------------------------------------------------ */

/* As made for one call. The soap handle is made at the first one, in the thread that uses it. */
static int caller_get(struct stingray *lb, struct caller *c, struct error *err)
{
    if (!lb->soap)
        lb->soap = soap_new(&lb->server, err);
    *c = (struct caller){lb, lb->soap, clock_now_ms() + lb->timeout_ms};
    return lb->soap ? 0 : -1;
}

static bool row_has(const struct soap_row *row, const char *key)
{
    bool found = false;

    for (size_t i = 0; i < row->n && !found; i++) {
        char *other = stingray_key(row->at[i]);

        found = other && strcmp(other, key) == 0;
        free(other);
    }
    return found;
}

/* A node in its grace period that is listed: somebody has enabled it again, or this server lists
 * disabled ones too. */
static int list_odd(const struct caller *c, const char *pool, const char *key, struct listing *out,
                    struct error *err)
{
    struct soap_reply disabled;
    enum answer answer = stingray_call_pool(c, GET_DISABLED_NODES, pool, NULL, &disabled, err);

    if (answer == ANSWER_DONE && !row_has(&disabled.rows[0], key))
        listing_node(out, key);
    soap_reply_free(&disabled);
    return answer == ANSWER_DONE || answer == ANSWER_MISSING ? 0 : -1;
}

static int list_row(const struct caller *c, const char *pool, const struct soap_row *row,
                    struct listing *out, struct error *err)
{
    int result = 0;

    for (size_t i = 0; i < row->n && result == 0; i++) {
        char *key = stingray_key(row->at[i]);

        if (!key)
            return no_memory(err);
        if (grace_has(c->lb->grace, pool, key))
            result = list_odd(c, pool, key, out, err);
        else
            listing_node(out, key);
        free(key);
    }
    return result;
}

/* The names that can be shown, as the server has them; the others are counted in out. */
static int names_shown(const struct stingray *lb, const struct soap_row *row,
                       struct soap_names *names, struct listing *out, struct error *err)
{
    size_t len = strlen(lb->prefix);
    const char **at = calloc(row->n + 1, sizeof *at);
    struct error ignored;
    struct pool pool;

    if (!at)
        return no_memory(err);
    names->at = at;
    for (size_t i = 0; i < row->n; i++) {
        if (strncmp(row->at[i], lb->prefix, len) != 0)
            continue;
        if (pool_parse(&pool, row->at[i] + len, &ignored) == 0)
            at[names->n++] = row->at[i];
        else if (out)
            listing_pool(out, row->at[i] + len);
    }
    return 0;
}

static int list_rows(const struct caller *c, const struct soap_names *names,
                     const struct soap_reply *nodes, struct listing *out, struct error *err)
{
    if (nodes->n != names->n)
        return error_set(err, EREMOTEIO, "%s: getNodes: the reply has %zu lists for %zu pools",
                         c->lb->server.name, nodes->n, names->n);
    for (size_t i = 0; i < names->n; i++) {
        listing_pool(out, names->at[i] + strlen(c->lb->prefix));
        if (list_row(c, names->at[i], &nodes->rows[i], out, err) == -1)
            return -1;
    }
    return 0;
}

/* All pools with all nodes in two calls. ANSWER_MISSING: a pool went in between. */
static enum answer list_once(const struct caller *c, bool counts, struct listing *out,
                             struct error *err)
{
    struct soap_reply pools, nodes = {0};
    struct soap_names names = {0};
    enum answer answer = stingray_call(c, GET_POOL_NAMES, NULL, NULL, &pools, err);

    if (answer == ANSWER_DONE &&
        names_shown(c->lb, &pools.rows[0], &names, counts ? out : NULL, err) == -1)
        answer = ANSWER_FAILED;
    if (answer == ANSWER_DONE && names.n)
        answer = stingray_call(c, GET_NODES, &names, NULL, &nodes, err);
    if (answer == ANSWER_DONE && list_rows(c, &names, &nodes, out, err) == -1)
        answer = ANSWER_FAILED;
    free((void *)(uintptr_t)names.at);
    soap_reply_free(&pools);
    soap_reply_free(&nodes);
    return answer;
}

static int stingray_get_pools(void *handle, struct listing *out, struct error *err)
{
    struct stingray *lb = handle;
    enum answer answer = ANSWER_MISSING;
    struct caller c;

    if (caller_get(lb, &c, err) == -1)
        return -1;
    for (int i = 0; i < LIST_TRIES && answer == ANSWER_MISSING; i++)
        answer = list_once(&c, i == 0, out, err);
    if (answer == ANSWER_DONE)
        listing_is_whole(out);
    return stingray_note(lb, answer == ANSWER_DONE ? 0 : -1, err);
}

static char *full_name(const struct stingray *lb, const struct pool *pool)
{
    struct buf name = BUF_INIT;

    buf_printf(&name, "%s%s", lb->prefix, pool->name);
    if (!name.failed)
        return name.data;
    buf_free(&name);
    return NULL;
}

static int list_pool(const struct caller *c, const char *name, struct listing *out,
                     struct error *err)
{
    struct soap_reply nodes;
    enum answer answer = stingray_call_pool(c, GET_NODES, name, NULL, &nodes, err);
    int result = -1;

    if (answer == ANSWER_DONE)
        result = list_row(c, name, &nodes.rows[0], out, err);
    else if (answer == ANSWER_MISSING)
        result = 0;
    soap_reply_free(&nodes);
    return result;
}

static int stingray_get_nodes(void *handle, const struct pool *pool, struct listing *out,
                              struct error *err)
{
    struct stingray *lb = handle;
    char *name = full_name(lb, pool);
    struct caller c;
    int result = -1;

    if (!name)
        return no_memory(err);
    if (caller_get(lb, &c, err) == 0)
        result = stingray_note(lb, list_pool(&c, name, out, err), err);
    free(name);
    return result;
}

static int stingray_change(void *handle, const struct change *changes, size_t n, struct error *err)
{
    struct stingray *lb = handle;
    struct caller c;

    if (caller_get(lb, &c, err) == -1)
        return -1;
    return stingray_note(lb, stingray_apply(lb, changes, n, err), err);
}

/* ---- status ------------------------------------------------------------------------------- */

static bool is_plain(const struct stingray *lb)
{
    return strncasecmp(lb->server.url, "https:", 6) != 0;
}

/* What makes the login unsafe, or NULL. */
static const char *danger(const struct stingray *lb)
{
    if (is_plain(lb))
        return "url is http: the password can be read by anybody on the way";
    if (!lb->server.verify && !lb->server.pinned_key)
        return "verify is false: anybody on the way can pose as the server and read the password";
    return NULL;
}

static void stingray_status(void *handle, struct status *out)
{
    struct stingray *lb = handle;
    size_t waiting = grace_count(lb->grace);
    struct host_status seen;

    (void)pthread_mutex_lock(&lb->lock);
    seen = lb->seen;
    seen.error = lb->last_error;
    status_host(out, &seen);
    (void)pthread_mutex_unlock(&lb->lock);
    status_note(out, "url", "%s", lb->server.url);
    if (*lb->prefix)
        status_note(out, "pool_prefix", "%s", lb->prefix);
    if (danger(lb))
        status_note(out, "warning", "%s", danger(lb));
    if (waiting)
        status_note(out, "waiting_for_removal", "%zu", waiting);
}

static void probe_danger(const struct stingray *lb, struct status *out)
{
    const char *what = danger(lb);

    if (what)
        status_step(out, lb->name, "safe", true, what);
    else
        status_step(out, lb->name, "safe", true,
                    lb->server.verify ? "certificate checked" : "public key checked");
}

static int probe_pools(struct caller *c, struct status *out, struct error *err)
{
    struct soap_reply pools;
    struct soap_names shown = {0};
    struct buf text = BUF_INIT;
    int result = -1;

    if (stingray_call(c, GET_POOL_NAMES, NULL, NULL, &pools, err) == ANSWER_DONE)
        result = names_shown(c->lb, &pools.rows[0], &shown, NULL, err);
    if (result == 0) {
        buf_printf(&text, "%zu, of which %zu are shown", pools.rows[0].n, shown.n);
        probe_danger(c->lb, out);
    }
    status_step(out, c->lb->name, "pools", result == 0, result == 0 ? buf_text(&text) : err->text);
    free((void *)(uintptr_t)shown.at);
    buf_free(&text);
    soap_reply_free(&pools);
    return result;
}

static int stingray_probe(void *handle, struct status *out, struct error *err)
{
    struct stingray *lb = handle;
    struct caller c;

    if (caller_get(lb, &c, err) == -1) {
        status_step(out, lb->name, "pools", false, err->text);
        return -1;
    }
    return stingray_note(lb, probe_pools(&c, out, err), err);
}

/* ---- opening and closing ------------------------------------------------------------------ */

static void stingray_close(void *handle)
{
    struct stingray *lb = handle;

    if (!lb)
        return;
    grace_free(lb->grace);
    soap_free(lb->soap);
    buf_wipe(&lb->password);
    free(lb->name);
    free(lb->last_error);
    (void)pthread_mutex_destroy(&lb->lock);
    free(lb);
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;

    curl_free(text);
    return has;
}

/* NULL, or what is wrong. */
static const char *url_read(struct stingray *lb, CURLU *url, const char *text)
{
    struct buf name = BUF_INIT;
    char *scheme = NULL, *host = NULL, *port = NULL;
    const char *wrong = NULL;

    if (!url || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        wrong = "is no URL such as https://HOST:9090/soap";
    else if (strcasecmp(scheme, "https") != 0 && strcasecmp(scheme, "http") != 0)
        wrong = "must begin with https:// (or http://)";
    else if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
        wrong = "must not hold a login: use user and password";
    else if (has_part(url, CURLUPART_FRAGMENT))
        wrong = "must not hold a #";
    else
        buf_printf(&name, "%s:%s", host, port);
    lb->name = name.failed ? NULL : name.data;
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    return wrong;
}

static int read_url(struct stingray *lb, struct error *err)
{
    const char *text = options_string(lb->options, "url");
    CURLU *url = curl_url();
    const char *wrong = url_read(lb, url, text);

    curl_url_cleanup(url);
    if (wrong)
        return options_error(lb->options, "url", err, "url %s", wrong);
    lb->server.url = text;
    lb->server.name = lb->name;
    return lb->name ? 0 : no_memory(err);
}

static int read_login(struct stingray *lb, struct error *err)
{
    const struct options *o = lb->options;

    lb->server.user = options_string(o, "user");
    if (!*lb->server.user || strchr(lb->server.user, ':'))
        return options_error(o, "user", err, "user must be a name without a colon");
    if (!options_has(o, "password") && !options_has(o, "password_file") &&
        !options_has(o, "password_command"))
        return options_error(o, "password", err,
                             "password, password_file or password_command is missing");
    return secret_check(o, err);
}

/* A pinned key says who the server is: the certificate need not be checked beside it, unless that
 * is asked for. */
static int read_trust(struct stingray *lb, struct error *err)
{
    const struct options *o = lb->options;

    lb->server.ca_file = options_string(o, "ca_file");
    lb->server.pinned_key = options_string(o, "pinned_key");
    lb->server.verify = options_bool(o, "verify");
    if (lb->server.ca_file && access(lb->server.ca_file, R_OK) == -1)
        return options_error(o, "ca_file", err, "ca_file %s: %s", lb->server.ca_file,
                             strerror(errno));
    if (lb->server.pinned_key && strncmp(lb->server.pinned_key, "sha256//", 8) != 0)
        return options_error(o, "pinned_key", err, "pinned_key must be sha256//BASE64");
    if (lb->server.pinned_key && !lb->server.ca_file && !options_has(o, "verify"))
        lb->server.verify = false;
    return 0;
}

static int read_pools(struct stingray *lb, struct error *err)
{
    lb->prefix = options_string(lb->options, "pool_prefix");
    for (const char *c = lb->prefix; *c; c++)
        if (*c < ' ' || *c > '~' || *c == '/')
            return options_error(lb->options, "pool_prefix", err,
                                 "pool_prefix must be ASCII without /");
    lb->grace_ms = options_ms(lb->options, "grace_period");
    lb->timeout_ms = options_ms(lb->options, "timeout");
    return 0;
}

static void *stingray_open(const struct options *o, struct error *err)
{
    struct stingray *lb = calloc(1, sizeof *lb);

    if (!lb) {
        (void)no_memory(err);
        return NULL;
    }
    lb->options = o;
    lb->server.space = "http://soap.zeus.com/zxtm/1.0/Pool/";
    lb->seen.state = "unknown";
    (void)pthread_mutex_init(&lb->lock, NULL);
    if (read_url(lb, err) == 0 && read_login(lb, err) == 0 && read_trust(lb, err) == 0 &&
        read_pools(lb, err) == 0)
        lb->grace = grace_new(lb, err);
    lb->seen.name = lb->name;
    if (lb->grace)
        return lb;
    stingray_close(lb);
    return NULL;
}

const struct driver stingray_driver = {
    .abi = BALANCERFS_ABI,
    .name = "stingray",
    .classes = "ZXTMBalancer StingrayBalancer zxtm",
    .summary = "pools of a Stingray or ZXTM traffic manager, over SOAP",
    .options = stingray_options,
    .open = stingray_open,
    .get_pools = stingray_get_pools,
    .get_nodes = stingray_get_nodes,
    .apply = stingray_change,
    .close = stingray_close,
    .status = stingray_status,
    .probe = stingray_probe,
};
