/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - what a fuzz target is written with.
 *
 * A target is one file, fuzz_NAME.c, and is linked twice: by `make fuzz` with
 * libFuzzer, which invents inputs, and by `make check` with main.c, which only
 * goes through the inputs kept in corpus/NAME. Either way an input is a failure
 * if the target crashes, leaks, does not come to an end, or finds that what
 * the library says of it does not hold (FUZZ_CHECK).
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The target's own: its name, and one input. Returns 0. */
extern const char fuzz_name[];
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(cond, ...)                                                 \
    ((cond) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #cond, __VA_ARGS__))

/* Says what did not hold, with a printf-style text of the target's own, and
 * ends the process as a crash does. */
__attribute__((noreturn, format(printf, 4, 5)))
void fuzz_fail(const char *file, int line, const char *cond,
               const char *format, ...);

/* The input as a text (malloc'ed): what follows a byte 0 is out of reach. */
char *fuzz_text(const uint8_t *data, size_t size);

/* Cuts the next line off *rest and ends it with NUL; NULL: none is left. */
char *fuzz_line(char **rest);

#endif
