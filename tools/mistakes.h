/* SPDX-License-Identifier: MIT */
/*
 * mistakes.h - telling what is wrong in a configuration.
 */
#ifndef MISTAKES_H
#define MISTAKES_H

#include "json.h"
#include "report.h"

/* A line per mistake on standard error, sorted by place. */
void mistakes_print(struct mo_report *report);

/* Of an object: from, source, line, column, via. */
void mistakes_place(struct json *j, const struct mo_place *place);

/* The same as a JSON list. */
void mistakes_json(struct json *j, struct mo_report *report);

#endif
