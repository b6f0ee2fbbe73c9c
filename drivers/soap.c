/* A SOAP call's way over HTTP: libcurl, with what is unsafe in it turned off. */
#include "drivers/soap.h"
#include "drivers/clock.h"
#include <curl/curl.h>
#include <errno.h>
#include <libxml/parser.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECT_MS 10000

struct soap {
    CURL *curl;
    const struct soap_server *server;
    struct buf request, reply;
    bool too_long;
    char problem[CURL_ERROR_SIZE];
};

static void init(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    xmlInitParser();
}

void soap_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, init);
}

static size_t take(char *data, size_t size, size_t n, void *arg)
{
    struct soap *s = arg;

    s->too_long = s->reply.len + size * n > SOAP_REPLY_MAX;
    if (s->too_long)
        return 0;
    buf_add(&s->reply, data, size * n);
    return s->reply.failed ? 0 : size * n;
}

/* ---- settings ----------------------------------------------------------------------------- */

static bool set_protocols(CURL *c)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
    return curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) ==
           CURLE_OK;
#endif
}

static bool set_http(CURL *c, const struct soap_server *server)
{
    return curl_easy_setopt(c, CURLOPT_URL, server->url) == CURLE_OK && set_protocols(c) &&
           curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERNAME, server->user) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "balancerfs/" BALANCERFS_VERSION) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_MAXCONNECTS, 2L) == CURLE_OK;
}

/* With a file of its own, the system's certificates are not trusted beside it. */
static bool set_tls(CURL *c, const struct soap_server *server)
{
    bool ok = curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, server->verify ? 1L : 0L) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, server->verify ? 2L : 0L) == CURLE_OK;

    if (server->ca_file)
        ok = ok && curl_easy_setopt(c, CURLOPT_CAINFO, server->ca_file) == CURLE_OK &&
             curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK;
    if (server->pinned_key)
        ok = ok && curl_easy_setopt(c, CURLOPT_PINNEDPUBLICKEY, server->pinned_key) == CURLE_OK;
    return ok;
}

static bool set_fixed(struct soap *s)
{
    return set_http(s->curl, s->server) && set_tls(s->curl, s->server) &&
           curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, s->problem) == CURLE_OK &&
           curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
           curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s) == CURLE_OK;
}

struct soap *soap_new(const struct soap_server *server, struct error *err)
{
    struct soap *s = calloc(1, sizeof *s);

    soap_init();
    if (s) {
        s->server = server;
        s->curl = curl_easy_init();
    }
    if (s && s->curl && set_fixed(s))
        return s;
    (void)error_set(err, s && s->curl ? EINVAL : ENOMEM, "%s: libcurl cannot be set up: %s",
                    server->name, s && s->curl ? "it lacks https or a setting" : "out of memory");
    soap_free(s);
    return NULL;
}

void soap_free(struct soap *s)
{
    if (!s)
        return;
    curl_easy_cleanup(s->curl);
    buf_free(&s->request);
    buf_free(&s->reply);
    free(s);
}

/* ---- one exchange ------------------------------------------------------------------------- */

static struct curl_slist *headers(const struct soap *s, const char *operation)
{
    struct buf action = BUF_INIT;
    const char *lines[] = {"Content-Type: text/xml; charset=utf-8", "Expect:", NULL};
    struct curl_slist *list = NULL, *longer;

    buf_printf(&action, "SOAPAction: \"%s%s\"", s->server->space, operation);
    lines[2] = action.failed ? NULL : action.data;
    for (int i = 0; i < 3; i++) {
        longer = lines[i] ? curl_slist_append(list, lines[i]) : NULL;
        if (!longer) {
            curl_slist_free_all(list);
            list = NULL;
            break;
        }
        list = longer;
    }
    buf_free(&action);
    return list;
}

/* OpenSSL writes to a socket without asking for no SIGPIPE. */
static CURLcode perform(CURL *curl)
{
    struct timespec now = {0};
    sigset_t pipe, old, pending;
    bool was_pending;
    CURLcode code;

    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE);
    (void)sigpending(&pending);
    was_pending = sigismember(&pending, SIGPIPE) == 1;
    (void)pthread_sigmask(SIG_BLOCK, &pipe, &old);
    code = curl_easy_perform(curl);
    if (!was_pending)
        while (sigtimedwait(&pipe, NULL, &now) == -1 && errno == EINTR)
            ;
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return code;
}

static CURLcode exchange(struct soap *s, const struct soap_request *q, const char *password,
                         long left_ms)
{
    struct curl_slist *list = headers(s, q->operation);
    CURL *c = s->curl;
    CURLcode code = CURLE_OUT_OF_MEMORY;

    s->too_long = false;
    *s->problem = '\0';
    buf_clear(&s->reply);
    if (list && curl_easy_setopt(c, CURLOPT_HTTPHEADER, list) == CURLE_OK &&
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, s->request.data) == CURLE_OK &&
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s->request.len) == CURLE_OK &&
        curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, q->writes ? 1L : 0L) == CURLE_OK &&
        curl_easy_setopt(c, CURLOPT_PASSWORD, password) == CURLE_OK &&
        curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, left_ms) == CURLE_OK &&
        curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
                         left_ms < CONNECT_MS ? left_ms : (long)CONNECT_MS) == CURLE_OK)
        code = perform(c);
    (void)curl_easy_setopt(c, CURLOPT_PASSWORD, NULL);
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, NULL);
    (void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, NULL);
    curl_slist_free_all(list);
    return code;
}

/* ---- what went wrong ---------------------------------------------------------------------- */

static int connect_errno(CURL *curl)
{
    long os = 0;

    (void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os);
    switch (os) {
    case ECONNREFUSED:
    case ETIMEDOUT:
        return (int)os;
    default:
        return EHOSTUNREACH;
    }
}

static int curl_errno(CURL *curl, CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return EHOSTUNREACH;
    case CURLE_COULDNT_CONNECT:
        return connect_errno(curl);
    case CURLE_OPERATION_TIMEDOUT:
        return ETIMEDOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return EACCES;
    case CURLE_OUT_OF_MEMORY:
        return ENOMEM;
    default:
        return EIO;
    }
}

/* A remedy where there is one. */
static const char *advice(CURLcode code)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return " (give ca_file, or the server's key as pinned_key)";
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return " (its key is not pinned_key: another server, or a new key)";
    case CURLE_SSL_CONNECT_ERROR:
        return " (does url have the right port, and does it speak TLS 1.2?)";
    default:
        return "";
    }
}

/* Whether anything of the request can have left. */
static bool has_begun(CURL *curl)
{
    curl_off_t before = 0;

    (void)curl_easy_getinfo(curl, CURLINFO_PRETRANSFER_TIME_T, &before);
    return before > 0;
}

static enum soap_result lost(struct soap *s, const struct soap_request *q, CURLcode code,
                             struct error *err)
{
    bool begun = has_begun(s->curl);

    if (s->too_long)
        (void)error_set(err, EREMOTEIO, "%s: %s: the reply is longer than %d bytes",
                        s->server->name, q->operation, SOAP_REPLY_MAX);
    else
        (void)error_set(err, curl_errno(s->curl, code), "%s: %s: %s%s", s->server->name,
                        q->operation, *s->problem ? s->problem : curl_easy_strerror(code),
                        advice(code));
    return begun ? SOAP_UNCLEAR : SOAP_FAILED;
}

static enum soap_result refused(const struct soap *s, const struct soap_request *q, long status,
                                struct error *err)
{
    const char *name = s->server->name;

    if (status == 401 || status == 403)
        (void)error_set(err, EACCES,
                        "%s: %s: login as %s is refused (HTTP %ld): check user and password", name,
                        q->operation, s->server->user, status);
    else if (status / 100 == 3)
        (void)error_set(err, EREMOTEIO, "%s: %s: HTTP %ld: redirects are not followed: correct url",
                        name, q->operation, status);
    else
        (void)error_set(err, EREMOTEIO, "%s: %s: HTTP %ld without a SOAP fault%s", name,
                        q->operation, status, status == 404 ? ": check the path of url" : "");
    return status >= 500 || status < 300 ? SOAP_UNCLEAR : SOAP_FAILED;
}

static void prefix(const struct soap *s, const struct soap_request *q, struct error *err)
{
    struct error inner = *err;

    (void)error_set(err, inner.num, "%s: %s: %s", s->server->name, q->operation, inner.text);
}

/* A fault is one whatever the status; a result is one with 200 only. */
static enum soap_result judge(struct soap *s, const struct soap_request *q, struct soap_reply *out,
                              struct error *err)
{
    enum soap_result result;
    long status = 0;

    (void)curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 401 || status == 403)
        return refused(s, q, status, err);
    result = soap_reply_read(buf_text(&s->reply), s->reply.len, q->operation, q->shape, out, err);
    if (result == SOAP_FAULTED || (result == SOAP_UNCLEAR && status == 200))
        prefix(s, q, err);
    else if (status != 200)
        result = refused(s, q, status, err);
    return result;
}

enum soap_result soap_call(struct soap *s, const struct soap_request *q, const char *password,
                           int64_t deadline, struct soap_reply *out, struct error *err)
{
    int left = clock_left_ms(deadline);
    CURLcode code;

    *out = (struct soap_reply){0};
    buf_clear(&s->request);
    if (soap_request_write(q, s->server->space, &s->request, err) == -1)
        return SOAP_FAILED;
    if (left == 0) {
        (void)error_set(err, ETIMEDOUT, "%s: %s: no time left", s->server->name, q->operation);
        return SOAP_FAILED;
    }
    code = exchange(s, q, password, left);
    return code == CURLE_OK ? judge(s, q, out, err) : lost(s, q, code, err);
}
