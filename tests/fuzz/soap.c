/* Fuzzes the reader of SOAP replies: it ends, keeps within its bounds, leaks nothing, and what is
 * not read as a result has an error. */
#include "drivers/soap.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(what) ((what) ? (void)0 : abort())

static void check_rows(const struct soap_reply *reply, enum soap_shape shape)
{
    CLAIM(shape == SOAP_VOID ? reply->n == 0 : shape == SOAP_ROWS || reply->n == 1);
    CLAIM(reply->n == 0 || reply->rows);
    for (size_t i = 0; i < reply->n; i++)
        for (size_t k = 0; k < reply->rows[i].n; k++)
            CLAIM(strlen(reply->rows[i].at[k]) <= SOAP_REPLY_MAX);
}

static void read_as(const char *data, size_t size, const char *operation, enum soap_shape shape)
{
    struct soap_reply reply;
    struct error err = {0};
    enum soap_result result = soap_reply_read(data, size, operation, shape, &reply, &err);

    switch (result) {
    case SOAP_DONE:
        CLAIM(err.num == 0 && !*reply.fault);
        check_rows(&reply, shape);
        break;
    case SOAP_FAULTED:
        CLAIM(err.num == EREMOTEIO && *err.text && *reply.text);
        break;
    case SOAP_UNCLEAR:
        CLAIM(err.num == EREMOTEIO || err.num == ENOMEM);
        CLAIM(strncmp(err.text, "the reply ", 10) == 0 || err.num == ENOMEM);
        break;
    case SOAP_FAILED:
        abort();
    }
    soap_reply_free(&reply);
    CLAIM(reply.n == 0 && !reply.rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    soap_init();
    read_as((const char *)data, size, "getNodes", SOAP_ROWS);
    read_as((const char *)data, size, "getPoolNames", SOAP_NAMES);
    read_as((const char *)data, size, "addPool", SOAP_VOID);
    return 0;
}
