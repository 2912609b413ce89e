/* SPDX-License-Identifier: MIT */
/*
 * effect.h - what came of scheduler.hybrid in a run, for people.
 */
#ifndef MO_EFFECT_H
#define MO_EFFECT_H

struct moirai_runtime;

/* Writes it where the options say: to standard error, to a file. No worker
 * runs any more. */
void mo_effect_report(struct moirai_runtime *rt);

#endif
