/* --help and --help DRIVER: the tables of options, to be read. */
#include "mount/help.h"
#include "drivers/registry.h"
#include "fs/fs.h"
#include "mount/arguments.h"
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: balancerfs [-f] [-d] [-o OPTION[,OPTION...]] CONFIG MOUNTPOINT\n"
    "       balancerfs --check CONFIG\n"
    "       balancerfs --probe CONFIG [NAME...]\n"
    "       balancerfs --help [DRIVER]\n"
    "       balancerfs --version\n"
    "\n"
    "Mounts the load balancers of CONFIG as directories: MOUNTPOINT/BALANCER/POOL/HOST:PORT.\n"
    "\n"
    "  -f            stay in the foreground\n"
    "  -d            stay in the foreground and print every request of the kernel\n"
    "  -o OPTION     mount options, below\n"
    "  --check       read and check CONFIG, contact nobody\n"
    "  --probe       contact every host of the balancers named, or of all; print a table\n"
    "  --help        this, or the configuration keys of DRIVER\n"
    "  --version     print the version\n"
    "\n"
    "Mount options:\n";

static const char *type_name(enum option_type type)
{
    switch (type) {
    case OPTION_STRING:
    case OPTION_ANY:
        return "text";
    case OPTION_NUMBER:
        return "number";
    case OPTION_BOOL:
        return "bool";
    case OPTION_DURATION:
        return "time";
    case OPTION_SECRET:
        return "secret";
    case OPTION_LIST:
        return "list";
    case OPTION_MAP:
        return "mapping";
    case OPTION_SECTIONS:
        return "balancers";
    }
    return "";
}

static void print_options(const struct option *table)
{
    for (const struct option *row = table; row->name; row++) {
        printf("  %-18s %-10s %s", row->name, type_name(row->type), row->help);
        if (row->required)
            printf(" (required)");
        else if (row->fallback)
            printf(" (%s)", row->fallback);
        printf("\n");
    }
}

void help_print(void)
{
    const struct driver *d;
    char name[64];

    printf("%s", usage);
    for (const struct mount_option *row = mount_options; row->name; row++) {
        if (!row->help)
            continue;
        (void)snprintf(name, sizeof name, "%s%s", row->name, row->value ? row->value : "");
        printf("  %-26s %s\n", name, row->help);
    }
    printf("  Those of mount(8) and systemd.mount(5), as nofail and x-*, are ignored.\n"
           "\nDrivers, as BACKEND of a balancer in CONFIG:\n");
    for (size_t i = 0; (d = registry_at(i)); i++)
        printf("  %-12s %s\n", d->name, d->summary);
    printf("\nSee balancerfs(8) and balancerfs.conf(5).\n");
}

int help_print_driver(const char *name, struct error *err)
{
    const struct driver *d = registry_find(name, err);

    if (!d)
        return -1;
    printf("%s: %s\n", d->name, d->summary);
    if (d->classes)
        printf("Also: %s\n", d->classes);
    printf("\nKeys of %s:\n", d->name);
    print_options(d->options);
    printf("\nKeys of every balancer:\n");
    print_options(fs_options);
    return 0;
}
