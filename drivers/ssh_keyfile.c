/* What a private key file is, since libssh2 does not say why it cannot use one. */
#include "drivers/ssh_impl.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD 4096 /* of the file: all that tells of it is at its beginning */
#define START 256 /* of its base64: cipher and public key, and a bit more */

/* OpenSSH's own format: "openssh-key-v1", cipher, kdf, its options, count, public key, ... */
static void look_openssh(const char *base64, struct keyfile *out)
{
    static const char magic[] = "openssh-key-v1";
    unsigned char text[START], raw[START];
    size_t n = 0;

    for (; *base64 && *base64 != '-' && n < START; base64++)
        if (*base64 != '\n' && *base64 != '\r')
            text[n++] = (unsigned char)*base64;
    n -= n % 4;
    memset(raw, 0, sizeof raw);
    out->is_key = EVP_DecodeBlock(raw, text, (int)n) > 0 && memcmp(raw, magic, sizeof magic) == 0;
    out->is_encrypted = out->is_key && memcmp(raw + sizeof magic, "\0\0\0\4none", 8) != 0;
    out->is_rsa = out->is_key && memmem(raw, sizeof raw, "ssh-rsa", 7);
    explicit_bzero(text, sizeof text);
    explicit_bzero(raw, sizeof raw);
}

static void look_text(const char *text, struct keyfile *out)
{
    static const char openssh[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
    const char *at = strstr(text, openssh);

    if (at) {
        look_openssh(at + sizeof openssh - 1, out);
        return;
    }
    out->is_key = strstr(text, "PRIVATE KEY-----") != NULL;
    out->is_rsa = strstr(text, "-----BEGIN RSA PRIVATE KEY-----") != NULL;
    out->is_encrypted = strstr(text, "ENCRYPTED") != NULL;
}

/* As ssh(1) has it: a key of ours is for us alone. */
static int check_mode(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return -1;
    errno = !S_ISREG(st.st_mode) ? EINVAL : EPERM;
    return S_ISREG(st.st_mode) && (st.st_uid != geteuid() || !(st.st_mode & 077)) ? 0 : -1;
}

int keyfile_look(const char *path, struct keyfile *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), result;
    char text[HEAD + 1];
    ssize_t n;

    *out = (struct keyfile){.is_key = false};
    if (fd < 0)
        return -1;
    result = check_mode(fd);
    n = result == 0 ? read(fd, text, HEAD) : -1;
    if (n >= 0) {
        text[n] = '\0';
        look_text(text, out);
        explicit_bzero(text, sizeof text);
    }
    result = errno;
    (void)close(fd);
    errno = result;
    return n < 0 ? -1 : 0;
}
