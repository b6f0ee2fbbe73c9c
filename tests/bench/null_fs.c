/* The least that a file system on libfuse can do: the tree that many_driver.c gives, computed and
 * not kept, with the attributes and timeouts of balancerfs. What it takes is the kernel's and
 * libfuse's own. One reader, as there.
 *
 *   null_fs -f NODES... MOUNTPOINT     b0/p0 with that many nodes, b1/p0 and so on */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT 60.0
#define SIZE_MAX_READ ((size_t)128 * 1024)

/* A number is the balancer's serial from 1 above: 0 itself, 1 its pool, 2 and up its nodes. */
struct null_fs {
    unsigned n, nodes[8];
    char (*names)[20]; /* of nodes; making them would cost more than all else */
    struct timespec began;
};

static fuse_ino_t number(unsigned serial, unsigned below)
{
    return (fuse_ino_t)serial << 32 | below;
}

static struct stat attributes(const struct null_fs *fs, fuse_ino_t ino)
{
    unsigned below = (unsigned)ino;
    int is_dir = ino == FUSE_ROOT_ID || below < 2;

    return (struct stat){.st_ino = ino,
                         .st_mode = is_dir ? S_IFDIR | 0755 : S_IFREG | 0644,
                         .st_nlink = is_dir ? 2 : 1,
                         .st_blksize = 4096,
                         .st_atim = fs->began,
                         .st_mtim = fs->began,
                         .st_ctim = fs->began};
}

static struct fuse_entry_param entry(const struct null_fs *fs, fuse_ino_t ino)
{
    return (struct fuse_entry_param){
        .ino = ino, .attr = attributes(fs, ino), .attr_timeout = TIMEOUT, .entry_timeout = TIMEOUT};
}

/* 0: there is none; the kernel remembers that. */
static fuse_ino_t find(const struct null_fs *fs, fuse_ino_t parent, const char *name)
{
    unsigned serial = (unsigned)(parent >> 32), below = (unsigned)parent, a, b, c;

    if (parent == FUSE_ROOT_ID)
        return sscanf(name, "b%u", &a) == 1 && a < fs->n ? number(a + 1, 0) : 0;
    if (below == 0)
        return strcmp(name, "p0") == 0 ? number(serial, 1) : 0;
    if (sscanf(name, "10.%u.%u.%u:80", &a, &b, &c) != 3)
        return 0;
    a = a << 16 | b << 8 | c;
    return a < fs->nodes[serial - 1] ? number(serial, a + 2) : 0;
}

static void null_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    const struct null_fs *fs = fuse_req_userdata(req);
    fuse_ino_t ino = find(fs, parent, name);
    struct fuse_entry_param e = {.entry_timeout = TIMEOUT};

    if (ino)
        e = entry(fs, ino);
    (void)fuse_reply_entry(req, &e);
}

static void null_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct stat st = attributes(fuse_req_userdata(req), ino);

    (void)fi;
    (void)fuse_reply_attr(req, &st, TIMEOUT);
}

static void null_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    (void)fuse_reply_open(req, fi);
}

static void null_done(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    (void)fi;
    (void)fuse_reply_err(req, 0);
}

/* The name at a position of a directory, from 0; 0: no more. */
static fuse_ino_t entry_at(const struct null_fs *fs, fuse_ino_t dir, unsigned at, char *name)
{
    unsigned serial = (unsigned)(dir >> 32), below = (unsigned)dir;

    if (at < 2) {
        (void)strcpy(name, at ? ".." : ".");
        return dir;
    }
    at -= 2;
    if (dir == FUSE_ROOT_ID) {
        (void)snprintf(name, 32, "b%u", at);
        return at < fs->n ? number(at + 1, 0) : 0;
    }
    if (below == 0) {
        (void)strcpy(name, "p0");
        return at < 1 ? number(serial, 1) : 0;
    }
    if (at >= fs->nodes[serial - 1])
        return 0;
    (void)strcpy(name, fs->names[at]);
    return number(serial, at + 2);
}

static void fill(fuse_req_t req, fuse_ino_t dir, size_t size, off_t off, int plus)
{
    const struct null_fs *fs = fuse_req_userdata(req);
    char *data, name[32];
    size_t len = 0, need;
    fuse_ino_t ino;

    size = size < SIZE_MAX_READ ? size : SIZE_MAX_READ;
    data = malloc(size);
    while (data && (ino = entry_at(fs, dir, (unsigned)off, name))) {
        struct fuse_entry_param e = entry(fs, ino);

        need = plus ? fuse_add_direntry_plus(req, data + len, size - len, name, &e, off + 1)
                    : fuse_add_direntry(req, data + len, size - len, name, &e.attr, off + 1);
        if (need > size - len)
            break;
        len += need;
        off++;
    }
    (void)fuse_reply_buf(req, data, len);
    free(data);
}

static void null_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                         struct fuse_file_info *fi)
{
    (void)fi;
    fill(req, ino, size, off, 0);
}

static void null_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                             struct fuse_file_info *fi)
{
    (void)fi;
    fill(req, ino, size, off, 1);
}

static void null_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    (void)ino;
    (void)name;
    (void)size;
    (void)fuse_reply_err(req, EOPNOTSUPP);
}

static const struct fuse_lowlevel_ops null_ops = {
    .lookup = null_lookup,
    .getattr = null_getattr,
    .open = null_open,
    .release = null_done,
    .opendir = null_open,
    .releasedir = null_done,
    .readdir = null_readdir,
    .readdirplus = null_readdirplus,
    .getxattr = null_getxattr,
};

static int names_make(struct null_fs *fs)
{
    unsigned most = 0;

    for (unsigned i = 0; i < fs->n; i++)
        most = fs->nodes[i] > most ? fs->nodes[i] : most;
    fs->names = calloc(most + 1, sizeof *fs->names);
    for (unsigned i = 0; fs->names && i < most; i++)
        (void)snprintf(fs->names[i], sizeof *fs->names, "10.%u.%u.%u:80", i >> 16 & 255,
                       i >> 8 & 255, i & 255);
    return fs->names ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct null_fs fs = {0};
    char *none[] = {argv[0], NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, none);
    struct fuse_session *session;

    for (int i = 2; i < argc - 1 && fs.n < 8; i++)
        fs.nodes[fs.n++] = (unsigned)strtoul(argv[i], NULL, 10);
    (void)clock_gettime(CLOCK_REALTIME, &fs.began);
    session = fuse_session_new(&args, &null_ops, sizeof null_ops, &fs);
    if (argc < 3 || names_make(&fs) != 0 || !session || fuse_set_signal_handlers(session) != 0 ||
        fuse_session_mount(session, argv[argc - 1]) != 0)
        return 1;
    (void)fuse_session_loop(session);
    fuse_session_unmount(session);
    fuse_remove_signal_handlers(session);
    fuse_session_destroy(session);
    return 0;
}
