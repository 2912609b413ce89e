/* SPDX-License-Identifier: MIT */
/*
 * config.c - YAML to a tree.                     [only file that sees yaml.h]
 *
 * libyaml gives events; this keeps the stack of open maps and lists and adds
 * a node per event. A file with syntax errors is read in pieces: after an
 * error the next piece begins at the next line that starts with a key, and
 * its line numbers go on from there.
 *
 * Rejected: yaml_parser_load. Its document has no place for keys given twice,
 * resolves aliases before one can refuse them, and gives nothing back of a
 * file with a syntax error.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <yaml.h>

#include "mem.h"
#include "text.h"

struct reader {
    struct mo_tree *tree;
    const char *source;
    const char *text;               /* of this piece */
    size_t size;
    size_t sound_size;              /* bytes of those that are read */
    uint32_t line;                  /* lines before this piece */
    uint32_t sound_lines;           /* of this piece that are characters */
    yaml_parser_t yaml;
    struct mo_tree_node *open[MO_TREE_DEPTH + 1];
    size_t depth;                   /* how many are open */
    struct mo_tree_node *pair;      /* has a key, waits for its value */
    struct mo_tree_node *latest;    /* the last scalar */
    uint32_t latest_end;            /* line it ends in */
    uint32_t top_line;              /* of the last key of the root */
    unsigned skip;                  /* open maps and lists of a bad key */
    bool bad_key;                   /* its value is to be skipped */
    bool flow_root;
    unsigned documents;             /* begun; the second is not read */
    struct mo_place error;          /* the last syntax error's */
    struct mo_place bad_byte;       /* the last that is no text */
};

static struct mo_place place_at(const struct reader *r, yaml_mark_t mark)
{
    return (struct mo_place){
        .from = MO_FROM_FILE,
        .source = r->source,
        .line = r->line + (uint32_t)mark.line + 1,
        .column = (uint32_t)mark.column + 1,
    };
}

/* Says `text` about the value that begins at `mark`. */
static void complain(struct reader *r, yaml_mark_t mark, const char *text)
{
    struct mo_place place = place_at(r, mark);
    char path[MO_TREE_PATH] = "";

    if (r->pair != NULL)
        mo_tree_path(path, r->pair);
    else if (r->depth > 0)
        mo_tree_path(path, r->open[r->depth - 1]);
    mo_report_add(r->tree->report, &place, path[0] != '\0' ? path : NULL, "%s",
                  text);
}

/* Is the next event a key? */
static bool wants_key(const struct reader *r)
{
    return r->pair == NULL && r->depth > 0 &&
           r->open[r->depth - 1]->shape == MO_TREE_MAP;
}

/* The node that the value at `mark` belongs in: the pair's, a new member of a
 * list, or the root. NULL: no memory. */
static struct mo_tree_node *value_node(struct reader *r, yaml_mark_t mark)
{
    struct mo_tree_node *node = r->pair;

    if (r->depth == 0)
        node = r->tree->root;
    else if (node == NULL)
        node = mo_tree_add(r->tree, r->open[r->depth - 1], NULL);
    r->pair = NULL;
    if (node != NULL)
        node->place = place_at(r, mark);
    return node;
}

static void check_extras(struct reader *r, const yaml_event_t *event,
                         const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL)
        complain(r, event->start_mark,
                 "anchors (&name) are not taken; write the value out");
    if (tag != NULL)
        complain(r, event->start_mark,
                 "tags (!name) are not taken; leave it out");
}

static int on_key(struct reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    struct mo_place place = place_at(r, event->start_mark);

    check_extras(r, event, event->data.scalar.anchor, event->data.scalar.tag);
    if (event->data.scalar.length == 0 ||
        strlen(text) != event->data.scalar.length) {
        complain(r, event->start_mark, "a key must be a word");
        r->bad_key = true;
        return 0;
    }
    if (r->depth == 1)
        r->top_line = place.line;
    r->pair = mo_tree_add(r->tree, r->open[r->depth - 1], text);
    if (r->pair == NULL)
        return -ENOMEM;
    r->pair->key_place = place;
    r->pair->place = place;
    r->pair->empty = true;
    return 0;
}

static bool is_null(const char *text)
{
    return text[0] == '\0' || strcmp(text, "~") == 0 ||
           strcmp(text, "null") == 0;
}

static int on_value(struct reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t n = event->data.scalar.length;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool whole = strlen(text) == n;
    struct mo_tree_node *node;

    check_extras(r, event, event->data.scalar.anchor, event->data.scalar.tag);
    if (!whole)
        complain(r, event->start_mark, "a text cannot hold the byte 0");
    if (r->depth == 0) {
        if (!(plain && is_null(text)))
            complain(r, event->start_mark,
                     "expected keys, such as \"runtime: {workers: 2}\"");
        return 0;
    }
    node = value_node(r, event->start_mark);
    if (node == NULL)
        return -ENOMEM;
    node->empty = plain && is_null(text);
    node->bad = !whole;
    node->text = mo_arena_strndup(r->tree->arena, text, n);
    r->latest = node;
    r->latest_end = r->line + (uint32_t)event->end_mark.line + 1;
    return node->text != NULL ? 0 : -ENOMEM;
}

/* A map or a list begins. -E2BIG: too deep to go on. */
static int on_open(struct reader *r, const yaml_event_t *event,
                   enum mo_tree_shape shape)
{
    struct mo_tree_node *node;

    if (r->depth > MO_TREE_DEPTH) {
        complain(r, event->start_mark,
                 "nested too deep; 16 levels are the most");
        return -E2BIG;
    }
    if (r->depth == 0 && shape != MO_TREE_MAP) {
        complain(r, event->start_mark,
                 "expected keys, such as \"runtime: {workers: 2}\"");
        r->skip = 1;
        return 0;
    }
    if (r->depth == 0 && event->data.mapping_start.style ==
                             YAML_FLOW_MAPPING_STYLE)
        r->flow_root = true;
    node = value_node(r, event->start_mark);
    if (node == NULL)
        return -ENOMEM;
    node->shape = shape;
    node->empty = false;
    r->open[r->depth++] = node;
    return 0;
}

/* An event that belongs to a key that is no word, or to its value. */
static void on_skipped(struct reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        r->skip++;
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        r->skip--;
        break;
    default:
        break;
    }
}

/* A value that cannot be taken: the node stays, marked. */
static int on_alias(struct reader *r, const yaml_event_t *event)
{
    struct mo_tree_node *node;

    complain(r, event->start_mark,
             "aliases (*name) are not taken; write the value out");
    if (wants_key(r)) {
        r->bad_key = true;
        return 0;
    }
    if (r->depth == 0)
        return 0;
    node = value_node(r, event->start_mark);
    if (node == NULL)
        return -ENOMEM;
    node->bad = true;
    return 0;
}

static int on_start(struct reader *r, const yaml_event_t *event)
{
    bool map = event->type == YAML_MAPPING_START_EVENT;

    if (wants_key(r)) {
        complain(r, event->start_mark, "a key must be a word");
        r->skip = 1;
        r->bad_key = true;
        return 0;
    }
    check_extras(r, event,
                 map ? event->data.mapping_start.anchor
                     : event->data.sequence_start.anchor,
                 map ? event->data.mapping_start.tag
                     : event->data.sequence_start.tag);
    return on_open(r, event, map ? MO_TREE_MAP : MO_TREE_LIST);
}

static int on_event(struct reader *r, const yaml_event_t *event)
{
    if (r->skip > 0) {
        on_skipped(r, event);
        return 0;
    }
    if (r->bad_key && event->type != YAML_MAPPING_END_EVENT) {
        r->bad_key = false;
        on_skipped(r, event);
        return 0;
    }
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++r->documents > 1)
            complain(r, event->start_mark,
                     "a second document; one file holds one");
        return 0;
    case YAML_SCALAR_EVENT:
        return wants_key(r) ? on_key(r, event) : on_value(r, event);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return on_start(r, event);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        r->depth--;
        r->pair = NULL;
        return 0;
    case YAML_ALIAS_EVENT:
        return on_alias(r, event);
    default:
        return 0;
    }
}

static yaml_mark_t mark_of_offset(const struct reader *r, size_t offset)
{
    yaml_mark_t mark = { .index = offset };

    for (size_t i = 0; i < offset && i < r->size; i++) {
        if (r->text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        } else if (((unsigned char)r->text[i] & 0xc0) != 0x80) {
            mark.column++;
        }
    }
    return mark;
}

static char byte_at(const struct reader *r, yaml_mark_t mark)
{
    const char *p = r->text;
    const char *end = r->text + r->size;

    for (size_t line = 0; line < mark.line && p < end; p++)
        line += *p == '\n';
    return (size_t)(end - p) > mark.column ? p[mark.column] : '\0';
}

/* Reports what libyaml stopped at. An error that it notices only at the end
 * of the text is told where it began. */
static uint32_t on_syntax_error(struct reader *r)
{
    yaml_parser_t *y = &r->yaml;
    yaml_mark_t mark = y->problem_mark;
    const char *hint = "";
    struct mo_place place;

    if (y->error == YAML_READER_ERROR)
        mark = mark_of_offset(r, y->problem_offset);
    else if (mark.line >= r->sound_lines)
        return r->line + (uint32_t)mark.line + 1;   /* cut off by ourselves */
    else if (byte_at(r, mark) == '\t')
        hint = "; a tab cannot indent, use blanks";
    else if (byte_at(r, mark) == '\0' && y->context != NULL)
        mark = y->context_mark;
    place = place_at(r, mark);
    if (place.line == r->error.line && place.column == r->error.column)
        return place.line;          /* seen by the piece before */
    r->error = place;
    if (y->context != NULL && y->context_mark.line != mark.line)
        mo_report_add(r->tree->report, &place, NULL,
                      "%s %s that began in line %u%s", y->problem, y->context,
                      (unsigned)(r->line + y->context_mark.line + 1), hint);
    else
        mo_report_add(r->tree->report, &place, NULL, "%s%s%s%s", y->problem,
                      y->context != NULL ? " " : "",
                      y->context != NULL ? y->context : "", hint);
    return place.line;
}

/* What the error makes doubtful is not judged: a text that ran into its line,
 * and what stands in unclosed brackets. */
static void distrust(struct reader *r, uint32_t error_line)
{
    bool flow = r->yaml.context != NULL &&
                strstr(r->yaml.context, "flow") != NULL;

    r->tree->partial = true;
    if (r->pair != NULL)
        r->pair->bad = true;
    if (r->latest != NULL && r->latest_end >= error_line &&
        r->latest->place.line < error_line)
        r->latest->bad = true;
    if (flow && r->depth > 1)
        r->open[r->depth - 1]->bad = true;
}

/* Takes events up to the end of the piece or an error; *line is the last
 * one's. 0, -EILSEQ, -E2BIG, -ENOMEM. */
static int take_events(struct reader *r, uint32_t *line)
{
    yaml_event_t event;
    bool ended = false;
    int rc = 0;

    while (rc == 0 && !ended) {
        if (!yaml_parser_parse(&r->yaml, &event)) {
            if (r->yaml.error == YAML_MEMORY_ERROR)
                return -ENOMEM;
            *line = on_syntax_error(r);
            return -EILSEQ;
        }
        rc = on_event(r, &event);
        *line = r->line + (uint32_t)event.start_mark.line + 1;
        ended = event.type == YAML_STREAM_END_EVENT || r->documents > 1;
        yaml_event_delete(&event);
    }
    return rc;
}

/* Length of the character at `text` if YAML allows it, else 0. */
static size_t character(const char *text, size_t n)
{
    unsigned char c = (unsigned char)*text;

    if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
        return 0;
    return c == 0x7f ? 0 : mo_text_utf8(text, n);
}

/* Ends the piece before the first line with bytes that are no characters,
 * which is reported: libyaml, which reads ahead, would say nothing else about
 * the whole of it. UTF-16 is left to libyaml. */
static void cut_piece(struct reader *r)
{
    struct mo_place place;
    size_t line = 0;
    size_t i = 0;

    r->sound_lines = UINT32_MAX;
    r->sound_size = r->size;
    while (i < r->size && character(r->text + i, r->size - i) != 0) {
        if (r->text[i] == '\n')
            line = i + 1;
        i += character(r->text + i, r->size - i);
    }
    if (i == r->size || (i == 0 && ((unsigned char)r->text[0] & 0xfe) == 0xfe))
        return;
    place = place_at(r, mark_of_offset(r, i));
    if (place.line != r->bad_byte.line)
        mo_report_add(r->tree->report, &place, NULL,
                      "the byte 0x%02x is no text; write UTF-8",
                      (unsigned)(unsigned char)r->text[i]);
    r->bad_byte = place;
    r->tree->partial = true;
    r->sound_lines = place.line - r->line - 1;
    r->sound_size = line;
}

/* Reads one piece. 0: to its end; -EILSEQ: up to an error, reported, in line
 * *error_line; or -ENOMEM. */
static int read_piece(struct reader *r, uint32_t *error_line)
{
    int rc;

    if (!yaml_parser_initialize(&r->yaml))
        return -ENOMEM;
    cut_piece(r);
    yaml_parser_set_input_string(&r->yaml, (const unsigned char *)r->text,
                                 r->sound_size);
    rc = take_events(r, error_line);
    if (rc == -E2BIG)
        rc = -EILSEQ;
    if (rc == -EILSEQ)
        distrust(r, *error_line);
    yaml_parser_delete(&r->yaml);
    if (rc == 0 && r->sound_size < r->size) {
        *error_line = r->line + r->sound_lines + 1;
        rc = -EILSEQ;
    }
    return rc;
}

/* Moves on to the first line after line `after` that begins with a key. */
static bool next_piece(struct reader *r, uint32_t after)
{
    const char *end = r->text + r->size;
    const char *p = r->text;
    uint32_t line = r->line;

    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t n = stop != NULL ? (size_t)(stop - p) : (size_t)(end - p);

        if (line + 1 > after && isalpha((unsigned char)p[0]) != 0 &&
            memchr(p, ':', n) != NULL) {
            r->text = p;
            r->size = (size_t)(end - p);
            r->line = line;
            return true;
        }
        if (stop == NULL)
            return false;
        p = stop + 1;
        line++;
    }
    return false;
}

/* The line after which there may be a key that was not read: behind the last
 * one that was, and always further on than this piece began. */
static uint32_t resume_after(const struct reader *r, uint32_t error_line)
{
    uint32_t cut_line = r->line + r->sound_lines + 1;
    uint32_t after = r->top_line > r->line + 1 ? r->top_line : r->line + 1;

    if (r->sound_size < r->size && error_line >= cut_line)
        return after > cut_line ? after : cut_line;
    if (r->top_line == 0 && after < error_line)
        return error_line;
    return after;
}

/* Ready for the next piece; the root stays. */
static void forget(struct reader *r)
{
    r->depth = 0;
    r->pair = NULL;
    r->latest = NULL;
    r->skip = 0;
    r->bad_key = false;
    r->documents = 0;
}

int mo_config_parse(struct mo_tree *tree, const char *source,
                    const char *text, size_t n)
{
    struct reader r = {
        .tree = tree, .source = source, .text = text, .size = n,
    };
    uint32_t error_line = 0;
    int rc;

    if (n > MO_CONFIG_SIZE) {
        struct mo_place place = { .from = MO_FROM_FILE, .source = source };

        mo_report_add(tree->report, &place, NULL,
                      "larger than 1 MiB; no configuration needs that");
        return 0;
    }
    while ((rc = read_piece(&r, &error_line)) == -EILSEQ) {
        if (r.flow_root || tree->report->count == MO_REPORT_MAX ||
            !next_piece(&r, resume_after(&r, error_line)))
            break;
        forget(&r);
    }
    if (rc == -ENOMEM)
        return rc;
    return mo_tree_unique(tree);
}

/* Reads at most one byte more than is allowed. */
static int read_all(int fd, char *bytes, size_t *n)
{
    for (*n = 0; *n <= MO_CONFIG_SIZE;) {
        ssize_t got = read(fd, bytes + *n, MO_CONFIG_SIZE + 1 - *n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        *n += (size_t)got;
    }
    return 0;
}

int mo_config_read(struct mo_tree *tree, const char *path)
{
    struct mo_place place = { .from = MO_FROM_FILE, .source = path };
    char *bytes = mo_mem_alloc(MO_CONFIG_SIZE + 1, 1);
    size_t n = 0;
    int rc;
    int fd;

    if (bytes == NULL)
        return -ENOMEM;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    rc = fd < 0 ? -errno : read_all(fd, bytes, &n);
    if (fd >= 0)
        close(fd);
    if (rc == 0)
        rc = mo_config_parse(tree, path, bytes, n);
    else
        mo_report_add(tree->report, &place, NULL, "cannot be read: %s",
                      strerror(-rc));
    mo_mem_free(bytes);
    return rc;
}
