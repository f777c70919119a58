import { expect, it } from "vitest";
import { KUBELET_BACKOFF, RestartDelay } from "../../../src/lab/restartDelay.ts";

const SECOND = 1000;

it("waits 1 s, then 10 s doubled up to 5 minutes, as the kubelet does", () => {
  const delay = new RestartDelay(KUBELET_BACKOFF);
  const seconds = Array.from({ length: 9 }, () => delay.next(0) / SECOND);
  expect(seconds).toEqual([1, 10, 20, 40, 80, 160, 300, 300, 300]);
});

it("starts over after a run of ten minutes, not sooner", () => {
  const delay = new RestartDelay(KUBELET_BACKOFF);
  const ran = [0, 0, 0, 599.999, 600, 0].map((s) => delay.next(s * SECOND) / SECOND);
  expect(ran).toEqual([1, 10, 20, 40, 1, 10]);
});
