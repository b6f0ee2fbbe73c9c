/* An errno and a sentence. */
#include "drivers/driver.h"
#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *err, int num, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return -1;
    err->num = num;
    va_start(ap, fmt);
    (void)vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    for (char *c = err->text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = ' ';
    return -1;
}
