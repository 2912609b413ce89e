/* SPDX-License-Identifier: MIT */
/*
 * main.c - plain threads: which questions they are asked.
 */
#include "threads.h"

pthread_t thread_start(thread_body *body, void *arg)
{
    pthread_t thread;

    bench_need(pthread_create(&thread, NULL, body, arg), "a thread");
    return thread;
}

void thread_join(pthread_t thread)
{
    bench_need(pthread_join(thread, NULL), "pthread_join");
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "chan", ask_chan },
        { "chan-44", ask_chan_44 },
        { "pingpong", ask_pingpong },
        { "mutex", ask_mutex },
        { "wake", ask_wake },
        { "tail", ask_tail },
        { "cpu", ask_cpu },
        { "start", ask_start },
        { "idle", ask_idle },
        { "saxpy", ask_loop },
        { "stencil", ask_loop },
        { "irregular-static", ask_loop },
        { "reduce", ask_loop },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
