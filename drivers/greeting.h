/* The first words over a stream: they tell where what a login prints ends, and that it was let
 * run a command at all. For transports that log in; no round trip is added, since the command
 * follows at once. */
#ifndef BALANCERFS_GREETING_H
#define BALANCERFS_GREETING_H

#include "drivers/remote_impl.h"

struct greeting {
    char nonce[33];
    struct buf out, err; /* what came before it */
};

enum greeting_result { GREETING_FAILED = -1, GREETING_WAIT, GREETING_THROUGH, GREETING_ENDED };

int greeting_init(struct greeting *g, struct error *err);
void greeting_free(struct greeting *g);

/* What the login shell is to run: COMMAND by sh, behind the greeting. Nothing in it but "exec"
 * and quotes, which csh and fish have too. */
void greeting_command(const struct greeting *g, const char *command, struct buf *out);

/* Takes what the stream has. THROUGH: what follows the greeting is kept for remote_read, as is
 * what stderr had: it may be the command's. FAILED: *err. */
enum greeting_result greeting_look(struct greeting *g, struct remote *r, struct error *err);

/* Of a login that has ended before: EACCES with what it said. Always -1. */
int greeting_ended(const struct greeting *g, const struct remote *r, struct error *err);

#endif
