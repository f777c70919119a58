import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { close, read, SystemError, write } from "../../../src/device/libc.ts";
import { createWakeFd, Poller, wake } from "../../../src/device/poller.ts";

const NO_WAIT = 0;
const LONG = 60_000;

describe("Poller", () => {
  let wakeFd: number;
  let fds: number[];
  let poller: Poller;

  beforeEach(() => {
    wakeFd = createWakeFd();
    fds = [0, 1, 2].map(createWakeFd);
    poller = new Poller(wakeFd, 2);
    for (const [i, fd] of fds.entries()) poller.add(fd, 100 + i);
  });
  afterEach(() => {
    poller.close();
    for (const fd of [wakeFd, ...fds]) close(fd);
  });

  const tags = (count: number) => [...poller.ready.slice(0, count)].sort();
  const clear = (fd: number) => read(fd, new BigUint64Array(1), 8);

  it("finds nothing when nothing is readable", () => {
    expect(poller.wait(NO_WAIT)).toBe(0);
    expect(poller.woken).toBe(false);
  });

  it("reports tags while their descriptors are readable (level-triggered)", () => {
    wake(fds[0]);
    wake(fds[2]);
    expect(tags(poller.wait(LONG))).toEqual([100, 102]);
    expect(tags(poller.wait(LONG))).toEqual([100, 102]);
    clear(fds[0]);
    expect(tags(poller.wait(LONG))).toEqual([102]);
  });

  it("reports a wake-up apart from the tags, once however often it was given", () => {
    wake(wakeFd);
    wake(wakeFd);
    wake(fds[1]);
    expect(tags(poller.wait(LONG))).toEqual([101]);
    expect(poller.woken).toBe(true);
    poller.drainWake();
    clear(fds[1]);
    expect(poller.wait(NO_WAIT)).toBe(0);
    expect(poller.woken).toBe(false);
  });

  it("gets to every descriptor when more are ready than it reports at once", () => {
    const seen = new Set<number>();
    for (const fd of fds) wake(fd);
    wake(wakeFd);
    for (let turn = 0; turn < 4; turn++) {
      for (const tag of tags(poller.wait(NO_WAIT))) {
        seen.add(tag);
        clear(fds[tag - 100]);
      }
    }
    expect([...seen].sort()).toEqual([100, 101, 102]);
  });

  it("does not report what was removed", () => {
    wake(fds[0]);
    poller.remove(fds[0]);
    expect(poller.wait(NO_WAIT)).toBe(0);
  });

  it("names the call and the error", () => {
    const add = () => poller.add(fds[0], 1);
    expect(add).toThrow(SystemError);
    expect(add).toThrow(/^epoll_ctl fd \d+: EEXIST$/);
  });
});

describe("libc", () => {
  it("returns a negated errno on the hot path", () => {
    const fd = createWakeFd();
    const view = new BigUint64Array(1);
    expect(read(fd, view, 8), "EAGAIN").toBe(-11);
    expect(write(fd, BigUint64Array.of(3n), 8)).toBe(8);
    expect(read(fd, view, 8)).toBe(8);
    expect(view[0]).toBe(3n);
    close(fd);
    expect(read(fd, view, 8), "EBADF").toBe(-9);
  });

  it("writes and reads views over shared memory", () => {
    const fd = createWakeFd();
    const view = new BigUint64Array(new SharedArrayBuffer(24), 8, 1);
    view[0] = 5n;
    expect(write(fd, view, 8)).toBe(8);
    view[0] = 0n;
    expect(read(fd, view, 8)).toBe(8);
    expect(view[0]).toBe(5n);
    close(fd);
  });
});
