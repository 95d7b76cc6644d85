/* Writes prepared bytes to every subscriber in a loop: what no server on this machine can beat.

   Usage: loop PORT CONTROL_PORT SNAPSHOT CHANGE, the last two being files of a message each. The
   seven digits behind "version": in the change count up, as those of a real server do. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 20000

static char snapshot[65600], change[65600];
static size_t snapshot_length, change_length;
static char *digits;
static int subscribers[MOST], subscriber_count, steps[MOST + 64], poller;
static long version = 1000000;

static int listen_on(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) exit(1);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    return listener;
}

/* Makes a frame of a file's text: at least 126 bytes, as every event has. */
static size_t make_frame(const char *path, char *frame)
{
    FILE *file = fopen(path, "r");
    if (!file) exit(1);
    size_t length = fread(frame + 4, 1, 65535, file);
    fclose(file);
    if (length < 126) exit(1);
    frame[0] = (char)0x81;
    frame[1] = 126;
    frame[2] = (char)(length >> 8);
    frame[3] = (char)length;
    return length + 4;
}

static void write_to(int socket, const char *data, size_t length)
{
    send(socket, data, length, MSG_NOSIGNAL);
}

static void tell_everybody(void)
{
    char written[32];
    snprintf(written, sizeof written, "%07ld", ++version % 10000000);
    memcpy(digits, written, 7);
    for (int i = 0; i < subscriber_count; i++) write_to(subscribers[i], change, change_length);
}

/* Answers the three steps of a subscription by their order; what they say is not read. */
static void answer(int socket)
{
    static const char upgrade[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n";
    static const char acknowledge[] = "\x81\x19{\"type\":\"connection_ack\"}";
    char ignored[16384];
    if (recv(socket, ignored, sizeof ignored, 0) <= 0) exit(0);
    switch (steps[socket]++) {
    case 0: write_to(socket, upgrade, sizeof upgrade - 1); break;
    case 1: write_to(socket, acknowledge, 27); break;
    case 2:
        write_to(socket, snapshot, snapshot_length);
        subscribers[subscriber_count++] = socket;
    }
}

int main(int count, char **values)
{
    int control = -1, control_listener, listener, one = 1;
    if (count != 5) return 2;
    poller = epoll_create1(0);
    listener = listen_on(values[1]);
    control_listener = listen_on(values[2]);
    snapshot_length = make_frame(values[3], snapshot);
    change_length = make_frame(values[4], change);
    digits = memmem(change, change_length, "\"version\":", 10);
    if (!digits) return 1;
    digits += 10;
    for (;;) {
        struct epoll_event events[256];
        int found = epoll_wait(poller, events, 256, 120000);
        if (found <= 0) return 0; /* forgotten */
        for (int i = 0; i < found; i++) {
            int socket = events[i].data.fd;
            if (socket == control) {
                char orders[256];
                long length = read(control, orders, sizeof orders);
                if (length <= 0) return 0;
                while (length--) tell_everybody();
            } else if (socket == listener || socket == control_listener) {
                int came = accept(socket, NULL, NULL);
                struct epoll_event event = {.events = EPOLLIN, .data.fd = came};
                if (came < 0 || came >= MOST) return 1;
                setsockopt(came, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                epoll_ctl(poller, EPOLL_CTL_ADD, came, &event);
                if (socket == control_listener) control = came;
            } else {
                answer(socket);
            }
        }
    }
}
