/* SPDX-License-Identifier: MIT */
/*
 * breaker.c - closed, open, half open.
 *
 * After M. Nygard, Release It! (2007, 2018), "Circuit Breaker". Time passes
 * only when somebody looks: an open breaker becomes half open with the first
 * call after its time, so there is no timer to stop.
 *
 * What others were found to get wrong, and how it is here. Probes that never
 * report leave a breaker half open for ever (resilience4j issue 903, Polly
 * issue 216, sentinel-golang issue 196): here they are lost after a while. A
 * call that began before the breaker opened, and ends while it is half open, is
 * taken for a probe's outcome: here every state has a generation, and a call
 * knows its own. More calls are asked for than the window holds, and quietly
 * fewer suffice (resilience4j issues 1349, 2382): here that is refused. And a
 * cancelled call, which says nothing about the callee, makes it open.
 */
#include <moirai/breaker.h>

#include <errno.h>
#include <string.h>

#include "worker.h"

#define SLOTS (MOIRAI_BREAKER_SLOTS - 1)

/* What was seen under the lock, to be told after it. */
struct change {
    enum moirai_breaker_state from, to;
};

/* --- the window ---------------------------------------------------------- */

static void clear(struct moirai_breaker *b)
{
    memset(b->bits_failed, 0, sizeof b->bits_failed);
    memset(b->bits_slow, 0, sizeof b->bits_slow);
    memset(b->slots, 0, sizeof b->slots);
    b->place = 0;
    b->stats.calls = b->stats.failures = b->stats.slow_calls = 0;
}

static uint32_t set_bit(uint64_t *bits, uint32_t place, uint32_t value)
{
    uint64_t *word = &bits[place / 64];
    uint32_t old = (uint32_t)(*word >> (place % 64)) & 1;

    *word ^= (uint64_t)(old ^ value) << (place % 64);
    return old;
}

/* The new call takes the place of the oldest. Sums are modulo 2^32. */
static void record_call(struct moirai_breaker *b, uint32_t failed,
                        uint32_t slow)
{
    struct moirai_breaker_stats *s = &b->stats;

    s->failures += failed - set_bit(b->bits_failed, b->place, failed);
    s->slow_calls += slow - set_bit(b->bits_slow, b->place, slow);
    s->calls += s->calls < b->config.window;
    b->place = (b->place + 1) % b->config.window;
}

/* Empties the slots that time has passed. */
static void slide(struct moirai_breaker *b, int64_t now)
{
    int64_t width = (b->config.window_ns + SLOTS - 1) / SLOTS;
    int64_t slot = now / width;
    int64_t from = b->slot + 1;

    if (slot <= b->slot)
        return;
    if (slot - from >= MOIRAI_BREAKER_SLOTS)
        from = slot - SLOTS;
    for (; from <= slot; from++) {
        struct moirai_breaker_slot *old =
            &b->slots[from % MOIRAI_BREAKER_SLOTS];

        b->stats.calls -= old->calls;
        b->stats.failures -= old->failures;
        b->stats.slow_calls -= old->slow;
        *old = (struct moirai_breaker_slot){ 0, 0, 0 };
    }
    b->slot = slot;
}

static void record_in_time(struct moirai_breaker *b, uint32_t failed,
                           uint32_t slow, int64_t now)
{
    struct moirai_breaker_slot *slot;

    slide(b, now);
    slot = &b->slots[b->slot % MOIRAI_BREAKER_SLOTS];
    slot->calls++;
    slot->failures += failed;
    slot->slow += slow;
    b->stats.calls++;
    b->stats.failures += failed;
    b->stats.slow_calls += slow;
}

static bool reaches(uint32_t part, uint32_t calls, uint32_t percent)
{
    return (uint64_t)part * 100 >= (uint64_t)percent * calls;
}

static bool is_too_much(const struct moirai_breaker *b)
{
    const struct moirai_breaker_stats *s = &b->stats;

    return s->calls >= b->config.least
        && (reaches(s->failures, s->calls, b->config.failures)
            || (b->config.slow_ns != 0
                && reaches(s->slow_calls, s->calls, b->config.slow)));
}

/* --- states -------------------------------------------------------------- */

/* The lock is held, as for what follows. */
static void become(struct moirai_breaker *b, enum moirai_breaker_state state,
                   int64_t now, int64_t until)
{
    b->generation++;
    b->stats.state = state;
    b->stats.since_ns = now;
    b->stats.until_ns = until;
    b->given = b->good = 0;
    if (state == MOIRAI_BREAKER_CLOSED) {
        b->row = 0;
        clear(b);
    }
}

static int64_t later(int64_t now, int64_t ns)
{
    return ns >= MOIRAI_NEVER - now ? MOIRAI_NEVER : now + ns;
}

static void open_up(struct moirai_breaker *b, int64_t now)
{
    int64_t most = b->config.open_most_ns;
    int64_t ns = b->config.open_ns;

    for (uint32_t i = 0; i < b->row && ns < most; i++)
        ns = ns > most / 2 ? most : ns * 2;
    become(b, MOIRAI_BREAKER_OPEN, now, later(now, ns));
    b->row++;
    b->stats.opened++;
}

static bool let_probe(struct moirai_breaker *b, int64_t now)
{
    if (b->given == b->config.probes) {
        if (now < b->stats.until_ns)
            return false;
        b->stats.lost++;
        b->generation++;            /* what comes back yet is too late */
        b->given = b->good = 0;
    }
    b->given++;
    b->stats.until_ns = later(now, b->config.probe_ns);
    return true;
}

static bool let_pass(struct moirai_breaker *b, int64_t now)
{
    switch (b->stats.state) {
    case MOIRAI_BREAKER_CLOSED:
        return true;
    case MOIRAI_BREAKER_OPEN:
        if (now < b->stats.until_ns)
            return false;
        become(b, MOIRAI_BREAKER_HALF_OPEN, now, 0);
        return let_probe(b, now);
    default:
        return let_probe(b, now);
    }
}

static void judge_probe(struct moirai_breaker *b, bool bad, int64_t now)
{
    if (bad)
        open_up(b, now);
    else if (++b->good == b->config.probes)
        become(b, MOIRAI_BREAKER_CLOSED, now, 0);
}

static void judge_call(struct moirai_breaker *b, bool failed, bool slow,
                       int64_t now)
{
    if (b->config.window_ns != 0)
        record_in_time(b, failed, slow, now);
    else
        record_call(b, failed, slow);
    if (is_too_much(b))
        open_up(b, now);
}

static struct change change_from(const struct moirai_breaker *b)
{
    return (struct change){ .from = b->stats.state, .to = b->stats.state };
}

/* Drops the lock, and says what has changed meanwhile. */
static void unlock(struct moirai_breaker *b, struct change change)
{
    change.to = b->stats.state;
    mo_word_unlock(&b->lock);
    if (change.to != change.from && b->config.changed != NULL)
        b->config.changed(change.from, change.to, b->config.arg);
}

/* --- calls --------------------------------------------------------------- */

int moirai_breaker_begin(struct moirai_breaker *b,
                         struct moirai_breaker_call *call)
{
    int64_t now = moirai_now();
    struct change change;
    bool pass;

    mo_word_lock(&b->lock);
    change = change_from(b);
    pass = let_pass(b, now);
    if (pass)
        b->stats.allowed++;
    else
        b->stats.refused++;
    *call = (struct moirai_breaker_call){ pass ? b->generation : 0, now };
    unlock(b, change);
    return pass ? 0 : -ECONNREFUSED;
}

static void count(struct moirai_breaker_stats *s,
                  enum moirai_breaker_outcome outcome, bool slow)
{
    s->succeeded += outcome == MOIRAI_BREAKER_SUCCESS;
    s->failed += outcome == MOIRAI_BREAKER_FAILURE;
    s->ignored += outcome == MOIRAI_BREAKER_IGNORED;
    s->slow += slow;
}

void moirai_breaker_end(struct moirai_breaker *b,
                        struct moirai_breaker_call *call,
                        enum moirai_breaker_outcome outcome)
{
    int64_t now = moirai_now();
    uint64_t generation = call->generation;
    bool failed = outcome == MOIRAI_BREAKER_FAILURE;
    bool slow = b->config.slow_ns != 0
        && now - call->since_ns >= b->config.slow_ns;
    struct change change;

    if (generation == 0)
        return;
    call->generation = 0;
    mo_word_lock(&b->lock);
    change = change_from(b);
    count(&b->stats, outcome, slow);
    if (generation != b->generation)
        ;
    else if (outcome == MOIRAI_BREAKER_IGNORED)
        b->given -= b->stats.state == MOIRAI_BREAKER_HALF_OPEN;
    else if (b->stats.state == MOIRAI_BREAKER_HALF_OPEN)
        judge_probe(b, failed || slow, now);
    else
        judge_call(b, failed, slow, now);
    unlock(b, change);
}

struct running {
    struct moirai_cleanup cleanup;
    struct moirai_breaker *breaker;
    struct moirai_breaker_call call;
};

static void end_failed(void *arg)
{
    struct running *r = arg;

    moirai_breaker_end(r->breaker, &r->call, MOIRAI_BREAKER_FAILURE);
}

static enum moirai_breaker_outcome judge(int rc, void *arg)
{
    (void)arg;
    return rc == -ECANCELED ? MOIRAI_BREAKER_IGNORED
                            : rc < 0 ? MOIRAI_BREAKER_FAILURE
                                     : MOIRAI_BREAKER_SUCCESS;
}

int moirai_breaker_run(struct moirai_breaker *b, moirai_fn *fn, void *arg)
{
    struct running r = { .breaker = b };
    bool in_task = mo_here()->task != NULL;
    int rc = moirai_breaker_begin(b, &r.call);

    if (rc != 0)
        return rc;
    if (in_task)
        moirai_cleanup_push(&r.cleanup, end_failed, &r);
    rc = fn(arg);
    if (in_task)
        moirai_cleanup_pop(&r.cleanup, false);
    moirai_breaker_end(b, &r.call, b->config.judge(rc, b->config.arg));
    return rc;
}

/* --- the rest ------------------------------------------------------------ */

static void preset(uint32_t *field, uint32_t value)
{
    if (*field == 0)
        *field = value;
}

static void preset_ns(int64_t *field, int64_t value)
{
    if (*field == 0)
        *field = value;
}

static bool is_sound(const struct moirai_breaker_config *c)
{
    return c->window <= MOIRAI_BREAKER_WINDOW
        && (c->window_ns == 0 ? c->least <= c->window : c->window == 0)
        && c->window_ns >= 0 && c->window_ns <= MOIRAI_NEVER / 4
        && c->failures <= 100 && c->slow <= 100 && c->slow_ns >= 0
        && c->open_ns > 0 && c->open_most_ns >= 0 && c->probe_ns > 0;
}

int moirai_breaker_init(struct moirai_breaker *b,
                        const struct moirai_breaker_config *config)
{
    struct moirai_breaker_config c = MOIRAI_BREAKER_CONFIG_INIT;

    if (config != NULL)
        memcpy(&c, config, config->size < sizeof c ? config->size : sizeof c);
    if (c.window_ns == 0)
        preset(&c.window, 100);
    preset(&c.least, c.window_ns == 0 && c.window < 20 ? c.window : 20);
    preset(&c.failures, 50);
    preset(&c.slow, 100);
    preset(&c.probes, 1);
    preset_ns(&c.open_ns, 5 * MOIRAI_S);
    preset_ns(&c.probe_ns, c.open_ns);
    if (c.judge == NULL)
        c.judge = judge;
    if (!is_sound(&c))
        return -EINVAL;
    *b = (struct moirai_breaker){ .config = c };
    become(b, MOIRAI_BREAKER_CLOSED, moirai_now(), 0);
    return 0;
}

void moirai_breaker_trip(struct moirai_breaker *b, int64_t until_ns)
{
    int64_t now = moirai_now();
    struct change change;

    mo_word_lock(&b->lock);
    change = change_from(b);
    become(b, MOIRAI_BREAKER_OPEN, now, until_ns);
    b->stats.opened++;
    unlock(b, change);
}

void moirai_breaker_reset(struct moirai_breaker *b)
{
    int64_t now = moirai_now();
    struct change change;

    mo_word_lock(&b->lock);
    change = change_from(b);
    become(b, MOIRAI_BREAKER_CLOSED, now, 0);
    unlock(b, change);
}

void moirai_breaker_read(struct moirai_breaker *b,
                         struct moirai_breaker_stats *stats)
{
    int64_t now = moirai_now();

    mo_word_lock(&b->lock);
    if (b->config.window_ns != 0)
        slide(b, now);
    *stats = b->stats;
    mo_word_unlock(&b->lock);
    if (stats->state == MOIRAI_BREAKER_OPEN && now >= stats->until_ns)
        stats->state = MOIRAI_BREAKER_HALF_OPEN;
}

enum moirai_breaker_state moirai_breaker_state(struct moirai_breaker *b)
{
    struct moirai_breaker_stats stats;

    moirai_breaker_read(b, &stats);
    return stats.state;
}
