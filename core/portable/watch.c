/* SPDX-License-Identifier: MIT */
/*
 * watch.c - dumps of all tasks are not asked for by a signal here, but by a
 * call of moirai_dump; and a task that is running shows no backtrace in them.
 */
#include "watch.h"

#include "fault.h"

int mo_watch_open(struct moirai_runtime *rt)
{
    rt->dump_signal = 0;
    return 0;
}

void mo_watch_close(struct moirai_runtime *rt)
{
    (void)rt;
}

bool mo_watch_ask(struct mo_worker *w, struct mo_watch_answer *answer)
{
    (void)w;
    (void)answer;
    return false;
}

void mo_watch_forked(void)
{
}
