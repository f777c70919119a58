/*
 * A sender and a receiver of small UDP datagrams that cost as little as sockets allow, so that what is between them is
 * the limit: iperf3 spends more on a datagram of 64 bytes than a forwarder does.
 *
 *   udprate send ADDRESS PORT BYTES SECONDS     prints the datagrams that the socket took
 *   udprate receive PORT SECONDS                prints the datagrams of the SECONDS after the first one, and their time
 *
 * Datagrams go and come in vectors (sendmmsg, recvmmsg), but each is a packet of its own: no UDP_SEGMENT, no UDP_GRO.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
  VECTOR = 64,
  MAX_BYTES = 2048,
  RECEIVE_BUFFER = 8 << 20,
  /* A receiver that hears nothing for so long gives up. */
  IDLE_SECONDS = 10,
};

static unsigned char data[VECTOR][MAX_BYTES];
static struct iovec parts[VECTOR];
static struct mmsghdr messages[VECTOR];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void prepare(size_t bytes) {
  for (int i = 0; i < VECTOR; i++) {
    parts[i] = (struct iovec){data[i], bytes};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
}

static int udp_socket(const char *address, int port, int (*use)(int, const struct sockaddr *, socklen_t), const char *what) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) err(1, "socket");
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, address, &to.sin_addr) != 1) errx(2, "not an address: %s", address);
  if (use(fd, (struct sockaddr *)&to, sizeof to) < 0) err(1, "%s", what);
  return fd;
}

static int send_for(const char *address, int port, size_t bytes, double seconds) {
  int fd = udp_socket(address, port, connect, "connect");
  prepare(bytes);
  double end = now() + seconds;
  long sent = 0;
  while (now() < end) {
    int n = sendmmsg(fd, messages, VECTOR, 0);
    if (n > 0) sent += n;
    else if (errno != ENOBUFS && errno != ECONNREFUSED && errno != EINTR) err(1, "sendmmsg");
  }
  printf("{\"sent\":%ld}\n", sent);
  return 0;
}

static int receive_for(int port, double seconds) {
  int fd = udp_socket("0.0.0.0", port, bind, "bind");
  int size = RECEIVE_BUFFER;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0) err(1, "SO_RCVBUFFORCE");
  struct timeval idle = {.tv_sec = IDLE_SECONDS};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
  prepare(MAX_BYTES);
  puts("ready");
  fflush(stdout);
  double first = 0, last = 0;
  long received = 0;
  for (;;) {
    int n = recvmmsg(fd, messages, VECTOR, MSG_WAITFORONE, NULL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    last = now();
    if (first == 0) first = last;
    else received += n;
    if (last - first >= seconds) break;
  }
  printf("{\"received\":%ld,\"seconds\":%.6f}\n", received, last - first);
  return received > 0 ? 0 : 1;
}

int main(int argc, char **argv) {
  if (argc == 6 && strcmp(argv[1], "send") == 0 && atoi(argv[4]) <= MAX_BYTES)
    return send_for(argv[2], atoi(argv[3]), atoi(argv[4]), atof(argv[5]));
  if (argc == 4 && strcmp(argv[1], "receive") == 0) return receive_for(atoi(argv[2]), atof(argv[3]));
  errx(2, "usage: udprate send ADDRESS PORT BYTES SECONDS | udprate receive PORT SECONDS");
}
