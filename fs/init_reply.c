/* Lets the kernel ask several things in one directory at once.
 *
 * Without the flag FUSE_PARALLEL_DIROPS in the answer to INIT it holds a directory's lock during
 * each LOOKUP and READDIR, and whoever reads .status would wait behind one who waits for a listing.
 * libfuse means to set it, but before 3.17 does not (Debian 12 has 3.14): so it is put into the
 * answer on its way. Where it is set already nothing changes. */
#include "fs/init_reply.h"
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Of the protocol: linux/fuse.h. */
#define HEADER_SIZE 16 /* len, error, unique */
#define FLAGS_AT 12    /* in the answer to INIT: after major, minor, max_readahead */
#define PARALLEL_DIROPS (1u << 18)

static void set_flag(struct iovec *answer)
{
    uint32_t flags;
    char *at = (char *)answer->iov_base + FLAGS_AT;

    memcpy(&flags, at, sizeof flags);
    flags |= PARALLEL_DIROPS;
    memcpy(at, &flags, sizeof flags);
}

/* INIT is the first question, and only it is answered before anything else is asked. All other
 * answers pass here too, from any thread. */
static ssize_t answer(int fd, struct iovec *iov, int count, void *userdata)
{
    struct fs *fs = userdata;
    int32_t error;

    if (atomic_load(&fs->answered_init))
        return writev(fd, iov, count);
    if (count == 2 && iov[0].iov_len == HEADER_SIZE &&
        iov[1].iov_len >= FLAGS_AT + sizeof(uint32_t)) {
        memcpy(&error, (const char *)iov[0].iov_base + 4, sizeof error);
        if (error == 0)
            set_flag(&iov[1]);
    }
    atomic_store(&fs->answered_init, true);
    return writev(fd, iov, count);
}

static ssize_t question(int fd, void *data, size_t size, void *userdata)
{
    (void)userdata;
    return read(fd, data, size);
}

int init_reply_set(struct fs *fs)
{
    const struct fuse_custom_io io = {.writev = answer, .read = question};

    return fuse_session_custom_io(fs->session, &io, fuse_session_fd(fs->session));
}
