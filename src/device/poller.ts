import { close, epollCreate, epollCtl, epollWait, eventFd, read, SystemError, write } from "./libc.ts";
import { EFD_CLOEXEC, EFD_NONBLOCK, EINTR, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN } from "./linux.ts";

/**
 * `struct epoll_event` in 32-bit words: events, then 64 bits of data whose low word is our tag. It is packed on x86-64
 * and aligned to 8 bytes elsewhere (include/uapi/linux/eventpoll.h, EPOLL_PACKED).
 */
const EVENT_WORDS = process.arch === "x64" ? 3 : 4;
const TAG_WORD = process.arch === "x64" ? 1 : 2;
/** Tag of the wake-up; the tags of others are 0 and above. */
const WAKE_TAG = -1;

const ONE = BigUint64Array.of(1n);

/** An eventfd for {@link Poller}: a plain number that any thread may {@link wake}. Whoever made it closes it. */
export function createWakeFd(): number {
  return eventFd(EFD_NONBLOCK | EFD_CLOEXEC);
}

/** Makes the wait() of the poller that has this eventfd return; from any thread. Repeated wake-ups are one. */
export function wake(wakeFd: number): void {
  write(wakeFd, ONE, ONE.byteLength);
}

/** epoll, level-triggered, over descriptors with a tag each, and an eventfd that ends a wait. No allocation a wait. */
export class Poller {
  /** Tags of the descriptors that the last wait() found readable (or in error): the first `wait()` entries. */
  readonly ready: Int32Array;
  /** Whether the last wait() saw a wake-up; it stays readable until {@link drainWake}. */
  woken = false;
  readonly #epoll: number;
  readonly #wakeFd: number;
  readonly #events: Int32Array;
  readonly #capacity: number;
  readonly #drained = new BigUint64Array(1);

  /**
   * @param wakeFd eventfd from {@link createWakeFd}.
   * @param capacity most descriptors that one wait() reports; the others come with the next.
   */
  constructor(wakeFd: number, capacity: number) {
    this.#wakeFd = wakeFd;
    this.#capacity = capacity + 1;
    this.#events = new Int32Array(this.#capacity * EVENT_WORDS);
    this.ready = new Int32Array(this.#capacity);
    this.#epoll = epollCreate(EPOLL_CLOEXEC);
    this.#control(EPOLL_CTL_ADD, wakeFd, WAKE_TAG);
  }

  /** Watches a descriptor. `tag` (0 or above) is what wait() reports. @throws SystemError EEXIST, EBADF, EPERM. */
  add(fd: number, tag: number): void {
    this.#control(EPOLL_CTL_ADD, fd, tag);
  }

  /** Stops watching; before the descriptor is closed. @throws SystemError ENOENT, EBADF. */
  remove(fd: number): void {
    this.#control(EPOLL_CTL_DEL, fd, 0);
  }

  #control(operation: number, fd: number, tag: number): void {
    const event = new Int32Array(EVENT_WORDS);
    event[0] = EPOLLIN;
    event[TAG_WORD] = tag;
    epollCtl(this.#epoll, operation, fd, event);
  }

  /**
   * Blocks the thread until a descriptor is readable, a wake-up comes, or `timeoutMs` milliseconds (-1: no limit) have
   * passed. @returns how many tags stand in {@link ready}; a wake-up is not among them (see {@link woken}).
   */
  wait(timeoutMs: number): number {
    this.woken = false;
    const found = epollWait(this.#epoll, this.#events, this.#capacity, timeoutMs);
    if (found < 0) {
      if (found === -EINTR) return 0;
      throw new SystemError("epoll_wait", -found);
    }
    let count = 0;
    for (let i = 0; i < found; i++) {
      const tag = this.#events[i * EVENT_WORDS + TAG_WORD];
      if (tag === WAKE_TAG) this.woken = true;
      else this.ready[count++] = tag;
    }
    return count;
  }

  /** Takes the wake-ups that have come so far. Call it before looking at what the waker left, not after. */
  drainWake(): void {
    read(this.#wakeFd, this.#drained, this.#drained.byteLength);
    this.woken = false;
  }

  /** Closes the epoll descriptor; neither the eventfd nor what was added. */
  close(): void {
    close(this.#epoll);
  }
}
