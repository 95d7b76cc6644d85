/* Loads a graphql-transport-ws server on loopback, and prints one line of JSON about it.

   Each connection subscribes once and is live when its first event has come, the snapshot. A byte
   on the control port has the server publish one event to everybody. With a window of one, the next
   byte is written when all have the last event. The server's CPU and memory are read from /proc. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define CONTROL UINT32_MAX  /* the control port, which says nothing, among the connections' numbers */

enum state { UPGRADING, SIGNING_IN, SUBSCRIBING, LIVE, GONE };

struct connection {
    int socket;
    enum state state;
    uint64_t told;        /* the number of the published event that it was counted for */
    uint64_t version;     /* of the last event */
    uint64_t seen;        /* published events that it has, by the version */
    uint64_t base;        /* the version of its snapshot */
    unsigned char *rest;  /* what is left of a frame */
    size_t rest_length, rest_room;
};

struct options {
    const char *mode, *who, *document;
    int port, control, process, connections, in_flight, stalled;
    double seconds, rate, hold, warm;
    uint64_t events;
};

struct person { char *session, *token; };

static struct options given = {
    .mode = "flood", .connections = 1000, .in_flight = 64, .seconds = 5, .rate = 10, .warm = 1.5,
};
static struct connection *connections;
static struct person *people;
static char *document;
static int people_count, poller, control;
static int started, live, failed, binary;
static uint64_t messages, bytes, message_bytes, fragments, pings;
static uint64_t waiting_for;        /* connections that have not got the event yet */
static double *published, *latencies;
static uint32_t *arrived;           /* connections that have the event, by its number */
static uint64_t published_count, completed;
static double *live_at;             /* when each connection became live, in their order */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, errno ? strerror(errno) : "");
    exit(1);
}

/* ---- The server's process ---- */

static FILE *process_file(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", given.process, name);
    return fopen(path, "r");
}

/* Returns user and system time of all threads, in seconds. */
static double server_cpu(void)
{
    char line[2048], *after;
    unsigned long user = 0, system = 0;
    FILE *file = process_file("stat");
    if (!file) fail("the server has ended");
    if (fgets(line, sizeof line, file) && (after = strrchr(line, ')')))
        sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    fclose(file);
    return (double)(user + system) / sysconf(_SC_CLK_TCK);
}

static double server_memory_mib(void)
{
    unsigned long all, resident = 0;
    FILE *file = process_file("statm");
    if (!file) fail("the server has ended");
    if (fscanf(file, "%lu %lu", &all, &resident) != 2) resident = 0;
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1048576.0);
}

static int server_files(void)
{
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", given.process);
    DIR *folder = opendir(path);
    if (!folder) fail("the server has ended");
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

static double own_cpu(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* ---- Frames ---- */

static void send_all(int socket, const void *data, size_t length)
{
    const char *at = data;
    while (length) {
        ssize_t sent = send(socket, at, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) { usleep(100); continue; }
        if (sent < 0) { failed++; return; }
        at += sent;
        length -= sent;
    }
}

/* Clients mask what they send. A mask of zeros is a mask, and leaves the text as it is. */
static void send_frame(int socket, int opcode, const void *text, size_t length)
{
    unsigned char frame[8192] = {0x80 | opcode};
    size_t head = 2;
    if (length > sizeof frame - 8) fail("a message is too long");
    if (length < 126) {
        frame[1] = 0x80 | length;
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = length >> 8;
        frame[3] = length & 255;
        head = 4;
    }
    memcpy(frame + head + 4, text, length);
    send_all(socket, frame, head + 4 + length);
}

static int dial(int port, int receive_buffer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, dialled = socket(AF_INET, SOCK_STREAM, 0);
    if (dialled < 0) fail("socket");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (receive_buffer)
        setsockopt(dialled, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (connect(dialled, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(dialled, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return dialled;
}

static void open_connection(int number)
{
    struct connection *one = &connections[number];
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    char request[512];
    int length = snprintf(request, sizeof request,
        "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n",
        given.port);
    one->socket = dial(given.port, number < given.stalled ? 4096 : 0);
    fcntl(one->socket, F_SETFL, O_NONBLOCK);
    epoll_ctl(poller, EPOLL_CTL_ADD, one->socket, &event);
    send_all(one->socket, request, length);
    started++;
}

static void sign_in(int number)
{
    const char *token = people[number % people_count].token;
    char text[2048];
    int length = snprintf(text, sizeof text, "{\"type\":\"connection_init\"%s%s%s}",
                          *token ? ",\"payload\":{\"authorization\":\"Bearer " : "", token,
                          *token ? "\"}" : "");
    connections[number].state = SIGNING_IN;
    send_frame(connections[number].socket, 1, text, length);
}

static void subscribe(int number)
{
    char text[8000];
    int length = snprintf(text, sizeof text,
        "{\"id\":\"%08x-5f3b-4c1e-9d2a-%012x\",\"type\":\"subscribe\",\"payload\":"
        "{\"query\":%s,\"variables\":{\"id\":\"%s\"}}}",
        number * 2654435761u, number, document, people[number % people_count].session);
    connections[number].state = SUBSCRIBING;
    send_frame(connections[number].socket, 1, text, length);
}

/* ---- What comes ---- */

static void drop(int number, const char *why)
{
    struct connection *one = &connections[number];
    if (one->state == GONE) return;
    if (failed++ < 3) fprintf(stderr, "connection %d: %s\n", number, why);
    if (one->state == LIVE) live--;
    epoll_ctl(poller, EPOLL_CTL_DEL, one->socket, NULL);
    one->state = GONE;
}

/* Counts an event for all numbers up to its version: a slow server may tell several at once. */
static void note_event(struct connection *one)
{
    if (one->state == SUBSCRIBING) {
        one->state = LIVE;
        one->base = one->version;
        live_at[live++] = now();
        return;
    }
    messages++;
    if (waiting_for && one->told != published_count) {
        one->told = published_count;
        waiting_for--;
    }
    if (!arrived) return;
    uint64_t until = one->version - one->base;
    while (one->seen < until && one->seen < published_count) {
        uint64_t number = one->seen++;
        if (++arrived[number] == (uint32_t)given.connections) {
            latencies[number] = now() - published[number];
            completed++;
        }
    }
}

/* Looks at both ends, since the order of an object's members is the server's own. */
static int says_next(const unsigned char *text, size_t length)
{
    size_t part = length < 120 ? length : 120;
    return memmem(text, part, "\"next\"", 6) || memmem(text + length - part, part, "\"next\"", 6);
}

static void take_message(int number, const unsigned char *text, size_t length, int is_start, int is_end)
{
    struct connection *one = &connections[number];
    const char *found;
    if (one->state == SIGNING_IN) {
        if (memmem(text, length, "connection_ack", 14)) subscribe(number);
        else drop(number, "not acknowledged");
        return;
    }
    if (is_start && !says_next(text, length)) {
        static const char pong[] = "{\"type\":\"pong\"}";
        if (memmem(text, length, "\"ping\"", 6)) {
            pings++;
            send_frame(one->socket, 1, pong, sizeof pong - 1);
        } else {
            if (failed < 3) fprintf(stderr, "%.*s\n", (int)(length < 400 ? length : 400), text);
            drop(number, "an answer that is no event");
        }
        return;
    }
    message_bytes = is_start ? length : message_bytes + length;
    if ((found = memmem(text, length, "\"version\":", 10))) one->version = strtoull(found + 10, NULL, 10);
    if (is_end) note_event(one);
}

static void take_frame(int number, int first, const unsigned char *data, size_t length)
{
    switch (first & 15) {
    case 8:
        if (failed < 3 && length >= 2)
            fprintf(stderr, "code %d, %.*s: ", data[0] << 8 | data[1], (int)length - 2, data + 2);
        drop(number, "closed by the server");
        break;
    case 9: pings++; send_frame(connections[number].socket, 10, data, length); break;
    case 10: break;
    default:
        if ((first & 15) == 0) fragments++;
        if ((first & 15) == 2) binary++; /* a real client would refuse it */
        take_message(number, data, length, (first & 15) != 0, first & 0x80);
    }
}

/* Takes all whole frames and returns how many bytes they had. */
static size_t take_frames(int number, const unsigned char *data, size_t length)
{
    struct connection *one = &connections[number];
    size_t at = 0;
    if (one->state == UPGRADING) {
        const unsigned char *end = memmem(data, length, "\r\n\r\n", 4);
        if (!end) return 0;
        if (memcmp(data + 9, "101", 3)) { drop(number, "no WebSocket"); return length; }
        sign_in(number);
        at = end - data + 4;
    }
    while (length - at >= 2) {
        uint64_t size = data[at + 1] & 127;
        size_t head = size == 126 ? 4 : size == 127 ? 10 : 2;
        if (length - at < head) break;
        if (head > 2) {
            size = 0;
            for (size_t i = 2; i < head; i++) size = size << 8 | data[at + i];
        }
        if (length - at < head + size) break;
        take_frame(number, data[at], data + at + head, size);
        at += head + size;
    }
    return at;
}

static void keep_rest(struct connection *one, const unsigned char *data, size_t length)
{
    if (one->rest_room < length) {
        one->rest_room = length * 2;
        one->rest = realloc(one->rest, one->rest_room);
    }
    memmove(one->rest, data, length);
    one->rest_length = length;
}

static void read_connection(int number)
{
    static unsigned char buffer[1 << 20];
    struct connection *one = &connections[number];
    size_t kept = one->rest_length;
    if (kept > sizeof buffer / 2) fail("a frame is too long");
    memcpy(buffer, one->rest, kept);
    ssize_t length = recv(one->socket, buffer + kept, sizeof buffer - kept, 0);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) { drop(number, "the server hung up"); return; }
    bytes += length;
    size_t whole = take_frames(number, buffer, kept + length);
    if (kept || whole < kept + length) keep_rest(one, buffer + whole, kept + length - whole);
}

static void wait_for_news(double seconds)
{
    struct epoll_event events[512];
    int count = epoll_wait(poller, events, 512, seconds < 0 ? 0 : (int)(seconds * 1000));
    for (int i = 0; i < count; i++) {
        if (events[i].data.u32 == CONTROL) fail("the control port hung up");
        if (connections[events[i].data.u32].state != GONE) read_connection(events[i].data.u32);
    }
}

static void wait_a_while(double seconds)
{
    double until = now() + seconds;
    while (now() < until) wait_for_news(0.05);
}

/* ---- Measurements ---- */

static void publish(int to)
{
    published[published_count++] = now();
    waiting_for = to;
    send_all(control, "P", 1);
}

static int compare(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static double ms(const double *sorted, uint64_t count, double share)
{
    return count ? sorted[(uint64_t)(share * (count - 1))] * 1000 : 0;
}

/* Connects everybody, `in_flight` at a time; the clients that come next wait for those. */
static double arrive(void)
{
    double start = now(), last = start;
    int was = 0;
    while (live < given.connections) {
        while (started < given.connections && started - live < given.in_flight) open_connection(started);
        wait_for_news(0.1);
        if (live > was) { was = live; last = now(); }
        if (failed || now() - last > 60) fail("not everybody could subscribe");
    }
    return start;
}

/* Publishes one event after the other until `seconds` are over or `events` are told. */
static uint64_t flood(int to, double seconds, uint64_t events)
{
    double start = now();
    uint64_t first = published_count;
    while ((events ? published_count - first < events : now() - start < seconds) && !failed) {
        double patience = now() + 60;
        publish(to);
        while (waiting_for && now() < patience && !failed) wait_for_news(0.1);
        if (waiting_for) fail("an event did not reach everybody");
        latencies[published_count - 1] = now() - published[published_count - 1];
    }
    return published_count - first;
}

static void print_costs(double cpu, double own, double elapsed, uint64_t count)
{
    printf("\"messages\":%lu,\"seconds\":%.3f,\"messages_per_s\":%.0f,\"cpu_us_per_message\":%.3f,"
           "\"server_busy\":%.3f,\"client_busy\":%.3f,\"message_bytes\":%lu,\"fragments\":%lu,"
           "\"binary\":%d,", count, elapsed, count / elapsed, cpu / count * 1e6, cpu / elapsed,
           own / elapsed, message_bytes, fragments, binary);
}

static void print_latencies(uint64_t first, uint64_t count)
{
    double *some = latencies + first;
    qsort(some, count, sizeof *some, compare);
    printf("\"last_p50_ms\":%.3f,\"last_p99_ms\":%.3f,\"last_max_ms\":%.3f", ms(some, count, 0.5),
           ms(some, count, 0.99), ms(some, count, 1));
}

static void measure_flood(void)
{
    const int samples = 10;
    flood(given.connections, given.warm, 0); /* a server that compiles gets the time for it */
    uint64_t warm = published_count, before = messages, told = 0;
    double cpu = server_cpu(), own = own_cpu(), start = now(), memory[16] = {server_memory_mib()};
    for (int i = 1; i <= samples; i++) {
        told += flood(given.connections, given.seconds / samples, given.events / samples);
        memory[i] = server_memory_mib();
    }
    double elapsed = now() - start;
    print_costs(server_cpu() - cpu, own_cpu() - own, elapsed, messages - before);
    printf("\"events\":%lu,\"memory_mib\":[", told);
    for (int i = 0; i <= samples; i++) printf("%s%.1f", i ? "," : "", memory[i]);
    printf("],");
    print_latencies(warm, told);
}

static void measure_rate(void)
{
    uint64_t wanted = given.seconds * given.rate;
    arrived = calloc(wanted + 1, sizeof *arrived);
    flood(given.connections, 0, 3);
    wait_a_while(0.3);
    for (int i = 0; i < given.connections; i++) connections[i].base = connections[i].version;
    for (int i = 0; i < given.connections; i++) connections[i].seen = 0;
    memset(arrived, 0, (wanted + 1) * sizeof *arrived);
    published_count = completed = 0;
    uint64_t before = messages;
    double cpu = server_cpu(), own = own_cpu(), start = now();
    double end = start + given.seconds + 30;
    while (completed < wanted && now() < end && !failed) {
        double due = start + published_count / given.rate;
        if (published_count < wanted && now() >= due) publish(0);
        else wait_for_news(published_count < wanted ? due - now() : 0.1);
    }
    if (completed < wanted) fail("events did not reach everybody");
    print_costs(server_cpu() - cpu, own_cpu() - own, now() - start, messages - before);
    print_latencies(0, wanted);
}

static void measure_arrival(void)
{
    double cpu = server_cpu(), start = arrive();
    int count = given.connections;
    printf("\"first_ms\":%.1f,\"all_s\":%.3f,\"cpu_ms_each\":%.3f,\"quarters_s\":[%.3f,%.3f,%.3f,%.3f],",
           (live_at[0] - start) * 1000, live_at[count - 1] - start,
           (server_cpu() - cpu) * 1000 / count, live_at[count / 4] - start,
           live_at[count / 2] - live_at[count / 4], live_at[count * 3 / 4] - live_at[count / 2],
           live_at[count - 1] - live_at[count * 3 / 4]);
    printf("\"memory_mib\":%.1f", server_memory_mib());
}

static void measure_idle(void)
{
    double memory = server_memory_mib();
    arrive();
    wait_a_while(2);
    double grown = server_memory_mib() - memory, cpu = server_cpu(), start = now();
    wait_a_while(given.hold);
    double share = (server_cpu() - cpu) / (now() - start);
    printf("\"kib_each\":%.1f,\"percent_of_core\":%.2f,\"held_s\":%.1f,\"pings\":%lu,\"live\":%d",
           grown * 1024 / given.connections, share * 100, now() - start, pings, live);
}

struct phase { uint64_t events; double seconds, cpu; };

/* Waits until all who read are up to date, publishes enough that the others' sockets are full, and
   then measures. A phase without anybody to fill does the same: who rests first is served first. */
static void flood_in(struct phase *phase, int to, double seconds)
{
    const uint64_t full_bytes = 128 << 10; /* more than a server keeps for a socket */
    uint64_t before;
    do { before = bytes; wait_a_while(0.3); } while (bytes > before && !failed);
    flood(to, 0, full_bytes / message_bytes + 1);
    double cpu = server_cpu(), start = now();
    phase->events += flood(to, seconds, 0);
    phase->seconds += now() - start;
    phase->cpu += server_cpu() - cpu;
}

static void let_them_read(int read)
{
    for (int i = 0; i < given.stalled; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        epoll_ctl(poller, read ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, connections[i].socket, &event);
    }
}

static void print_phase(const char *name, const struct phase *phase, int to)
{
    printf("\"per_reader_%s\":%.2f,\"cpu_us_%s\":%.3f,", name, phase->events / phase->seconds,
           name, phase->cpu / phase->events / to * 1e6);
}

/* Measures in turn with everybody reading and with some who do not, so that both have the same
   weather; then goes on with these until they are closed. */
static void measure_stalled(void)
{
    const int turns = 6;
    int others = given.connections - given.stalled, files = server_files(), closed = 0;
    struct phase all = {0}, some = {0};
    flood(given.connections, given.warm, 0);
    double memory = server_memory_mib(), most = memory, start = now(), closed_after = 0;
    for (int turn = 0; turn < turns; turn++) {
        if (turn) let_them_read(1);
        flood_in(&all, given.connections, given.seconds / turns);
        let_them_read(0);
        start = now();
        flood_in(&some, others, given.seconds / turns);
    }
    while (now() - start < given.hold && closed < given.stalled) {
        flood(others, 0.25, 0);
        double has = server_memory_mib();
        if (has > most) most = has;
        closed = files - server_files();
        closed_after = now() - start;
    }
    print_phase("all_read", &all, given.connections);
    print_phase("some_stalled", &some, others);
    printf("\"stalled\":%d,\"closed\":%d,\"closed_after_s\":%.1f,\"memory_mib\":[%.1f,%.1f,%.1f],"
           "\"message_bytes\":%lu", given.stalled, closed, closed_after, memory, most,
           server_memory_mib(), message_bytes);
}

/* ---- Start ---- */

static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) fail(path);
    size_t room = 1 << 24, length;
    char *text = malloc(room);
    length = fread(text, 1, room - 1, file);
    text[length] = 0;
    fclose(file);
    return realloc(text, length + 1);
}

/* Reads lines of a session and, behind a space, the token of somebody who may watch it. */
static void read_people(void)
{
    char *line = strtok(read_whole(given.who), "\n");
    people = calloc(given.connections + 1, sizeof *people);
    for (; line && people_count < given.connections; line = strtok(NULL, "\n")) {
        char *space = strchr(line, ' ');
        if (!space) fail("a line without a space");
        *space = 0;
        people[people_count++] = (struct person){line, space + 1};
    }
    if (!people_count) fail("nobody watches");
}

static void read_options(int count, char **values)
{
    static const struct option names[] = {
        {"mode", 1, 0, 'm'}, {"who", 1, 0, 'w'}, {"document", 1, 0, 'd'}, {"port", 1, 0, 'p'},
        {"control", 1, 0, 'c'}, {"process", 1, 0, 'P'}, {"connections", 1, 0, 'n'},
        {"in-flight", 1, 0, 'f'}, {"stalled", 1, 0, 's'}, {"seconds", 1, 0, 't'},
        {"rate", 1, 0, 'r'}, {"hold", 1, 0, 'h'}, {"events", 1, 0, 'e'}, {"warm", 1, 0, 'W'}, {0},
    };
    int name;
    while ((name = getopt_long(count, values, "", names, NULL)) != -1)
        switch (name) {
        case 'm': given.mode = optarg; break;
        case 'w': given.who = optarg; break;
        case 'd': given.document = optarg; break;
        case 'p': given.port = atoi(optarg); break;
        case 'c': given.control = atoi(optarg); break;
        case 'P': given.process = atoi(optarg); break;
        case 'n': given.connections = atoi(optarg); break;
        case 'f': given.in_flight = atoi(optarg); break;
        case 's': given.stalled = atoi(optarg); break;
        case 't': given.seconds = atof(optarg); break;
        case 'r': given.rate = atof(optarg); break;
        case 'W': given.warm = atof(optarg); break;
        case 'h': given.hold = atof(optarg); break;
        case 'e': given.events = strtoull(optarg, NULL, 10); break;
        default: exit(2);
        }
    if (!given.who || !given.document || !given.port || !given.control || !given.process) exit(2);
}

int main(int count, char **values)
{
    const int events_most = 1 << 22;
    read_options(count, values);
    document = read_whole(given.document);
    read_people();
    connections = calloc(given.connections, sizeof *connections);
    live_at = calloc(given.connections + 1, sizeof *live_at);
    published = calloc(events_most, sizeof *published);
    latencies = calloc(events_most, sizeof *latencies);
    poller = epoll_create1(0);
    control = dial(given.control, 0);
    struct epoll_event hung_up = {.events = EPOLLIN, .data.u32 = CONTROL};
    epoll_ctl(poller, EPOLL_CTL_ADD, control, &hung_up);
    printf("{\"mode\":\"%s\",\"connections\":%d,", given.mode, given.connections);
    int arrives_by_itself = !strcmp(given.mode, "arrival") || !strcmp(given.mode, "idle");
    if (!arrives_by_itself) { arrive(); wait_a_while(0.3); }
    if (!strcmp(given.mode, "flood")) measure_flood();
    else if (!strcmp(given.mode, "rate")) measure_rate();
    else if (!strcmp(given.mode, "arrival")) measure_arrival();
    else if (!strcmp(given.mode, "idle")) measure_idle();
    else if (!strcmp(given.mode, "stalled")) measure_stalled();
    else exit(2);
    printf(",\"failed\":%d}\n", failed);
    return failed ? 1 : 0;
}
