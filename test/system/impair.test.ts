import { afterEach, beforeEach, expect, it } from "vitest";
import { Podplane, UDP } from "./podplane.ts";
import { labDocument, podDocument } from "./support/labObjects.ts";
import { until } from "./support/wait.ts";

let podplane: Podplane;
let server: string;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

async function startLab(impairments: unknown[], checksum = true): Promise<void> {
  const lab = labDocument({ cluster: { dns: { mode: "none" }, conntrack: { checksum } } });
  (lab.spec as Record<string, unknown>).impairments = impairments;
  const file = podplane.write("lab.yaml", [
    lab,
    podDocument("client", { spec: { nodeName: "node-1" } }),
    podDocument("server", { command: ["node", UDP, "echo", "7"], spec: { nodeName: "node-2" } }),
  ]);
  await podplane.up(file);
  await podplane.serving("pod/server");
  server = (await podplane.get("pods")).find((pod) => pod.name === "server")?.address ?? "";
}

interface Pinged {
  received: number;
  duplicates: number;
  /** Milliseconds; 0 where none came back. */
  least: number;
}

async function ping(count: number): Promise<Pinged> {
  const text = await podplane.sh("pod/client", `ping -n -c ${count} -i 0.01 -W 1 ${server} || true`);
  return {
    received: Number(/(\d+) received/.exec(text)?.[1]),
    duplicates: (text.match(/\(DUP!\)/g) ?? []).length,
    least: Number(/rtt min\/avg\/max\/mdev = ([\d.]+)/.exec(text)?.[1] ?? 0),
  };
}

/** `podplane impair ARGS`: the settings of each direction of the point. */
async function impair(...args: string[]): Promise<Record<string, string>> {
  const rows = JSON.parse(await podplane.must("impair", ...args, "-o", "json")) as {
    direction: string;
    settings: string;
  }[];
  return Object.fromEntries(rows.map((row) => [row.direction, row.settings]));
}

it("delay, loss, duplication and rate are what ping and a transfer measure; settings change while it runs", async () => {
  await startLab([{ at: "pod/server", direction: "both", delay: "20ms" }]);
  // A packet leaves up to a millisecond early or late: that is how fine the clock is.
  expect((await ping(5)).least).toBeGreaterThan(38);

  // What is not named stays as it is.
  expect(await impair("pod/server", "loss=30%")).toEqual({ out: "loss 30%, delay 20ms", in: "delay 20ms" });
  const lossy = await ping(100);
  expect(lossy.received).toBeGreaterThan(40);
  expect(lossy.received).toBeLessThan(95);
  expect(lossy.least).toBeGreaterThan(38);
  const [out] = await podplane.get("impairments");
  expect(out.counts?.lost).toBe(100 - lossy.received);
  expect(await impair("pod/server", "loss=0", "delay=0", "--direction", "both")).toEqual({});

  // An ENI is a point as well.
  expect(await impair("node-2/eth0", "duplicate=100%")).toEqual({ out: "duplicate 100%" });
  const doubled = await ping(10);
  expect(doubled.received).toBe(10);
  expect(doubled.duplicates).toBeGreaterThanOrEqual(9);
  expect(await impair("node-2/eth0", "--clear")).toEqual({});
  expect(await ping(10)).toMatchObject({ received: 10, duplicates: 0 });

  // 250,000 bytes at 1 Mbit/s take 2 s, and no machine is slow enough to make them faster.
  await impair("pod/server", "rate=1mbit", "--direction", "in");
  const listener = podplane.background("pod/server", "socat", "-u", "TCP4-LISTEN:9", "STDOUT");
  await until("socat to listen", async () =>
    (await podplane.sh("pod/server", "ss -Hltn 'sport = :9'")) === "" ? null : true,
  );
  const began = performance.now();
  await podplane.sh("pod/client", `head -c 250000 /dev/zero | socat -u STDIN TCP4:${server}:9`);
  const { stdout } = await listener.ended;
  expect(stdout).toHaveLength(250_000);
  expect(performance.now() - began).toBeGreaterThan(1900);

  // What is wrong is said, and nothing is changed.
  const cases = [
    [["pod/client", "los=1%"], /expected a setting .*got "los"; did you mean loss\?/],
    [["pod/client", "loss=1"], /loss: expected a percentage such as 1%.*got "1"/],
    [["pod/client", "delay=5"], /delay: expected a time such as 50ms/],
    [["pod/cilent", "loss=1%"], /there is no pod\/cilent; did you mean pod\/default\/client\?/],
    [["node-1/eth7", "loss=1%"], /there is no ENI node-1\/eth7; .*node-1\/eth0/],
  ] as const;
  for (const [args, text] of cases) {
    const { status, stderr } = await podplane.run("impair", ...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(text);
  }
  expect(await impair()).toEqual({ in: "rate 1mbit" });
  await podplane.finish();
});

for (const checksum of [true, false])
  it(`corrupted datagrams are ${checksum ? "INVALID to conntrack" : "left to the receiver"}: checksum ${checksum}`, async () => {
    await startLab([{ at: "pod/client", corrupt: "100%" }], checksum);
    const send = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(20): s.sendto(bytes(1000), ("${server}", 7))`;
    await podplane.must("exec", "pod/client", "--", "python3", "-c", send);
    const errors = async () => {
      const text = await podplane.sh("pod/server", "grep ^Udp: /proc/net/snmp");
      const [names, values] = text.split("\n").map((line) => line.split(" "));
      return Number(values[names.indexOf("InCsumErrors")]);
    };
    if (checksum) {
      await until("the datagrams to be dropped", async () =>
        ((await podplane.metrics()).drops.CHECKSUM_INVALID ?? 0) >= 15 ? true : null,
      );
      expect(await errors()).toBe(0);
    } else {
      await until("the receiver to find bad checksums", async () => ((await errors()) >= 15 ? true : null));
      expect((await podplane.metrics()).drops.CHECKSUM_INVALID ?? 0).toBe(0);
    }
    await podplane.finish();
  });
