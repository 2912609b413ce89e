/* SPDX-License-Identifier: MIT */
/*
 * dump.h - who is there, and what are they waiting for.
 */
#ifndef MO_DUMP_H
#define MO_DUMP_H

struct moirai_runtime;
struct moirai_stop_report;

/* Parts of a stop's report (NULL: none is wanted): at its deadline, and when
 * cancelling did not help either. */
void mo_dump_report_clear(struct moirai_stop_report *report);
void mo_dump_report(struct moirai_runtime *rt,
                    struct moirai_stop_report *report);
void mo_dump_report_left(struct moirai_runtime *rt,
                         struct moirai_stop_report *report);

#endif
