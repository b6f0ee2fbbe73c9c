/* Milliseconds that never jump (deadlines), and those of the calendar (what people read). */
#ifndef BALANCERFS_CLOCK_H
#define BALANCERFS_CLOCK_H

#include <stdint.h>

int64_t clock_now_ms(void); /* monotonic */
int64_t clock_now_us(void);
int64_t clock_real_ms(void); /* since 1970 */
/* Milliseconds until deadline for poll(2): 0 when it has passed, INT_MAX at most. */
int clock_left_ms(int64_t deadline);

#endif
