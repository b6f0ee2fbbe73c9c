/* .status as YAML, through libyaml's emitter: what texts hold cannot make it invalid. The keys are
 * described in balancerfs(8), status. */
#include "fs/status_text.h"
#include "fs/rfc3339.h"
#include "fs/utf8.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

struct out {
    yaml_emitter_t emitter;
    struct buf *text;
    bool failed; /* asked once, by document_end */
};

/* ---- events ------------------------------------------------------------------------------- */

static int write_text(void *arg, unsigned char *data, size_t len)
{
    struct out *o = arg;

    buf_add(o->text, data, len);
    return !o->text->failed;
}

/* made: what the initializer of the event returned. The emitter owns it afterwards. */
static void emit(struct out *o, yaml_event_t *event, int made)
{
    if (made && o->failed)
        yaml_event_delete(event);
    else if (!made || !yaml_emitter_emit(&o->emitter, event))
        o->failed = true;
}

static void mapping_begin(struct out *o)
{
    yaml_event_t e;

    emit(o, &e, yaml_mapping_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
}

static void mapping_end(struct out *o)
{
    yaml_event_t e;

    emit(o, &e, yaml_mapping_end_event_initialize(&e));
}

static void list_begin(struct out *o, yaml_sequence_style_t style)
{
    yaml_event_t e;

    emit(o, &e, yaml_sequence_start_event_initialize(&e, NULL, NULL, 1, style));
}

static void list_end(struct out *o)
{
    yaml_event_t e;

    emit(o, &e, yaml_sequence_end_event_initialize(&e));
}

/* The style is a wish: libyaml takes double quotes where nothing else will do. */
static void scalar(struct out *o, const char *text, size_t len, yaml_scalar_style_t style)
{
    yaml_event_t e;

    emit(o, &e,
         yaml_scalar_event_initialize(&e, NULL, NULL, (const yaml_char_t *)text, (int)len,
                                      style == YAML_PLAIN_SCALAR_STYLE, 1, style));
}

static void document_begin(struct out *o, struct buf *text)
{
    yaml_event_t e;

    *o = (struct out){.text = text};
    o->failed = !yaml_emitter_initialize(&o->emitter);
    yaml_emitter_set_output(&o->emitter, write_text, o);
    yaml_emitter_set_unicode(&o->emitter, 1);
    yaml_emitter_set_width(&o->emitter, -1);
    emit(o, &e, yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING));
    emit(o, &e, yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1));
}

static int document_end(struct out *o, struct error *err)
{
    yaml_event_t e;

    emit(o, &e, yaml_document_end_event_initialize(&e, 1));
    emit(o, &e, yaml_stream_end_event_initialize(&e));
    yaml_emitter_delete(&o->emitter);
    return o->failed ? error_set(err, ENOMEM, "out of memory for the status") : 0;
}

/* ---- scalars ------------------------------------------------------------------------------ */

/* Does every reader of YAML, of whatever version, take it for a string? */
static bool is_word(const char *text)
{
    static const char *const others[] = {"y",     "n",  "yes", "no",  "true",
                                         "false", "on", "off", "null"};

    if (strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == 0 ||
        text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-")])
        return false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcasecmp(text, others[i]) == 0)
            return false;
    return true;
}

/* A number that all readers take for the same decimal one. */
static bool is_number(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len < 16 && text[strspn(text, "0123456789")] == '\0' &&
           (len == 1 || text[0] != '0');
}

/* Valid UTF-8 as it is; a byte that is none as \xHH. Returns the style that shows it best: lines of
 * a server's message as lines, what moves a terminal's cursor in escapes. */
static yaml_scalar_style_t clean(const char *text, struct buf *out)
{
    bool has_lines = false, has_controls = false;
    bool may_be_block = (unsigned char)*text > ' ';

    while (*text) {
        uint32_t c;
        size_t len = utf8_next(text, &c);

        if (len == 0)
            buf_printf(out, "\\x%02" PRIx32, c);
        else
            buf_add(out, text, len);
        has_lines |= c == '\n';
        has_controls |= len && c != '\n' && c != '\t' && utf8_is_control(c);
        text += len ? len : 1;
    }
    if (has_controls || (has_lines && !may_be_block))
        return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    return has_lines ? YAML_LITERAL_SCALAR_STYLE : YAML_SINGLE_QUOTED_SCALAR_STYLE;
}

static void add_plain(struct out *o, const char *text)
{
    scalar(o, text, strlen(text), YAML_PLAIN_SCALAR_STYLE);
}

/* Anything from outside, on one line (keys) or as it is. */
static void add_quoted(struct out *o, const char *text, bool one_line)
{
    struct buf cleaned = BUF_INIT;
    yaml_scalar_style_t style = clean(text, &cleaned);

    if (one_line && style == YAML_LITERAL_SCALAR_STYLE)
        style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    o->failed |= cleaned.failed;
    scalar(o, buf_text(&cleaned), cleaned.len, style);
    buf_free(&cleaned);
}

/* NULL is null. */
static void add_text(struct out *o, const char *text)
{
    if (!text || is_word(text))
        add_plain(o, text ? text : "null");
    else
        add_quoted(o, text, false);
}

static void add_key(struct out *o, const char *text)
{
    if (is_word(text))
        add_plain(o, text);
    else
        add_quoted(o, text, true);
}

/* ---- fields of a mapping ------------------------------------------------------------------ */

static void field_text(struct out *o, const char *key, const char *text)
{
    add_plain(o, key);
    add_text(o, text);
}

static void field_plain(struct out *o, const char *key, const struct buf *value)
{
    o->failed |= value->failed;
    add_plain(o, key);
    add_plain(o, buf_text(value));
}

static void add_number(struct out *o, uint64_t number)
{
    struct buf value = BUF_INIT;

    buf_printf(&value, "%" PRIu64, number);
    o->failed |= value.failed;
    add_plain(o, buf_text(&value));
    buf_free(&value);
}

static void field_number(struct out *o, const char *key, uint64_t number)
{
    add_plain(o, key);
    add_number(o, number);
}

static void field_bool(struct out *o, const char *key, bool value)
{
    add_plain(o, key);
    add_plain(o, value ? "true" : "false");
}

static void field_time(struct out *o, const char *key, int64_t when_ms)
{
    struct buf value = BUF_INIT;

    if (when_ms)
        rfc3339_add(&value, when_ms);
    else
        buf_str(&value, "null");
    field_plain(o, key, &value);
    buf_free(&value);
}

/* ", " between the items of the text. */
static void field_list(struct out *o, const char *key, const char *text)
{
    add_plain(o, key);
    list_begin(o, YAML_FLOW_SEQUENCE_STYLE);
    while (text && *text) {
        const char *comma = strstr(text, ", ");
        struct buf item = BUF_INIT;

        buf_add(&item, text, comma ? (size_t)(comma - text) : strlen(text));
        o->failed |= item.failed;
        add_text(o, buf_text(&item));
        buf_free(&item);
        text = comma ? comma + 2 : NULL;
    }
    list_end(o);
}

/* ---- parts of a balancer ------------------------------------------------------------------ */

static void add_host(struct out *o, const struct host_status *h)
{
    struct buf latency = BUF_INIT;

    mapping_begin(o);
    field_text(o, "host", h->name);
    field_text(o, "state", h->state);
    field_time(o, "since", h->since_ms);
    if (h->latency_us) {
        buf_printf(&latency, "%" PRId64 ".%03d", h->latency_us / 1000, (int)(h->latency_us % 1000));
        field_plain(o, "latency_ms", &latency);
        buf_free(&latency);
    }
    field_number(o, "missed_changes", h->missed);
    if (h->error) {
        field_time(o, "error_time", h->error_ms);
        field_text(o, "error", h->error);
    }
    mapping_end(o);
}

static void add_hosts(struct out *o, const struct status *s)
{
    add_plain(o, "hosts");
    list_begin(o, YAML_BLOCK_SEQUENCE_STYLE);
    for (size_t i = 0; s && i < status_host_count(s); i++)
        add_host(o, status_host_at(s, i));
    list_end(o);
}

static const char *note_key(const struct status *s, size_t i)
{
    const char *key, *value;

    status_note_at(s, i, &key, &value);
    return key;
}

static bool is_repeated(const struct status *s, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(note_key(s, i), note_key(s, j)) == 0)
            return true;
    return false;
}

/* A key that a driver gives several times has a list of values: keys must not repeat. */
static void add_note_values(struct out *o, const struct status *s, size_t first)
{
    const char *name = note_key(s, first);
    size_t n = 0;

    for (size_t i = first; i < status_note_count(s); i++)
        n += strcmp(note_key(s, i), name) == 0;
    if (n > 1)
        list_begin(o, YAML_BLOCK_SEQUENCE_STYLE);
    for (size_t i = first; i < status_note_count(s); i++) {
        const char *key, *value;

        status_note_at(s, i, &key, &value);
        if (strcmp(key, name) != 0)
            continue;
        if (is_number(value))
            add_plain(o, value);
        else
            add_text(o, value);
    }
    if (n > 1)
        list_end(o);
}

static void add_notes(struct out *o, const struct status *s)
{
    if (!s || status_note_count(s) == 0)
        return;
    add_plain(o, "notes");
    mapping_begin(o);
    for (size_t i = 0; i < status_note_count(s); i++) {
        if (is_repeated(s, i))
            continue;
        add_key(o, note_key(s, i));
        add_note_values(o, s, i);
    }
    mapping_end(o);
}

static void add_differences(struct out *o, const struct balancer_status *b)
{
    add_plain(o, "differences");
    list_begin(o, YAML_BLOCK_SEQUENCE_STYLE);
    for (size_t i = 0; i < b->n_differences; i++) {
        const struct status_difference *d = &b->differences[i];

        mapping_begin(o);
        field_text(o, "pool", d->pool);
        if (d->node)
            field_text(o, "node", d->node);
        field_list(o, "only_on", d->hosts);
        mapping_end(o);
    }
    list_end(o);
    if (b->all_differences > b->n_differences)
        field_number(o, "more_differences", b->all_differences - b->n_differences);
}

static void add_hidden(struct out *o, const struct balancer_status *b)
{
    if (b->n_hidden == 0)
        return;
    add_plain(o, "hidden_members");
    mapping_begin(o);
    for (size_t i = 0; i < b->n_hidden; i++) {
        add_key(o, b->hidden[i].name);
        add_number(o, b->hidden[i].hidden);
    }
    mapping_end(o);
}

static void add_last(struct out *o, const struct balancer_status *b)
{
    if (b->last_change) {
        field_time(o, "last_change_time", b->last_change_ms);
        field_text(o, "last_change", b->last_change);
    }
    if (b->last_error) {
        field_time(o, "last_error_time", b->last_error_ms);
        field_text(o, "last_errno", b->last_errno);
        field_text(o, "last_error", b->last_error);
    }
}

static void add_fields(struct out *o, const struct balancer_status *b)
{
    field_text(o, "driver", b->driver);
    field_text(o, "state", b->state);
    field_bool(o, "read_only", b->read_only);
    field_time(o, "listed", b->listed_ms);
    field_bool(o, "stale", b->stale);
    field_number(o, "pools", b->pools);
    field_number(o, "nodes", b->nodes);
    field_number(o, "changes_queued", b->queued);
    field_number(o, "changes_running", b->running);
    field_number(o, "refused_names", b->refused_names);
    add_hidden(o, b);
    add_last(o, b);
    add_hosts(o, b->of);
    add_differences(o, b);
    add_notes(o, b->of);
    if (b->of && status_failed(b->of))
        field_bool(o, "incomplete", true);
}

/* ---- the whole ---------------------------------------------------------------------------- */

int status_text_balancer(const struct balancer_status *b, struct buf *out, struct error *err)
{
    struct out o;

    document_begin(&o, out);
    mapping_begin(&o);
    field_text(&o, "balancer", b->name);
    add_fields(&o, b);
    mapping_end(&o);
    return document_end(&o, err);
}

int status_text_all(const char *version, const struct balancer_status *at, size_t n,
                    struct buf *out, struct error *err)
{
    struct out o;

    document_begin(&o, out);
    mapping_begin(&o);
    field_text(&o, "version", version);
    add_plain(&o, "balancers");
    mapping_begin(&o);
    for (size_t i = 0; i < n; i++) {
        add_key(&o, at[i].name);
        mapping_begin(&o);
        add_fields(&o, &at[i]);
        mapping_end(&o);
    }
    mapping_end(&o);
    mapping_end(&o);
    return document_end(&o, err);
}
