/*
 * The device's limit: one TUN in each of two network namespaces, and a loop that copies every packet from one to the
 * other without looking at it. What podplane's plane does between a read and a write is what it costs more than this.
 *
 *   tunloop NETNS_FILE_A NETNS_FILE_B
 *
 * Each packet is written as soon as it was read. The TUNs are opened as podplane opens its own: IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, checksum and segmentation offloads,
 * non-blocking, level-triggered epoll. Both are named tun0. The loop prints "ready" and runs until it is killed.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Kernel headers before 6.2 lack the two. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum {
  TUNS = 2,
  /* A virtio_net_hdr of 10 bytes and the largest IP packet. */
  BUFFER = 10 + 65535,
  /* Packets that one TUN may send before the other gets its turn: as many as podplane reads at once. */
  BATCH = 64,
};

static int open_tun(const char *netns) {
  int ns = open(netns, O_RDONLY | O_CLOEXEC);
  if (ns < 0) err(1, "%s", netns);
  if (setns(ns, CLONE_NEWNET) < 0) err(1, "setns %s", netns);
  close(ns);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) err(1, "/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
  strcpy(request.ifr_name, "tun0");
  if (ioctl(fd, TUNSETIFF, &request) < 0) err(1, "TUNSETIFF");
  unsigned long tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  if (ioctl(fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) < 0 && ioctl(fd, TUNSETOFFLOAD, tcp) < 0)
    err(1, "TUNSETOFFLOAD");
  return fd;
}

int main(int argc, char **argv) {
  static unsigned char packet[BUFFER];
  int tun[TUNS];
  if (argc != 1 + TUNS) errx(2, "usage: tunloop NETNS_FILE_A NETNS_FILE_B");
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) err(1, "epoll_create1");
  for (int i = 0; i < TUNS; i++) {
    tun[i] = open_tun(argv[1 + i]);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, tun[i], &event) < 0) err(1, "epoll_ctl");
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    struct epoll_event ready[TUNS];
    int found = epoll_wait(epoll, ready, TUNS, -1);
    if (found < 0 && errno != EINTR) err(1, "epoll_wait");
    for (int i = 0; i < found; i++) {
      int from = tun[ready[i].data.u32], to = tun[1 - ready[i].data.u32];
      for (int n = 0; n < BATCH; n++) {
        ssize_t length = read(from, packet, BUFFER);
        if (length < 0) break;
        /* A packet that the other side does not take is lost, as on any wire; EIO: the interface is not up yet. */
        if (write(to, packet, length) < 0 && errno != EAGAIN && errno != EIO) warn("write");
      }
    }
  }
}
