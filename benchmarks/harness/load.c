// Closed-loop load: each connection sends its next request when its answer is complete.
//
//   load -p PORT -b BODY_FILE -c CONNECTIONS -d SECONDS -w WARM_UP_SECONDS
//        [-k SECRET | -K SECRETS_FILE] [-s [-a EVENTS]]
//
// -k sends `Authorization: Bearer SECRET`, -K the secrets of a file, one a line, in turn.
// -s expects server-sent events, counts them, and reads how long each chunk was under way
// from the stamp that engine.c writes into it. -a hangs up on each after so many events.
// Answers that end within the warm-up are counted as issued, but not timed.
// Prints one JSON object, latencies in microseconds; benchmarks/load.py names its members.
// One thread, epoll, keep-alive, loopback only.
#include "clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 256
#define FILE_BYTES_MAX (1 << 20)
#define GRACE_SECONDS 5
#define READ_BYTES (1 << 16)
#define USAGE "\"completion_tokens\":"

// Times in 64 linear steps per power of two, of 128 ns: within 2 %.
#define STEPS 64
#define BUCKETS (64 * STEPS)

typedef struct {
    uint32_t counts[BUCKETS];
    uint64_t total;
} histogram;

typedef struct {
    char *bytes;
    size_t size, capacity;
} buffer;

typedef struct {
    int fd;
    bool is_busy, has_head, is_chunked, closes, saw_usage, saw_done;
    int status;
    size_t length; // of the body, when it is not chunked
    uint64_t sent_ns;
    uint64_t events;
    buffer raw;  // read and not yet understood
    buffer text; // of the body: an unfinished line of a stream, or all that came
} connection;

static histogram latencies, chunk_times;
static int poller, in_flight;
static struct sockaddr_in target;
static buffer *requests; // one for each secret
static uint64_t request_count;
static uint64_t abort_after; // events of a stream; 0: never
static bool expects_stream;
static uint64_t warm_ns, end_ns;
static uint64_t issued, completed, failed, refused, unavailable, aborted;
static uint64_t events, usages, dones;
static char first_refusal[300];

static void record(histogram *h, uint64_t ns) {
    uint64_t value = ns >> 7;
    int power = value < STEPS ? 0 : 63 - __builtin_clzll(value) - 5;
    int step = (int)((value >> power) & (STEPS - 1));
    h->counts[power * STEPS + step]++;
    h->total++;
}

static double percentile_us(const histogram *h, double share) {
    uint64_t rank = (uint64_t)((double)h->total * share), seen = 0;
    for (int i = 0; i < BUCKETS; i++) {
        seen += h->counts[i];
        if (seen > rank)
            return (i % STEPS + 0.5) * (double)(1ull << (i / STEPS)) * 128 / 1000;
    }
    return 0;
}

static char *room(buffer *b, size_t bytes) {
    if (b->size + bytes + 1 > b->capacity) {
        b->capacity = 2 * (b->size + bytes + 1);
        b->bytes = realloc(b->bytes, b->capacity);
    }
    return b->bytes + b->size;
}

static void append(buffer *b, const char *data, size_t bytes) {
    memcpy(room(b, bytes), data, bytes);
    b->size += bytes;
}

static void drop_front(buffer *b, size_t bytes) {
    b->size -= bytes;
    memmove(b->bytes, b->bytes + bytes, b->size);
}

static bool dial(connection *c) {
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&target, sizeof target)) {
        close(c->fd);
        c->fd = -1;
        return false;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
    return true;
}

static void hang_up(connection *c) {
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static bool send_all(int fd, const buffer *b) {
    for (size_t sent = 0; sent < b->size;) {
        ssize_t bytes = send(fd, b->bytes + sent, b->size - sent, MSG_NOSIGNAL);
        if (bytes < 0 && errno != EINTR)
            return false;
        sent += bytes > 0 ? (size_t)bytes : 0;
    }
    return true;
}

static void ask(connection *c) {
    c->is_busy = true;
    c->has_head = c->is_chunked = c->closes = c->saw_usage = c->saw_done = false;
    c->raw.size = c->text.size = 0;
    c->events = 0;
    c->sent_ns = now_ns();
    const buffer *request = &requests[issued++ % request_count];
    in_flight++;
    bool is_sent = (c->fd >= 0 || dial(c)) && send_all(c->fd, request);
    if (!is_sent) { // counted, and not tried for ever
        hang_up(c);
        failed++;
        in_flight--;
        c->is_busy = false;
    }
}

static void count_answer(connection *c, bool is_whole, uint64_t now) {
    if (!is_whole) {
        failed++;
    } else if (c->status != 200) {
        unavailable += c->status == 503;
        if (!refused++)
            snprintf(first_refusal, sizeof first_refusal, "%.*s", (int)c->text.size,
                     c->text.bytes);
    } else if (now >= warm_ns) {
        completed++;
        record(&latencies, now - c->sent_ns);
        if (!expects_stream)
            c->saw_usage = c->text.size && memmem(c->text.bytes, c->text.size,
                                                  USAGE, sizeof USAGE - 1);
        events += c->events;
        usages += c->saw_usage;
        dones += c->saw_done;
    }
}

static void finish(connection *c, bool is_whole) {
    uint64_t now = now_ns();
    c->is_busy = false;
    in_flight--;
    count_answer(c, is_whole, now);
    if (!is_whole || c->closes)
        hang_up(c);
    if (now < end_ns)
        ask(c);
}

static void abandon(connection *c) {
    aborted++;
    in_flight--;
    c->is_busy = false;
    hang_up(c);
    if (now_ns() < end_ns)
        ask(c);
}

static void read_line(connection *c, const char *line, size_t bytes, uint64_t now) {
    if (bytes < 6 || memcmp(line, "data:", 5))
        return;
    if (memmem(line, bytes, "[DONE]", 6)) {
        c->saw_done = true;
        return;
    }
    c->events++;
    const char *stamp = memmem(line, bytes, "@@", 2);
    if (!stamp) {
        c->saw_usage |= memmem(line, bytes, USAGE, sizeof USAGE - 1) != NULL;
        return;
    }
    char digits[17] = "";
    memcpy(digits, stamp + 2, 16);
    uint64_t sent_ns = strtoull(digits, NULL, 16);
    if (now >= warm_ns && now > sent_ns)
        record(&chunk_times, now - sent_ns);
}

static void read_text(connection *c, const char *data, size_t bytes, uint64_t now) {
    append(&c->text, data, bytes);
    if (!expects_stream)
        return;
    size_t at = 0;
    char *line_end;
    while ((line_end = memchr(c->text.bytes + at, '\n', c->text.size - at))) {
        size_t end = (size_t)(line_end - c->text.bytes);
        read_line(c, c->text.bytes + at, end - at, now);
        at = end + 1;
    }
    drop_front(&c->text, at);
}

// False: the head has not come whole yet.
static bool read_head(connection *c) {
    c->raw.bytes[c->raw.size] = 0;
    char *end = strstr(c->raw.bytes, "\r\n\r\n");
    if (!end)
        return false;
    *end = 0;
    c->status = atoi(c->raw.bytes + 9);
    const char *length = strcasestr(c->raw.bytes, "\r\ncontent-length:");
    c->length = length ? strtoul(length + 17, NULL, 10) : 0;
    c->is_chunked = strcasestr(c->raw.bytes, "\r\ntransfer-encoding: chunked") != NULL;
    c->closes = strcasestr(c->raw.bytes, "\r\nconnection: close") != NULL;
    c->has_head = true;
    drop_front(&c->raw, (size_t)(end - c->raw.bytes) + 4);
    return true;
}

static void read_sized(connection *c, uint64_t now) {
    read_text(c, c->raw.bytes, c->raw.size, now);
    c->length -= c->raw.size < c->length ? c->raw.size : c->length;
    c->raw.size = 0;
    if (c->length == 0)
        finish(c, true);
}

static void read_chunks(connection *c, uint64_t now) {
    size_t at = 0;
    char *line_end;
    while ((line_end = memmem(c->raw.bytes + at, c->raw.size - at, "\r\n", 2))) {
        size_t bytes = strtoul(c->raw.bytes + at, NULL, 16);
        size_t begin = (size_t)(line_end - c->raw.bytes) + 2;
        if (begin + bytes + 2 > c->raw.size)
            break;
        if (bytes == 0) {
            finish(c, true);
            return;
        }
        read_text(c, c->raw.bytes + begin, bytes, now);
        at = begin + bytes + 2;
        if (abort_after && c->events >= abort_after) {
            abandon(c);
            return;
        }
    }
    drop_front(&c->raw, at);
}

static void hear(connection *c) {
    char *to = room(&c->raw, READ_BYTES);
    ssize_t bytes = recv(c->fd, to, READ_BYTES, MSG_DONTWAIT);
    if (bytes < 0 && errno == EAGAIN)
        return;
    if (bytes <= 0) {
        if (c->is_busy)
            finish(c, false);
        else
            hang_up(c);
        return;
    }
    c->raw.size += (size_t)bytes;
    if (!c->is_busy || (!c->has_head && !read_head(c)))
        return;
    if (c->is_chunked)
        read_chunks(c, now_ns());
    else
        read_sized(c, now_ns());
}

static void run(void) {
    static struct epoll_event ready[EVENTS_AT_ONCE];
    uint64_t give_up_ns = end_ns + GRACE_SECONDS * NS_PER_SECOND;
    while (in_flight && now_ns() < give_up_ns) {
        int count = epoll_wait(poller, ready, EVENTS_AT_ONCE, 100);
        for (int i = 0; i < count; i++) {
            connection *c = ready[i].data.ptr;
            if (c->fd >= 0)
                hear(c);
        }
    }
}

static char *read_file(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    char *content = malloc(FILE_BYTES_MAX + 1);
    *bytes = fread(content, 1, FILE_BYTES_MAX, file);
    content[*bytes] = 0;
    fclose(file);
    return content;
}

static void make_request(int port, const char *body, size_t body_bytes, const char *secret) {
    char head[1024];
    int bytes = snprintf(head, sizeof head,
                         "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                         "User-Agent: load\r\nAccept: */*\r\nContent-Type: "
                         "application/json\r\nAuthorization: Bearer %s\r\n"
                         "Content-Length: %zu\r\n\r\n",
                         port, secret, body_bytes);
    requests = realloc(requests, (request_count + 1) * sizeof *requests);
    buffer *request = &requests[request_count++];
    *request = (buffer){0};
    append(request, head, (size_t)bytes);
    append(request, body, body_bytes);
}

static void make_requests(int port, const char *body_file, char *secrets) {
    size_t body_bytes;
    char *body = read_file(body_file, &body_bytes);
    for (char *one = strtok(secrets, "\n"); one; one = strtok(NULL, "\n"))
        make_request(port, body, body_bytes, one);
    free(body);
}

static void print_result(uint64_t ended_ns) {
    for (char *at = first_refusal; *at; at++)
        if (*at == '"' || *at == '\\' || *at < ' ')
            *at = '\'';
    printf("{\"issued\":%llu,\"completed\":%llu,\"failed\":%llu,\"refused\":%llu,"
           "\"unavailable\":%llu,\"aborted\":%llu,\"unfinished\":%d,"
           "\"seconds\":%.4f,\"latency_us_p50\":%.1f,"
           "\"latency_us_p99\":%.1f,\"chunk_us_p50\":%.1f,\"chunk_us_p99\":%.1f,"
           "\"events\":%llu,\"usages\":%llu,\"dones\":%llu,\"first_refusal\":\"%s\"}\n",
           (unsigned long long)issued, (unsigned long long)completed,
           (unsigned long long)failed, (unsigned long long)refused,
           (unsigned long long)unavailable, (unsigned long long)aborted, in_flight,
           (double)(ended_ns - warm_ns) / NS_PER_SECOND, percentile_us(&latencies, 0.5),
           percentile_us(&latencies, 0.99), percentile_us(&chunk_times, 0.5),
           percentile_us(&chunk_times, 0.99), (unsigned long long)events,
           (unsigned long long)usages, (unsigned long long)dones, first_refusal);
}

int main(int count, char **arguments) {
    int option, port = 0, connection_count = 1;
    double seconds = 1, warm_up_seconds = 0;
    const char *body_file = "";
    char *secrets = strdup("none");
    size_t ignored;
    while ((option = getopt(count, arguments, "p:b:c:d:w:k:K:sa:")) != -1)
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'b': body_file = optarg; break;
        case 'c': connection_count = atoi(optarg); break;
        case 'd': seconds = atof(optarg); break;
        case 'w': warm_up_seconds = atof(optarg); break;
        case 'k': secrets = optarg; break;
        case 'K': secrets = read_file(optarg, &ignored); break;
        case 's': expects_stream = true; break;
        case 'a': abort_after = strtoull(optarg, NULL, 10); break;
        default: return 2;
        }
    make_requests(port, body_file, secrets);
    if (!request_count)
        return 2;
    target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    poller = epoll_create1(EPOLL_CLOEXEC);
    warm_ns = now_ns() + (uint64_t)(warm_up_seconds * NS_PER_SECOND);
    end_ns = warm_ns + (uint64_t)(seconds * NS_PER_SECOND);
    connection *connections = calloc((size_t)connection_count, sizeof *connections);
    for (int i = 0; i < connection_count; i++) {
        connections[i].fd = -1;
        ask(&connections[i]);
    }
    run();
    print_result(now_ns());
    return 0;
}
