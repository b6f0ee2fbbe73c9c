/* The operations of the Pool service that the driver uses, and what their faults mean. */
#include "drivers/clock.h"
#include "drivers/secret.h"
#include "drivers/stingray.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *rows_part;
    enum soap_shape shape;
    bool writes;
} operations[] = {
    [GET_POOL_NAMES] = {"getPoolNames", NULL, SOAP_NAMES, false},
    [GET_NODES] = {"getNodes", NULL, SOAP_ROWS, false},
    [GET_DISABLED_NODES] = {"getDisabledNodes", NULL, SOAP_ROWS, false},
    [GET_DRAINING_NODES] = {"getDrainingNodes", NULL, SOAP_ROWS, false},
    [ADD_POOL] = {"addPool", "nodes", SOAP_VOID, true},
    [POOL_DELETE] = {"deletePool", NULL, SOAP_VOID, true},
    [ADD_NODES] = {"addNodes", "values", SOAP_VOID, true},
    [REMOVE_NODES] = {"removeNodes", "values", SOAP_VOID, true},
    [ENABLE_NODES] = {"enableNodes", "nodes", SOAP_VOID, true},
    [DISABLE_NODES] = {"disableNodes", "nodes", SOAP_VOID, true},
    [ADD_DRAINING_NODES] = {"addDrainingNodes", "values", SOAP_VOID, true},
};

bool operation_writes(enum operation op)
{
    return operations[op].writes;
}

char *stingray_key(const char *text)
{
    struct in6_addr addr;
    char host[INET6_ADDRSTRLEN];
    const char *end = *text == '[' ? strstr(text, "]:") : NULL;
    size_t len = end ? (size_t)(end - text - 1) : 0;
    struct buf key = BUF_INIT;

    if (!end || len >= sizeof host)
        return strdup(text);
    memcpy(host, text + 1, len);
    host[len] = '\0';
    if (inet_pton(AF_INET6, host, &addr) != 1 || !inet_ntop(AF_INET6, &addr, host, sizeof host))
        return strdup(text);
    buf_printf(&key, "[%s%s", host, end);
    if (!key.failed)
        return key.data;
    buf_free(&key);
    return NULL;
}

/* ---- the password ------------------------------------------------------------------------- */

/* A copy for one call. It is asked for once and then kept, because every operation has several
 * calls; without the lock, because a command may take its time. */
static int password_get(struct stingray *lb, int64_t deadline, struct buf *out, struct error *err)
{
    const char *home = getenv("HOME");

    (void)pthread_mutex_lock(&lb->lock);
    buf_add(out, buf_text(&lb->password), lb->password.len);
    (void)pthread_mutex_unlock(&lb->lock);
    if (out->len || out->failed)
        return buf_check(out, err);
    if (secret_read(lb->options, home && *home == '/' ? home : "/", deadline, out, err) == -1)
        return -1;
    (void)pthread_mutex_lock(&lb->lock);
    buf_wipe(&lb->password);
    buf_add(&lb->password, buf_text(out), out->len);
    (void)pthread_mutex_unlock(&lb->lock);
    return buf_check(out, err);
}

/* Where it can have changed it is asked for again. False: it is what was just refused. */
static bool password_changed(struct stingray *lb, int64_t deadline, struct buf *refused)
{
    struct buf now = BUF_INIT;
    struct error ignored;
    bool changed = false;

    if (options_string(lb->options, "password"))
        return false;
    (void)pthread_mutex_lock(&lb->lock);
    buf_wipe(&lb->password);
    (void)pthread_mutex_unlock(&lb->lock);
    if (password_get(lb, deadline, &now, &ignored) == 0)
        changed = strcmp(buf_text(&now), buf_text(refused)) != 0;
    buf_wipe(refused);
    *refused = now;
    return changed;
}

/* ---- calls -------------------------------------------------------------------------------- */

static enum answer fault_answer(const struct soap_reply *reply)
{
    static const struct {
        const char *type;
        enum answer answer;
    } types[] = {{"ObjectDoesNotExist", ANSWER_MISSING}, {"ObjectAlreadyExists", ANSWER_EXISTS},
                 {"ObjectInUse", ANSWER_IN_USE},         {"InvalidInput", ANSWER_INVALID},
                 {"InvalidOperation", ANSWER_INVALID},   {"DeploymentError", ANSWER_UNDEPLOYED}};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(reply->fault, types[i].type) == 0)
            return types[i].answer;
    if (!*reply->fault && strstr(reply->text, "Unknown pool"))
        return ANSWER_MISSING;
    return ANSWER_REFUSED;
}

static void note_answer(struct stingray *lb, int64_t began_us)
{
    (void)pthread_mutex_lock(&lb->lock);
    lb->seen.latency_us = clock_now_us() - began_us;
    (void)pthread_mutex_unlock(&lb->lock);
}

static enum soap_result call_once(const struct caller *c, const struct soap_request *q,
                                  const struct buf *password, struct soap_reply *out,
                                  struct error *err)
{
    int64_t began = clock_now_us();
    enum soap_result result = soap_call(c->soap, q, buf_text(password), c->deadline, out, err);

    if (result == SOAP_DONE || result == SOAP_FAULTED)
        note_answer(c->lb, began);
    return result;
}

enum answer stingray_call(const struct caller *c, enum operation op, const struct soap_names *names,
                          const struct soap_names *rows, struct soap_reply *out, struct error *err)
{
    struct soap_request q = {.operation = operations[op].name,
                             .names = names,
                             .rows_part = operations[op].rows_part,
                             .rows = rows,
                             .shape = operations[op].shape,
                             .writes = operations[op].writes};
    struct buf password = BUF_INIT;
    enum soap_result result = SOAP_FAILED;

    *out = (struct soap_reply){0};
    if (password_get(c->lb, c->deadline, &password, err) == 0)
        result = call_once(c, &q, &password, out, err);
    /* A refused login has done nothing: so this is the one thing that is sent twice. */
    if (result == SOAP_FAILED && err->num == EACCES && password.len &&
        password_changed(c->lb, c->deadline, &password))
        result = call_once(c, &q, &password, out, err);
    buf_wipe(&password);
    switch (result) {
    case SOAP_DONE:
        return ANSWER_DONE;
    case SOAP_FAULTED:
        return fault_answer(out);
    case SOAP_FAILED:
        return ANSWER_FAILED;
    case SOAP_UNCLEAR:
        break;
    }
    return ANSWER_UNCLEAR;
}

enum answer stingray_call_pool(const struct caller *c, enum operation op, const char *pool,
                               const struct soap_names *nodes, struct soap_reply *out,
                               struct error *err)
{
    struct soap_names names = {&pool, 1};
    enum answer answer = stingray_call(c, op, &names, nodes, out, err);

    if (answer != ANSWER_DONE || operations[op].shape != SOAP_ROWS || out->n == 1)
        return answer;
    (void)error_set(err, EREMOTEIO, "%s: %s: the reply has %zu lists for one pool",
                    c->lb->server.name, operations[op].name, out->n);
    return ANSWER_UNCLEAR;
}

/* ---- how it went -------------------------------------------------------------------------- */

static bool means_down(int num)
{
    return num == EHOSTUNREACH || num == ECONNREFUSED || num == ETIMEDOUT || num == EACCES ||
           num == EIO;
}

int stingray_note(struct stingray *lb, int result, const struct error *err)
{
    const char *state = result == -1 && means_down(err->num) ? "down" : "up";

    (void)pthread_mutex_lock(&lb->lock);
    if (strcmp(state, lb->seen.state) != 0)
        lb->seen.since_ms = clock_real_ms();
    lb->seen.state = state;
    if (result == -1) {
        free(lb->last_error);
        lb->last_error = strdup(err->text);
        lb->seen.error_ms = clock_real_ms();
    }
    (void)pthread_mutex_unlock(&lb->lock);
    return result;
}
