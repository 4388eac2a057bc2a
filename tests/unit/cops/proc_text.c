/* The files of /proc/PID, from texts as the kernel writes them. */
#include "runtime/agent/cops/proc_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "runtime/agent/cops/proc.h"

#define BEHIND_NAME                                                                                                    \
    " S 7 1 1 0 -1 4194560 100 0 3 0 250 150 9 9 20 0 12 0 4242 1000000 321 18446744073709551615 1 1 0 0 0"

static struct cops_stat stat;

static void assert_stat(const char *text, const char *name)
{
    assert_true(cops_parse_stat(text, &stat));
    assert_string_equal(stat.name, name);
    assert_int_equal(stat.ppid, 7);
    assert_int_equal(stat.cpu_ticks, 400);
    assert_int_equal(stat.threads, 12);
    assert_int_equal(stat.start_ticks, 4242);
    assert_int_equal(stat.rss_pages, 321);
}

static void stat_is_read_by_its_brackets(void **state)
{
    (void)state;
    assert_stat("12 (app)" BEHIND_NAME, "app");
    assert_stat("12 (a) S 1 (b)" BEHIND_NAME, "a) S 1 (b");
    assert_stat("12 ()" BEHIND_NAME, "");
}

static void a_cut_stat_is_none(void **state)
{
    (void)state;
    assert_false(cops_parse_stat("", &stat));
    assert_false(cops_parse_stat("12 (app", &stat));
    assert_false(cops_parse_stat("12 )app(", &stat));
    assert_false(cops_parse_stat("12 (app) S 7 1 1 0 -1 4194560 100 0 3 0 250 150 9 9 20 0 12 0 4242 1000000", &stat));
}

static void our_own_stat_is_read(void **state)
{
    (void)state;
    assert_true(cops_proc_stat(getpid(), &stat));
    assert_int_equal(stat.ppid, getppid());
    assert_int_equal(stat.threads, 1);
    assert_true(stat.rss_pages > 0);
    assert_false(cops_proc_stat(0, &stat));
}

static void a_field_is_found_at_a_line_s_begin(void **state)
{
    uint64_t value = 0;
    (void)state;
    assert_true(cops_parse_field("Name:\tUid: 5\nUid:\t1000\t1\n", "Uid", &value));
    assert_int_equal(value, 1000);
    assert_true(cops_parse_field("MemTotal:       16384 kB\n", "MemTotal", &value));
    assert_int_equal(value, 16384);
    assert_false(cops_parse_field("MemTotalX: 1\n", "MemTotal", &value));
    assert_false(cops_parse_field("Uid:\tx\n", "Uid", &value));
    assert_false(cops_parse_field("", "Uid", &value));
}

static void a_library_is_found_in_maps_by_its_name(void **state)
{
    static const char maps[] = "00400000-00401000 r-xp 00000000 08:01 1 /x/libcruntime.so.0/app\n"
                               "7f00-7f01 rw-p 00000000 00:00 0 \n"
                               "7f01-7f02 r-xp 00000000 08:01 2                  /opt/my libs/libcruntime.so.0\n"
                               "7f02-7f03 r-xp 00000000 08:01 3                  /lib/notlibcruntime.so\n"
                               "7f03-7f04 r-xp 00000000 00:00 0 [vdso]";
    const char *text = maps;
    char path[64], small[8];
    (void)state;
    assert_string_equal(cops_parse_maps(&text, "libcruntime.so", path, sizeof path), "/opt/my libs/libcruntime.so.0");
    assert_null(cops_parse_maps(&text, "libcruntime.so", path, sizeof path));
    assert_string_equal(text, "");
    text = maps;
    assert_null(cops_parse_maps(&text, "libcruntime.so", small, sizeof small));
}

static void sockets_are_read_with_their_addresses(void **state)
{
    struct cops_socket s;
    char buf[COPS_ENDPOINT_TEXT];
    (void)state;
    assert_true(
        cops_parse_socket("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
                          "4711 1 0000000000000000 100 0 0 10 0",
                          false, &s));
    assert_string_equal(cops_endpoint_text(buf, &s.local), "127.0.0.1:8080");
    assert_string_equal(cops_endpoint_text(buf, &s.remote), "0.0.0.0:0");
    assert_string_equal(cops_state_name(s.state), "LISTEN");
    assert_true(cops_endpoint_is_any(&s.remote));
    assert_false(cops_endpoint_is_any(&s.local));
    assert_int_equal(s.inode, 4711);
    assert_true(cops_parse_socket("  10: 00000000000000000000000001000000:0050 "
                                  "00000000000000000000000001000000:C350 01 00000000:00000000 00:00000000 00000000     "
                                  "0        0 99 1",
                                  true, &s));
    assert_string_equal(cops_endpoint_text(buf, &s.local), "[::1]:80");
    assert_string_equal(cops_endpoint_text(buf, &s.remote), "[::1]:50000");
    assert_string_equal(cops_state_name(s.state), "ESTABLISHED");
}

static void broken_lines_of_sockets_are_none(void **state)
{
    static const char *const bad[] = {
        "",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        "   0: 0100007F:1F90",
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0",
        "   0: 01007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1",
    };
    struct cops_socket s;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(cops_parse_socket(bad[i], false, &s));
    assert_string_equal(cops_state_name(0), "NONE");
    assert_string_equal(cops_state_name(77), "NONE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_is_read_by_its_brackets),
        cmocka_unit_test(a_cut_stat_is_none),
        cmocka_unit_test(our_own_stat_is_read),
        cmocka_unit_test(a_field_is_found_at_a_line_s_begin),
        cmocka_unit_test(a_library_is_found_in_maps_by_its_name),
        cmocka_unit_test(sockets_are_read_with_their_addresses),
        cmocka_unit_test(broken_lines_of_sockets_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
