/* SPDX-License-Identifier: MIT */
/*
 * text.h - reading what people write: numbers, sizes, durations, words.
 *
 * The readers take a whole NUL-terminated text and return 0, -EINVAL when it
 * is not such a thing, or -ERANGE when it is one too large to hold; *value is
 * written on 0 only. They know no locale and touch no errno.
 */
#ifndef MO_TEXT_H
#define MO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for any text that mo_text_show_* and mo_text_quote write. */
#define MO_TEXT_NUMBER 32
#define MO_TEXT_QUOTED 80

int mo_text_bool(const char *text, bool *value);
int mo_text_uint(const char *text, uint64_t *value);
int mo_text_int(const char *text, int64_t *value);

/* Bytes: a whole number, alone or with B, KB, MB, GB, TB (powers of 1000) or
 * KiB, MiB, GiB, TiB (powers of 1024). */
int mo_text_size(const char *text, uint64_t *bytes);

/* Nanoseconds: a whole number with ns, us, ms, s, m or h; 0 needs no unit. */
int mo_text_duration(const char *text, int64_t *ns);

/* The i-th word for a boolean, and the i-th unit of a size ("" is one) or of a
 * duration; NULL: there is none. */
const char *mo_text_bool_word(size_t i);
const char *mo_text_size_unit(size_t i);
const char *mo_text_duration_unit(size_t i);

/* The inverse, in the largest unit that leaves a whole number. Write into
 * `out` (MO_TEXT_NUMBER bytes) and return it. */
const char *mo_text_show_size(char *out, uint64_t bytes);
const char *mo_text_show_duration(char *out, int64_t ns);

/* Writes `text` between double quotes into `out` (MO_TEXT_QUOTED bytes): what
 * would not show on a line as it is becomes \xNN, what does not fit "...".
 * Returns `out`. */
const char *mo_text_quote(char *out, const char *text);

/* Length in bytes of the well-formed UTF-8 character at `text` (n > 0 bytes
 * left), or 0 if there is none. */
size_t mo_text_utf8(const char *text, size_t n);

/* Copies `text` into `out` (4 * strlen(text) + 1 bytes) as it would show on one
 * line: what is no UTF-8, and control characters, those of writing direction
 * too, become \xNN. Returns `out`. */
char *mo_text_show(char *out, const char *text);

/* Is it so already, and of `most` bytes at most? NULL is. */
bool mo_text_shows(const char *text, size_t most);

/* "Did you mean": offers candidates one by one and keeps the nearest that is
 * near enough to be a slip of the hand. Case is no difference. There may be
 * any number of them; after some hundred thousand pairs of letters the rest is
 * not looked at. */
struct mo_text_guess {
    const char *word;
    const char *best;               /* NULL: nothing is near */
    size_t distance;
    size_t pairs;                   /* of letters, compared so far */
};

void mo_text_guess_init(struct mo_text_guess *guess, const char *word);
void mo_text_guess_offer(struct mo_text_guess *guess, const char *candidate);

/* How many insertions, deletions, changes and swaps of neighbours lead from
 * `a` to `b` (Damerau-Levenshtein, optimal string alignment). Texts longer
 * than 63 bytes are never near: SIZE_MAX. */
size_t mo_text_distance(const char *a, const char *b);

#endif
