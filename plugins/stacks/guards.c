/* SPDX-License-Identifier: MIT */
/*
 * guards.c - below each stack of mmap.c, memory that nobody may touch.
 *
 * Best by MADV_GUARD_INSTALL, else by mprotect, of which there are as many as a
 * process may have mappings; a quarter of those is left to the program.
 */
#include "mmap.h"

#include <errno.h>

int mo_mmap_guards_choose(struct mmap_state *s, uint32_t choice,
                       struct moirai_error *err)
{
    bool can;

    if (choice != MMAP_NONE)
        s->means = mmap_find_means(s->page);
    can = s->means != MMAP_NO_GUARDS;
    if (choice == MMAP_INSTALL && !can)
        return moirai_error_set(err, -ENOTSUP,
                                "stack mmap: this kernel cannot install "
                                "guards (Linux 6.13 can); guard_kind: auto "
                                "takes what there is");
    if (choice == MMAP_NONE) {
        s->guard_kind = MOIRAI_GUARD_NONE;
        for (int i = 0; i < MOIRAI_STACK_CLASSES; i++)
            s->classes[i].guard = 0;
    } else if (can && choice != MMAP_MPROTECT) {
        s->guard_kind = MOIRAI_GUARD_INSTALL;
    } else {
        s->guard_kind = MOIRAI_GUARD_MPROTECT;
    }
    s->guards_left = mo_mmap_guards_allowed();
    return 0;
}

/* A kind of guard cannot be set any more: goes on with the next, and says so
 * once. */
static void mo_mmap_guards_end(struct mmap_state *s, enum moirai_guard kind)
{
    bool first;

    pthread_mutex_lock(&s->lock);
    first = s->guard_kind == kind;
    if (first)
        s->guard_kind = kind == MOIRAI_GUARD_INSTALL ? MOIRAI_GUARD_MPROTECT
                                                     : MOIRAI_GUARD_NONE;
    pthread_mutex_unlock(&s->lock);
    if (!first)
        return;
    s->host->log(s->host->ctx, MOIRAI_LOG_WARN, "%s",
                 kind == MOIRAI_GUARD_INSTALL
                     ? "stack mmap: the kernel installs no more guards; "
                       "further stacks are guarded by mprotect"
                     : "stack mmap: vm.max_map_count allows no more guarded "
                       "stacks; further ones have no guard");
}

static enum moirai_guard mmap_kind(struct mmap_state *s)
{
    enum moirai_guard kind;

    pthread_mutex_lock(&s->lock);
    kind = s->guard_kind;
    pthread_mutex_unlock(&s->lock);
    return kind;
}

/* Guards a stack that nobody else knows of, as well as can be. */
static enum moirai_guard mmap_guard(struct mmap_state *s, char *base,
                                    size_t size)
{
    for (;;) {
        enum moirai_guard kind;
        bool allowed = true;

        pthread_mutex_lock(&s->lock);
        kind = s->guard_kind;
        if (kind == MOIRAI_GUARD_MPROTECT) {
            allowed = s->guards_left > 0;
            s->guards_left -= allowed;
        }
        pthread_mutex_unlock(&s->lock);
        if (kind == MOIRAI_GUARD_NONE)
            return kind;
        if (allowed && mmap_guard_set(base, size, kind))
            return kind;
        mo_mmap_guards_end(s, kind);
    }
}

/* All at once if that can be, else one by one. */
void mo_mmap_guards_set(struct mmap_state *s, struct moirai_stack *stacks,
                     uint32_t n)
{
    size_t guard = s->classes[stacks->stack_class].guard;
    struct iovec ranges[MMAP_MANY];
    uint32_t bare = 0;
    bool done = false;

    for (uint32_t i = 0; i < n; i++)
        if (stacks[i].guard_kind == MOIRAI_GUARD_NONE)
            ranges[bare++] = (struct iovec){ stacks[i].base - guard, guard };
    if (bare > 1 && mmap_kind(s) == MOIRAI_GUARD_INSTALL)
        done = mmap_advise(s->means, ranges, bare, MADV_GUARD_INSTALL);
    for (uint32_t i = 0; i < n; i++) {
        enum moirai_guard kind = MOIRAI_GUARD_INSTALL;

        if (stacks[i].guard_kind != MOIRAI_GUARD_NONE)
            continue;
        if (!done)
            kind = mmap_guard(s, stacks[i].base, guard);
        stacks[i].guard_kind = kind;
        stacks[i].guard = kind != MOIRAI_GUARD_NONE ? guard : 0;
    }
}

/* `s` is only read where it is constant. */
size_t mo_mmap_guards_relax(void *state, const struct moirai_stack *stack,
                         bool open)
{
    const struct mmap_state *s = state;

    return mmap_guard_relax(s->page, stack, open);
}
