/* Reads known_hosts files as ssh(1) does; pure functions on text, any thread.
 *
 * Understood: comma lists; the patterns * ? and !; hashed names (|1|); [host]:port; @revoked;
 * @cert-authority, which only tells that certificates are in use. A line that is not understood,
 * of SSH 1 or simply broken, is skipped and spoils no other. Keys are compared byte by byte.
 * Names are compared as given, never by address: neither is resolved. */
#ifndef BALANCERFS_KNOWN_HOSTS_H
#define BALANCERFS_KNOWN_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a host is called in the files: "host", or "[host]:port" where the port is not 22; then the
 * bare name counts too, but only in the host's favour (as with ssh). */
struct known_name {
    char exact[300];
    char bare[256]; /* "" for port 22 */
};
void known_name_make(struct known_name *name, const char *host, uint16_t port);

/* What the files say of a host and a key. A later one outweighs all before it. */
enum known_verdict {
    KNOWN_NOTHING,
    KNOWN_AUTHORITY,  /* only a @cert-authority, and this is no certificate */
    KNOWN_BARE,       /* the key, under the host's name without the port */
    KNOWN_OTHER_TYPE, /* a key, but of another type than this one */
    KNOWN_CHANGED,    /* another key of the same type */
    KNOWN_MATCH,
    KNOWN_REVOKED
};

struct known_found {
    enum known_verdict verdict;
    const char *file; /* the caller's */
    size_t line;
};

/* Goes on from what was found in the files before; *found starts zeroed. */
void known_hosts_check(const char *file, const char *text, size_t len,
                       const struct known_name *name, const void *key, size_t key_len,
                       struct known_found *found);

/* The types of keys that are known for a host, as a set. */
enum {
    KNOWN_ED25519 = 1,
    KNOWN_ECDSA_256 = 2,
    KNOWN_ECDSA_384 = 4,
    KNOWN_ECDSA_521 = 8,
    KNOWN_RSA = 16,
    KNOWN_UNUSUAL = 32 /* dss, sk-, what is to come */
};
unsigned int known_hosts_types(const char *text, size_t len, const struct known_name *name);

/* The type of a key as it came from a host: "ssh-ed25519", in type; false: not a key. */
bool known_key_type(const void *key, size_t key_len, char *type, size_t size);

/* A line for a file, with its newline, malloced: "[host]:port TYPE BASE64". NULL: no memory, or
 * not a key. */
char *known_hosts_line(const struct known_name *name, const void *key, size_t key_len);

#endif
