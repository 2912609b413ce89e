/* SPDX-License-Identifier: MIT */
/*
 * model_owned.c - a channel that the only worker owns, and others who come by.
 *
 * The owner's half of the fence is the compiler's; the others' is a barrier,
 * after which every thread has fenced.
 *
 * About: core/chan.h, core/chan.c.
 */
#include "world.h"

#include "chan.c"

static struct moirai_runtime runtime;
static struct mo_worker owner;
static struct mo_chan channel;
static uint32_t guarded;

static void begin(void)
{
    memset(&channel, 0, sizeof channel);
    memset(&owner, 0, sizeof owner);
    model_be_outside();
    owner.runtime = &runtime;
    channel.owner = &owner;
    guarded = 0;
}

static void begin_owned(void)
{
    begin();
    channel.owned = MO_CHAN_OWNED;
}

static void use(void)
{
    mo_chan_lock(&channel);
    guarded++;
    mo_chan_unlock(&channel);
}

static void own(void)
{
    model_be(&owner);
    use();
    use();
}

static void own_once(void)
{
    model_be(&owner);
    use();
}

const struct model models[] = {
    { "its owner, and a thread", begin_owned, { own, use }, NULL },
    { "its owner for the first time", begin, { own, use }, NULL },
    { "its owner, and two threads", begin_owned, { own_once, use, use },
      NULL },
    { NULL, NULL, { NULL }, NULL }
};
