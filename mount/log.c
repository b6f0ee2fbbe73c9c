/* One line at a time, to where somebody reads it.
 *
 * It is the process that has a stderr and a connection to syslog, not a handle: hence the one
 * static variable. */
#include "mount/log.h"
#include "drivers/buf.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_bool in_background;

/* systemd says in JOURNAL_STREAM that stderr is the journal, which understands priorities. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long dev, ino;
    struct stat st;

    return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_line(int priority, const char *line)
{
    struct buf text = BUF_INIT;

    if (atomic_load(&in_background)) {
        syslog(priority, "%s", line);
        return;
    }
    if (is_journal())
        buf_printf(&text, "<%d>%s\n", priority, line);
    else
        buf_printf(&text, "balancerfs: %s\n", line);
    if (!text.failed && write(STDERR_FILENO, text.data, text.len) < 0) {
        /* There is nobody to tell. */
    }
    buf_free(&text);
}

void log_printf(int priority, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    log_line(priority, buf_text(&text));
    buf_free(&text);
}

void log_to_syslog(void)
{
    openlog("balancerfs", LOG_PID, LOG_DAEMON);
    atomic_store(&in_background, true);
}
