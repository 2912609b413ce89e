/* SPDX-License-Identifier: MIT */
/*
 * test_cxx.c - C++ exceptions in tasks: what is being handled, and what is on
 * its way, belongs to the task and not to the thread it happens to be on.
 */
#include <errno.h>

#include "check.h"
#include "throwing.h"
#include "with.h"

TEST(cxx, a_task_may_wait_in_a_handler_and_while_unwinding)
{
    with_each(throwing_many, NULL);
    with_seeds(20, throwing_many, NULL);
}

TEST(cxx, a_fork_throws_on_its_own)
{
    with_each(throwing_forks, NULL);
    with_seeds(50, throwing_forks, NULL);
}

TEST(cxx, a_task_that_fails_in_a_handler_leaves_no_exception_behind)
{
    struct moirai_runtime *rt = with_workers(1);

    for (int i = 0; i < 10; i++) {
        CHECK_EQ(moirai_run(rt, throwing_fails, NULL), -EIO);
        CHECK_EQ(moirai_run(rt, throwing_left_nothing, NULL), 0);
    }
    with_end(rt);
}
