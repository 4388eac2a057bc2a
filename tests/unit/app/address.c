/* address.c - HOST:PORT, and who may listen where. */
#include "app/server/address.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void takes(const char *text, const char *host, const char *port, bool is_ipv6)
{
    struct address address;

    if (address_parse(text, &address) != 0)
        fail_msg("\"%s\" should be an address", text);
    assert_string_equal(address.host, host);
    assert_string_equal(address.port, port);
    assert_int_equal(address.is_ipv6, is_ipv6);
}

static void refuses(const char *text)
{
    struct address address;

    if (address_parse(text, &address) == 0)
        fail_msg("\"%s\" should not be an address", text);
}

static void a_host_and_a_port_are_taken(void **state)
{
    (void)state;
    takes("127.0.0.1:8080", "127.0.0.1", "8080", false);
    takes("localhost:0", "localhost", "0", false);
    takes("[::1]:65535", "::1", "65535", true);
}

static void what_is_not_host_and_port_is_refused(void **state)
{
    char long_host[400];

    (void)state;
    refuses("");
    refuses("8080");
    refuses(":8080");
    refuses("127.0.0.1");
    refuses("127.0.0.1:");
    refuses("127.0.0.1:65536");
    refuses("127.0.0.1:000080");
    refuses("127.0.0.1:80x");
    refuses("127.0.0.1:-1");
    refuses("127.0.0.1:+80");
    refuses("::1:8080");
    refuses("[]:8080");
    refuses("[::1:8080");
    refuses("[::1]8080");
    refuses("[::1]]:80");
    memset(long_host, 'a', sizeof(long_host));
    strcpy(long_host + 300, ":80");
    refuses(long_host);
}

static struct address loopback(int port)
{
    struct address address;
    char text[32];

    snprintf(text, sizeof(text), "127.0.0.1:%d", port);
    assert_int_equal(address_parse(text, &address), 0);
    return address;
}

static int bound_port(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof(address);

    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

static void port_0_finds_one_port_for_all_sockets(void **state)
{
    struct address address = loopback(0);
    struct failure err;
    int fds[3];
    int port;

    (void)state;
    assert_int_equal(address_listen(&address, fds, 3, &port, &err), 0);
    assert_int_not_equal(port, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bound_port(fds[i]), port);
        close(fds[i]);
    }
}

/* SO_REUSEPORT alone would let the second one in. */
static void a_port_on_which_another_group_listens_is_refused(void **state)
{
    struct address address = loopback(0);
    struct failure err = {""};
    int fds[2];
    int more[2];
    int port;

    (void)state;
    assert_int_equal(address_listen(&address, fds, 2, &port, &err), 0);
    address = loopback(port);
    assert_int_equal(address_listen(&address, more, 2, &port, &err), -1);
    assert_non_null(strstr(err.text, address.port));
    assert_non_null(strstr(err.text, "in use"));
    close(fds[0]);
    assert_int_equal(address_listen(&address, more, 2, &port, &err), -1);
    close(fds[1]);
    assert_int_equal(address_listen(&address, more, 2, &port, &err), 0);
    close(more[0]);
    close(more[1]);
}

/* Each socket of the group must be able to get connections, the first one too, which joined late. */
static void every_socket_of_the_group_gets_connections(void **state)
{
    struct address address = loopback(0);
    struct failure err;
    int got[2] = {0, 0};
    int clients[200];
    int fds[2];
    int port;

    (void)state;
    assert_int_equal(address_listen(&address, fds, 2, &port, &err), 0);
    for (int i = 0; i < 200; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(clients[i], (struct sockaddr *)&to, sizeof(to)), 0);
    }
    for (int i = 0; i < 2; i++) {
        int fd;

        while ((fd = accept(fds[i], NULL, NULL)) >= 0) {
            got[i]++;
            close(fd);
        }
        close(fds[i]);
    }
    for (int i = 0; i < 200; i++)
        close(clients[i]);
    assert_int_equal(got[0] + got[1], 200);
    /* By hash of the ports: 200 fair coins, so that fewer than 20 is not chance. */
    assert_true(got[0] >= 20 && got[1] >= 20);
}

static void a_host_that_does_not_exist_is_named(void **state)
{
    struct address address;
    struct failure err = {""};
    int fd;
    int port;

    (void)state;
    assert_int_equal(address_parse("300.1.1.1.invalid:0", &address), 0);
    assert_int_equal(address_listen(&address, &fd, 1, &port, &err), -1);
    assert_non_null(strstr(err.text, "300.1.1.1.invalid"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_and_a_port_are_taken),
        cmocka_unit_test(what_is_not_host_and_port_is_refused),
        cmocka_unit_test(port_0_finds_one_port_for_all_sockets),
        cmocka_unit_test(a_port_on_which_another_group_listens_is_refused),
        cmocka_unit_test(every_socket_of_the_group_gets_connections),
        cmocka_unit_test(a_host_that_does_not_exist_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
