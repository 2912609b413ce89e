/* SPDX-License-Identifier: MIT */
/*
 * why.h - sentences about why a configuration came to what it came to.
 */
#ifndef WHY_H
#define WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "option.h"
#include "plugin.h"
#include "setup.h"

/* Room for any sentence here. */
#define WHY_MAX 6000

/* Every section that chooses a plugin; a list to be freed, and its length in
 * *n. NULL: no memory. */
const struct mo_chosen **why_sections(const struct mo_setup *s, size_t *n);

/* Why the section has the plugin it has, or none. Each function writes to
 * `out`, WHY_MAX bytes, and returns it. */
const char *why_section(char *out, const struct mo_chosen *chosen);

/* Why the plugin was taken by none of the n sections, or by which. */
const char *why_plugin(char *out, const struct mo_plugin *p,
                       const struct mo_chosen *const *list, size_t n);
bool why_taken(const struct mo_plugin *p, const struct mo_chosen *const *list,
               size_t n);

/* Why stacks are guarded in this way (as guard.h has it). */
const char *why_guard(char *out, const struct mo_setup *s, uint32_t kind);

/* What becomes of tasks that wait beside tasks that compute, see
 * scheduler.hybrid; and what came of it in the last run, as its file says, as
 * much as fits, "" if there is none. */
const char *why_hybrid(char *out, const struct mo_setup *s);
const char *why_effect(char *out, const struct mo_setup *s);

/* How many workers there will be, and why so many. */
uint32_t why_workers(char *out, const struct mo_setup *s);

/* Under which name the environment can say a value; "": under none. */
const char *why_variable(char *out, const struct mo_option_value *v);

/* How -s calls it: channels."a.b".capacity. */
const char *why_setting(char *out, const struct mo_option_value *v);

/* What `variable` of the environment, which means nothing to moirai, may have
 * been meant to be; NULL: something else altogether. */
const char *why_ignored(const char *variable);

#endif
