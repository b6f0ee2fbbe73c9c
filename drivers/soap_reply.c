/* A SOAP reply as rows of strings, or as a fault. Nothing in it is believed before it is checked:
 * no DOCTYPE, no entities, bounded depth (libxml2's 256), references, strings and bytes.
 *
 *   Envelope / Body / OPERATIONResponse / first child     an array: its children are strings
 * (NAMES) or arrays of them (ROWS) / Fault                               faultstring, detail /
 * first child
 *
 * Any element may be <x href="#ID"/> instead, and then stands elsewhere with id="ID". */
#include "drivers/soap.h"
#include <errno.h>
#include <libxml/hash.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HOPS 16         /* of href to href */
#define MAX_STRINGS 1000000 /* in a reply: one array may be referred to many times */
#define MAX_BYTES (64 << 20)

struct reader {
    xmlDoc *doc;
    xmlHashTable *ids; /* made when first asked for */
    size_t strings, bytes;
    struct error *err;
};

/* ---- XML ---------------------------------------------------------------------------------- */

static void refuse_doctype(void *arg, const xmlChar *name, const xmlChar *external,
                           const xmlChar *system)
{
    xmlParserCtxt *context = arg;

    (void)name;
    (void)external;
    (void)system;
    context->_private = context;
    xmlStopParser(context);
}

static int report(xmlParserCtxt *context, struct error *err)
{
    const xmlError *e = xmlCtxtGetLastError(context);

    if (context->_private)
        return error_set(err, EREMOTEIO, "the reply has a DOCTYPE, which SOAP forbids");
    if (!e || !e->message)
        return error_set(err, EREMOTEIO, "the reply is not XML");
    return error_set(err, EREMOTEIO, "the reply is not XML: line %d: %.*s", e->line,
                     (int)strcspn(e->message, "\n"), e->message);
}

static xmlDoc *parse(const char *text, size_t len, struct error *err)
{
    xmlParserCtxt *context = xmlNewParserCtxt();
    xmlDoc *doc;

    if (!context || !len || len > SOAP_REPLY_MAX) {
        (void)error_set(err, context ? EREMOTEIO : ENOMEM, "%s",
                        !context ? "out of memory"
                        : len    ? "the reply is too long"
                                 : "the reply is empty");
        xmlFreeParserCtxt(context);
        return NULL;
    }
    context->sax->internalSubset = refuse_doctype;
    doc = xmlCtxtReadMemory(context, text, (int)len, NULL, NULL,
                            XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (!doc || !context->wellFormed || context->_private) {
        (void)report(context, err);
        xmlFreeDoc(doc);
        doc = NULL;
    }
    xmlFreeParserCtxt(context);
    return doc;
}

static bool is_named(const xmlNode *node, const char *local)
{
    return strcmp((const char *)node->name, local) == 0;
}

static xmlNode *child_named(xmlNode *parent, const char *local)
{
    xmlNode *child = parent ? xmlFirstElementChild(parent) : NULL;

    while (child && !is_named(child, local))
        child = xmlNextElementSibling(child);
    return child;
}

static xmlAttr *attribute(const xmlNode *node, const char *local, bool qualified)
{
    for (xmlAttr *a = node->properties; a; a = a->next)
        if ((a->ns != NULL) == qualified && strcmp((const char *)a->name, local) == 0)
            return a;
    return NULL;
}

/* Owned by the caller; NULL when there is none. */
static char *attribute_text(const xmlNode *node, const char *local, bool qualified)
{
    xmlAttr *a = attribute(node, local, qualified);

    return a ? (char *)xmlNodeGetContent((xmlNode *)a) : NULL;
}

/* The local part of xsi:type, or "". */
static void type_of(const xmlNode *node, char *out, size_t size)
{
    char *type = attribute_text(node, "type", true);
    const char *colon = type ? strrchr(type, ':') : NULL;

    *out = '\0';
    if (type)
        (void)strncat(out, colon ? colon + 1 : type, size - 1);
    xmlFree(type);
}

/* ---- references --------------------------------------------------------------------------- */

static xmlNode *next_element(xmlNode *node)
{
    xmlNode *next = xmlFirstElementChild(node);

    while (!next && node && node->type == XML_ELEMENT_NODE) {
        next = xmlNextElementSibling(node);
        node = node->parent;
    }
    return next;
}

static int index_ids(struct reader *r)
{
    r->ids = xmlHashCreate(64);
    if (!r->ids)
        return error_set(r->err, ENOMEM, "out of memory");
    for (xmlNode *n = xmlDocGetRootElement(r->doc); n; n = next_element(n)) {
        char *id = attribute_text(n, "id", false);
        int failed = id ? xmlHashAddEntry(r->ids, BAD_CAST id, n) : 0;

        xmlFree(id);
        if (failed)
            return error_set(r->err, EREMOTEIO, "the reply has an id twice");
    }
    return 0;
}

/* The element that is meant: itself unless it is a reference. NULL with *err set. */
static xmlNode *resolve(struct reader *r, xmlNode *node)
{
    for (int hop = 0; hop < MAX_HOPS && node; hop++) {
        char *href = attribute_text(node, "href", false);

        if (!href)
            return node;
        if (!r->ids && index_ids(r) == -1) {
            xmlFree(href);
            return NULL;
        }
        node = *href == '#' ? xmlHashLookup(r->ids, BAD_CAST(href + 1)) : NULL;
        xmlFree(href);
    }
    (void)error_set(r->err, EREMOTEIO, "the reply has a reference that leads nowhere");
    return NULL;
}

/* ---- arrays ------------------------------------------------------------------------------- */

/* The length that the array itself names in "type[length]", or -1. */
static long announced(const xmlNode *array)
{
    char *type = attribute_text(array, "arrayType", true);
    const char *bracket = type ? strrchr(type, '[') : NULL;
    char *end;
    long n = bracket ? strtol(bracket + 1, &end, 10) : -1;

    if (bracket && (end == bracket + 1 || *end != ']'))
        n = -1;
    xmlFree(type);
    return n;
}

/* How many elements it has. -1: it is no array, or not all of one. */
static long array_length(struct reader *r, xmlNode *array)
{
    long n = 0, wanted = announced(array);
    char type[16];

    type_of(array, type, sizeof type);
    if (strcmp(type, "string") == 0)
        return error_set(r->err, EREMOTEIO, "the reply has a string where an array must be");
    for (xmlNode *c = array->children; c; c = c->next) {
        if (c->type == XML_ELEMENT_NODE)
            n++;
        else if (c->type != XML_COMMENT_NODE && !xmlIsBlankNode(c))
            return error_set(r->err, EREMOTEIO, "the reply has text where an array must be: %.80s",
                             c->content ? (const char *)c->content : "");
    }
    if (wanted >= 0 && wanted != n)
        return error_set(r->err, EREMOTEIO, "the reply has an array of %ld with %ld in it", wanted,
                         n);
    if (attribute(array, "offset", true))
        return error_set(r->err, EREMOTEIO, "the reply has a part of an array");
    return n;
}

static char *string_read(struct reader *r, xmlNode *node)
{
    char type[16], *text, *marked;

    node = resolve(r, node);
    if (!node)
        return NULL;
    if (xmlFirstElementChild(node)) {
        (void)error_set(r->err, EREMOTEIO, "the reply has an array where a string must be");
        return NULL;
    }
    text = (char *)xmlNodeGetContent(node);
    type_of(node, type, sizeof type);
    if (text && (strcmp(type, "base64Binary") == 0 || strcmp(type, "base64") == 0)) {
        marked = (char *)xmlStrncatNew(BAD_CAST "base64 ", BAD_CAST text, -1);
        xmlFree(text);
        text = marked;
    }
    r->bytes += text ? strlen(text) : 0;
    if (!text)
        (void)error_set(r->err, ENOMEM, "out of memory");
    else if (++r->strings <= MAX_STRINGS && r->bytes <= MAX_BYTES)
        return text;
    else
        (void)error_set(r->err, EREMOTEIO, "the reply has too many strings");
    xmlFree(text);
    return NULL;
}

/* A row: an array of strings. */
static int row_read(struct reader *r, xmlNode *node, struct soap_row *row)
{
    xmlNode *array = resolve(r, node);
    long n = array ? array_length(r, array) : -1;

    if (n < 0)
        return -1;
    row->at = calloc((size_t)n + 1, sizeof *row->at);
    if (!row->at)
        return error_set(r->err, ENOMEM, "out of memory");
    for (xmlNode *c = xmlFirstElementChild(array); c; c = xmlNextElementSibling(c)) {
        row->at[row->n] = string_read(r, c);
        if (!row->at[row->n])
            return -1;
        row->n++;
    }
    return 0;
}

static int rows_read(struct reader *r, xmlNode *node, struct soap_reply *out)
{
    xmlNode *array = resolve(r, node);
    long n = array ? array_length(r, array) : -1;

    if (n < 0)
        return -1;
    out->rows = calloc((size_t)n + 1, sizeof *out->rows);
    if (!out->rows)
        return error_set(r->err, ENOMEM, "out of memory");
    for (xmlNode *c = xmlFirstElementChild(array); c; c = xmlNextElementSibling(c)) {
        if (++r->strings > MAX_STRINGS)
            return error_set(r->err, EREMOTEIO, "the reply has too many strings");
        if (row_read(r, c, &out->rows[out->n++]) == -1)
            return -1;
    }
    return 0;
}

static int result_read(struct reader *r, xmlNode *response, enum soap_shape shape,
                       struct soap_reply *out)
{
    xmlNode *part;

    if (shape == SOAP_VOID)
        return 0;
    part = xmlFirstElementChild(response);
    if (!part)
        return error_set(r->err, EREMOTEIO, "the reply has no result in it");
    if (shape == SOAP_ROWS)
        return rows_read(r, part, out);
    out->rows = calloc(1, sizeof *out->rows);
    if (!out->rows)
        return error_set(r->err, ENOMEM, "out of memory");
    out->n = 1;
    return row_read(r, part, &out->rows[0]);
}

/* ---- faults ------------------------------------------------------------------------------- */

static void text_of(struct reader *r, xmlNode *node, char *out, size_t size)
{
    struct error ignored, *err = r->err;
    char *text;

    r->err = &ignored;
    node = node ? resolve(r, node) : NULL;
    r->err = err;
    text = node ? (char *)xmlNodeGetContent(node) : NULL;
    *out = '\0';
    if (text)
        (void)strncat(out, text + strspn(text, " \t\r\n"), size - 1);
    xmlFree(text);
}

/* The child of a fault's detail that tells what it is. Servers put others beside it. */
static xmlNode *fault_detail(struct reader *r, xmlNode *holder)
{
    xmlNode *first = xmlFirstElementChild(holder);

    for (xmlNode *c = first; c; c = xmlNextElementSibling(c)) {
        xmlNode *detail = resolve(r, c), *inner = detail ? xmlFirstElementChild(detail) : NULL;

        if (child_named(detail, "errmsg"))
            return detail;
        if (inner && (inner = resolve(r, inner)) && child_named(inner, "errmsg"))
            return detail;
    }
    return first ? resolve(r, first) : NULL;
}

/* The type by xsi:type, of the element or of what is in it, or else the element's own name. */
static void fault_type(struct reader *r, xmlNode *detail, struct soap_reply *out)
{
    xmlNode *inner = xmlFirstElementChild(detail);

    type_of(detail, out->fault, sizeof out->fault);
    if (*out->fault)
        return;
    if (is_named(detail, "parameters") && inner && (inner = resolve(r, inner)))
        type_of(inner, out->fault, sizeof out->fault);
    if (!*out->fault)
        (void)strncat(out->fault, (const char *)detail->name, sizeof out->fault - 1);
}

static void fault_read(struct reader *r, xmlNode *fault, struct soap_reply *out)
{
    xmlNode *holder = child_named(fault, "detail"), *detail;

    holder = holder ? resolve(r, holder) : NULL;
    detail = holder ? fault_detail(r, holder) : NULL;
    text_of(r, child_named(fault, "faultstring"), out->text, sizeof out->text);
    if (detail) {
        fault_type(r, detail, out);
        if (!*out->text)
            text_of(r, child_named(detail, "errmsg"), out->text, sizeof out->text);
        if (!*out->text && (detail = xmlFirstElementChild(detail)) && (detail = resolve(r, detail)))
            text_of(r, child_named(detail, "errmsg"), out->text, sizeof out->text);
    }
    if (!*out->text)
        (void)strncat(out->text, *out->fault ? out->fault : "a fault without a text",
                      sizeof out->text - 1);
    (void)error_set(r->err, EREMOTEIO, "%s", out->text);
}

/* ---- the whole ---------------------------------------------------------------------------- */

static bool is_response(const xmlNode *node, const char *operation)
{
    const char *name = (const char *)node->name;
    size_t len = strlen(operation);

    return strncmp(name, operation, len) == 0 && strcmp(name + len, "Response") == 0;
}

static enum soap_result envelope_read(struct reader *r, const char *operation,
                                      enum soap_shape shape, struct soap_reply *out)
{
    xmlNode *root = xmlDocGetRootElement(r->doc), *body;
    bool is_envelope = root && is_named(root, "Envelope");

    body = is_envelope ? child_named(root, "Body") : NULL;
    if (!body) {
        (void)error_set(r->err, EREMOTEIO, "the reply is not a SOAP envelope with a body");
        return SOAP_UNCLEAR;
    }
    for (xmlNode *c = xmlFirstElementChild(body); c; c = xmlNextElementSibling(c)) {
        if (is_named(c, "Fault")) {
            fault_read(r, c, out);
            return SOAP_FAULTED;
        }
        if (!is_response(c, operation))
            continue;
        return result_read(r, c, shape, out) == 0 ? SOAP_DONE : SOAP_UNCLEAR;
    }
    (void)error_set(r->err, EREMOTEIO, "the reply is not one to %s", operation);
    return SOAP_UNCLEAR;
}

enum soap_result soap_reply_read(const char *text, size_t len, const char *operation,
                                 enum soap_shape shape, struct soap_reply *out, struct error *err)
{
    struct reader r = {.doc = parse(text, len, err), .err = err};
    enum soap_result result = SOAP_UNCLEAR;

    *out = (struct soap_reply){0};
    if (r.doc)
        result = envelope_read(&r, operation, shape, out);
    xmlHashFree(r.ids, NULL);
    xmlFreeDoc(r.doc);
    return result;
}

void soap_reply_free(struct soap_reply *reply)
{
    for (size_t i = 0; i < reply->n; i++) {
        for (size_t k = 0; k < reply->rows[i].n; k++)
            xmlFree(reply->rows[i].at[k]);
        free(reply->rows[i].at);
    }
    free(reply->rows);
    *reply = (struct soap_reply){0};
}
