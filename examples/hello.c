/* SPDX-License-Identifier: MIT */
/*
 * hello.c - the first program: nine tasks sort nine numbers by waiting.
 */
#include <moirai/moirai.h>

#include <err.h>
#include <stdio.h>

static int wait_and_print(void *arg)
{
    intptr_t n = (intptr_t)arg;

    moirai_sleep_until(moirai_after(n * 10 * MOIRAI_MS));
    return printf("%d\n", (int)n) < 0;
}

int main(void)
{
    struct moirai_runtime *runtime;
    struct moirai_error error;

    if (moirai_start(&runtime, NULL, &error) != 0)
        errx(1, "%s", error.text);
    for (intptr_t n = 9; n > 0; n--)
        moirai_spawn(moirai_runtime_scope(runtime), wait_and_print, (void *)n);
    return moirai_stop(runtime, MOIRAI_NEVER, NULL) != 0;
}
