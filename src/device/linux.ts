import { constants } from "node:os";

/**
 * Constants of the Linux system call interface (asm-generic headers, which x86-64 and arm64 share). Only what is used.
 */

// include/uapi/asm-generic/fcntl.h
export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;

// include/uapi/asm-generic/errno-base.h and errno.h, as positive numbers
export const EINTR = 4;
export const EIO = 5;
export const EBADF = 9;
/** Of a TUN descriptor whose interface was deleted. */
export const EBADFD = 77;
export const EAGAIN = 11;
export const EMSGSIZE = 90;

// include/uapi/linux/eventpoll.h
export const EPOLL_CLOEXEC = 0o2000000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLLIN = 0x001;

// include/uapi/linux/eventfd.h
export const EFD_NONBLOCK = 0o4000;
export const EFD_CLOEXEC = 0o2000000;

// include/uapi/linux/sched.h
export const CLONE_NEWNET = 0x4000_0000;

// include/uapi/linux/mount.h and include/linux/fs.h
export const MS_NOSUID = 0x2;
export const MS_NODEV = 0x4;
export const MS_NOEXEC = 0x8;
export const MS_BIND = 0x1000;
export const MNT_DETACH = 0x2;

// include/linux/socket.h, include/linux/net.h
export const AF_INET = 2;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;

// include/uapi/linux/if_tun.h: _IOW('T', number, int or unsigned int)
export const TUNSETIFF = 0x4004_54ca;
export const TUNSETPERSIST = 0x4004_54cb;
export const TUNSETOFFLOAD = 0x4004_54d0;
export const TUNSETVNETHDRSZ = 0x4004_54d8;
export const IFF_TUN = 0x0001;
export const IFF_MULTI_QUEUE = 0x0100;
export const IFF_NO_PI = 0x1000;
export const IFF_VNET_HDR = 0x4000;
export const TUN_F_CSUM = 0x01;
export const TUN_F_TSO4 = 0x02;
export const TUN_F_TSO6 = 0x04;
export const TUN_F_TSO_ECN = 0x08;
export const TUN_F_USO4 = 0x20;
export const TUN_F_USO6 = 0x40;

// include/uapi/linux/if.h: struct ifreq
export const IFNAMSIZ = 16;
export const IFREQ_SIZE = 40;
export const IFREQ_FLAGS = 16;

/** The name of an errno, such as `EAGAIN`, for people. */
export function errnoName(errno: number): string {
  const found = Object.entries(constants.errno).find(([, value]) => value === errno);
  return found ? found[0] : `errno ${errno}`;
}
