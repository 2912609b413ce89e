/* SPDX-License-Identifier: MIT */
/*
 * llhttp_machine.c - llhttp's state machine, compiled in. It declares the
 * functions of llhttp_api.c differently, so it needs a file of its own.
 */

#include <llhttp.c>
