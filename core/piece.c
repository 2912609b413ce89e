/* SPDX-License-Identifier: MIT */
/*
 * piece.c - the part of a configuration's text that is read in one go.
 */
#include "piece.h"

#include <ctype.h>
#include <string.h>

#include "text.h"

/* Are the n bytes of a character one that would end a line for libyaml, but for
 * few editors, or one that YAML does not allow? */
static bool stray(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;

    if (n == 2)
        return p[0] == 0xc2 && p[1] < 0xa0;     /* controls, U+0085 */
    if (n != 3)
        return false;
    if (p[0] == 0xe2 && p[1] == 0x80)
        return p[2] == 0xa8 || p[2] == 0xa9;    /* U+2028, U+2029 */
    return p[0] == 0xef && p[1] == 0xbf && p[2] > 0xbd;
}

/* Length of the character at `text` if it is text for us, else 0. */
static size_t character(const char *text, size_t n)
{
    unsigned char c = (unsigned char)*text;

    if (c == '\r')
        return n > 1 && text[1] == '\n';
    if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
        return 0;
    n = mo_text_utf8(text, n);
    return stray(text, n) ? 0 : n;
}

static void look_for_bad(struct mo_piece *piece)
{
    const char *end = piece->text + piece->size;
    const char *p = piece->text;
    size_t n;

    piece->bad_line = p;
    piece->bad_line_number = piece->line;
    while (p < end && (n = character(p, (size_t)(end - p))) != 0) {
        if (*p == '\n') {
            piece->bad_line = p + 1;
            piece->bad_line_number++;
        }
        p += n;
    }
    piece->bad = p;
}

size_t mo_piece_sound(struct mo_piece *piece)
{
    size_t i;

    if (piece->bad == NULL || piece->bad < piece->text)
        look_for_bad(piece);
    i = (size_t)(piece->bad - piece->text);
    piece->breaks = piece->bad_line_number - piece->line;
    piece->sound_size = i == piece->size
                            ? i : (size_t)(piece->bad_line - piece->text);
    piece->sound_lines = i == piece->size ? UINT32_MAX : piece->breaks;
    return i;
}

void mo_piece_count(const struct mo_piece *piece, size_t offset, size_t *line,
                    size_t *column)
{
    *line = 0;
    *column = 0;
    for (size_t i = 0; i < offset && i < piece->size; i++) {
        if (piece->text[i] == '\n') {
            ++*line;
            *column = 0;
        } else if (((unsigned char)piece->text[i] & 0xc0) != 0x80) {
            ++*column;
        }
    }
}

const char *mo_piece_at(const struct mo_piece *piece, size_t line,
                        size_t column)
{
    const char *end = piece->text + piece->size;
    const char *p = piece->text;

    while (line > 0 && p < end)
        line -= *p++ == '\n';
    while (column > 0 && p < end && *p != '\n') {
        size_t n = mo_text_utf8(p, (size_t)(end - p));

        p += n > 0 ? n : 1;
        column--;
    }
    return p;
}

void mo_piece_clamp(const struct mo_piece *piece, size_t *line, size_t *column)
{
    if (*line > piece->breaks)
        mo_piece_count(piece, piece->size, line, column);
}

bool mo_piece_next(struct mo_piece *piece, uint32_t after)
{
    const char *end = piece->text + piece->size;
    const char *p = piece->text;
    uint32_t line = piece->line;

    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t n = stop != NULL ? (size_t)(stop - p) : (size_t)(end - p);

        if (line + 1 > after && isalpha((unsigned char)p[0]) != 0 &&
            memchr(p, ':', n) != NULL) {
            piece->text = p;
            piece->size = (size_t)(end - p);
            piece->line = line;
            return true;
        }
        if (stop == NULL)
            return false;
        p = stop + 1;
        line++;
    }
    return false;
}
