/* SPDX-License-Identifier: MIT */
/*
 * svg.h - what the pictures that the tool writes have in common.
 */
#ifndef SVG_H
#define SVG_H

#include <stdio.h>

/* Writes `text` so that it is text in XML, whatever it holds. */
void svg_put(FILE *file, const char *text);

/* Closes the file. 0, or the errno value of what went wrong since
 * it was opened. */
int svg_close(FILE *file);

#endif
