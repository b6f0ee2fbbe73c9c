/* A thread that sleeps until something is overdue. */
#include "fs/watchdog.h"
#include "drivers/clock.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

struct watchdog {
    int64_t (*look)(void *arg, int64_t now_ms);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool started, ending;
    int64_t at_ms; /* when to look; INT64_MAX: at no time */
};

struct watchdog *watchdog_new(int64_t (*look)(void *arg, int64_t now_ms), void *arg)
{
    struct watchdog *w = calloc(1, sizeof *w);
    pthread_condattr_t monotonic;

    if (!w)
        return NULL;
    w->look = look;
    w->arg = arg;
    w->at_ms = INT64_MAX;
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return w;
}

/* With the lock, which is released meanwhile. */
static void look_now(struct watchdog *w, int64_t now)
{
    int64_t next;

    w->at_ms = INT64_MAX;
    (void)pthread_mutex_unlock(&w->lock);
    next = w->look(w->arg, now);
    (void)pthread_mutex_lock(&w->lock);
    if (next < w->at_ms)
        w->at_ms = next;
}

static void *watchdog_main(void *arg)
{
    struct watchdog *w = arg;

    (void)pthread_mutex_lock(&w->lock);
    while (!w->ending) {
        int64_t now = clock_now_ms();
        struct timespec at = {w->at_ms / 1000, w->at_ms % 1000 * 1000000};

        if (w->at_ms <= now)
            look_now(w, now);
        else if (w->at_ms == INT64_MAX)
            (void)pthread_cond_wait(&w->wake, &w->lock);
        else
            (void)pthread_cond_timedwait(&w->wake, &w->lock, &at);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

void watchdog_free(struct watchdog *w)
{
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->ending = true;
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->lock);
    if (w->started)
        (void)pthread_join(w->thread, NULL);
    (void)pthread_mutex_destroy(&w->lock);
    (void)pthread_cond_destroy(&w->wake);
    free(w);
}

void watchdog_expect(struct watchdog *w, int64_t at_ms)
{
    (void)pthread_mutex_lock(&w->lock);
    if (at_ms < w->at_ms && !w->ending) {
        w->at_ms = at_ms;
        (void)pthread_cond_signal(&w->wake);
    }
    if (!w->started && !w->ending)
        w->started = pthread_create(&w->thread, NULL, watchdog_main, w) == 0;
    (void)pthread_mutex_unlock(&w->lock);
}
