/* Texts that may hold anything, as messages of servers do: which bytes are a character. */
#ifndef BALANCERFS_UTF8_H
#define BALANCERFS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character that a NUL-terminated text begins with, in *c, and its length; 0: the first byte
 * begins no valid one (*c is the byte). Surrogates and overlong forms are not valid. */
size_t utf8_next(const char *text, uint32_t *c);

/* Does it move a terminal's cursor, end a line or change the direction of what follows? */
bool utf8_is_control(uint32_t c);

#endif
