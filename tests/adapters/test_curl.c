/* SPDX-License-Identifier: MIT */
/*
 * test_curl.c - transfers of libcurl, from nginx on this machine.
 */
#include "check.h"
#include "peers.h"
#include "with.h"

#include <moirai/curl.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <curl/curl.h>

#define SMALL "hello\n"
#define LARGE 300000
#define TASKS 20
#define TURNS 5

static struct peer nginx;
static struct moirai_curl *set;

static void configure(const struct peer *peer)
{
    peer_write(peer, "nginx.conf",
               "daemon off; master_process off; error_log stderr;\n"
               "pid %s/pid; events { worker_connections 256; }\n"
               "http { access_log off; root %s/www;\n"
               "    client_body_temp_path %s/a; proxy_temp_path %s/b;\n"
               "    fastcgi_temp_path %s/c; uwsgi_temp_path %s/d;\n"
               "    scgi_temp_path %s/e;\n"
               "    server { listen 127.0.0.1:%u;\n"
               "        location /slow/ { alias %s/www/; limit_rate 1000; }\n"
               "    } }\n", peer->folder, peer->folder, peer->folder,
               peer->folder, peer->folder, peer->folder, peer->folder,
               peer->port, peer->folder);
}

/* False: there is no nginx. */
static bool begin(void)
{
    static const char *const programs[] = { "nginx", NULL };
    const char *program = peer_program(programs);
    char conf[200], www[200];
    const char *argv[] = { program, "-c", conf, "-e", "stderr", NULL };

    if (program == NULL)
        return false;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    peer_open(&nginx);
    snprintf(conf, sizeof conf, "%s/nginx.conf", nginx.folder);
    snprintf(www, sizeof www, "%s/www", nginx.folder);
    CHECK_EQ(mkdir(www, 0777), 0);
    peer_write(&nginx, "www/small", SMALL);
    peer_write(&nginx, "www/large", "%*d", LARGE, 1);
    peer_start(&nginx, configure, argv, 0);
    CHECK_EQ(moirai_curl_make(&set), 0);
    return true;
}

static void end(void)
{
    moirai_curl_free(set);
    peer_close(&nginx, SIGKILL);
    curl_global_cleanup();
}

struct fetch {
    CURL *easy;
    size_t size;
    char text[16];                  /* its beginning */
};

static size_t take(char *bytes, size_t one, size_t n, void *arg)
{
    struct fetch *fetch = arg;

    for (size_t i = 0; i < n && fetch->size + i < sizeof fetch->text - 1; i++)
        fetch->text[fetch->size + i] = bytes[i];
    fetch->size += n;
    return one * n;
}

static void aim(struct fetch *fetch, uint16_t port, const char *path)
{
    char url[100];

    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, path);
    memset(fetch->text, 0, sizeof fetch->text);
    fetch->size = 0;
    if (fetch->easy == NULL)
        fetch->easy = curl_easy_init();
    CHECK(fetch->easy != NULL);
    curl_easy_setopt(fetch->easy, CURLOPT_URL, url);
    curl_easy_setopt(fetch->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(fetch->easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(fetch->easy, CURLOPT_WRITEDATA, fetch);
}

static int get(struct fetch *fetch, const char *path, int64_t deadline_ns)
{
    int code = -1;
    int rc;

    aim(fetch, nginx.port, path);
    rc = moirai_curl_perform(set, fetch->easy, deadline_ns, &code);
    if (rc == 0)
        CHECK_EQ(code, CURLE_OK);
    return rc;
}

static int get_both(void *arg)
{
    struct fetch fetch = { .easy = NULL };

    (void)arg;
    for (int i = 0; i < TURNS; i++) {
        CHECK_EQ(get(&fetch, "/small", MOIRAI_NEVER), 0);
        CHECK_STR(fetch.text, SMALL);
        CHECK_EQ(get(&fetch, "/large", moirai_after(30 * MOIRAI_S)), 0);
        CHECK_EQ(fetch.size, LARGE);
    }
    curl_easy_cleanup(fetch.easy);
    return 0;
}

static int get_many(void *arg)
{
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, get_both, arg), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

TEST(curl, fetches_for_many_tasks_at_once)
{
    if (!begin())
        SKIP("no nginx: apt-get install nginx-light");
    with_each(get_many, NULL);
    end();
}

static void *get_as_thread(void *arg)
{
    return (void *)(intptr_t)get_both(arg);
}

TEST(curl, serves_threads_and_tasks_alike)
{
    pthread_t threads[3];

    if (!begin())
        SKIP("no nginx: apt-get install nginx-light");
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, get_as_thread, NULL), 0);
    with_one(2, get_many, NULL);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    end();
}

/* --- giving up ------------------------------------------------------------ */

static int get_slowly(void *arg)
{
    struct fetch fetch = { .easy = NULL };
    int rc = get(&fetch, "/slow/large", MOIRAI_NEVER);

    (void)arg;
    CHECK_EQ(rc, -ECANCELED);
    curl_easy_cleanup(fetch.easy);
    return 0;
}

/* Whoever of them drives, and goes, another takes over. */
static int give_up(void *arg)
{
    struct fetch fetch = { .easy = NULL };
    struct moirai_scope slow, good;

    CHECK_EQ(get(&fetch, "/slow/large", MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_scope_begin(&slow, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(moirai_spawn(&slow, get_slowly, NULL), 0);
    CHECK_EQ(get(&fetch, "/slow/large", moirai_after(20 * MOIRAI_MS)),
             -ETIMEDOUT);
    CHECK_EQ(moirai_scope_begin(&good, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&good, get_both, arg), 0);
    moirai_scope_cancel(&slow);
    CHECK_EQ(get(&fetch, "/small", MOIRAI_NEVER), 0);   /* the same handle */
    CHECK_EQ(moirai_scope_end(&good), 0);
    moirai_scope_end(&slow);
    curl_easy_cleanup(fetch.easy);
    return 0;
}

TEST(curl, can_be_given_up)
{
    if (!begin())
        SKIP("no nginx: apt-get install nginx-light");
    with_each(give_up, NULL);
    end();
}

static int fail(void *arg)
{
    struct fetch fetch = { .easy = NULL };
    int code = -1;

    (void)arg;
    aim(&fetch, 1, "/");
    CHECK_EQ(moirai_curl_perform(set, fetch.easy, MOIRAI_NEVER, &code), 0);
    CHECK_EQ(code, CURLE_COULDNT_CONNECT);
    curl_easy_setopt(fetch.easy, CURLOPT_URL, "nothing://of/the/sort");
    CHECK_EQ(moirai_curl_perform(set, fetch.easy, MOIRAI_NEVER, &code), 0);
    CHECK_EQ(code, CURLE_UNSUPPORTED_PROTOCOL);
    CHECK_EQ(moirai_curl_perform(set, NULL, MOIRAI_NEVER, &code), -EINVAL);
    curl_easy_cleanup(fetch.easy);
    return 0;
}

TEST(curl, says_how_a_transfer_ended)
{
    CHECK_EQ(moirai_curl_make(&set), 0);
    CHECK(moirai_curl_multi(set) != NULL);
    with_one(2, fail, NULL);
    fail(NULL);
    moirai_curl_free(set);
    moirai_curl_free(NULL);
}
