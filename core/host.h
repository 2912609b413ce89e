/* SPDX-License-Identifier: MIT */
/*
 * host.h - filling the table that plugins are handed.
 */
#ifndef MO_HOST_H
#define MO_HOST_H

struct moirai_runtime;

void mo_host_init(struct moirai_runtime *rt);

#endif
