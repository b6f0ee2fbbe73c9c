/* What all hosts of a balancer share, out of its options; parsing of hosts. */
#include "drivers/clock.h"
#include "drivers/remote_impl.h"
#include "drivers/secret.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct transport *const transports[] = {&transport_ssh, &transport_openssh,
                                                     &transport_local};

char *remote_expand(const char *home, const char *path)
{
    struct buf out = BUF_INIT;

    if (path[0] == '~' && (path[1] == '/' || !path[1])) {
        buf_str(&out, home);
        path++;
    }
    buf_str(&out, path);
    if (!out.failed)
        return out.data;
    buf_free(&out);
    return NULL;
}

static void strings_free(struct strings *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->at[i]);
    free(s->at);
}

/* ---- hosts -------------------------------------------------------------------------------- */

static bool is_name(const char *text, size_t len)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    return len && len < 254 && text[0] != '-' && text[0] != '.' && strspn(text, allowed) >= len;
}

static bool is_address6(const char *text, size_t len)
{
    struct in6_addr ignored;
    char plain[INET6_ADDRSTRLEN];
    size_t scope = strcspn(text, "%");

    if (scope < len && !is_name(text + scope + 1, len - scope - 1))
        return false;
    if (scope > len)
        scope = len;
    if (!scope || scope >= sizeof plain)
        return false;
    memcpy(plain, text, scope);
    plain[scope] = '\0';
    return inet_pton(AF_INET6, plain, &ignored) == 1;
}

static bool parse_port(const char *text, uint16_t *port)
{
    char *end;
    unsigned long n;

    if (*text < '1' || *text > '9')
        return false;
    n = strtoul(text, &end, 10);
    *port = (uint16_t)n;
    return !*end && n <= 65535;
}

/* Refused, never repaired: NULL, or what is wrong. */
static const char *host_parse(struct remote_host *h, const char *text, uint16_t port)
{
    bool bracket = text[0] == '[';
    const char *from = text + bracket, *end = strchr(from, bracket ? ']' : ':');
    size_t len;

    if (bracket && !end)
        return "a bracket is not closed";
    if (!bracket && end && strchr(end + 1, ':'))
        return "an IPv6 address needs brackets, as in [::1]:22";
    len = end ? (size_t)(end - from) : strlen(from);
    if (bracket ? !is_address6(from, len) : !is_name(from, len))
        return bracket ? "not an IPv6 address" : "not a host name";
    if (end && bracket)
        end++;
    h->has_port = end && *end;
    h->port = port;
    if (h->has_port && (*end != ':' || !parse_port(end + 1, &h->port)))
        return "the port is not a number from 1 to 65535";
    h->name = strdup(text);
    h->address = strndup(from, len);
    return NULL;
}

static bool same_host(const struct remote_host *a, const struct remote_host *b)
{
    return a->port == b->port && strcasecmp(a->address, b->address) == 0;
}

static bool is_here(const char *address)
{
    return strcasecmp(address, "localhost") == 0 || strncmp(address, "127.", 4) == 0 ||
           strcmp(address, "::1") == 0;
}

static int read_host(struct remote_config *c, const char *text, uint16_t port, struct error *err)
{
    struct remote_host *h = &c->hosts[c->n_hosts];
    const char *wrong = host_parse(h, text, port);

    if (wrong)
        return options_error(c->options, "hosts", err, "host \"%s\": %s", text, wrong);
    c->n_hosts++;
    if (!h->name || !h->address)
        return error_set(err, ENOMEM, "out of memory");
    for (size_t i = 0; i + 1 < c->n_hosts; i++)
        if (same_host(h, &c->hosts[i]))
            return options_error(c->options, "hosts", err, "host \"%s\" is listed twice", text);
    if (c->transport == &transport_local && !is_here(h->address))
        return options_error(c->options, "hosts", err,
                             "host \"%s\" cannot be reached by transport local, which is this "
                             "machine only",
                             text);
    return 0;
}

static int read_hosts(struct remote_config *c, struct error *err)
{
    size_t n = options_count(c->options, "hosts");
    int64_t port = options_number(c->options, "port");

    if (port < 1 || port > 65535)
        return options_error(c->options, "port", err, "port must be from 1 to 65535");
    if (!n)
        return options_error(c->options, "hosts", err, "hosts must name at least one");
    c->hosts = calloc(n, sizeof *c->hosts);
    if (!c->hosts)
        return error_set(err, ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        if (read_host(c, options_item(c->options, "hosts", i), (uint16_t)port, err) != 0)
            return -1;
    return 0;
}

/* ---- the rest ----------------------------------------------------------------------------- */

static int read_paths(struct remote_config *c, const char *option, struct strings *out,
                      struct error *err)
{
    size_t n = options_count(c->options, option);

    out->at = calloc(n + 1, sizeof *out->at);
    if (!out->at)
        return error_set(err, ENOMEM, "out of memory");
    for (; out->n < n; out->n++) {
        const char *path = options_item(c->options, option, out->n);

        if (!*path)
            return options_error(c->options, option, err, "%s: a path is empty", option);
        out->at[out->n] = remote_expand(c->home, path);
        if (!out->at[out->n])
            return error_set(err, ENOMEM, "out of memory");
    }
    return 0;
}

static int read_user(struct remote_config *c, struct error *err)
{
    const char *user = options_string(c->options, "user"), *home = getenv("HOME");
    char space[4096];
    struct passwd entry, *found = NULL;

    (void)getpwuid_r(getuid(), &entry, space, sizeof space, &found);
    c->has_user = user != NULL;
    if (user && (!*user || *user == '-' || strpbrk(user, " \t\n@\"'")))
        return options_error(c->options, "user", err, "user \"%s\" is no login name", user);
    if (!user)
        user = found ? found->pw_name : NULL;
    if (!user)
        return options_error(c->options, "user", err, "uid %u has no name: set user",
                             (unsigned)getuid());
    if (!home || *home != '/')
        home = found ? found->pw_dir : "/";
    c->user = strdup(user);
    c->home = strdup(home);
    return c->user && c->home ? 0 : error_set(err, ENOMEM, "out of memory");
}

/* With the ssh program only ssh_config may know who logs in; the agent looks who it is there. */
static bool may_need_sudo(const struct remote_config *c)
{
    if (c->transport == &transport_local)
        return geteuid() != 0;
    if (c->transport == &transport_openssh && !c->has_user)
        return true;
    return strcmp(c->user, "root") != 0;
}

static int read_words(struct remote_config *c, struct error *err)
{
    const char *transport = options_string(c->options, "transport");
    const char *check = options_string(c->options, "host_key_check");
    const char *sudo = options_string(c->options, "sudo");

    for (size_t i = 0; i < sizeof transports / sizeof *transports; i++)
        if (strcasecmp(transport, transports[i]->name) == 0)
            c->transport = transports[i];
    if (!c->transport)
        return options_error(c->options, "transport", err,
                             "transport must be ssh, openssh or local, not \"%s\"", transport);
    c->accept_new = strcasecmp(check, "accept-new") == 0;
    if (!c->accept_new && strcasecmp(check, "strict") != 0)
        return options_error(c->options, "host_key_check", err,
                             "host_key_check must be strict or accept-new, not \"%s\"", check);
    if (strcasecmp(sudo, "auto") == 0)
        c->sudo = may_need_sudo(c);
    else if (strcasecmp(sudo, "yes") == 0 || strcasecmp(sudo, "true") == 0)
        c->sudo = true;
    else if (strcasecmp(sudo, "no") != 0 && strcasecmp(sudo, "false") != 0)
        return options_error(c->options, "sudo", err, "sudo must be auto, yes or no, not \"%s\"",
                             sudo);
    return 0;
}

static int read_all(struct remote_config *c, struct error *err)
{
    c->has_port = options_has(c->options, "port");
    c->has_identities = options_has(c->options, "identity_file");
    c->has_known_hosts = options_has(c->options, "known_hosts");
    c->connect_ms = options_ms(c->options, "connect_timeout");
    if (c->connect_ms <= 0)
        return options_error(c->options, "connect_timeout", err, "connect_timeout must not be 0");
    if (read_user(c, err) != 0 || read_words(c, err) != 0 || read_hosts(c, err) != 0 ||
        secret_check(c->options, err) != 0)
        return -1;
    return read_paths(c, "identity_file", &c->identities, err) != 0
               ? -1
               : read_paths(c, "known_hosts", &c->known_hosts, err);
}

struct remote_config *remote_config_new(const struct options *o, struct error *err)
{
    struct remote_config *c = calloc(1, sizeof *c);

    if (!c) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    c->options = o;
    if (read_all(c, err) == 0)
        return c;
    remote_config_free(c);
    return NULL;
}

void remote_config_free(struct remote_config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_hosts; i++) {
        free(c->hosts[i].name);
        free(c->hosts[i].address);
    }
    free(c->hosts);
    strings_free(&c->identities);
    strings_free(&c->known_hosts);
    free(c->user);
    free(c->home);
    free(c);
}

size_t remote_host_count(const struct remote_config *c)
{
    return c->n_hosts;
}

const char *remote_host_name(const struct remote_config *c, size_t host)
{
    return c->hosts[host].name;
}

int64_t remote_connect_ms(const struct remote_config *c)
{
    return c->connect_ms;
}

bool remote_wants_sudo(const struct remote_config *c)
{
    return c->sudo;
}

int remote_password(const struct remote_config *c, struct buf *out, struct error *err)
{
    return secret_read(c->options, c->home, clock_now_ms() + c->connect_ms, out, err);
}
