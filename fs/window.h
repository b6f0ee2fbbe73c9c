/* How much happened within the last so many milliseconds: a sliding window of constant size.
 *
 * What is counted goes into slots of a 64th of the length; a slot leaves the window as one, when
 * the last moment of it is as old as the length. So everything counts for the whole length, and up
 * to a 64th of it longer. No thread safety. The caller tells the time, which does not go back. */
#ifndef BALANCERFS_WINDOW_H
#define BALANCERFS_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#define WINDOW_SLOTS 66

struct window {
    int64_t length_ms, slot_ms;
    struct {
        int64_t number; /* time / slot_ms */
        size_t n;
    } slots[WINDOW_SLOTS]; /* oldest first */
    size_t n_slots, total;
};

void window_init(struct window *w, int64_t length_ms);
/* Drops what is too old; to be called before the total is looked at. */
void window_slide(struct window *w, int64_t now_ms);
void window_add(struct window *w, size_t n, int64_t now_ms);
/* Takes back n that were added at when_ms, unless they have left the window. When nothing was added
 * then, the oldest go: what remains counts too long rather than too short. */
void window_take_back(struct window *w, size_t n, int64_t when_ms);
/* When the slot leaves the window. */
int64_t window_end_ms(const struct window *w, size_t slot);

#endif
