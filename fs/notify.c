/* A queue of invalidations and the thread that empties it. */
#include "fs/notify.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct notice {
    struct notice *next;
    fuse_ino_t inode;
    size_t len; /* 0: the inode itself */
    char name[];
};

struct notifier {
    struct fuse_session *const *session; /* NULL while not mounted */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool started, ending;
    struct notice *first, **end;
};

struct notifier *notifier_new(struct fuse_session *const *session)
{
    struct notifier *n = calloc(1, sizeof *n);

    if (!n)
        return NULL;
    n->session = session;
    n->end = &n->first;
    (void)pthread_mutex_init(&n->lock, NULL);
    (void)pthread_cond_init(&n->wake, NULL);
    return n;
}

static void tell(const struct notifier *n, const struct notice *notice)
{
    struct fuse_session *session = *n->session;

    /* That it knows nothing of it is no error. */
    if (session && notice->len)
        (void)fuse_lowlevel_notify_inval_entry(session, notice->inode, notice->name, notice->len);
    else if (session)
        (void)fuse_lowlevel_notify_inval_inode(session, notice->inode, 0, 0);
}

static void *notifier_main(void *arg)
{
    struct notifier *n = arg;

    (void)pthread_mutex_lock(&n->lock);
    while (!n->ending) {
        struct notice *notice = n->first;

        if (!notice) {
            (void)pthread_cond_wait(&n->wake, &n->lock);
            continue;
        }
        n->first = notice->next;
        if (!n->first)
            n->end = &n->first;
        (void)pthread_mutex_unlock(&n->lock);
        tell(n, notice);
        free(notice);
        (void)pthread_mutex_lock(&n->lock);
    }
    (void)pthread_mutex_unlock(&n->lock);
    return NULL;
}

/* It may wait in the kernel for a lock that is given back only when this process has ended. */
static bool joined(struct notifier *n)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    return pthread_timedjoin_np(n->thread, NULL, &until) == 0;
}

void notifier_free(struct notifier *n)
{
    struct notice *next;

    if (!n)
        return;
    (void)pthread_mutex_lock(&n->lock);
    n->ending = true;
    (void)pthread_cond_signal(&n->wake);
    (void)pthread_mutex_unlock(&n->lock);
    if (n->started && !joined(n))
        return;
    for (struct notice *notice = n->first; notice; notice = next) {
        next = notice->next;
        free(notice);
    }
    (void)pthread_mutex_destroy(&n->lock);
    (void)pthread_cond_destroy(&n->wake);
    free(n);
}

/* Without memory the kernel goes on believing until its own time is up. */
static void put(struct notifier *n, fuse_ino_t inode, const char *name)
{
    size_t len = strlen(name);
    struct notice *notice = malloc(sizeof *notice + len + 1);

    if (!notice)
        return;
    *notice = (struct notice){.inode = inode, .len = len};
    memcpy(notice->name, name, len + 1);
    (void)pthread_mutex_lock(&n->lock);
    if (!n->started && !n->ending)
        n->started = pthread_create(&n->thread, NULL, notifier_main, n) == 0;
    *n->end = notice;
    n->end = &notice->next;
    (void)pthread_cond_signal(&n->wake);
    (void)pthread_mutex_unlock(&n->lock);
}

void notify_entry(struct notifier *n, fuse_ino_t dir, const char *name)
{
    put(n, dir, name);
}

void notify_inode(struct notifier *n, fuse_ino_t inode)
{
    put(n, inode, "");
}
