/* SPDX-License-Identifier: MIT */
/*
 * test_service.c - calls through layers: in which order, how often, until when.
 */
#include "talk.h"

/* --- a service of numbers ------------------------------------------------ */

struct server {
    int calls;                      /* atomic */
    int fails;                      /* so many calls, at first */
    int error;                      /* with this */
    int64_t takes_ns;
    bool heeds;                     /* the deadline */
    int at_once;                    /* atomic: calls in there */
    int crowded;                    /* atomic: that found three others */
};

static int double_it(const void *request, void *reply, int64_t deadline_ns,
                     void *arg)
{
    struct server *server = arg;
    int now = with_add(&server->at_once, 1);
    int64_t until = moirai_after(server->takes_ns);
    int rc = 0;

    if (now > 3)
        with_add(&server->crowded, 1);
    if (server->heeds && deadline_ns < until)
        rc = moirai_sleep_until(deadline_ns) != 0 ? -ECANCELED : -ETIMEDOUT;
    else if (server->takes_ns != 0)
        rc = moirai_sleep_until(until);
    if (rc == 0 && with_add(&server->calls, 1) <= server->fails)
        rc = server->error;
    if (rc == 0)
        *(int *)reply = 2 * *(const int *)request;
    with_add(&server->at_once, -1);
    return rc;
}

static int call(const struct moirai_layer *layers, size_t n,
                struct server *server, int64_t deadline_ns)
{
    struct moirai_service service = { layers, n, double_it, server };
    int request = 21;
    int reply = 0;
    int rc = moirai_service_call(&service, &request, &reply, deadline_ns);

    CHECK_EQ(reply, rc == 0 ? 42 : 0);
    return rc;
}

/* --- order --------------------------------------------------------------- */

static int write_down(struct moirai_call *c, void *arg)
{
    char **at = arg;
    int rc;

    *(*at)++ = (char)('0' + c->layer);
    rc = moirai_call_on(c);
    *(*at)++ = (char)('0' + c->layer);
    return rc;
}

static int other_request(struct moirai_call *c, void *arg)
{
    c->request = arg;
    return moirai_call_on(c);
}

static int refuse(struct moirai_call *c, void *arg)
{
    (void)c;
    (void)arg;
    return -EACCES;
}

static int in_order(void *arg)
{
    char text[8] = "";
    char *at = text;
    const int same = 21;
    struct server server = { 0 };
    struct moirai_layer layers[] = {
        moirai_layer_fn_of(write_down, &at),
        moirai_layer_fn_of(other_request, (void *)(uintptr_t)&same),
        moirai_layer_fn_of(write_down, &at),
    };

    (void)arg;
    CHECK_EQ(call(layers, 3, &server, MOIRAI_NEVER), 0);
    CHECK_STR(text, "1331");
    layers[1] = moirai_layer_fn_of(refuse, NULL);
    at = text;
    CHECK_EQ(call(layers, 3, &server, MOIRAI_NEVER), -EACCES);
    CHECK_STR(text, "1131");
    CHECK_EQ(server.calls, 1);
    CHECK_EQ(call(NULL, 0, &server, MOIRAI_NEVER), 0);
    return 0;
}

TEST(service, goes_through_its_layers_from_the_outermost)
{
    with_one(1, in_order, NULL);
    CHECK_EQ(in_order(NULL), 0);    /* on a plain thread, too */
}

/* --- time ---------------------------------------------------------------- */

static int in_time(void *arg)
{
    struct server server = { .takes_ns = 10 * MOIRAI_S, .heeds = true };
    struct moirai_layer layer = moirai_layer_deadline(MOIRAI_S);
    int64_t begun = moirai_now();

    (void)arg;
    CHECK_EQ(call(&layer, 1, &server, MOIRAI_NEVER), -ETIMEDOUT);
    CHECK_EQ((moirai_now() - begun) / MOIRAI_S, 1);
    CHECK_EQ(call(&layer, 1, &server, moirai_now()), -ETIMEDOUT);
    CHECK_EQ((moirai_now() - begun) / MOIRAI_S, 1);
    server.heeds = false;
    CHECK_EQ(call(&layer, 1, &server, MOIRAI_NEVER), 0);
    CHECK_EQ((moirai_now() - begun) / MOIRAI_S, 11);
    layer = moirai_layer_timeout(MOIRAI_S);
    CHECK_EQ(call(&layer, 1, &server, MOIRAI_NEVER), -ETIMEDOUT);
    CHECK_EQ((moirai_now() - begun) / MOIRAI_S, 12);
    server.takes_ns = MOIRAI_MS;
    CHECK_EQ(call(&layer, 1, &server, MOIRAI_NEVER), 0);
    return 0;
}

TEST(service, ends_in_time)
{
    with_seeds(5, in_time, NULL);
}

static int call_slowly(void *arg)
{
    struct server server = { .takes_ns = 1000 * MOIRAI_S };
    struct moirai_layer layer = moirai_layer_timeout(100 * MOIRAI_S);

    (void)arg;
    return call(&layer, 1, &server, MOIRAI_NEVER);
}

static int gives_up(void *arg)
{
    struct moirai_handle *handle;
    int result;

    (void)arg;
    CHECK_EQ(moirai_spawn_with(NULL, call_slowly, NULL, NULL, &handle), 0);
    moirai_yield();
    moirai_handle_cancel(handle);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, -ECANCELED);
    moirai_handle_put(handle);
    return 0;
}

TEST(service, is_cancelled_with_its_caller)
{
    with_each(gives_up, NULL);
    with_seeds(30, gives_up, NULL);
}

/* --- together ------------------------------------------------------------ */

struct seen {
    int calls, errors;
    int64_t ns;
};

static void note(const struct moirai_call *c, int rc, int64_t ns, void *arg)
{
    struct seen *seen = arg;

    (void)c;
    seen->calls++;
    seen->errors += rc != 0;
    seen->ns += ns;
}

static int all_of_it(void *arg)
{
    struct moirai_retry_policy policy = MOIRAI_RETRY_POLICY_INIT;
    struct moirai_breaker_config config = MOIRAI_BREAKER_CONFIG_INIT;
    struct server server = { .fails = 2, .error = -EAGAIN, .heeds = true,
                             .takes_ns = MOIRAI_MS };
    struct moirai_breaker breaker;
    struct moirai_limit limit;
    struct seen outside = { 0 }, inside = { 0 };
    struct moirai_layer layers[] = {
        moirai_layer_trace(note, &outside),
        moirai_layer_retry(&policy),
        moirai_layer_limit(&limit),
        moirai_layer_breaker(&breaker),
        moirai_layer_deadline(MOIRAI_S),
        moirai_layer_trace(note, &inside),
    };

    (void)arg;
    config.window = 4;
    config.least = 4;
    config.open_ns = 3600 * MOIRAI_S;
    CHECK_EQ(moirai_breaker_init(&breaker, &config), 0);
    CHECK_EQ(moirai_limit_concurrent(&limit, 1), 0);
    CHECK_EQ(call(layers, 6, &server, MOIRAI_NEVER), 0);
    CHECK(outside.calls == 1 && outside.errors == 0);
    CHECK(inside.calls == 3 && inside.errors == 2);
    CHECK(outside.ns >= inside.ns && inside.ns >= 3 * MOIRAI_MS);
    server.fails = 100;
    policy.attempts = 10;
    server.error = -EAGAIN;
    CHECK_EQ(call(layers, 6, &server, MOIRAI_NEVER), -ECONNREFUSED);
    CHECK_EQ(server.calls, 4);      /* then the breaker opened */
    CHECK_EQ(moirai_limit_acquire(&limit, 1, MOIRAI_NOW), 0);
    CHECK_EQ(call(layers, 6, &server, moirai_after(1)), -ETIMEDOUT);
    return 0;
}

TEST(service, puts_layers_together)
{
    with_seeds(5, all_of_it, NULL);
}

/* --- a limit ------------------------------------------------------------- */

static struct moirai_limit places;

static int call_under_limit(void *arg)
{
    struct moirai_layer layer = moirai_layer_limit(&places);

    return call(&layer, 1, arg, MOIRAI_NEVER);
}

static int die(const void *request, void *reply, int64_t deadline_ns,
               void *arg)
{
    (void)request;
    (void)reply;
    (void)deadline_ns;
    (void)arg;
    moirai_fail(-EFAULT, "gone");
}

static int die_under_limit(void *arg)
{
    struct moirai_layer layer = moirai_layer_limit(&places);
    struct moirai_service service = { &layer, 1, die, NULL };

    return moirai_service_call(&service, NULL, arg, MOIRAI_NEVER);
}

static int limited(void *arg)
{
    struct server server = { .takes_ns = 10 * MOIRAI_US };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_limit_concurrent(&places, 3), 0);
    talk_begin(&scope);
    for (int i = 0; i < 50; i++)
        CHECK_EQ(moirai_spawn(&scope, call_under_limit, &server), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK(server.calls == 50 && server.crowded == 0);
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, die_under_limit, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), -EFAULT);
    CHECK_EQ(moirai_limit_acquire(&places, 3, MOIRAI_NOW), 0);
    return 0;
}

TEST(service, gives_its_place_back_however_it_ends)
{
    with_each(limited, NULL);
    with_seeds(20, limited, NULL);
}

/* --- mistakes ------------------------------------------------------------ */

TEST(service, refuses_layers_that_are_none)
{
    struct server server = { 0 };
    struct moirai_layer wrong[] = {
        moirai_layer_of(99, NULL, 0),
        moirai_layer_fn_of(NULL, NULL),
        moirai_layer_trace(NULL, NULL),
        moirai_layer_limit(NULL),
        moirai_layer_breaker(NULL),
        moirai_layer_deadline(-1),
    };
    struct moirai_service nothing = { NULL, 0, NULL, NULL };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_EQ(call(&wrong[i], 1, &server, MOIRAI_NEVER), -EINVAL);
    CHECK_EQ(call(NULL, 1, &server, MOIRAI_NEVER), -EINVAL);
    CHECK_EQ(moirai_service_call(&nothing, NULL, NULL, MOIRAI_NEVER), -EINVAL);
    CHECK_EQ(server.calls, 0);
}
