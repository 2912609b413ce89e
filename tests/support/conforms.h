/* SPDX-License-Identifier: MIT */
/*
 * conforms.h - the promises of a kind of plugin, as tests of one of them:
 *
 *     SCHED_CONFORMANCE(sched_fifo, sched_fifo, "batch=1", NULL)
 *
 * makes a suite of tests, one for each promise in tools/conformance. With
 * _BRIEF it is a fifth of the effort, for options of one that is tried beside.
 */
#ifndef CONFORMS_H
#define CONFORMS_H

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "conformance.h"
#include "with.h"

static inline void conforms(const struct promise *promise,
                            const struct moirai_plugin *plugin,
                            conformance_settings settings)
{
    void *config = conformance_config(plugin, settings);
    struct subject subject = { plugin, config };
    struct moirai_error err;

    if (plugin->probe != NULL && plugin->probe(&err) == -ENODEV)
        SKIP(err.text);             /* not on this machine */
    if (plugin->kind == MOIRAI_CHAN || plugin->kind == MOIRAI_IO)
        conformance_effort(with_times(100));
    else if (check_long())
        conformance_effort(2000);
    promise->try(&subject);
    free(config);
}

#define CONFORMANCE_TEST(which, suite, plugin, settings)                      \
    TEST(suite, which)                                                        \
    {                                                                         \
        conforms(&which, &plugin##_LTX_moirai_plugin, settings);              \
    }

#define CONFORMANCE_TEST_BRIEF(which, suite, plugin, settings)                \
    TEST(suite, which)                                                        \
    {                                                                         \
        conformance_effort(20);                                               \
        conforms(&which, &plugin##_LTX_moirai_plugin, settings);              \
    }

#define CONFORMANCE_SUITE_OF(test, PROMISES, suite, plugin, ...)              \
    extern const struct moirai_plugin plugin##_LTX_moirai_plugin;             \
    static const char *const suite##_settings[] = { __VA_ARGS__ };            \
    PROMISES(test, suite, plugin, suite##_settings)

#define CONFORMANCE_SUITE(PROMISES, suite, plugin, ...)                       \
    CONFORMANCE_SUITE_OF(CONFORMANCE_TEST, PROMISES, suite, plugin,           \
                         __VA_ARGS__)
#define SCHED_CONFORMANCE(suite, plugin, ...)                                 \
    CONFORMANCE_SUITE(SCHED_PROMISES, suite, plugin, __VA_ARGS__)
#define SCHED_CONFORMANCE_BRIEF(suite, plugin, ...)                           \
    CONFORMANCE_SUITE_OF(CONFORMANCE_TEST_BRIEF, SCHED_PROMISES, suite,       \
                         plugin, __VA_ARGS__)
#define STACK_CONFORMANCE(suite, plugin, ...)                                 \
    CONFORMANCE_SUITE(STACK_PROMISES, suite, plugin, __VA_ARGS__)
#define CHAN_CONFORMANCE(suite, plugin, ...)                                  \
    CONFORMANCE_SUITE(CHAN_PROMISES, suite, plugin, __VA_ARGS__)
#define IO_CONFORMANCE(suite, plugin, ...)                                    \
    CONFORMANCE_SUITE(IO_PROMISES, suite, plugin, __VA_ARGS__)

#endif
