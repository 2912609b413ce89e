/* SPDX-License-Identifier: MIT */
/*
 * json.h - writing JSON, to standard output if nothing else is said.
 *
 * Valid whatever the texts hold: bytes that are no UTF-8 become U+FFFD.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* All zero at the start. */
struct json {
    bool comma;                     /* the next value needs one before it */
    FILE *file;                     /* NULL: standard output */
};

/* Opens with '{' or '[', closes with '}' or ']'. */
void json_open(struct json *j, char bracket);
void json_close(struct json *j, char bracket);
void json_key(struct json *j, const char *key);

void json_text(struct json *j, const char *text);       /* NULL: null */
void json_number(struct json *j, int64_t number);
void json_unsigned(struct json *j, uint64_t number);
void json_real(struct json *j, double number);          /* to millionths */
void json_bool(struct json *j, bool value);

/* A key and its value. */
void json_pair(struct json *j, const char *key, const char *text);

/* Ends the line, on standard output. */
void json_end(void);

#endif
