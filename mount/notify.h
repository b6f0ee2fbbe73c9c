/* Telling systemd how the service is, by the protocol of sd_notify(3). */
#ifndef BALANCERFS_NOTIFY_H
#define BALANCERFS_NOTIFY_H

/* Each does nothing when $NOTIFY_SOCKET is not set. Any thread. */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

#endif
