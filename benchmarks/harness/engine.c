// An engine that always says the same, in vLLM's shape, at next to no cost.
//
//   engine SOCKET PORT INTERVAL_US CHUNKS
//
// Listens on the Unix socket SOCKET (for a proxy) and on the loopback PORT (for a client
// that calls it directly). GET answers 200. POST with "stream":true gets CHUNKS events,
// INTERVAL_US apart, then the usage chunk and [DONE]; any other POST gets one whole answer.
//
// A content event carries "@@" and 16 hexadecimal digits: the nanoseconds of
// CLOCK_MONOTONIC at which it was sent. load.c reads them: the way of one chunk.
// One thread, epoll, level-triggered. SIGTERM ends it.
#include "clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX (1 << 20)
#define EVENTS_AT_ONCE 512
#define INPUT_TOKENS 57

typedef struct connection {
    int fd;
    char *in;
    size_t in_bytes, in_capacity;
    char *out; // what the socket has not taken yet
    size_t out_bytes, out_capacity;
    bool is_streaming, wants_usage, wants_running_usage, is_dead;
    int next_chunk;
    uint64_t due_ns;
    struct connection *next; // in the queue of streams, or of the dead
} connection;

static int poller;
static uint64_t interval_ns;
static int chunk_count;
// Every stream waits equally long between two chunks, so the queue is ordered by itself.
static connection *first_due, *last_due;
static connection *dead;

#define ANSWER                                                                           \
    "{\"id\":\"chatcmpl-0d5f2c3a9b\",\"object\":\"chat.completion\",\"created\":"         \
    "1790000000,\"model\":\"bench\",\"choices\":[{\"index\":0,\"message\":{\"role\":"     \
    "\"assistant\",\"content\":\"Sea water is salty because rivers carry dissolved "      \
    "minerals from the rocks of the land down to the sea, where the water evaporates "    \
    "and the salt stays behind.\",\"refusal\":null,\"annotations\":null,\"audio\":null,"  \
    "\"function_call\":null,\"tool_calls\":[],\"reasoning\":null},\"logprobs\":null,"     \
    "\"finish_reason\":\"stop\",\"stop_reason\":null,\"token_ids\":null}],"               \
    "\"service_tier\":null,\"system_fingerprint\":null,\"usage\":{\"prompt_tokens\":57,"  \
    "\"total_tokens\":89,\"completion_tokens\":32,\"prompt_tokens_details\":null},"       \
    "\"prompt_logprobs\":null}"
#define CHUNK_HEAD                                                                       \
    "data: {\"id\":\"chatcmpl-0d5f2c3a9b\",\"object\":\"chat.completion.chunk\","         \
    "\"created\":1790000000,\"model\":\"bench\",\"choices\":["
#define STREAM_HEAD                                                                      \
    "HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: text/event-stream; "             \
    "charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"

static void bury(connection *c) {
    c->next = dead;
    dead = c;
}

static void free_the_dead(void) {
    while (dead) {
        connection *c = dead;
        dead = c->next;
        free(c->in);
        free(c->out);
        free(c);
    }
}

static void end(connection *c) {
    if (c->is_dead)
        return;
    c->is_dead = true;
    close(c->fd);
    if (!c->is_streaming) // else the queue still knows it, and buries it
        bury(c);
}

static void watch(connection *c, uint32_t events, int operation) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(poller, operation, c->fd, &event);
}

static void keep_for_later(connection *c, const char *data, size_t bytes) {
    if (c->out_bytes + bytes > c->out_capacity) {
        c->out_capacity = 2 * (c->out_bytes + bytes);
        c->out = realloc(c->out, c->out_capacity);
    }
    memcpy(c->out + c->out_bytes, data, bytes);
    c->out_bytes += bytes;
    watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

static void say(connection *c, const char *data, size_t bytes) {
    if (c->is_dead)
        return;
    if (c->out_bytes == 0) {
        ssize_t sent = send(c->fd, data, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) {
            end(c);
            return;
        }
        if (sent > 0) {
            data += sent;
            bytes -= (size_t)sent;
        }
    }
    if (bytes)
        keep_for_later(c, data, bytes);
}

static void say_rest(connection *c) {
    ssize_t sent = send(c->fd, c->out, c->out_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
        c->out_bytes -= (size_t)sent;
        memmove(c->out, c->out + sent, c->out_bytes);
    }
    if (c->out_bytes == 0)
        watch(c, EPOLLIN, EPOLL_CTL_MOD);
}

static void say_whole(connection *c, const char *body) {
    char answer[2048];
    int bytes = snprintf(answer, sizeof answer,
                         "HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: "
                         "application/json\r\ncontent-length: %zu\r\n\r\n%s",
                         strlen(body), body);
    say(c, answer, (size_t)bytes);
}

static int usage_member(char *to, size_t room, int made) {
    return snprintf(to, room,
                    "\"usage\":{\"prompt_tokens\":%d,\"total_tokens\":%d,"
                    "\"completion_tokens\":%d}",
                    INPUT_TOKENS, INPUT_TOKENS + made, made);
}

// One HTTP chunk around `text`, as uvicorn sends it: one write an event.
static void say_chunk(connection *c, const char *text) {
    char framed[1200];
    int bytes = snprintf(framed, sizeof framed, "%zx\r\n%s\r\n", strlen(text), text);
    say(c, framed, (size_t)bytes);
}

static void say_content(connection *c) {
    char usage[160] = "", text[1024];
    if (c->wants_running_usage) {
        usage[0] = ',';
        usage_member(usage + 1, sizeof usage - 1, c->next_chunk + 1);
    }
    snprintf(text, sizeof text,
             CHUNK_HEAD "{\"index\":0,\"delta\":{\"content\":\" @@%016llx\"},\"logprobs\":"
                        "null,\"finish_reason\":%s,\"token_ids\":null}]%s}\n\n",
             (unsigned long long)now_ns(),
             c->next_chunk + 1 == chunk_count ? "\"stop\"" : "null", usage);
    say_chunk(c, text);
}

static void say_stream_end(connection *c) {
    if (c->wants_usage) {
        char usage[160], text[512];
        usage_member(usage, sizeof usage, chunk_count);
        snprintf(text, sizeof text, CHUNK_HEAD "],%s}\n\n", usage);
        say_chunk(c, text);
    }
    say_chunk(c, "data: [DONE]\n\n");
    say(c, "0\r\n\r\n", 5);
}

static void wait_in_queue(connection *c) {
    c->next = NULL;
    if (last_due && first_due)
        last_due->next = c;
    else
        first_due = c;
    last_due = c;
}

// All streams step together, as the sequences of an engine's batch do.
static uint64_t next_step_ns(uint64_t now) {
    return (now / interval_ns + 1) * interval_ns;
}

static void begin_stream(connection *c, const char *body) {
    c->is_streaming = true;
    c->next_chunk = 0;
    c->wants_usage = strstr(body, "include_usage") != NULL;
    c->wants_running_usage = strstr(body, "continuous_usage_stats") != NULL;
    say(c, STREAM_HEAD, sizeof STREAM_HEAD - 1);
    c->due_ns = next_step_ns(now_ns());
    wait_in_queue(c);
}

// The value of a header that must be there; -1: it is not.
static long content_length(const char *head, const char *head_end) {
    for (const char *line = head; line < head_end; line = strstr(line, "\r\n") + 2)
        if (!strncasecmp(line, "content-length:", 15))
            return atol(line + 15);
    return -1;
}

static void answer(connection *c, const char *body) {
    // With a space as well: some proxies write the body anew.
    if (strstr(body, "\"stream\":true") || strstr(body, "\"stream\": true"))
        begin_stream(c, body);
    else
        say_whole(c, ANSWER);
}

// Takes one whole request out of `in`; false: there is none.
static bool take_request(connection *c) {
    c->in[c->in_bytes] = 0;
    char *head_end = strstr(c->in, "\r\n\r\n");
    if (!head_end)
        return false;
    bool is_get = !strncmp(c->in, "GET ", 4);
    long length = content_length(c->in, head_end + 2);
    if (length < 0 && !is_get) {
        end(c); // chunked requests are not what we measure
        return false;
    }
    size_t head_bytes = (size_t)(head_end - c->in) + 4;
    size_t bytes = head_bytes + (length > 0 ? (size_t)length : 0);
    if (c->in_bytes < bytes)
        return false;
    char following = c->in[bytes];
    c->in[bytes] = 0;
    if (is_get)
        say_whole(c, "{}");
    else
        answer(c, c->in + head_bytes);
    c->in[bytes] = following;
    c->in_bytes -= bytes;
    memmove(c->in, c->in + bytes, c->in_bytes);
    return true;
}

static void take_requests(connection *c) {
    while (!c->is_dead && !c->is_streaming && c->in_bytes && take_request(c))
        ;
}

static void hear(connection *c) {
    if (c->in_bytes == c->in_capacity && c->in_capacity < REQUEST_BYTES_MAX) {
        c->in_capacity *= 2;
        c->in = realloc(c->in, c->in_capacity + 1);
    }
    size_t room = c->in_capacity - c->in_bytes;
    ssize_t bytes = recv(c->fd, c->in + c->in_bytes, room, MSG_DONTWAIT);
    if (bytes < 0 && errno == EAGAIN)
        return;
    if (bytes <= 0) {
        end(c);
        return;
    }
    c->in_bytes += (size_t)bytes;
    take_requests(c);
}

static void say_due_chunks(void) {
    uint64_t now = now_ns();
    while (first_due && first_due->due_ns <= now) {
        connection *c = first_due;
        first_due = c->next;
        if (!c->is_dead && c->next_chunk < chunk_count) {
            say_content(c);
            c->next_chunk++;
            c->due_ns += interval_ns;
            if (c->due_ns < now)
                c->due_ns = next_step_ns(now); // no burst to catch up
            wait_in_queue(c);
            continue;
        }
        say_stream_end(c);
        c->is_streaming = false;
        if (c->is_dead)
            bury(c);
        else
            take_requests(c);
    }
}

static void welcome(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); // refused on Unix
        connection *c = calloc(1, sizeof *c);
        c->fd = fd;
        c->in_capacity = 16384;
        c->in = malloc(c->in_capacity + 1);
        watch(c, EPOLLIN, EPOLL_CTL_ADD);
    }
}

static int listen_at(struct sockaddr *address, socklen_t bytes) {
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, address, bytes) || listen(fd, 4096)) {
        perror("engine");
        exit(1);
    }
    return fd;
}

static int listen_on_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    return listen_at((struct sockaddr *)&address, sizeof address);
}

static int listen_on_port(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return listen_at((struct sockaddr *)&address, sizeof address);
}

static int await_events(struct epoll_event *events) {
    struct timespec wait = {0}, *no_longer_than = NULL;
    if (first_due) {
        uint64_t now = now_ns();
        uint64_t ns = first_due->due_ns > now ? first_due->due_ns - now : 0;
        wait.tv_sec = (time_t)(ns / NS_PER_SECOND);
        wait.tv_nsec = (long)(ns % NS_PER_SECOND);
        no_longer_than = &wait;
    }
    return epoll_pwait2(poller, events, EVENTS_AT_ONCE, no_longer_than, NULL);
}

static void serve(connection *listeners) {
    static struct epoll_event events[EVENTS_AT_ONCE];
    for (;;) {
        int count = await_events(events);
        for (int i = 0; i < count; i++) {
            connection *c = events[i].data.ptr;
            if (c == &listeners[0] || c == &listeners[1]) {
                welcome(c->fd);
                continue;
            }
            if (events[i].events & EPOLLOUT && !c->is_dead)
                say_rest(c);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !c->is_dead)
                hear(c);
        }
        say_due_chunks();
        free_the_dead();
    }
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: engine SOCKET PORT INTERVAL_US CHUNKS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    interval_ns = strtoull(arguments[3], NULL, 10) * 1000;
    chunk_count = atoi(arguments[4]);
    poller = epoll_create1(EPOLL_CLOEXEC);
    static connection listeners[2];
    listeners[0].fd = listen_on_socket(arguments[1]);
    listeners[1].fd = listen_on_port(atoi(arguments[2]));
    watch(&listeners[0], EPOLLIN, EPOLL_CTL_ADD);
    watch(&listeners[1], EPOLLIN, EPOLL_CTL_ADD);
    serve(listeners);
}
