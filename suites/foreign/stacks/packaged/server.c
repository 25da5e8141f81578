/* An HTTP server on port 9000 in one file: says ok to everybody. With an argument it asks
   the server of its own container instead, and exits 0 if that answers. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n";

static void stop(int number) { (void)number; _exit(0); }

static struct sockaddr_in address(unsigned long host)
{
    struct sockaddr_in at;
    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    at.sin_port = htons(9000);
    at.sin_addr.s_addr = htonl(host);
    return at;
}

static int probe(int s)
{
    char got[64] = {0};
    struct sockaddr_in at = address(INADDR_LOOPBACK);
    struct timeval limit = {1, 0};
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(s, (struct sockaddr *)&at, sizeof at) || write(s, "GET\n", 4) != 4)
        return 1;
    return read(s, got, sizeof got - 1) > 0 && strstr(got, "200") ? 0 : 1;
}

int main(int count, char **words)
{
    int s = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    struct sockaddr_in at = address(INADDR_ANY);
    (void)words;
    if (count > 1)
        return probe(s);
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    signal(SIGPIPE, SIG_IGN);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(s, (struct sockaddr *)&at, sizeof at) || listen(s, 64))
        return 1;
    if (write(1, "ready\n", 6) != 6)
        return 1;
    for (;;) {
        char asked[512];
        struct timeval limit = {1, 0};
        int c = accept(s, 0, 0);
        if (c < 0)
            continue;
        setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        if (read(c, asked, sizeof asked) > 0 && write(c, answer, sizeof answer - 1) < 0)
            (void)0;
        close(c);
    }
}
