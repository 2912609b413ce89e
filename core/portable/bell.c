/* SPDX-License-Identifier: MIT */
/*
 * bell.c - where one descriptor cannot stand for several.
 */
#include "os/bell.h"

#include <errno.h>

int mo_bell_open(struct mo_bell **bell)
{
    (void)bell;
    return -ENOSYS;
}

void mo_bell_close(struct mo_bell *bell)
{
    (void)bell;
}

void mo_bell_ring(struct mo_bell *bell)
{
    (void)bell;
}

void mo_bell_hush(struct mo_bell *bell)
{
    (void)bell;
}

int mo_bell_add(struct mo_bell *bell, int fd)
{
    (void)bell;
    (void)fd;
    return -ENOSYS;
}

void mo_bell_set(struct mo_bell *bell, int64_t at)
{
    (void)bell;
    (void)at;
}

void mo_bell_wait(const struct mo_bell *bell, int64_t until)
{
    (void)bell;
    (void)until;
}
