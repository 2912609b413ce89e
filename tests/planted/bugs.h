/* SPDX-License-Identifier: MIT */
/*
 * bugs.h - the list of bugs.c, and what its files share.
 */
#ifndef BUGS_H
#define BUGS_H

#include <stddef.h>

#include <moirai/task.h>

struct bug {
    const char *name;
    const char *what;               /* for people */
    int (*run)(void);               /* in a task; not 0: it shows */
    const char *fault;              /* a setting without which it does not
                                     * show; or NULL */
};

extern const struct bug bugs[];
extern const size_t bug_count;

/* Spawns them in order, as one family, and waits for all. The sum of what went
 * wrong. */
int bugs_together(moirai_fn *const *bodies, size_t n);

#define BUGS_TOGETHER(...)                                                    \
    bugs_together((moirai_fn *const[]){ __VA_ARGS__ },                        \
                  sizeof((moirai_fn *const[]){ __VA_ARGS__ })                 \
                      / sizeof(moirai_fn *))

/* primitives.c */
int ring_told_early(void);
int sequence_half(void);
int barrier_reset_late(void);
int push_cut_off(void);
int hazard_unchecked(void);
int reader_with_writer(void);

/* faulty.c */
int sleep_for_join(void);
int if_for_while(void);
int spawn_unchecked(void);
int permit_kept(void);

#endif
