/* Times in UTC with milliseconds. */
#include "fs/rfc3339.h"
#include <time.h>

void rfc3339_add(struct buf *out, int64_t when_ms)
{
    time_t seconds = (time_t)(when_ms / 1000);
    struct tm tm = {0};

    (void)gmtime_r(&seconds, &tm);
    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(when_ms % 1000));
}
