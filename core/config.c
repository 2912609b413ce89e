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

#include <errno.h>
#include <string.h>

#include <yaml.h>

#include "expand.h"
#include "mem.h"
#include "piece.h"
#include "source.h"
#include "text.h"

struct reader {
    struct mo_tree *tree;
    const char *source;
    struct mo_piece piece;          /* of the text, that is being read */
    yaml_parser_t yaml;
    struct mo_tree_node *open[MO_TREE_DEPTH + 1];
    size_t depth;                   /* how many are open */
    struct mo_tree_node *pair;      /* has a key, waits for its value */
    struct mo_tree_node *dollar;    /* a lone $: part of ${NAME} in {}? */
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
    mo_piece_clamp(&r->piece, &mark.line, &mark.column);
    return (struct mo_place){
        .from = MO_FROM_FILE,
        .source = r->source,
        .line = r->piece.line + (uint32_t)mark.line + 1,
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

/* What is wrong with a key; NULL: nothing. */
static const char *judge_key(const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t n = event->data.scalar.length;

    if (n == 0 || strlen(text) != n)
        return "a key must be a word";
    if (n > MO_CONFIG_TEXT)
        return "longer than 16 KiB; no key needs that";
    if (strcmp(text, "<<") == 0 &&
        event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return "merge keys (<<) are not taken; write the keys out";
    if (strstr(text, "${") != NULL)
        return "${NAME} stands for a value, not for a key";
    return NULL;
}

static int on_key(struct reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    struct mo_place place = place_at(r, event->start_mark);
    const char *wrong = judge_key(event);

    check_extras(r, event, event->data.scalar.anchor, event->data.scalar.tag);
    if (wrong != NULL) {
        complain(r, event->start_mark, wrong);
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

/* Gives `node` its text, with variables filled in. */
static int take_text(struct reader *r, struct mo_tree_node *node,
                     const char *text, size_t n)
{
    char path[MO_TREE_PATH];
    char why[MO_EXPAND_WHY];
    struct mo_expanded expanded;
    int rc;

    node->text = mo_arena_strndup(r->tree->arena, text, n);
    if (node->text == NULL)
        return -ENOMEM;
    if (node->bad)
        return 0;
    if (strcmp(text, "$") == 0) {
        node->bad = true;
        r->dollar = node;           /* what comes next shows what it is */
        return 0;
    }
    rc = mo_expand(r->tree->arena, node->text, &expanded, why);
    if (rc == -EINVAL) {
        node->bad = true;
        mo_report_add(r->tree->report, &node->place, mo_tree_path(path, node),
                      "%s", why);
        return 0;
    }
    node->text = expanded.text;
    node->place.via = expanded.via;
    return rc;
}

/* The lone $ was a value by itself. */
static void judge_dollar(struct reader *r)
{
    char path[MO_TREE_PATH];

    if (r->dollar != NULL)
        mo_report_add(r->tree->report, &r->dollar->place,
                      mo_tree_path(path, r->dollar),
                      "a \"$\" begins ${NAME}; for a dollar sign write $$");
    r->dollar = NULL;
}

/* What is wrong with a text; NULL: nothing. */
static const char *judge_text(const yaml_event_t *event)
{
    size_t n = event->data.scalar.length;

    if (strlen((const char *)event->data.scalar.value) != n)
        return "a text cannot hold the byte 0";
    return n > MO_CONFIG_TEXT ? "longer than 16 KiB; no value needs that"
                              : NULL;
}

static int on_value(struct reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    const char *wrong = judge_text(event);
    struct mo_tree_node *node;

    check_extras(r, event, event->data.scalar.anchor, event->data.scalar.tag);
    if (wrong != NULL)
        complain(r, event->start_mark, wrong);
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
    node->bad = wrong != NULL;
    r->latest = node;
    r->latest_end = r->piece.line + (uint32_t)event->end_mark.line + 1;
    return take_text(r, node, wrong == NULL ? text : "",
                     wrong == NULL ? event->data.scalar.length : 0);
}

static int too_deep(struct reader *r, const yaml_event_t *event)
{
    complain(r, event->start_mark, "nested too deep; 16 levels are the most");
    return -E2BIG;
}

/* A map or a list begins. -E2BIG: too deep to go on. */
static int on_open(struct reader *r, const yaml_event_t *event,
                   enum mo_tree_shape shape)
{
    struct mo_tree_node *node;

    if (r->depth > MO_TREE_DEPTH)
        return too_deep(r, event);
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

/* An event that belongs to a key that is no word, or to its value. libyaml
 * takes the square of the depth in time, so even here it is bounded. */
static int on_skipped(struct reader *r, const yaml_event_t *event)
{
    if (r->skip > MO_TREE_DEPTH)
        return too_deep(r, event);
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
    return 0;
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

/* 0; -E2BIG: not this deep; -EFBIG: no more of this file; or -ENOMEM. */
static int on_event(struct reader *r, const yaml_event_t *event)
{
    judge_dollar(r);
    if (r->tree->nodes > MO_CONFIG_NODES) {
        struct mo_place place = place_at(r, event->start_mark);

        mo_report_add(r->tree->report, &place, NULL,
                      "more than 65536 keys and values; no configuration "
                      "needs that");
        return -EFBIG;
    }
    if (r->skip > 0)
        return on_skipped(r, event);
    if (r->bad_key && event->type != YAML_MAPPING_END_EVENT) {
        r->bad_key = false;
        return on_skipped(r, event);
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

    mo_piece_count(&r->piece, offset, &mark.line, &mark.column);
    return mark;
}

/* What may be behind a syntax error, for the end of its sentence. */
static const char *hint_for(const struct reader *r, yaml_mark_t mark)
{
    const struct mo_piece *piece = &r->piece;
    const char *p = mo_piece_at(piece, mark.line, mark.column);

    if (p == piece->text + piece->size)
        return "";
    if (*p == '\t')
        return "; a tab cannot indent, use blanks";
    if (*p == '{' && p > piece->text && p[-1] == '$')
        return "; inside {} and [] write \"${NAME}\" with quotes";
    return "";
}

static bool at_end(const struct reader *r, yaml_mark_t mark)
{
    return mo_piece_at(&r->piece, mark.line, mark.column) ==
           r->piece.text + r->piece.size;
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
    else if (mark.line >= r->piece.sound_lines)
        return place_at(r, mark).line;  /* cut off by ourselves */
    else if (y->context != NULL && at_end(r, mark))
        mark = y->context_mark;
    else
        hint = hint_for(r, mark);
    place = place_at(r, mark);
    if (place.line == r->error.line && place.column == r->error.column)
        return place.line;          /* seen by the piece before */
    r->error = place;
    if (y->context != NULL && y->context_mark.line != mark.line)
        mo_report_add(r->tree->report, &place, NULL,
                      "%s %s that began in line %u%s", y->problem, y->context,
                      (unsigned)place_at(r, y->context_mark).line, hint);
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
    r->dollar = NULL;
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
        *line = r->piece.line + (uint32_t)event.start_mark.line + 1;
        ended = event.type == YAML_STREAM_END_EVENT || r->documents > 1;
        yaml_event_delete(&event);
    }
    return rc;
}

/* Ends the piece before the first line with bytes that are no characters,
 * which is reported: libyaml, which reads ahead, would say nothing else about
 * the whole of it. */
static void cut_piece(struct reader *r)
{
    size_t i = mo_piece_sound(&r->piece);
    const char *text = r->piece.text + i;
    struct mo_place place;

    if (i == r->piece.size)
        return;
    place = place_at(r, mark_of_offset(r, i));
    r->tree->partial = true;
    if (place.line == r->bad_byte.line)
        return;
    r->bad_byte = place;
    if (*text == '\r')
        mo_report_add(r->tree->report, &place, NULL,
                      "a carriage return without a line feed; end lines with "
                      "a line feed");
    else if (mo_text_utf8(text, r->piece.size - i) > 1)
        mo_report_add(r->tree->report, &place, NULL, "a character that is no "
                      "text; write it as \"\\uNNNN\" or leave it out");
    else
        mo_report_add(r->tree->report, &place, NULL,
                      "the byte 0x%02x is no text; write UTF-8",
                      (unsigned)(unsigned char)*text);
}

/* Reads one piece. 0: to its end; -EILSEQ: up to an error, reported, in line
 * *error_line; or -ENOMEM. */
static int read_piece(struct reader *r, uint32_t *error_line)
{
    int rc;

    if (!yaml_parser_initialize(&r->yaml))
        return -ENOMEM;
    cut_piece(r);
    yaml_parser_set_input_string(&r->yaml, (const unsigned char *)r->piece.text,
                                 r->piece.sound_size);
    rc = take_events(r, error_line);
    if (rc == -E2BIG)
        rc = -EILSEQ;
    if (rc == -EILSEQ || rc == -EFBIG)
        distrust(r, *error_line);
    yaml_parser_delete(&r->yaml);
    if (rc == 0 && r->piece.sound_size < r->piece.size) {
        *error_line = r->piece.line + r->piece.sound_lines + 1;
        rc = -EILSEQ;
    }
    return rc;
}

/* The line after which there may be a key that was not read: behind the last
 * one that was, and always further on than this piece began. */
static uint32_t resume_after(const struct reader *r, uint32_t error_line)
{
    uint32_t cut_line = r->piece.line + r->piece.sound_lines + 1;
    uint32_t first_line = r->piece.line + 1;
    uint32_t after = r->top_line > first_line ? r->top_line : first_line;

    if (r->piece.sound_size < r->piece.size && error_line >= cut_line)
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
    r->dollar = NULL;
    r->latest = NULL;
    r->skip = 0;
    r->bad_key = false;
    r->documents = 0;
}

int mo_config_parse(struct mo_tree *tree, const char *source,
                    const char *text, size_t n)
{
    struct reader r = {
        .tree = tree, .source = source, .piece = { .text = text, .size = n },
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
            !mo_piece_next(&r.piece, resume_after(&r, error_line)))
            break;
        forget(&r);
    }
    if (rc == -ENOMEM)
        return rc;
    return mo_tree_unique(tree);
}

int mo_config_read(struct mo_tree *tree, const char *path)
{
    struct mo_place place = { .from = MO_FROM_FILE, .source = path };
    char *bytes = mo_mem_alloc(MO_CONFIG_SIZE + 1, 1);
    size_t n = 0;
    int rc;

    if (bytes == NULL)
        return -ENOMEM;
    rc = mo_source_read(path, bytes, MO_CONFIG_SIZE + 1, &n);
    if (rc == 0)
        rc = mo_config_parse(tree, path, bytes, n);
    else if (rc == -ETIMEDOUT)
        mo_report_add(tree->report, &place, NULL, "cannot be read: it did not "
                      "come to its end within %d s", MO_SOURCE_SECONDS);
    else
        mo_report_add(tree->report, &place, NULL, "cannot be read: %s",
                      strerror(-rc));
    mo_mem_free(bytes);
    return rc;
}
