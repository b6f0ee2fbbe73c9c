/* A slow cable for tests/lab, where the kernel has no netem: frames between a port and a tap
 * device, of which those to the port wait.
 *
 * usage: labwire TUN TAP PORT MILLISECONDS    (TUN: the device node; TAP is made; ends when PORT
 * goes away.) Frames keep their virtio headers, so what the kernel left for a network card to do
 * (checksums, segments) still is. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_MAX = 65536 + 64, QUEUE_MAX = 4096 };

struct frame {
    struct frame *next;
    int64_t due;
    size_t len;
    char bytes[];
};

struct queue {
    struct frame *first, **last;
    size_t n;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int open_tap(const char *node, const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int fd = open(node, O_RDWR | O_CLOEXEC);

    if (fd == -1)
        err(1, "%s", node);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(fd, TUNSETIFF, &request) == -1)
        err(1, "tap %s", name);
    if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) == -1)
        err(1, "offloads of %s", name);
    return fd;
}

static int open_port(const char *name)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;

    if (fd == -1)
        err(1, "packet socket");
    at.sll_ifindex = (int)if_nametoindex(name);
    if (at.sll_ifindex == 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) == -1 ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) == -1 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) == -1)
        err(1, "port %s", name);
    return fd;
}

/* A full queue loses frames, as a cable's would. */
static void queue_add(struct queue *q, const char *bytes, size_t len, int64_t due)
{
    struct frame *f = q->n < QUEUE_MAX ? malloc(sizeof *f + len) : NULL;

    if (!f)
        return;
    f->next = NULL;
    f->due = due;
    f->len = len;
    memcpy(f->bytes, bytes, len);
    *q->last = f;
    q->last = &f->next;
    q->n++;
}

/* Sends what is due; what the port will not take is lost. */
static void queue_send(struct queue *q, int fd)
{
    struct frame *f;

    while ((f = q->first) && f->due <= now_ms()) {
        if (write(fd, f->bytes, f->len) == -1 && errno == ENXIO)
            errx(0, "the port is gone");
        q->first = f->next;
        q->n--;
        if (!q->first)
            q->last = &q->first;
        free(f);
    }
}

static int wait_ms(const struct queue *q)
{
    int64_t left = q->first ? q->first->due - now_ms() : 1000;

    return left < 0 ? 0 : (int)left;
}

int main(int argc, char **argv)
{
    static char bytes[FRAME_MAX];
    struct queue q = {NULL, &q.first, 0};
    struct pollfd fds[2] = {{.events = POLLIN}, {.events = POLLIN}};
    int64_t delay;
    ssize_t n;

    if (argc != 5)
        errx(2, "usage: labwire TUN TAP PORT MILLISECONDS");
    fds[0].fd = open_tap(argv[1], argv[2]);
    fds[1].fd = open_port(argv[3]);
    delay = strtol(argv[4], NULL, 10);
    for (;;) {
        (void)poll(fds, 2, wait_ms(&q));
        if (fds[0].revents & POLLIN && (n = read(fds[0].fd, bytes, sizeof bytes)) > 0)
            queue_add(&q, bytes, (size_t)n, now_ms() + delay);
        if (fds[1].revents & POLLIN && (n = read(fds[1].fd, bytes, sizeof bytes)) > 0)
            (void)!write(fds[0].fd, bytes, (size_t)n);
        if (fds[1].revents & (POLLERR | POLLHUP) && if_nametoindex(argv[3]) == 0)
            errx(0, "the port is gone");
        queue_send(&q, fds[1].fd);
    }
}
