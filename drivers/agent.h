/* The client of agent.sh: one session with the loop that runs on one host.
 *
 * State of the loop, and where it goes. "old" and "new" are the files in include_dir; under the
 * journal both are kept until the end, so a host by itself always ends with all old or all new.
 *
 *   state      lock  files     request        to         a dead client, or silence (beat_s)
 *   idle       no    settled   read, ping     idle       nothing to do
 *                              lock           locked
 *                              prepare        prepared   contents are complete before the lock
 *   locked     yes   settled   read, ping     locked     unlocked
 *                              test           locked
 *                              prepare        prepared   (or idle when refused)
 *   prepared   yes   new       commit         committed  old back: not every host may have passed
 *                              abort          idle: old
 *   committed  yes   new       forget         idle: new  new stay: every host has passed its test
 *                              rollback       idle: old, reloaded
 *
 * lock, test, prepare, commit and rollback answer "go" at once, so that a host that is frozen is
 * known by then; what they came to follows. Prepare may name files that only have to be as they
 * were read. When no file of a pool changes, nothing is tested or reloaded.
 *
 * A loop that is killed, or whose host is rebooted, leaves its journal; the next loop there, or
 * the next to take the lock, goes by it before anything else: without "commit" in it the old
 * files come back; with it the new ones stay and are reloaded (old, when that fails).
 * So hosts differ only when the client dies between the first commit and the last: those that
 * were not told have old, the others new. .status shows it, the next change mends it.
 *
 * A reader waits for a change that another session has under way, or is told that there is one:
 * what is not decided yet may be gone again. It needs no lock, as long as others leave it the time;
 * when what it read has changed meanwhile three times it takes the lock for the next.
 *
 * The two commands run in dir, and find in their environment what the change is, unless it is not
 * known (after a crash): BALANCERFS_CHANGED has the names of its files, blanks between;
 * BALANCERFS_OLD is a directory with those of them that were there before (when old files come
 * back: that are no more). A reload that succeeds may say a word for .status: "note: TEXT" as the
 * first line of its output.
 *
 * Answers are "NONCE WORD LENGTH\n" and LENGTH bytes; what stands before the first NONCE (a motd)
 * is skipped, anything unexpected later ends the session. One thread at a time. */
#ifndef BALANCERFS_AGENT_H
#define BALANCERFS_AGENT_H

#include "drivers/buf.h"
#include "drivers/files.h"
#include "drivers/remote.h"

struct agent_setup {
    const char *dir; /* absolute, with a slash at the end */
    const char *suffix;
    const char *test_cmd, *reload_cmd;   /* "": none */
    const char *test_name, *reload_name; /* what errors call them; NULL: as they are */
    const char *tmpdir;
};

enum agent_result {
    AGENT_OK = 0,
    AGENT_SAME,    /* of agent_read: files are as they were */
    AGENT_STALE,   /* of agent_prepare: read again, edit again; nothing was changed */
    AGENT_BUSY,    /* another session has the lock; nothing was changed */
    AGENT_REFUSED, /* *err set; old files are in place; the session goes on */
    AGENT_LOST     /* *err set; the session is of no use any more: close it */
};

struct agent;

/* Logs in, passes sudo, starts the loop (which puts right what another left). NULL with *err. */
struct agent *agent_open(const struct remote_config *c, size_t host, const struct agent_setup *s,
                         int64_t deadline, struct error *err);
void agent_close(struct agent *a);

/* For poll(2) while idle; then agent_idle: false when the session is dead. */
int agent_poll_fd(const struct agent *a, bool *pending);
bool agent_idle(struct agent *a);

/* Replaces *files (sorted) unless AGENT_SAME. known: they are what this session knows.
 * wait_s: for the end of another session's change; *undecided: it did not come. */
enum agent_result agent_read(struct agent *a, bool known, int wait_s, struct files *files,
                             bool *undecided, int64_t deadline, struct error *err);
enum agent_result agent_lock(struct agent *a, int wait_s, int64_t deadline, struct error *err);
/* Does the test pass, with what is there? After agent_lock, which it keeps. */
enum agent_result agent_test(struct agent *a, int64_t deadline, struct error *err);
/* change: from an edit of what this session knows; sees: names of files that it rests on.
 * wait_s 0: do not wait. */
enum agent_result agent_prepare(struct agent *a, const struct files *change,
                                const struct files *sees, int wait_s, int64_t deadline,
                                struct error *err);
enum agent_result agent_commit(struct agent *a, int64_t deadline, struct error *err);
/* What the last commit's reload had to say, or "". Until the next call. */
const char *agent_note(const struct agent *a);
enum agent_result agent_rollback(struct agent *a, int64_t deadline, struct error *err);
enum agent_result agent_abort(struct agent *a, int64_t deadline, struct error *err);
/* *known: the session knows the files with the change made. */
enum agent_result agent_forget(struct agent *a, bool *known, int64_t deadline, struct error *err);
enum agent_result agent_ping(struct agent *a, int64_t deadline, struct error *err);

/* How long the loop waits for a word of its client while something is at stake. */
int agent_beat_ms(void);
/* How often an idle session is asked whether it is there: only that finds a frozen host. */
int agent_ping_ms(void);

#endif
