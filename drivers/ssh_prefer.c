/* Which algorithms libssh2 may use, and in which order. */
#include "drivers/ssh_impl.h"
#include <errno.h>
#include <string.h>

static bool is_among(const char *const *names, int n, const char *name, size_t len)
{
    for (int i = 0; i < n; i++)
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            return true;
    return false;
}

/* libssh2 would take out by itself what it does not know, but copies the rest over itself with
 * memcpy (1.10), which may spoil it. */
int ssh_prefer(struct ssh *s, int kind, const char *list, struct error *err)
{
    const char **known = NULL;
    int n = libssh2_session_supported_algs(s->session, kind, &known), result = -1;
    struct buf kept = BUF_INIT;

    for (const char *at = list, *end; n > 0 && *at; at = *end ? end + 1 : end) {
        end = at + strcspn(at, ",");
        if (!is_among(known, n, at, (size_t)(end - at)))
            continue;
        buf_str(&kept, kept.len ? "," : "");
        buf_add(&kept, at, (size_t)(end - at));
    }
    if (n > 0 && kept.len && !kept.failed)
        result = libssh2_session_method_pref(s->session, kind, kept.data);
    if (known)
        libssh2_free(s->session, (void *)known);
    buf_free(&kept);
    return result == 0 ? 0
                       : error_set(err, EACCES, "%s: libssh2 %s has none of the algorithms %s",
                                   s->base.host, libssh2_version(0), list);
}

/* What is weak is left out, what newer versions of libssh2 know is in. */
int ssh_prefer_all(struct ssh *s, struct error *err)
{
    static const char ciphers[] = "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,"
                                  "aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr";
    static const char macs[] = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"
                               "hmac-sha2-256,hmac-sha2-512";
    static const struct {
        int kind;
        const char *list;
    } all[] = {
        {LIBSSH2_METHOD_KEX,
         "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,"
         "ecdh-sha2-nistp521,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,"
         "diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256,"
         "ext-info-c,kex-strict-c-v00@openssh.com"},
        {LIBSSH2_METHOD_CRYPT_CS, ciphers},
        {LIBSSH2_METHOD_CRYPT_SC, ciphers},
        {LIBSSH2_METHOD_MAC_CS, macs},
        {LIBSSH2_METHOD_MAC_SC, macs},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (ssh_prefer(s, all[i].kind, all[i].list, err) != 0)
            return -1;
    return 0;
}
