/* SPDX-License-Identifier: MIT */
/*
 * test_text.c - numbers, sizes, durations, words.
 */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "text.h"

TEST(text, reads_whole_numbers_only)
{
    uint64_t n = 99;

    CHECK_EQ(mo_text_uint("0", &n), 0);
    CHECK_EQ(n, 0);
    CHECK_EQ(mo_text_uint("18446744073709551615", &n), 0);
    CHECK(n == UINT64_MAX);
    CHECK_EQ(mo_text_uint("18446744073709551616", &n), -ERANGE);
    CHECK_EQ(mo_text_uint("99999999999999999999999", &n), -ERANGE);
    CHECK(n == UINT64_MAX);
    static const char *const wrong[] = {
        "", " 1", "1 ", "+1", "-1", "0x10", "1.5", "1e3", "010", "00", "1_000",
        "one", "99999999999999999999999x",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_FMT(mo_text_uint(wrong[i], &n) == -EINVAL, "%s", wrong[i]);
}

TEST(text, reads_signed_numbers_to_their_ends)
{
    int64_t n = 0;

    CHECK_EQ(mo_text_int("-9223372036854775808", &n), 0);
    CHECK(n == INT64_MIN);
    CHECK_EQ(mo_text_int("9223372036854775807", &n), 0);
    CHECK(n == INT64_MAX);
    CHECK_EQ(mo_text_int("9223372036854775808", &n), -ERANGE);
    CHECK_EQ(mo_text_int("-9223372036854775809", &n), -ERANGE);
    CHECK_EQ(mo_text_int("--1", &n), -EINVAL);
    CHECK_EQ(mo_text_int("-", &n), -EINVAL);
}

TEST(text, reads_sizes_in_both_systems)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } right[] = {
        { "64", 64 }, { "64B", 64 }, { "64KiB", 65536 }, { "64 KiB", 65536 },
        { "1MiB", 1048576 }, { "2GB", 2000000000 }, { "1KB", 1000 },
        { "1kB", 1000 }, { "3TiB", UINT64_C(3298534883328) }, { "0", 0 },
        { "16777215TiB", UINT64_C(16777215) << 40 },
    };
    uint64_t n = 0;

    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        CHECK_FMT(mo_text_size(right[i].text, &n) == 0, "%s", right[i].text);
        CHECK_FMT(n == right[i].bytes, "%s", right[i].text);
    }
    CHECK_EQ(mo_text_size("16777216TiB", &n), -ERANGE);
    static const char *const wrong[] = {
        "", "KiB", "64K", "64kib", "64KIB", "1.5MiB", "64  KiB", "64KiB ",
        "-1", "64 ", "1 2",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_FMT(mo_text_size(wrong[i], &n) == -EINVAL, "%s", wrong[i]);
}

TEST(text, reads_durations_with_a_unit)
{
    static const struct {
        const char *text;
        int64_t ns;
    } right[] = {
        { "0", 0 }, { "7ns", 7 }, { "20us", 20000 },
        { "20\xc2\xb5s", 20000 }, { "250ms", 250000000 },
        { "1s", 1000000000 }, { "2m", INT64_C(120000000000) },
        { "1h", INT64_C(3600000000000) }, { "1 s", 1000000000 },
    };
    int64_t ns = 0;

    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        CHECK_FMT(mo_text_duration(right[i].text, &ns) == 0, "%s",
                  right[i].text);
        CHECK_FMT(ns == right[i].ns, "%s", right[i].text);
    }
    CHECK_EQ(mo_text_duration("20", &ns), -EINVAL);
    CHECK_EQ(mo_text_duration("1d", &ns), -EINVAL);
    CHECK_EQ(mo_text_duration("-1s", &ns), -EINVAL);
    CHECK_EQ(mo_text_duration("9999999999s", &ns), -ERANGE);
    CHECK_EQ(mo_text_duration("18446744073709551615ns", &ns), -ERANGE);
}

TEST(text, reads_booleans_in_three_ways)
{
    bool yes = false;

    CHECK(mo_text_bool("yes", &yes) == 0 && yes);
    CHECK(mo_text_bool("off", &yes) == 0 && !yes);
    CHECK(mo_text_bool("true", &yes) == 0 && yes);
    CHECK_EQ(mo_text_bool("True", &yes), -EINVAL);
    CHECK_EQ(mo_text_bool("1", &yes), -EINVAL);
    CHECK_EQ(mo_text_bool("", &yes), -EINVAL);
}

TEST(text, shows_what_it_would_read_again)
{
    char out[MO_TEXT_NUMBER];

    CHECK_STR(mo_text_show_size(out, 65536), "64KiB");
    CHECK_STR(mo_text_show_size(out, 0), "0");
    CHECK_STR(mo_text_show_size(out, 1000), "1000");
    CHECK_STR(mo_text_show_size(out, UINT64_C(1) << 40), "1TiB");
    CHECK_STR(mo_text_show_size(out, UINT64_C(1) << 60), "1048576TiB");
    CHECK_STR(mo_text_show_duration(out, 0), "0");
    CHECK_STR(mo_text_show_duration(out, 20000), "20us");
    CHECK_STR(mo_text_show_duration(out, INT64_C(7200000000000)), "2h");
    CHECK_STR(mo_text_show_duration(out, 1001), "1001ns");
}

TEST(text, quotes_so_that_it_stays_on_one_line)
{
    char out[MO_TEXT_QUOTED];
    char large[200];

    CHECK_STR(mo_text_quote(out, "a b"), "\"a b\"");
    CHECK_STR(mo_text_quote(out, "a\nb\x1b[1m"), "\"a\\x0ab\\x1b[1m\"");
    CHECK_STR(mo_text_quote(out, "gr\xc3\xbc\xc3\x9f"),
              "\"gr\xc3\xbc\xc3\x9f\"");
    CHECK_STR(mo_text_quote(out, "\xff"), "\"\\xff\"");
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    CHECK_EQ(strlen(mo_text_quote(out, large)) < MO_TEXT_QUOTED, true);
    CHECK(strstr(out, "...\"") != NULL);
    memset(large, '\x01', sizeof large - 1);
    CHECK_EQ(strlen(mo_text_quote(out, large)) < MO_TEXT_QUOTED, true);
}

TEST(text, shows_every_byte_on_one_line)
{
    char out[100];

    CHECK_STR(mo_text_show(out, ""), "");
    CHECK_STR(mo_text_show(out, "gr\xc3\xbc" "n\n\xff\x7f"),
              "gr\xc3\xbc" "n\\x0a\\xff\\x7f");
    CHECK(mo_text_shows(NULL, 0));
    CHECK(mo_text_shows("", 0));
    CHECK(mo_text_shows("abc", 3));
    CHECK(!mo_text_shows("abc", 2));
    CHECK(!mo_text_shows("a\tc", 10));
    CHECK(!mo_text_shows("a\xff", 10));
    CHECK(!mo_text_shows("\xc2\x9b", 10));
    CHECK(!mo_text_shows("\xe2\x80\xae", 10));
    CHECK(mo_text_shows("\xe2\x98\xba\xc2\xb5", 10));
}

TEST(text, knows_utf8)
{
    CHECK_EQ(mo_text_utf8("a", 1), 1);
    CHECK_EQ(mo_text_utf8("\xe2\x82\xac", 3), 3);
    CHECK_EQ(mo_text_utf8("\xf0\x9f\x98\x80", 4), 4);
    CHECK_EQ(mo_text_utf8("\xe2\x82", 2), 0);
    CHECK_EQ(mo_text_utf8("\xc0\x80", 2), 0);
    CHECK_EQ(mo_text_utf8("\xed\xa0\x80", 3), 0);
    CHECK_EQ(mo_text_utf8("\xf4\x90\x80\x80", 4), 0);
    CHECK_EQ(mo_text_utf8("\xf0\x80\x80\x80", 4), 0);
    CHECK_EQ(mo_text_utf8("\xff", 1), 0);
    CHECK_EQ(mo_text_utf8("\xe2""ab", 3), 0);
}

TEST(text, counts_slips_of_the_hand)
{
    CHECK_EQ(mo_text_distance("", ""), 0);
    CHECK_EQ(mo_text_distance("abc", ""), 3);
    CHECK_EQ(mo_text_distance("plugin", "plugin"), 0);
    CHECK_EQ(mo_text_distance("plugni", "plugin"), 1);
    CHECK_EQ(mo_text_distance("plugn", "plugin"), 1);
    CHECK_EQ(mo_text_distance("Plugin", "plugin"), 0);
    CHECK_EQ(mo_text_distance("kitten", "sitting"), 3);
    CHECK_EQ(mo_text_distance("ca", "abc"), 3);
    CHECK(mo_text_distance("0123456789012345678901234567890123456789"
                           "012345678901234567890123", "a") == SIZE_MAX);
}

static const char *guess(const char *word)
{
    static const char *const words[] = {
        "workers", "blocking_threads", "max_tasks", "trace", "stop_grace",
        "io", "batch",
    };
    struct mo_text_guess g;

    mo_text_guess_init(&g, word);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        mo_text_guess_offer(&g, words[i]);
    return g.best;
}

TEST(text, guesses_what_was_meant_or_nothing)
{
    CHECK_STR(guess("worker"), "workers");
    CHECK_STR(guess("WORKERS"), "workers");
    CHECK_STR(guess("bacth"), "batch");
    CHECK_STR(guess("blocking_thread"), "blocking_threads");
    CHECK_STR(guess("blockingthreads"), "blocking_threads");
    CHECK_STR(guess("ip"), "io");
    CHECK_STR(guess("zzzzzz"), NULL);
    CHECK_STR(guess("x"), NULL);
    CHECK_STR(guess(""), NULL);
}
