/* SPDX-License-Identifier: MIT */
/*
 * version.c - which moirai this is.
 */
#include <moirai/runtime.h>

#include <moirai/plugin.h>

MOIRAI_EXPORT const char *moirai_version(void)
{
    return PACKAGE_VERSION;
}
