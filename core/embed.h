/* SPDX-License-Identifier: MIT */
/*
 * embed.h - the worker of a runtime that is inside a foreign loop.
 */
#ifndef MO_EMBED_H
#define MO_EMBED_H

#include <stdbool.h>
#include <stdint.h>

struct moirai_error;
struct moirai_runtime;
struct mo_parker;
struct mo_worker;

/* Embeds it in the calling thread, before it has workers. 0, or a negative
 * errno and the sentence. */
int mo_embed_open(struct moirai_runtime *rt, struct moirai_error *err);
void mo_embed_close(struct moirai_runtime *rt);

/* Is it embedded, and this not the thread? */
bool mo_embed_elsewhere(const struct moirai_runtime *rt);

/* In place of starting the worker's thread, and of joining it once all have
 * been told that they exit. */
void mo_embed_start(struct mo_worker *w);
void mo_embed_join(struct mo_worker *w);

/* The worker's loop lets the foreign one go on: as there is nothing to do until
 * then, nor in the I/O backend if it is to `poll`; or since it has had its
 * time. Own worker. */
void mo_embed_sleep(struct mo_worker *w, int64_t until, bool poll);
void mo_embed_pause(struct mo_worker *w);

/* Of the calling thread, for its waits as a plain thread: NULL if nothing is
 * embedded in it. And waiting for its token, as mo_park. */
struct mo_parker *mo_embed_parker(void);
bool mo_embed_park(int64_t until);

#endif
