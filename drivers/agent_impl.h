/* One session: what agent.c (requests) and agent_start.c (opening) share. For these two only. */
#ifndef BALANCERFS_AGENT_IMPL_H
#define BALANCERFS_AGENT_IMPL_H

#include "drivers/agent.h"
#include "drivers/agent_reply.h"

struct agent {
    struct remote *remote;
    const char *host, *test_name, *reload_name;
    char nonce[REPLY_NONCE + 1];
    struct buf in;   /* standard output not yet taken */
    struct buf said; /* standard error, for the message when the session ends */
    struct reply reply;
    size_t used; /* of in: the current answer, dropped before the next */
    char seq[24];
    char note[200];
    int64_t patience_ms; /* for the first word of an answer */
    bool locked;
};

/* More of either stream, into in or said. */
enum agent_result agent_pull(struct agent *a, int64_t deadline, struct error *err);
/* The next answer, in a->reply. */
enum agent_result agent_answer(struct agent *a, int64_t deadline, struct error *err);
enum agent_result agent_request(struct agent *a, const struct buf *b, int64_t deadline,
                                struct error *err);
/* AGENT_OK when the answer is that word; else what the answer means, with *err. command: the
 * user's, when it was one of theirs that ran. */
enum agent_result agent_expect(struct agent *a, const char *word, const char *command,
                               struct error *err);

#endif
