/* SPDX-License-Identifier: MIT */
/*
 * test_queues.c - disciplines beside the ring: the promises of all of them.
 */
#include "conforms.h"

CHAN_CONFORMANCE(chan_list, chan_list, NULL)
CHAN_CONFORMANCE(chan_list_7, chan_list, "limit=7", NULL)
CHAN_CONFORMANCE(chan_list_bytes, chan_list, "limit_bytes=40KiB", NULL)
CHAN_CONFORMANCE(chan_prio, chan_prio, NULL)
CHAN_CONFORMANCE(chan_prio_0, chan_prio, "level_bytes=0", "age=3", NULL)
CHAN_CONFORMANCE(chan_prio_1, chan_prio, "level_bytes=1", "levels=256",
                 "capacity=7", NULL)
CHAN_CONFORMANCE(chan_prio_8, chan_prio, "level_bytes=8", "age=10",
                 "levels=64", NULL)
CHAN_CONFORMANCE(chan_latest, chan_latest, NULL)
CHAN_CONFORMANCE(chan_broadcast, chan_broadcast, NULL)
CHAN_CONFORMANCE(chan_broadcast_1, chan_broadcast, "capacity=1", NULL)
CHAN_CONFORMANCE(chan_broadcast_lag, chan_broadcast, "capacity=7", "slow=lag",
                 NULL)
CHAN_CONFORMANCE(chan_steal, chan_steal, NULL)
CHAN_CONFORMANCE(chan_steal_7, chan_steal, "capacity=7", "target_bytes=1",
                 NULL)
