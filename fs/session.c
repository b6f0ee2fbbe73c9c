/* The kernel's side: mounting, the loop of the one reader, and the end. */
#include "drivers/clock.h"
#include "fs/fs_impl.h"
#include "fs/init_reply.h"
#include "fs/ops.h"
#include "fs/watchdog.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AFTER_MS 50  /* so long nobody has asked anything more */
#define HIGH 64      /* a descriptor above those that libfuse opens */
#define REST_MS 2000 /* so long at most that goes on after the balancers have ended */

/* auto_unmount: fusermount3 waits for the end of a socket, and unmounts what answers ENOTCONN then.
 * When a process is killed, Linux releases the files of its highest descriptors first. The socket's
 * is above that of /dev/fuse, so fusermount3 may look while the connection still is one, gets
 * ECONNABORTED when it ends, and leaves a dead mount. Another descriptor, above the socket's, lets
 * /dev/fuse go first. */
static void hold_device(struct fs *fs)
{
    fs->device = fcntl(fuse_session_fd(fs->session), F_DUPFD_CLOEXEC, HIGH);
}

static void unmount(struct fs *fs)
{
    if (fs->device >= 0)
        (void)close(fs->device);
    fs->device = -1;
    fuse_session_unmount(fs->session);
}

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
        hold_device(fs);
        if (init_reply_set(fs) == 0)
            return 0;
        unmount(fs);
    }
    fuse_session_destroy(fs->session);
    fs->session = NULL;
    return error_set(err, EIO, "cannot mount at %s", mountpoint);
}

enum served { SERVED, QUIET, STOPPED, UNMOUNTED };

/* One question, or a wait for one. Poll comes first: one client asks nothing before it has its
 * answer, and a read that finds nothing costs it as much as one that does. Non-blocking: what poll
 * announced may have been withdrawn before it is read. Less than 0: an errno. */
static int serve_once(struct fs *fs, struct fuse_buf *buf, int patience_ms)
{
    struct pollfd fds[2] = {{fuse_session_fd(fs->session), POLLIN, 0}, {fs->stop, POLLIN, 0}};
    bool stopping = patience_ms >= 0;
    int n = poll(fds, stopping ? 1 : 2, patience_ms);

    if (n < 0)
        return errno == EINTR ? SERVED : -errno;
    if (n == 0)
        return QUIET;
    if (fds[1].revents && !stopping)
        return STOPPED;
    n = fuse_session_receive_buf(fs->session, buf);
    if (n > 0)
        fuse_session_process_buf(fs->session, buf);
    if (n > 0 || n == -EINTR || n == -EAGAIN)
        return SERVED;
    return n == 0 || n == -ENODEV ? UNMOUNTED : n;
}

/* All that wait get an answer; what runs is seen to its end. In parallel, since each takes time. */
static void *end_one(void *b)
{
    (void)balancer_end(b);
    return NULL;
}

/* false: a driver did not come back. */
static bool end_all(struct fs *fs)
{
    pthread_t *threads;
    bool *started, all = true;

    /* A reload may be going on. */
    (void)pthread_mutex_lock(&fs->changing);
    threads = calloc(fs->n, sizeof *threads);
    started = calloc(fs->n, sizeof *started);
    for (uint32_t i = 1; i < fs->n; i++) {
        if (threads && started)
            started[i] = pthread_create(&threads[i], NULL, end_one, fs->at[i]) == 0;
        if (!threads || !started || !started[i])
            (void)balancer_end(fs->at[i]);
    }
    for (uint32_t i = 1; i < fs->n; i++)
        if (threads && started && started[i])
            (void)pthread_join(threads[i], NULL);
    for (uint32_t i = 1; i < fs->n; i++)
        all &= balancer_end(fs->at[i]);
    (void)pthread_mutex_unlock(&fs->changing);
    free(threads);
    free(started);
    return all;
}

static void *end_all_main(void *arg)
{
    struct fs *fs = arg;

    (void)end_all(fs);
    atomic_store(&fs->ended, true);
    return NULL;
}

/* Told to stop: whoever waits is answered, and what they ask next (touch sets times after its
 * open), until nobody asks any more. */
static void serve_the_rest(struct fs *fs, struct fuse_buf *buf)
{
    int64_t until = 0;
    pthread_t thread;

    if (pthread_create(&thread, NULL, end_all_main, fs) != 0)
        return;
    for (;;) {
        bool ended = atomic_load(&fs->ended);
        int result = serve_once(fs, buf, AFTER_MS);

        if (result < 0 || result == UNMOUNTED || (ended && result == QUIET))
            break;
        if (ended && !until)
            until = clock_now_ms() + REST_MS;
        if (until && clock_left_ms(until) == 0)
            break;
    }
    (void)pthread_join(thread, NULL);
}

int fs_serve(struct fs *fs, void (*ready)(void), struct error *err)
{
    struct fuse_buf buf = {0};
    int fd = fuse_session_fd(fs->session), result;
    bool first = true;

    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
        return error_set(err, errno, "/dev/fuse: %s", strerror(errno));
    while ((result = serve_once(fs, &buf, -1)) == SERVED) {
        /* The first question is INIT. */
        if (first && buf.mem && ready)
            ready();
        first = first && !buf.mem;
    }
    if (result == STOPPED)
        serve_the_rest(fs, &buf);
    free(buf.mem);
    (void)end_all(fs);
    if (result >= 0)
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
    if (!end_all(fs)) {
        /* Its thread uses all of this, until the process has ended. */
        if (fs->session)
            unmount(fs);
        return;
    }
    end_notifiers(fs);
    watchdog_free(fs->watchdog);
    if (fs->session) {
        unmount(fs);
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
    (void)pthread_mutex_destroy(&fs->changing);
    free(fs);
}
