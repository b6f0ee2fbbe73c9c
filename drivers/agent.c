/* The client of agent.sh: requests out, answers in, nothing believed that is not as agreed. */
#include "drivers/agent_impl.h"
#include "drivers/clock.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SAID_MAX 2000

/* ---- bytes -------------------------------------------------------------------------------- */

static void said_add(struct agent *a, const char *data, size_t n)
{
    buf_add(&a->said, data, n);
    if (a->said.len > SAID_MAX)
        buf_drop_front(&a->said, a->said.len - SAID_MAX);
}

/* The session has ended: what was said last is why. */
static enum agent_result ended(struct agent *a, struct error *err)
{
    const char *said = buf_text(&a->said);
    size_t len = strlen(said);

    while (len && (said[len - 1] == '\n' || said[len - 1] == ' '))
        len--;
    (void)error_set(err, EIO, "%s: the session has ended%s%.*s", a->host, len ? ": " : "", (int)len,
                    said);
    return AGENT_LOST;
}

/* More of either stream. */
enum agent_result agent_pull(struct agent *a, int64_t deadline, struct error *err)
{
    char data[16384];
    bool is_stderr;
    ptrdiff_t n = remote_read(a->remote, data, sizeof data, &is_stderr, deadline, err);

    if (n == 0)
        return ended(a, err);
    if (n < 0)
        return AGENT_LOST;
    if (is_stderr)
        said_add(a, data, (size_t)n);
    else
        buf_add(&a->in, data, (size_t)n);
    if (buf_check(&a->in, err) != 0 || buf_check(&a->said, err) != 0)
        return AGENT_LOST;
    return AGENT_OK;
}

static enum agent_result need(struct agent *a, size_t n, int64_t deadline, struct error *err)
{
    while (a->in.len < n)
        if (agent_pull(a, deadline, err) != AGENT_OK)
            return AGENT_LOST;
    return AGENT_OK;
}

/* The next answer, in a->reply; its text by reply_text until the next call. */
enum agent_result agent_answer(struct agent *a, int64_t deadline, struct error *err)
{
    int found;

    buf_drop_front(&a->in, a->used);
    a->used = 0;
    while ((found = reply_parse(&a->reply, a->nonce, buf_text(&a->in), a->in.len)) == 0)
        if (agent_pull(a, deadline, err) != AGENT_OK)
            return AGENT_LOST;
    if (found < 0) {
        (void)error_set(err, EIO, "%s: not an answer: %.60s", a->host, buf_text(&a->in));
        return AGENT_LOST;
    }
    a->used = a->reply.head + a->reply.len;
    return need(a, a->used, deadline, err);
}

static const char *reply_text(const struct agent *a)
{
    return a->in.data + a->reply.head;
}

static bool reply_is(const struct agent *a, const char *word)
{
    return strcmp(a->reply.word, word) == 0;
}

enum agent_result agent_request(struct agent *a, const struct buf *b, int64_t deadline,
                                struct error *err)
{
    if (buf_check(b, err) != 0 || remote_write(a->remote, b->data, b->len, deadline, err) != 0)
        return AGENT_LOST;
    return AGENT_OK;
}

/* A host that does not say a word by then is dead. */
static int64_t soon(const struct agent *a, int64_t deadline)
{
    int64_t end = clock_now_ms() + a->patience_ms;

    return end < deadline ? end : deadline;
}

static enum agent_result ask(struct agent *a, const char *line, int64_t deadline, struct error *err)
{
    if (remote_write(a->remote, line, strlen(line), deadline, err) != 0)
        return AGENT_LOST;
    return agent_answer(a, deadline, err);
}

/* ---- what an answer means ----------------------------------------------------------------- */

/* Our own commands speak the C locale. */
static int refusal_errno(const char *text)
{
    if (strcasestr(text, "No space left") || strcasestr(text, "quota exceeded"))
        return ENOSPC;
    if (strcasestr(text, "Read-only file system"))
        return EROFS;
    if (strcasestr(text, "Permission denied") || strcasestr(text, "belongs to somebody else"))
        return EACCES;
    return EREMOTEIO;
}

/* Every answer that is no success. command: the user's, when it was one of theirs that ran. */
static enum agent_result refusal(struct agent *a, const char *command, struct error *err)
{
    int len = a->reply.len > 4000 ? 4000 : (int)a->reply.len;
    char text[4001];

    memcpy(text, reply_text(a), (size_t)len);
    text[len] = '\0';
    if (reply_is(a, "test") || reply_is(a, "reload"))
        (void)error_set(err, EREMOTEIO, "%s: %s: %s", a->host, command, text);
    else if (reply_is(a, "slow"))
        (void)error_set(err, ETIMEDOUT, "%s: %s: %s", a->host, command, text);
    else if (reply_is(a, "failed"))
        (void)error_set(err, refusal_errno(text), "%s: %s", a->host, text);
    else if (reply_is(a, "stuck")) {
        (void)error_set(err, EIO, "%s: %s", a->host, text);
        return AGENT_LOST;
    } else if (reply_is(a, "stale"))
        return AGENT_STALE;
    else if (reply_is(a, "busy"))
        return AGENT_BUSY;
    else if (reply_is(a, "gone"))
        (void)error_set(err, ETIMEDOUT,
                        "%s: put the old files back: nothing was heard for too long", a->host);
    else {
        (void)error_set(err, EIO, "%s: unexpected answer %s", a->host, a->reply.word);
        return AGENT_LOST;
    }
    return AGENT_REFUSED;
}

enum agent_result agent_expect(struct agent *a, const char *word, const char *command,
                               struct error *err)
{
    return reply_is(a, word) ? AGENT_OK : refusal(a, command, err);
}

static enum agent_result simple(struct agent *a, const char *line, int64_t deadline,
                                struct error *err)
{
    if (ask(a, line, deadline, err) != AGENT_OK)
        return AGENT_LOST;
    return agent_expect(a, "ok", "", err);
}

/* The host is there, and is at it: the answer itself may take its time. */
static enum agent_result ask_busy(struct agent *a, const char *line, int64_t deadline,
                                  struct error *err)
{
    enum agent_result result = ask(a, line, soon(a, deadline), err);

    if (result == AGENT_OK)
        result = agent_expect(a, "go", "", err);
    return result == AGENT_OK ? agent_answer(a, deadline, err) : AGENT_LOST;
}

int agent_poll_fd(const struct agent *a, bool *pending)
{
    return remote_poll_fd(a->remote, pending);
}

/* Nothing is asked, so nothing may come but keep-alive, which remote_read answers. */
bool agent_idle(struct agent *a)
{
    struct error err = {0};

    while (agent_pull(a, clock_now_ms(), &err) == AGENT_OK)
        ;
    return err.num == ETIMEDOUT && a->in.len == a->used;
}

/* ---- requests ----------------------------------------------------------------------------- */

static enum agent_result table_take(struct agent *a, struct files *out, ptrdiff_t *total,
                                    struct error *err)
{
    *total = reply_table(reply_text(a), a->reply.len, out);
    if (*total >= 0)
        return AGENT_OK;
    (void)error_set(err, EIO, "%s: not a list of files", a->host);
    return AGENT_LOST;
}

static enum agent_result contents_take(struct agent *a, struct files *files, struct files *out,
                                       struct error *err)
{
    const char *at = a->in.data + a->used;

    for (size_t i = 0; i < files->n; i++) {
        struct file *f = &files->at[i];

        files_add(out, f->name, at, f->len, f->digest);
        at += f->len;
    }
    if (!out->failed)
        return AGENT_OK;
    (void)error_set(err, ENOMEM, "out of memory");
    return AGENT_LOST;
}

/* The rest of an answer "files": contents, then "end SEQ". AGENT_STALE: changed meanwhile. */
static enum agent_result files_take(struct agent *a, struct files *out, int64_t deadline,
                                    struct error *err)
{
    struct files table = FILES_INIT;
    ptrdiff_t total = 0;
    enum agent_result result = table_take(a, &table, &total, err);

    if (result == AGENT_OK)
        result = need(a, a->used + (size_t)total, deadline, err);
    if (result == AGENT_OK)
        result = contents_take(a, &table, out, err);
    files_clear(&table);
    a->used += (size_t)(total > 0 ? total : 0);
    if (result != AGENT_OK || agent_answer(a, deadline, err) != AGENT_OK)
        return AGENT_LOST;
    return reply_is(a, "changed") ? AGENT_STALE : agent_expect(a, "end", "", err);
}

/* "SEQ" or "SEQ open", of an answer: which reading the next change is made from. */
static enum agent_result seq_take(struct agent *a, bool *undecided, struct error *err)
{
    const char *text = reply_text(a);
    size_t len = a->reply.len, digits = 0;

    while (digits < len && text[digits] >= '0' && text[digits] <= '9')
        digits++;
    *undecided = len - digits == 5 && memcmp(text + digits, " open", 5) == 0;
    if (digits == 0 || digits >= sizeof a->seq || (digits != len && !*undecided)) {
        (void)error_set(err, EIO, "%s: not a number of a reading", a->host);
        return AGENT_LOST;
    }
    memcpy(a->seq, text, digits);
    a->seq[digits] = '\0';
    return AGENT_OK;
}

static enum agent_result read_once(struct agent *a, const char *how, int wait_s, struct files *out,
                                   int64_t deadline, struct error *err)
{
    enum agent_result result;
    char line[40];

    (void)snprintf(line, sizeof line, "read %s %d\n", how, wait_s);
    if (ask(a, line, soon(a, deadline) + 1000 * (int64_t)wait_s, err) != AGENT_OK)
        return AGENT_LOST;
    if (strcmp(how, "same") == 0 && reply_is(a, "same"))
        return AGENT_SAME;
    if (reply_is(a, "changed"))
        return AGENT_STALE;
    result = agent_expect(a, "files", "", err);
    return result == AGENT_OK ? files_take(a, out, deadline, err) : result;
}

enum agent_result agent_read(struct agent *a, bool known, int wait_s, struct files *files,
                             bool *undecided, int64_t deadline, struct error *err)
{
    enum agent_result result = AGENT_STALE;

    for (int tries = 0; tries < 10 && result == AGENT_STALE; tries++) {
        const char *how = tries >= 3 ? "calm" : known ? "same" : "all";
        struct files out = FILES_INIT;

        result = read_once(a, how, wait_s, &out, deadline, err);
        if ((result == AGENT_OK || result == AGENT_SAME) && seq_take(a, undecided, err) != AGENT_OK)
            result = AGENT_LOST;
        if (result == AGENT_OK) {
            files_clear(files);
            *files = out;
        } else {
            files_clear(&out);
        }
    }
    if (result != AGENT_STALE)
        return result;
    (void)error_set(err, EBUSY, "%s: the files change all the time", a->host);
    return AGENT_REFUSED;
}

enum agent_result agent_lock(struct agent *a, int wait_s, int64_t deadline, struct error *err)
{
    char line[40];
    enum agent_result result;

    (void)snprintf(line, sizeof line, "lock %d\n", wait_s);
    result = ask_busy(a, line, deadline, err);
    if (result == AGENT_OK)
        result = agent_expect(a, "ok", "", err);
    a->locked = result == AGENT_OK;
    return result;
}

/* Seconds that a command there may take, so that its own end is told before our deadline. */
static int share_s(int64_t deadline)
{
    int left = clock_left_ms(deadline) / 1000 - 3;

    return left > 1 ? left : 1;
}

enum agent_result agent_test(struct agent *a, int64_t deadline, struct error *err)
{
    char line[40];

    (void)snprintf(line, sizeof line, "test %d\n", share_s(deadline));
    if (ask_busy(a, line, deadline, err) != AGENT_OK)
        return AGENT_LOST;
    return agent_expect(a, "ok", a->test_name, err);
}

static bool lacks_newline(const struct file *f)
{
    return f->text && f->len && f->text[f->len - 1] != '\n';
}

static size_t line_count(const struct file *f)
{
    size_t n = lacks_newline(f);

    for (const char *at = f->text; (at = memchr(at, '\n', (size_t)(f->text + f->len - at))); at++)
        n++;
    return n;
}

static void contents_build(const struct files *change, struct buf *contents)
{
    for (size_t i = 0; i < change->n; i++) {
        const struct file *f = &change->at[i];

        if (!f->text)
            continue;
        buf_add(contents, f->text, f->len);
        if (lacks_newline(f))
            buf_str(contents, "\n");
    }
}

static void prepare_build(const struct agent *a, const struct files *change,
                          const struct files *sees, int wait_s, int secs, size_t total,
                          struct buf *line)
{
    buf_printf(line, "prepare %s %d %d %zu", a->seq[0] ? a->seq : "0", wait_s, secs, total);
    for (size_t i = 0; i < change->n; i++) {
        const struct file *f = &change->at[i];

        if (f->text)
            buf_printf(line, " put:%s:%zu", f->name, line_count(f));
        else
            buf_printf(line, " cut:%s", f->name);
    }
    for (size_t i = 0; i < sees->n; i++)
        buf_printf(line, " see:%s", sees->at[i].name);
    buf_str(line, "\n");
}

/* With the lock held nothing may follow the line before it is answered: see next in agent.sh. */
static enum agent_result prepare_send(struct agent *a, struct buf *line, const struct buf *contents,
                                      int64_t deadline, struct error *err)
{
    if (!a->locked)
        buf_add(line, contents->data, contents->len);
    if (agent_request(a, line, deadline, err) != AGENT_OK ||
        agent_answer(a, soon(a, deadline), err) != AGENT_OK ||
        agent_expect(a, "go", "", err) != AGENT_OK)
        return AGENT_LOST;
    if (a->locked && contents->len && agent_request(a, contents, deadline, err) != AGENT_OK)
        return AGENT_LOST;
    return agent_answer(a, deadline, err);
}

enum agent_result agent_prepare(struct agent *a, const struct files *change,
                                const struct files *sees, int wait_s, int64_t deadline,
                                struct error *err)
{
    struct buf line = BUF_INIT, contents = BUF_INIT;
    enum agent_result result;

    contents_build(change, &contents);
    prepare_build(a, change, sees, wait_s, share_s(deadline), contents.len, &line);
    result = buf_check(&contents, err) == 0 ? prepare_send(a, &line, &contents, deadline, err)
                                            : AGENT_LOST;
    buf_free(&line);
    buf_free(&contents);
    a->locked = false;
    return result == AGENT_OK ? agent_expect(a, "prepared", a->test_name, err) : result;
}

/* When the reload hangs, the one with the old files may as well. */
static enum agent_result decide(struct agent *a, const char *word, int64_t deadline,
                                struct error *err)
{
    char line[40];
    int secs = share_s(deadline) / 2;

    (void)snprintf(line, sizeof line, "%s %d\n", word, secs > 1 ? secs : 1);
    if (ask_busy(a, line, deadline, err) != AGENT_OK)
        return AGENT_LOST;
    return agent_expect(a, "ok", a->reload_name, err);
}

enum agent_result agent_commit(struct agent *a, int64_t deadline, struct error *err)
{
    enum agent_result result = decide(a, "commit", deadline, err);

    a->note[0] = '\0';
    if (result == AGENT_OK)
        (void)snprintf(a->note, sizeof a->note, "%.*s", (int)a->reply.len, reply_text(a));
    return result;
}

const char *agent_note(const struct agent *a)
{
    return a->note;
}

enum agent_result agent_rollback(struct agent *a, int64_t deadline, struct error *err)
{
    enum agent_result result = decide(a, "rollback", deadline, err);

    /* It had given up waiting, and kept the new files. */
    if (result != AGENT_REFUSED || !reply_is(a, "gone"))
        return result;
    (void)error_set(err, EIO, "%s: kept the new files: nothing was heard for too long", a->host);
    return AGENT_LOST;
}

enum agent_result agent_abort(struct agent *a, int64_t deadline, struct error *err)
{
    a->locked = false;
    return simple(a, "abort\n", deadline, err);
}

enum agent_result agent_forget(struct agent *a, bool *known, int64_t deadline, struct error *err)
{
    enum agent_result result = simple(a, "forget\n", deadline, err);
    bool undecided;

    a->locked = false;
    *known = false;
    if (result != AGENT_OK || a->reply.len == 0)
        return result;
    *known = seq_take(a, &undecided, err) == AGENT_OK;
    return *known ? AGENT_OK : AGENT_LOST;
}

enum agent_result agent_ping(struct agent *a, int64_t deadline, struct error *err)
{
    return simple(a, "ping\n", deadline, err);
}
