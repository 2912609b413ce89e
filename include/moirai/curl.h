/* SPDX-License-Identifier: MIT */
/*
 * moirai/curl.h - transfers of libcurl that wait as tasks do.
 *
 * A set of transfers, which share connections, names and sessions. Each task
 * sets up a handle of its own, as with curl_easy_perform(3), and performs it
 * here: it looks as if that blocked. Any number of tasks and plain threads may
 * do so at once. Whoever of them waits looks after the sockets of all; there is
 * no thread and no task besides.
 *
 * So the callbacks of a transfer may be called by another task than the one
 * that waits for it. They must not wait. They may pause the transfer.
 *
 * In libmoirai-curl. A handle (CURL *) is a void pointer here, so that this
 * header needs none of libcurl's.
 */
#ifndef MOIRAI_CURL_H
#define MOIRAI_CURL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct moirai_curl;

/* Makes a set; the caller's. 0, -ENOMEM, -EMFILE. Any thread; does not wait. */
int moirai_curl_make(struct moirai_curl **curl);

/* Gives it back, and closes its connections. Nobody uses it any more. */
void moirai_curl_free(struct moirai_curl *curl);

/* Runs the transfer of `easy` (lent until it returns). 0: it has ended, and
 * *code, a CURLcode, says how. -ETIMEDOUT, -ECANCELED: it was stopped, and the
 * handle can be used again; -EAGAIN: the same, for MOIRAI_NOW; -EBUSY: the
 * handle is in a transfer; -ENOMEM. Can wait. */
int moirai_curl_perform(struct moirai_curl *curl, void *easy,
                        int64_t deadline_ns, int *code);

/* The multi handle of the set (CURLM *), for curl_multi_setopt before the first
 * transfer. */
void *moirai_curl_multi(struct moirai_curl *curl);

#ifdef __cplusplus
}
#endif

#endif
