/* SPDX-License-Identifier: MIT */
/*
 * piece.h - the part of a configuration's text that is read in one go.
 *
 * A text with mistakes in its syntax is read in pieces: each ends at a mistake
 * or at bytes that are no text, the next begins at a line with a key. Lines and
 * columns count from 0 and from the start of the piece; columns in characters.
 */
#ifndef MO_PIECE_H
#define MO_PIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mo_piece {
    const char *text;
    size_t size;                    /* to the end of the whole text */
    uint32_t line;                  /* lines before it */
    uint32_t breaks;                /* ends of lines in what is sound */
    size_t sound_size;              /* bytes, in whole lines, that are text */
    uint32_t sound_lines;           /* the same in lines; UINT32_MAX: all */

    /* Of the whole text, so that it is not looked for in each piece again. */
    const char *bad;                /* the next byte that is no text, or the
                                     * end; NULL: not known */
    const char *bad_line;           /* where its line begins */
    uint32_t bad_line_number;       /* lines before that */
};

/* Sets what is sound. Returns where the first byte is that is no text, or
 * piece->size. */
size_t mo_piece_sound(struct mo_piece *piece);

/* The line and column of a byte. */
void mo_piece_count(const struct mo_piece *piece, size_t offset, size_t *line,
                    size_t *column);

/* Where line and column are in the text; its end if behind it. */
const char *mo_piece_at(const struct mo_piece *piece, size_t line,
                        size_t column);

/* Makes a place behind the text its end: libyaml ends the last line where the
 * file does not, and then finds the text to end in the line after that. */
void mo_piece_clamp(const struct mo_piece *piece, size_t *line,
                    size_t *column);

/* Moves on to the first line that begins with a key after line `after`, which
 * counts from 1 in the whole text. False: there is none. */
bool mo_piece_next(struct mo_piece *piece, uint32_t after);

#endif
