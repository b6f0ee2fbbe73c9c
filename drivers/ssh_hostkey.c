/* Is it the right host? Its key against known_hosts, before anything secret is sent. */
#include "drivers/known_hosts.h"
#include "drivers/ssh_impl.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)64 << 20)

/* ---- files -------------------------------------------------------------------------------- */

/* A missing file is an empty one; one that cannot be read may revoke a key, so it is an error. */
static int file_read(const struct ssh *s, const char *path, struct buf *out, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = 0;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    while (fd >= 0) {
        char *room = buf_reserve(out, 65536);

        n = room && out->len < FILE_MAX ? read(fd, room, 65536) : 0;
        if (n <= 0 && !(n < 0 && errno == EINTR))
            break;
        out->len += n > 0 ? (size_t)n : 0;
    }
    if (fd < 0 || n < 0) {
        (void)error_set(err, EACCES, "%s: known_hosts %s: %s", s->base.host, path, strerror(errno));
        n = -1;
    }
    if (fd >= 0)
        (void)close(fd);
    return n < 0 ? -1 : buf_check(out, err);
}

/* ---- before the handshake ----------------------------------------------------------------- */

static int types_known(const struct ssh *s, const struct known_name *name, unsigned int *types,
                       struct error *err)
{
    *types = 0;
    for (size_t i = 0; i < s->config->known_hosts.n; i++) {
        struct buf text = BUF_INIT;
        int result = file_read(s, s->config->known_hosts.at[i], &text, err);

        if (result == 0)
            *types |= known_hosts_types(buf_text(&text), text.len, name);
        buf_free(&text);
        if (result != 0)
            return -1;
    }
    return 0;
}

static void name_of(const struct ssh *s, struct known_name *name)
{
    known_name_make(name, s->where->address, s->where->port);
}

/* Known types first, then the others, so that a host without the known one can be told what is
 * wrong. RSA with SHA-1, all that libssh2 1.10 can do of RSA, is not among them. */
int ssh_hostkey_prefer(struct ssh *s, struct error *err)
{
    static const struct {
        unsigned int type;
        const char *methods;
    } all[] = {{KNOWN_ED25519, "ssh-ed25519"},
               {KNOWN_ECDSA_256, "ecdsa-sha2-nistp256"},
               {KNOWN_ECDSA_384, "ecdsa-sha2-nistp384"},
               {KNOWN_ECDSA_521, "ecdsa-sha2-nistp521"},
               {KNOWN_RSA, "rsa-sha2-512,rsa-sha2-256"}};
    struct buf list = BUF_INIT;
    struct known_name name;
    unsigned int types;
    int result;

    name_of(s, &name);
    if (types_known(s, &name, &types, err) != 0)
        return -1;
    for (int known = 1; known >= 0; known--)
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            if (((types & all[i].type) != 0) == known)
                buf_printf(&list, "%s%s", list.len ? "," : "", all[i].methods);
    result = buf_check(&list, err);
    if (result == 0)
        result = ssh_prefer(s, LIBSSH2_METHOD_HOSTKEY, list.data, err);
    buf_free(&list);
    return result;
}

/* ---- trust on first use ------------------------------------------------------------------- */

/* A line with a newline of its own, also behind one that lacks it; in one write, so that two
 * writers do not mix theirs. */
static int line_append(int fd, const char *line)
{
    struct buf text = BUF_INIT;
    off_t end = lseek(fd, 0, SEEK_END);
    char last = '\n';
    ssize_t written;

    if (end > 0 && pread(fd, &last, 1, end - 1) != 1)
        return -1;
    buf_str(&text, last == '\n' ? "" : "\n");
    buf_str(&text, line);
    written = text.failed ? -1 : write(fd, text.data, text.len);
    if (written >= 0 && (size_t)written != text.len) {
        errno = ENOSPC;
        written = -1;
    }
    buf_free(&text);
    return written < 0 ? -1 : 0;
}

/* ~/.ssh may not be there yet. */
static void make_parent(const char *path)
{
    char *copy = strdup(path);

    if (copy)
        (void)mkdir(dirname(copy), 0700);
    free(copy);
}

static int hostkey_add(const struct ssh *s, const struct known_name *name, const void *key,
                       size_t len, struct error *err)
{
    const char *path = s->config->known_hosts.n ? s->config->known_hosts.at[0] : NULL;
    char *line = known_hosts_line(name, key, len);
    int fd = -1, result = -1;

    if (path && line) {
        make_parent(path);
        fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        result = fd < 0 ? -1 : line_append(fd, line);
    } else {
        errno = path ? ENOMEM : ENOENT;
    }
    if (result != 0)
        (void)error_set(err, EACCES, "%s: its host key cannot be written into %s: %s", s->base.host,
                        path ? path : "known_hosts", strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    free(line);
    return result;
}

/* ---- after the handshake ------------------------------------------------------------------ */

/* As ssh(1) shows it: "ssh-ed25519 SHA256:...". */
static void describe(const void *key, size_t len, char *out, size_t size)
{
    unsigned char digest[EVP_MAX_MD_SIZE], base64[EVP_MAX_MD_SIZE / 3 * 4 + 8];
    unsigned int n = 0;
    char type[64];

    if (!known_key_type(key, len, type, sizeof type))
        (void)snprintf(type, sizeof type, "unknown");
    (void)EVP_Digest(key, len, digest, &n, EVP_sha256(), NULL);
    (void)EVP_EncodeBlock(base64, digest, (int)n);
    base64[strcspn((char *)base64, "=")] = '\0';
    (void)snprintf(out, size, "%s key SHA256:%s", type, (char *)base64);
}

static void files_list(const struct ssh *s, struct buf *out)
{
    for (size_t i = 0; i < s->config->known_hosts.n; i++)
        buf_printf(out, "%s%s", i ? ", " : "", s->config->known_hosts.at[i]);
}

static int unknown(const struct ssh *s, const struct known_name *name, const char *key,
                   struct error *err)
{
    struct buf files = BUF_INIT;

    files_list(s, &files);
    (void)error_set(err, EACCES,
                    "%s: its host key is unknown: no line for %s in %s; if its %s is right, add it "
                    "(ssh-keyscan -p %u %s), or set host_key_check: accept-new",
                    s->base.host, name->exact, buf_text(&files), key, (unsigned)s->where->port,
                    s->where->address);
    buf_free(&files);
    return -1;
}

/* What there is to say of every verdict but the good ones. Always -1. */
static int refuse(const struct ssh *s, const struct known_name *name,
                  const struct known_found *found, const char *key, struct error *err)
{
    const char *host = s->base.host, *file = found->file;
    size_t line = found->line;

    switch (found->verdict) {
    case KNOWN_REVOKED:
        return error_set(err, EACCES,
                         "%s: its host key is revoked by %s:%zu: do not trust this host until it "
                         "has another key than its %s",
                         host, file, line, key);
    case KNOWN_CHANGED:
        return error_set(err, EACCES,
                         "%s: its host key has changed: it has the %s, and %s:%zu another one; "
                         "somebody may be in between; if the new key is right: "
                         "ssh-keygen -R '%s' -f %s",
                         host, key, file, line, name->exact, file);
    case KNOWN_OTHER_TYPE:
        return error_set(err, EACCES,
                         "%s: its host key is of another type than is known: it has the %s, and "
                         "%s:%zu another one, which libssh2 cannot use or the host no longer has; "
                         "if the new key is right, add it (ssh-keyscan -p %u %s), or: "
                         "ssh-keygen -R '%s' -f %s; or set transport: openssh",
                         host, key, file, line, (unsigned)s->where->port, s->where->address,
                         name->exact, file);
    case KNOWN_AUTHORITY:
        return error_set(err, EACCES,
                         "%s: %s:%zu trusts its host certificate, which libssh2 cannot check: set "
                         "transport: openssh, or add its %s",
                         host, file, line, key);
    default:
        return unknown(s, name, key, err);
    }
}

static int files_check(const struct ssh *s, const struct known_name *name, const void *key,
                       size_t len, struct known_found *found, struct error *err)
{
    for (size_t i = 0; i < s->config->known_hosts.n; i++) {
        struct buf text = BUF_INIT;
        const char *path = s->config->known_hosts.at[i];
        int result = file_read(s, path, &text, err);

        if (result == 0)
            known_hosts_check(path, buf_text(&text), text.len, name, key, len, found);
        buf_free(&text);
        if (result != 0)
            return -1;
    }
    return 0;
}

int ssh_hostkey_check(struct ssh *s, struct error *err)
{
    struct known_found found = {.verdict = KNOWN_NOTHING};
    struct known_name name;
    size_t len = 0;
    int type;
    const char *key = libssh2_session_hostkey(s->session, &len, &type);
    char text[200];

    name_of(s, &name);
    if (!key)
        return error_set(err, EACCES, "%s: it has shown no host key", s->base.host);
    if (files_check(s, &name, key, len, &found, err) != 0)
        return -1;
    if (found.verdict == KNOWN_MATCH || found.verdict == KNOWN_BARE)
        return 0;
    if (found.verdict == KNOWN_NOTHING && s->config->accept_new)
        return hostkey_add(s, &name, key, len, err);
    describe(key, len, text, sizeof text);
    return refuse(s, &name, &found, text, err);
}
