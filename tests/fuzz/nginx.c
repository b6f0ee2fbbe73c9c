/* Any file that may be an nginx pool, edited. */
#include "tests/unit/dialect_property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    property_check(&nginx_dialect, "app.conf", (const char *)data, size);
    return 0;
}
