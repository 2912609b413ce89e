/* SPDX-License-Identifier: MIT */
/*
 * foreign.c - a library that has nothing to do with moirai.
 */
#include <moirai/plugin.h>

MOIRAI_EXPORT extern const int foreign_answer;
const int foreign_answer = 42;
