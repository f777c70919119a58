import koffi from "koffi";
import { errnoName } from "./linux.ts";

/**
 * The system calls that Node does not offer, called in libc through koffi. This is the only file that knows the
 * binding; another one takes its place by exporting the same functions.
 *
 * Every call runs in the calling thread and blocks it, and `unshare` and `setns` change that thread alone. Calls on
 * the packet's path ({@link read}, {@link write}, {@link epollWait}) return a negated errno; the others throw a
 * {@link SystemError}.
 */

/** A system call that failed. */
export class SystemError extends Error {
  readonly call: string;
  /** Positive errno. */
  readonly errno: number;
  /** Name of the errno, such as `EPERM`. */
  readonly code: string;
  readonly path: string;

  constructor(call: string, errno: number, path = "") {
    super(`${call}${path === "" ? "" : ` ${path}`}: ${errnoName(errno)}`);
    this.name = "SystemError";
    this.call = call;
    this.errno = errno;
    this.code = errnoName(errno);
    this.path = path;
  }
}

/** What a buffer argument may be: a view, also over a SharedArrayBuffer. A bare SharedArrayBuffer is refused. */
type View = Uint8Array | Int32Array | BigUint64Array;

const libc = koffi.load(null);

const cOpen: (path: string, flags: number, mode: number) => number = libc.func("int open(const char *, int, int)");
const cExit: (code: number) => void = libc.func("void _exit(int)");
const cClose: (fd: number) => number = libc.func("int close(int)");
const cRead: (fd: number, buffer: View, length: number) => number = libc.func("intptr_t read(int, void *, size_t)");
const cWrite: (fd: number, buffer: View, length: number) => number = libc.func("intptr_t write(int, void *, size_t)");
const cIoctlBuffer: (fd: number, request: number, argument: View) => number = libc.func(
  "int ioctl(int, unsigned long, void *)",
);
const cIoctlNumber: (fd: number, request: number, argument: number) => number = libc.func(
  "int ioctl(int, unsigned long, unsigned long)",
);
const cEpollCreate: (flags: number) => number = libc.func("int epoll_create1(int)");
const cEpollCtl: (epoll: number, operation: number, fd: number, event: View) => number = libc.func(
  "int epoll_ctl(int, int, int, void *)",
);
const cEpollWait: (epoll: number, events: View, capacity: number, timeout: number) => number = libc.func(
  "int epoll_wait(int, void *, int, int)",
);
const cEventFd: (initial: number, flags: number) => number = libc.func("int eventfd(unsigned int, int)");
const cSetns: (fd: number, type: number) => number = libc.func("int setns(int, int)");
const cUnshare: (flags: number) => number = libc.func("int unshare(int)");
const cMount: (source: string, target: string, type: string, flags: number, data: string) => number = libc.func(
  "int mount(const char *, const char *, const char *, unsigned long, const char *)",
);
const cUmount: (target: string, flags: number) => number = libc.func("int umount2(const char *, int)");
const cSocket: (family: number, type: number, protocol: number) => number = libc.func("int socket(int, int, int)");
const cSetSockOpt: (fd: number, level: number, name: number, value: View, length: number) => number = libc.func(
  "int setsockopt(int, int, int, void *, unsigned int)",
);
const cBind: (fd: number, address: View, length: number) => number = libc.func("int bind(int, void *, unsigned int)");
const cConnect: (fd: number, address: View, length: number) => number = libc.func(
  "int connect(int, void *, unsigned int)",
);

/**
 * Reads up to `length` bytes to the start of `buffer`.
 * @returns bytes read, or a negated errno. The errno is that of the last call of this thread: a garbage collection in
 * between could replace it, so a caller may retry on any value but must not depend on one.
 */
export function read(fd: number, buffer: View, length: number): number {
  const result = cRead(fd, buffer, length);
  return result < 0 ? -koffi.errno() : result;
}

/** Writes the first `length` bytes of `buffer`. @returns bytes written, or a negated errno (see {@link read}). */
export function write(fd: number, buffer: View, length: number): number {
  const result = cWrite(fd, buffer, length);
  return result < 0 ? -koffi.errno() : result;
}

/**
 * Waits up to `timeout` milliseconds (-1: for ever) and fills `events` with up to `capacity` `struct epoll_event`.
 * @returns events filled in, or a negated errno.
 */
export function epollWait(epoll: number, events: View, capacity: number, timeout: number): number {
  const result = cEpollWait(epoll, events, capacity, timeout);
  return result < 0 ? -koffi.errno() : result;
}

function checked(result: number, call: string, path?: string): number {
  if (result < 0) throw new SystemError(call, koffi.errno(), path);
  return result;
}

/** Opens a file and returns its descriptor. `flags` are O_*; callers add O_CLOEXEC, so that no child inherits it. */
export function open(path: string, flags: number): number {
  return checked(cOpen(path, flags, 0), "open", path);
}

/**
 * Ends the process at once, whatever its threads do, with no handler run: process.exit() waits for a thread that is inside a
 * system call (_exit(2)).
 */
export function exitNow(code: number): never {
  cExit(code);
  throw new SystemError("_exit", koffi.errno());
}

/** Closes a descriptor. Errors are ignored: Linux frees the number even then (close(2)). */
export function close(fd: number): void {
  cClose(fd);
}

/** ioctl whose argument is a pointer to a structure or integer. */
export function ioctlBuffer(fd: number, request: number, argument: Uint8Array | Int32Array, name: string): void {
  checked(cIoctlBuffer(fd, request, argument), `ioctl ${name}`);
}

/** ioctl whose argument is the number itself. @returns 0, or a negated errno. */
export function ioctlNumber(fd: number, request: number, argument: number): number {
  return cIoctlNumber(fd, request, argument) < 0 ? -koffi.errno() : 0;
}

export function epollCreate(flags: number): number {
  return checked(cEpollCreate(flags), "epoll_create1");
}

/** `event` is one `struct epoll_event` (ignored for EPOLL_CTL_DEL). */
export function epollCtl(epoll: number, operation: number, fd: number, event: Int32Array): void {
  checked(cEpollCtl(epoll, operation, fd, event), "epoll_ctl", `fd ${fd}`);
}

export function eventFd(flags: number): number {
  return checked(cEventFd(0, flags), "eventfd");
}

/** Moves the calling thread into the namespace that `fd` refers to. */
export function setns(fd: number, type: number): void {
  checked(cSetns(fd, type), "setns");
}

/** Moves the calling thread into new namespaces (CLONE_*). */
export function unshare(flags: number): void {
  checked(cUnshare(flags), "unshare");
}

/** mount(2) with MS_* flags; `data` are the file system's own options. */
export function mount(source: string, target: string, type: string, flags: number, data = ""): void {
  checked(cMount(source, target, type, flags, data), "mount", target);
}

/** umount2(2) with MNT_* flags. */
export function umount(target: string, flags: number): void {
  checked(cUmount(target, flags), "umount", target);
}

/** `type` is SOCK_* with SOCK_CLOEXEC and SOCK_NONBLOCK as wanted. */
export function socket(family: number, type: number, protocol: number): number {
  return checked(cSocket(family, type, protocol), "socket");
}

/** setsockopt with an integer value. */
export function setSocketOption(fd: number, level: number, name: number, value: number): void {
  const argument = Int32Array.of(value);
  checked(cSetSockOpt(fd, level, name, argument, argument.byteLength), "setsockopt");
}

/** Binds to an IPv4 address and port; `address` is a `struct sockaddr_in` (see sockaddr.ts). */
export function bind(fd: number, address: Uint8Array): void {
  checked(cBind(fd, address, address.length), "bind");
}

/** Connects to an IPv4 address; `address` is a `struct sockaddr_in`. */
export function connect(fd: number, address: Uint8Array): void {
  checked(cConnect(fd, address, address.length), "connect");
}
