/* Logging in: keys of the agent, key files, the password.
 *
 * sshd hangs up after six refusals (MaxAuthTries), of which each key is one; so many keys are
 * tried that there is room for the password. */
#include "drivers/clock.h"
#include "drivers/secret.h"
#include "drivers/ssh_impl.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEYS_MAX 6
#define KEYS_MAX_BEFORE_PASSWORD 4

enum outcome { LOGIN_LOST = -1, LOGIN_REFUSED = 0, LOGIN_IN = 1 };

struct login {
    struct ssh *ssh;
    const char *user;
    char methods[256]; /* that the host takes: "publickey,password" */
    bool has_password; /* there is one to be had */
    struct buf password;
    bool answered;   /* keyboard-interactive has been told the password */
    char prompt[80]; /* to which there is no answer */
    int keys_left, refusals;
    size_t offered;   /* keys of the agent, not in tried yet */
    bool rsa;         /* an RSA key was refused, or not tried */
    struct buf tried; /* for people */
};

static void note(struct login *l, const char *what, const char *why)
{
    buf_printf(&l->tried, "%s%s%s", l->tried.len ? ", " : "", what, why);
}

static void note_agent(struct login *l)
{
    buf_printf(&l->tried, "%s%zu keys of the ssh-agent", l->tried.len ? ", " : "", l->offered);
    l->offered = 0;
}

static bool takes(const struct login *l, const char *method)
{
    size_t len = strlen(method);

    for (const char *at = l->methods; (at = strstr(at, method)); at += len)
        if ((at == l->methods || at[-1] == ',') && (!at[len] || at[len] == ','))
            return true;
    return false;
}

/* A host that has refused nothing yet has no reason to hang up, but its own: it is asked again. */
static enum outcome hung_up(struct login *l, struct error *err)
{
    const char *tried;

    if (l->offered)
        note_agent(l);
    tried = l->tried.len ? buf_text(&l->tried) : "nothing";
    l->ssh->busy = l->refusals == 0;
    if (l->ssh->busy)
        (void)error_set(err, EHOSTUNREACH, "%s: it has hung up while %s was logging in: %s",
                        l->ssh->base.host, l->user, ssh_text(l->ssh));
    else
        (void)error_set(err, EACCES,
                        "%s: it has hung up while %s was logging in (too many keys tried? name "
                        "the right one as identity_file): tried %s: %s",
                        l->ssh->base.host, l->user, tried, ssh_text(l->ssh));
    return LOGIN_LOST;
}

/* What a way in has come to. Whatever is no plain refusal means that the session is gone. */
static enum outcome judge(struct login *l, int code, struct error *err)
{
    switch (code) {
    case 0:
        return LOGIN_IN;
    case LIBSSH2_ERROR_FILE:
    case LIBSSH2_ERROR_KEYFILE_AUTH_FAILED:
        return LOGIN_REFUSED;
    case LIBSSH2_ERROR_AUTHENTICATION_FAILED:
    case LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED:
    case LIBSSH2_ERROR_METHOD_NONE:
    case LIBSSH2_ERROR_METHOD_NOT_SUPPORTED:
        if (ssh_is_closed(l->ssh))
            return hung_up(l, err);
        l->refusals++;
        return LOGIN_REFUSED;
    case LIBSSH2_ERROR_PASSWORD_EXPIRED:
        (void)error_set(err, EACCES, "%s: the password of %s has expired", l->ssh->base.host,
                        l->user);
        return LOGIN_LOST;
    default:
        return hung_up(l, err);
    }
}

/* Only when it is needed: a command may have to be run for it. */
static int password_need(struct login *l, struct error *err)
{
    const struct remote_config *c = l->ssh->config;

    if (l->password.len ||
        secret_read(c->options, c->home, l->ssh->deadline, &l->password, err) == 0)
        return 0;
    if (err->num == EINVAL)
        err->num = EACCES;
    return -1;
}

/* ---- keys --------------------------------------------------------------------------------- */

static enum outcome try_agent(struct login *l, struct error *err)
{
    const struct agent_key *key;
    enum outcome outcome = LOGIN_REFUSED;
    size_t unusable, i = 0;
    struct ssh_agent *a = ssh_agent_open(l->ssh, &unusable);

    if (!a)
        return LOGIN_REFUSED;
    for (; outcome == LOGIN_REFUSED && l->keys_left > 0 && (key = ssh_agent_key(a, i)); i++) {
        int code;

        l->keys_left--;
        l->offered++;
        while ((code = ssh_agent_try(a, key)) == LIBSSH2_ERROR_EAGAIN)
            if (ssh_ready(l->ssh, err) != 0)
                break;
        outcome = code == LIBSSH2_ERROR_EAGAIN ? LOGIN_LOST : judge(l, code, err);
    }
    ssh_agent_close(a);
    if (outcome != LOGIN_LOST)
        note_agent(l);
    if (unusable)
        l->rsa = true;
    return outcome;
}

/* NULL: worth a try. */
static const char *file_unfit(struct login *l, const char *path, struct keyfile *k)
{
    if (keyfile_look(path, k) != 0)
        return errno == EPERM ? " (others may read it: chmod 600)" : strerror(errno);
    if (!k->is_key)
        return " (no private key)";
    if (k->is_encrypted && !l->has_password)
        return " (encrypted: load it into an ssh-agent, or give its passphrase as password)";
    return NULL;
}

static enum outcome file_offer(struct login *l, const char *path, const char *passphrase,
                               struct error *err)
{
    int code;

    while ((code = libssh2_userauth_publickey_fromfile(l->ssh->session, l->user, NULL, path,
                                                       passphrase)) == LIBSSH2_ERROR_EAGAIN)
        if (ssh_ready(l->ssh, err) != 0)
            return LOGIN_LOST;
    if (code == LIBSSH2_ERROR_FILE || code == LIBSSH2_ERROR_KEYFILE_AUTH_FAILED)
        note(l, path, passphrase ? " (the password is not its passphrase)" : " (not understood)");
    else
        note(l, path, "");
    return judge(l, code, err);
}

static enum outcome try_file(struct login *l, const char *path, struct error *err)
{
    struct keyfile k;
    const char *unfit = file_unfit(l, path, &k);

    l->rsa |= k.is_rsa;
    if (unfit) {
        buf_printf(&l->tried, "%s%s%s%s", l->tried.len ? ", " : "", path, *unfit == ' ' ? "" : ": ",
                   unfit);
        return LOGIN_REFUSED;
    }
    if (l->keys_left-- <= 0)
        return LOGIN_REFUSED;
    if (!k.is_encrypted)
        return file_offer(l, path, NULL, err);
    if (password_need(l, err) != 0)
        return LOGIN_LOST;
    return file_offer(l, path, l->password.data, err);
}

/* Where keys are when nobody says where. */
static enum outcome try_usual_files(struct login *l, struct error *err)
{
    static const char *const usual[] = {"~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"};
    enum outcome outcome = LOGIN_REFUSED;

    for (size_t i = 0; outcome == LOGIN_REFUSED && i < sizeof usual / sizeof *usual; i++) {
        char *path = remote_expand(l->ssh->config->home, usual[i]);

        if (path && access(path, F_OK) == 0)
            outcome = try_file(l, path, err);
        free(path);
    }
    return outcome;
}

/* Files that were named come before the agent's keys, which may be many and others. */
static enum outcome try_keys(struct login *l, struct error *err)
{
    const struct strings *files = &l->ssh->config->identities;
    enum outcome outcome = LOGIN_REFUSED;

    for (size_t i = 0; outcome == LOGIN_REFUSED && i < files->n; i++)
        outcome = try_file(l, files->at[i], err);
    if (outcome == LOGIN_REFUSED)
        outcome = try_agent(l, err);
    if (outcome == LOGIN_REFUSED && !l->ssh->config->has_identities)
        outcome = try_usual_files(l, err);
    return outcome;
}

/* ---- the password ------------------------------------------------------------------------- */

/* The question itself is the last line: what stands before it explains. */
static void prompt_keep(struct login *l, const LIBSSH2_USERAUTH_KBDINT_PROMPT *p)
{
    const char *text = p->text ? p->text : "", *from = text, *newline;
    size_t len = p->text ? p->length : 0;

    while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
        len--;
    newline = memrchr(text, '\n', len);
    if (newline)
        from = newline + 1;
    len -= (size_t)(from - text);
    (void)snprintf(l->prompt, sizeof l->prompt, "%.*s", len < 80 ? (int)len : 79, from);
}

/* The password goes to a single hidden question, once: what else may be asked (a code, a new
 * password) it would not be right for. */
static void answer(const char *name, int name_len, const char *instruction, int instruction_len,
                   int n, const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts,
                   LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, void **abstract)
{
    struct ssh *s = *abstract;
    struct login *l = s->login;
    char *text;

    (void)name, (void)name_len, (void)instruction, (void)instruction_len;
    if (n == 1 && !prompts[0].echo && !l->answered) {
        text = ssh_memory_get(&s->memory, l->password.len + 1); /* libssh2 frees it */
        if (text)
            memcpy(text, l->password.data, l->password.len + 1);
        responses[0].text = text;
        responses[0].length = text ? (unsigned int)l->password.len : 0;
        l->answered = true;
    } else if (n > 0 && !l->prompt[0]) {
        prompt_keep(l, &prompts[0]);
    }
}

static enum outcome try_password(struct login *l, struct error *err)
{
    int code;

    note(l, "the password", "");
    while ((code = libssh2_userauth_password(l->ssh->session, l->user, l->password.data)) ==
           LIBSSH2_ERROR_EAGAIN)
        if (ssh_ready(l->ssh, err) != 0)
            return LOGIN_LOST;
    return judge(l, code, err);
}

static enum outcome try_questions(struct login *l, struct error *err)
{
    int code;

    note(l, "the password (keyboard-interactive)", "");
    while ((code = libssh2_userauth_keyboard_interactive(l->ssh->session, l->user, answer)) ==
           LIBSSH2_ERROR_EAGAIN)
        if (ssh_ready(l->ssh, err) != 0)
            return LOGIN_LOST;
    return judge(l, code, err);
}

/* ---- all of it ---------------------------------------------------------------------------- */

/* What the host takes now. LOGIN_IN: it lets anybody in. */
static enum outcome ask_methods(struct login *l, struct error *err)
{
    LIBSSH2_SESSION *session = l->ssh->session;
    const char *list;

    while (!(list = libssh2_userauth_list(session, l->user, (unsigned int)strlen(l->user))) &&
           libssh2_session_last_errno(session) == LIBSSH2_ERROR_EAGAIN)
        if (ssh_ready(l->ssh, err) != 0)
            return LOGIN_LOST;
    if (list) {
        (void)snprintf(l->methods, sizeof l->methods, "%s", list);
        return LOGIN_REFUSED;
    }
    if (libssh2_userauth_authenticated(session))
        return LOGIN_IN;
    return judge(l, LIBSSH2_ERROR_SOCKET_DISCONNECT, err);
}

static bool takes_password(const struct login *l)
{
    return takes(l, "password") || takes(l, "keyboard-interactive");
}

/* A host that asks for a key and a password tells of the second only after the first. */
static enum outcome login_password(struct login *l, struct error *err)
{
    if (!l->has_password)
        return LOGIN_REFUSED;
    if (!takes_password(l) && l->tried.len) {
        enum outcome outcome = ask_methods(l, err);

        if (outcome != LOGIN_REFUSED)
            return outcome;
    }
    if (!takes_password(l))
        return LOGIN_REFUSED;
    if (password_need(l, err) != 0)
        return LOGIN_LOST;
    return takes(l, "password") ? try_password(l, err) : try_questions(l, err);
}

static enum outcome login_run(struct login *l, struct error *err)
{
    enum outcome outcome = ask_methods(l, err);

    if (outcome == LOGIN_REFUSED && takes(l, "publickey"))
        outcome = try_keys(l, err);
    if (outcome == LOGIN_REFUSED)
        outcome = login_password(l, err);
    return outcome;
}

static int refused(const struct login *l, struct error *err)
{
    const char *rsa =
        l->rsa ? "; RSA keys, certificates and hardware keys need transport: openssh" : "";

    if (l->prompt[0])
        return error_set(err, EACCES, "%s: login as %s: it asks \"%s\", which has no answer here",
                         l->ssh->base.host, l->user, l->prompt);
    if (!l->tried.len)
        return error_set(err, EACCES,
                         "%s: login as %s: nothing to log in with: no key in the ssh-agent or in "
                         "~/.ssh, %s (the host takes %s)",
                         l->ssh->base.host, l->user,
                         l->has_password ? "and it takes no password" : "no password", l->methods);
    return error_set(err, EACCES, "%s: login as %s refused: tried %s; the host takes %s%s",
                     l->ssh->base.host, l->user, buf_text(&l->tried), l->methods, rsa);
}

int ssh_login(struct ssh *s, struct error *err)
{
    const struct options *o = s->config->options;
    struct login l = {.ssh = s, .user = s->config->user};
    enum outcome outcome;

    l.has_password = options_has(o, "password") || options_has(o, "password_file") ||
                     options_has(o, "password_command");
    l.keys_left = l.has_password ? KEYS_MAX_BEFORE_PASSWORD : KEYS_MAX;
    s->login = &l;
    outcome = login_run(&l, err);
    if (outcome == LOGIN_REFUSED)
        (void)refused(&l, err);
    s->login = NULL;
    buf_wipe(&l.password);
    buf_free(&l.tried);
    return outcome == LOGIN_IN ? 0 : -1;
}
