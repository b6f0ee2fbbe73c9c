/* Any file that may be a Varnish pool, edited; and the same text as the main file. */
#include "tests/unit/dialect_property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_main(const char *text, size_t len)
{
    const struct dialect_settings settings = {"/etc/lb/", "pool-", "pools.vcl", 4};
    const struct change changes[] = {{CREATE_POOL, {"app"}, {""}}, {DELETE_POOL, {"app"}, {""}}};
    struct files before = FILES_INIT, with = FILES_INIT, without = FILES_INIT;
    struct error err;

    files_add(&before, "pools.vcl", text, len, NULL);
    if (varnish_dialect.edit(&settings, &before, &changes[0], 1, &with, &err) == 0) {
        files_sort(&with);
        if (!files_find(&with, "pools.vcl"))
            files_add(&with, "pools.vcl", text, len, NULL);
        files_sort(&with);
        PROPERTY(files_find(&with, "pool-app.vcl"));
        PROPERTY(varnish_dialect.edit(&settings, &with, &changes[1], 1, &without, &err) == 0);
    }
    files_clear(&before);
    files_clear(&with);
    files_clear(&without);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    property_check(&varnish_dialect, "pool-app.vcl", (const char *)data, size);
    property_text.at = (const char *)data;
    property_text.len = size;
    check_main((const char *)data, size);
    return 0;
}
