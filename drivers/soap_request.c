/* The text of a SOAP request, by libxml2's writer, which escapes but does not check. */
#include "drivers/soap.h"
#include <errno.h>
#include <libxml/xmlwriter.h>
#include <stdio.h>
#include <string.h>

#define ENVELOPE "http://schemas.xmlsoap.org/soap/envelope/"
#define ENCODING "http://schemas.xmlsoap.org/soap/encoding/"

struct writer {
    xmlTextWriter *x;
    bool failed;
};

static void start(struct writer *w, const char *name)
{
    w->failed |= xmlTextWriterStartElement(w->x, BAD_CAST name) < 0;
}

static void end(struct writer *w)
{
    w->failed |= xmlTextWriterEndElement(w->x) < 0;
}

static void attribute(struct writer *w, const char *name, const char *value)
{
    w->failed |= xmlTextWriterWriteAttribute(w->x, BAD_CAST name, BAD_CAST value) < 0;
}

static void start_array(struct writer *w, const char *name, const char *type, size_t n)
{
    char array_type[64];

    (void)snprintf(array_type, sizeof array_type, "%s[%zu]", type, n);
    start(w, name);
    attribute(w, "soapenc:arrayType", array_type);
    attribute(w, "xsi:type", "soapenc:Array");
}

static void write_names(struct writer *w, const char *part, const struct soap_names *names)
{
    start_array(w, part, "xsd:string", names->n);
    for (size_t i = 0; i < names->n; i++) {
        start(w, "item");
        attribute(w, "xsi:type", "xsd:string");
        w->failed |= xmlTextWriterWriteString(w->x, BAD_CAST names->at[i]) < 0;
        end(w);
    }
    end(w);
}

/* The rows are xsd:anyType, and each says what it is: gSOAP takes no array for an element of the
 * type that the WSDL gives them, nor soapenc:Array; the other servers take all of these. */
static void write_parts(struct writer *w, const struct soap_request *q)
{
    if (q->names)
        write_names(w, "names", q->names);
    if (!q->rows_part)
        return;
    start_array(w, q->rows_part, "xsd:anyType", q->names->n);
    for (size_t i = 0; i < q->names->n; i++)
        write_names(w, "item", &q->rows[i]);
    end(w);
}

static void write_envelope(struct writer *w, const struct soap_request *q, const char *space)
{
    char call[96];

    (void)snprintf(call, sizeof call, "pool:%s", q->operation);
    w->failed |= xmlTextWriterStartDocument(w->x, NULL, "UTF-8", NULL) < 0;
    start(w, "soap:Envelope");
    attribute(w, "xmlns:soap", ENVELOPE);
    attribute(w, "xmlns:soapenc", ENCODING);
    attribute(w, "xmlns:xsd", "http://www.w3.org/2001/XMLSchema");
    attribute(w, "xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance");
    attribute(w, "xmlns:pool", space);
    attribute(w, "soap:encodingStyle", ENCODING);
    start(w, "soap:Body");
    start(w, call);
    write_parts(w, q);
    end(w);
    end(w);
    end(w);
    w->failed |= xmlTextWriterEndDocument(w->x) < 0;
}

static int check_name(const char *name, struct error *err)
{
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return error_set(err, EINVAL, "a name holds a control character: %s", name);
    if (!xmlCheckUTF8(BAD_CAST name))
        return error_set(err, EINVAL, "a name is not UTF-8");
    return 0;
}

static int check_names(const struct soap_names *names, struct error *err)
{
    for (size_t i = 0; i < names->n; i++)
        if (check_name(names->at[i], err) == -1)
            return -1;
    return 0;
}

int soap_request_write(const struct soap_request *q, const char *space, struct buf *out,
                       struct error *err)
{
    xmlBuffer *text = xmlBufferCreate();
    struct writer w = {text ? xmlNewTextWriterMemory(text, 0) : NULL, false};
    int result = q->names ? check_names(q->names, err) : 0;

    for (size_t i = 0; q->rows_part && i < q->names->n && result == 0; i++)
        result = check_names(&q->rows[i], err);
    if (w.x && result == 0)
        write_envelope(&w, q, space);
    xmlFreeTextWriter(w.x);
    if (result == 0 && (!w.x || w.failed))
        result = error_set(err, ENOMEM, "out of memory for a SOAP request");
    if (result == 0) {
        buf_add(out, xmlBufferContent(text), (size_t)xmlBufferLength(text));
        result = buf_check(out, err);
    }
    xmlBufferFree(text);
    return result;
}
