/* Any file that may be an HAProxy pool, edited. */
#include "tests/unit/dialect_property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    property_check(&haproxy_dialect, "app.cfg", (const char *)data, size);
    return 0;
}
