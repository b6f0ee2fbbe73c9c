/* Reading a status: the caller's side of struct status (driver.h has the driver's). */
#ifndef BALANCERFS_STATUS_H
#define BALANCERFS_STATUS_H

#include "drivers/driver.h"

struct status *status_new(void);
void status_free(struct status *s);
bool status_failed(const struct status *s); /* out of memory: incomplete */

size_t status_host_count(const struct status *s);
const struct host_status *status_host_at(const struct status *s, size_t i); /* strings owned by s */
size_t status_note_count(const struct status *s);
void status_note_at(const struct status *s, size_t i, const char **key, const char **value);

struct status_row {
    const char *host, *step, *text;
    bool passed;
};
size_t status_step_count(const struct status *s);
struct status_row status_step_at(const struct status *s, size_t i);

#endif
