/* A sliding window of constant size: a row of slots, oldest first. */
#include "fs/window.h"
#include <assert.h>
#include <string.h>

void window_init(struct window *w, int64_t length_ms)
{
    memset(w, 0, sizeof *w);
    w->length_ms = length_ms;
    w->slot_ms = (length_ms + 63) / 64;
}

int64_t window_end_ms(const struct window *w, size_t slot)
{
    return (w->slots[slot].number + 1) * w->slot_ms - 1 + w->length_ms;
}

static void drop_slots(struct window *w, size_t from, size_t n)
{
    w->n_slots -= n;
    memmove(&w->slots[from], &w->slots[from + n], (w->n_slots - from) * sizeof *w->slots);
}

void window_slide(struct window *w, int64_t now_ms)
{
    size_t old = 0;

    for (; old < w->n_slots && window_end_ms(w, old) <= now_ms; old++)
        w->total -= w->slots[old].n;
    drop_slots(w, 0, old);
}

void window_add(struct window *w, size_t n, int64_t now_ms)
{
    int64_t number = now_ms / w->slot_ms;

    window_slide(w, now_ms);
    if (w->n_slots == 0 || w->slots[w->n_slots - 1].number < number) {
        assert(w->n_slots < WINDOW_SLOTS);
        w->slots[w->n_slots].number = number;
        w->slots[w->n_slots++].n = 0;
    }
    w->slots[w->n_slots - 1].n += n;
    w->total += n;
}

/* What could be taken of n. */
static size_t take(struct window *w, size_t slot, size_t n)
{
    size_t taken = n < w->slots[slot].n ? n : w->slots[slot].n;

    w->slots[slot].n -= taken;
    w->total -= taken;
    if (w->slots[slot].n == 0)
        drop_slots(w, slot, 1);
    return taken;
}

void window_take_back(struct window *w, size_t n, int64_t when_ms)
{
    for (size_t i = 0; i < w->n_slots; i++)
        if (w->slots[i].number == when_ms / w->slot_ms) {
            (void)take(w, i, n);
            return;
        }
    if (w->n_slots && when_ms / w->slot_ms < w->slots[0].number)
        return;
    while (n && w->n_slots)
        n -= take(w, 0, n);
}
