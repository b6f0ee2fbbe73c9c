/* The kernel's side: mounting, the loop of the one reader, and the end. */
#include "drivers/clock.h"
#include "fs/fs_impl.h"
#include "fs/init_reply.h"
#include "fs/ops.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fs_mount(struct fs *fs, const char *mountpoint, char **fuse_argv, struct error *err)
{
    struct fuse_args args = {0};
    int n = 0;

    while (fuse_argv[n])
        n++;
    args = (struct fuse_args)FUSE_ARGS_INIT(n, fuse_argv);
    fs->mountpoint = strdup(mountpoint);
    fs->session = fuse_session_new(&args, &fs_ops, sizeof fs_ops, fs);
    fuse_opt_free_args(&args);
    if (!fs->session || !fs->mountpoint)
        return error_set(err, EINVAL, "the mount options are not what libfuse takes");
    if (fuse_session_mount(fs->session, mountpoint) == 0) {
        if (init_reply_set(fs) == 0)
            return 0;
        fuse_session_unmount(fs->session);
    }
    fuse_session_destroy(fs->session);
    fs->session = NULL;
    return error_set(err, EIO, "cannot mount at %s", mountpoint);
}

/* Non-blocking: what poll announced may have been withdrawn before it is read. 0: end. */
static int serve_once(struct fs *fs, struct fuse_buf *buf)
{
    struct pollfd fds[2] = {{fuse_session_fd(fs->session), POLLIN, 0}, {fs->stop, POLLIN, 0}};
    int n = fuse_session_receive_buf(fs->session, buf);

    if (n > 0) {
        fuse_session_process_buf(fs->session, buf);
        return 1;
    }
    if (n == -EINTR)
        return 1;
    if (n != -EAGAIN)
        return n == 0 || n == -ENODEV ? 0 : n;
    if (poll(fds, 2, -1) < 0 && errno != EINTR)
        return -errno;
    return fds[1].revents ? 0 : 1;
}

/* All that wait get an answer; what runs is seen to its end. In parallel, since each takes time. */
static void *end_one(void *b)
{
    balancer_end(b);
    return NULL;
}

static void end_all(struct fs *fs)
{
    pthread_t *threads = calloc(fs->n, sizeof *threads);
    bool *started = calloc(fs->n, sizeof *started);

    for (uint32_t i = 1; i < fs->n; i++) {
        if (threads && started)
            started[i] = pthread_create(&threads[i], NULL, end_one, fs->at[i]) == 0;
        if (!threads || !started || !started[i])
            balancer_end(fs->at[i]);
    }
    for (uint32_t i = 1; i < fs->n; i++)
        if (threads && started && started[i])
            (void)pthread_join(threads[i], NULL);
    free(threads);
    free(started);
}

int fs_serve(struct fs *fs, void (*ready)(void), struct error *err)
{
    struct fuse_buf buf = {0};
    int fd = fuse_session_fd(fs->session), result;
    bool first = true;

    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
        return error_set(err, errno, "/dev/fuse: %s", strerror(errno));
    while ((result = serve_once(fs, &buf)) > 0) {
        /* The first question is INIT. */
        if (first && buf.mem && ready)
            ready();
        first = first && !buf.mem;
    }
    free(buf.mem);
    end_all(fs);
    if (result == 0)
        return 0;
    return error_set(err, -result, "/dev/fuse: %s", strerror(-result));
}

/* They use the session that is about to be destroyed. */
static void end_notifiers(struct fs *fs)
{
    for (uint32_t i = 0; i < fs->n; i++) {
        notifier_free(fs->at[i]->notifier);
        fs->at[i]->notifier = NULL;
    }
}

void fs_free(struct fs *fs)
{
    if (!fs)
        return;
    end_all(fs);
    end_notifiers(fs);
    if (fs->session) {
        fuse_session_unmount(fs->session);
        fuse_session_destroy(fs->session);
        fs->session = NULL;
    }
    for (uint32_t i = 0; i < fs->n; i++)
        balancer_free(fs->at[i]);
    free(fs->at);
    free(fs->mountpoint);
    if (fs->stop >= 0)
        (void)close(fs->stop);
    (void)pthread_rwlock_destroy(&fs->table);
    free(fs);
}
