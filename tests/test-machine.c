/* SPDX-License-Identifier: MIT */

/* The service as it is installed: started by bus and systemd, in its unit, on a machine of its own
 * (tests/machine). */

#include <arpa/inet.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "call.h"
#include "process.h"
#include "systemd-unit.h"

static GDBusConnection *root;

static void assert_probe(const char *host, const char *options)
{
    Answer answer;

    probe_wait(&answer, root, host, options);
    assert_result(&answer, "reply");
    answer_clear(&answer);
}

/* As somebody does at a prompt. */
static void assert_busctl(void)
{
    static const char *const busctl[] = {
        "busctl", "call",   SERVICE_NAME, SERVICE_PATH, SERVICE_INTERFACE,
        "Probe",  "sa{sv}", "127.0.0.1",  "0",          NULL};
    g_autofree char *out = NULL, *err = NULL;

    g_assert_cmpint(fixture_command(busctl, &out, &err), ==, 0);
    g_assert_cmpstr(err, ==, "");
    g_assert_nonnull(strstr(out, " true \"reply\" "));
}

static int is_active(void)
{
    static const char *const systemctl[] = {"systemctl", "is-active", "--quiet", UNIT_NAME, NULL};

    return fixture_command(systemctl, NULL, NULL);
}

/* The first call starts the service, an idle time ends it, and the next call starts it again. */
static void test_activation(void)
{
    unit_configure(NULL, NULL);
    g_assert_cmpint(is_active(), !=, 0);
    assert_busctl();
    g_assert_cmpint(is_active(), ==, 0);

    unit_configure("--idle-timeout=0.3", NULL);
    for (unsigned i = 0; i < 3; i++) {
        g_autoptr(GVariant) result = NULL;

        assert_busctl();
        unit_wait_state("inactive");
        result = unit_property("Service", "Result");
        g_assert_cmpstr(g_variant_get_string(result, NULL), ==, "success");
    }
    assert_probe("127.0.0.1", NULL);
    g_assert_cmpint(is_active(), ==, 0);
}

/*
 * Protocols
 */

/* Answers a question for an address of IPv4 with 127.0.0.1, any other with none. */
static gboolean on_question(GSocket *socket, GIOCondition condition, void *userdata)
{
    static const guint8 answer[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1};
    g_autoptr(GSocketAddress) client = NULL;
    g_autoptr(GError) error = NULL;
    guint8 message[512 + sizeof(answer)];
    gssize size = g_socket_receive_from(socket, &client, (char *)message, 512, NULL, &error);
    gssize end = 12;

    g_assert_no_error(error);
    while (end < size && message[end] != 0)
        end += message[end] + 1;
    end += 5; /* the name's end, type and class */
    g_assert_cmpint(end, <=, size);

    memset(message + 6, 0, 6); /* records: one question and no others */
    message[2] |= 0x80;
    message[3] = 0x80;
    if (message[end - 3] == 1) {
        message[7] = 1;
        memcpy(message + end, answer, sizeof(answer));
        end += (gssize)sizeof(answer);
    }
    g_socket_send_to(socket, client, (char *)message, (gsize)end, NULL, &error);
    g_assert_no_error(error);
    return G_SOURCE_CONTINUE;
}

/* A name server for this machine. */
static GSource *serve_names(void)
{
    g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new(loopback, 53);
    g_autoptr(GError) error = NULL;
    g_autoptr(GSocket) socket =
        g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, &error);
    GSource *source;

    g_assert_no_error(error);
    g_socket_bind(socket, address, FALSE, &error);
    g_assert_no_error(error);
    source = g_socket_create_source(socket, G_IO_IN, NULL);
    g_source_set_callback(source, G_SOURCE_FUNC(on_question), NULL, NULL);
    g_source_attach(source, NULL);
    return source;
}

/* What the unit takes away is nothing that a probe needs. */
static void test_protocols(void)
{
    static const char *const hosts[] = {"127.0.0.1", "::1",
                                        /* of files, and of the name server */
                                        "four.test", "six.test", "somewhere.test"};
    static const char *const options[] = {
        "{'protocol': <'icmp'>}",
        "{'protocol': <'udp'>}",
        "{'protocol': <'udp'>, 'port': <9>}",
        "{'protocol': <'tcp'>, 'port': <9>}",
        "{'protocol': <'icmp'>, 'mark': <7>}",
        "{'protocol': <'udp'>, 'mark': <8>}",
        "{'protocol': <'tcp'>, 'mark': <9>, 'port': <9>}",
        "{'size': <9000>, 'ttl': <3>, 'tos': <4>, 'bit_pattern': <5>, 'timeout': <2.5>}",
    };
    static const char *const features[] = {"icmp", "udp", "tcp", "ip-4", "ip-6", "mark"};
    GSource *server = serve_names();
    Answer answer;

    unit_configure(NULL, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(hosts); i++)
        for (unsigned j = 0; j < G_N_ELEMENTS(options); j++)
            assert_probe(hosts[i], options[j]);
    assert_probe("127.0.0.1", "{'local_ip': <'127.0.0.2'>}");
    assert_probe("::1", "{'local_ip': <'::1'>}");

    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        gboolean supported;

        call_start(&answer, root, "CheckSupport", g_variant_new("(s)", features[i]));
        call_wait(&answer);
        g_assert_cmpstr(answer.message, ==, NULL);
        g_variant_get(answer.value, "(b)", &supported);
        if (!supported)
            g_error("%s is not supported in the unit", features[i]);
        answer_clear(&answer);
    }

    probe_wait(&answer, root, "nowhere.test", "{'ip_version': <6>}");
    assert_error(&answer, ERROR_HOST_RESOLVE, "nowhere.test");
    answer_clear(&answer);

    g_source_destroy(server);
    g_source_unref(server);
}

int main(int argc, char *argv[])
{
    g_autofree char *etc = g_build_filename(g_getenv("TEST_TREE"), "etc", NULL);
    const char *const cp[] = {"cp", "-rT", "--remove-destination", etc, "/etc", NULL};
    int status;

    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(fixture_command(cp, NULL, NULL), ==, 0);
    root = fixture_connect(0);
    unit_init(root);

    g_test_add_func("/machine/activation", test_activation);
    g_test_add_func("/machine/protocols", test_protocols);

    status = g_test_run();
    fixture_disconnect(root);
    return status;
}
