import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as later } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { type Process, processes, processTree, TestLab, type User } from "./support/lab.ts";

const USERS: User[] = ["root", "nobody"];

let lab: TestLab;
afterEach(() => lab.dispose());

/** What the host's kernel shows of network devices, named namespaces and mounts. */
function hostView(): string[] {
  const output = (...command: string[]) => spawnSync(command[0], command.slice(1), { encoding: "utf8" }).stdout;
  return [output("ip", "-o", "link"), output("ip", "netns"), readFileSync("/proc/self/mounts", "utf8")];
}

const alive = (pids: Process[]) => {
  const now = new Map(processes().map((process) => [process.pid, process.command]));
  // A dead process that nobody has waited for yet has no command.
  return pids.filter(({ pid }) => (now.get(pid) ?? "") !== "");
};

describe.each(USERS)("a lab of %s", (user) => {
  it("has namespaces with a TUN, addresses, routes and settings, none of which the host sees", async () => {
    const before = hostView();
    lab = new TestLab(user);
    const report = await lab.start("many", "20");
    expect(hostView()).toEqual(before);
    expect(report).toMatchObject({
      rootless: user === "nobody",
      fds: 20,
      offload: "csum,tso,uso",
      routes: ["default via 169.254.1.1 dev eth0", "169.254.1.1 dev eth0 scope link"].map((route) =>
        expect.stringContaining(route),
      ),
      link: expect.stringMatching(/eth0: <.*\bUP\b.*> mtu 9001 .* qlen 10000/),
      ipv6: expect.not.stringContaining("eth0"),
      forward: "1",
      rpFilter: "2",
      unprivilegedPort: "0",
    });
    expect(report.addresses).toEqual(
      Array.from({ length: 20 }, (_, i) => expect.stringContaining(`inet 10.0.1.${i + 1}/32 `)),
    );
    expect(report.stats).toEqual({
      "pod-1": expect.objectContaining({ rxPackets: 0, txDropped: 0 }),
      "pod-99": expect.objectContaining({ rxPackets: 0, txDropped: 3 }),
    });
  });

  it.each([
    ["the outer process", 0],
    ["unshare", 1],
    ["PID 1", 2],
    ["the inner process", 3],
  ])("ends within a second, with all it had, by kill -9 of %s", async (_, position) => {
    const before = hostView();
    lab = new TestLab(user);
    await lab.start("many", "5");
    const tree = processTree(lab.pid);
    const names = tree.map(({ command }) => command.split(" ")[0].split("/").at(-1));
    expect(names.slice(0, 4)).toEqual(["node", "unshare", "sh", "node"]);
    expect(names, "and two orphans").toHaveLength(6);
    const victim = tree[position];
    const killedAt = performance.now();
    process.kill(victim.pid, "SIGKILL");
    while (alive(tree).length > 0 && performance.now() - killedAt < 1000) await later(5);
    expect(alive(tree)).toEqual([]);
    expect(hostView()).toEqual(before);
    // util-linux 2.38 cannot pass SIGKILL on and exits with 1; that it does not say "fine" is what matters.
    expect((await lab.exited()).code).not.toBe(0);
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "is asked to stop by %s, once however often it comes, and gives its exit code",
    async (signal) => {
      lab = new TestLab(user);
      await lab.start("many", "2");
      const tree = processTree(lab.pid);
      lab.signal(signal);
      await later(20);
      lab.signal(signal);
      expect((await lab.exited()).code).toBe(41);
      expect(alive(tree)).toEqual([]);
    },
  );

  it("says what failed and leaves nothing of it", async () => {
    lab = new TestLab(user);
    const report = await lab.start("errors");
    expect(report).toMatchObject({
      taken: expect.stringContaining("EEXIST"),
      badRoute: "namespace pod-2: ip route add 10.9.0.0/16 via 192.0.2.1: Error: Nexthop has invalid gateway.",
      badSysctl: expect.stringMatching(/ENOENT.*net\/ipv4\/no_such_thing/),
      badName: "namespace name '../pod'",
      unknown: expect.stringMatching(/umount .*pod-9: ENOENT/),
      files: ["pod-1"],
      descriptorsLeft: 0,
      again: `${lab.directory}/net/pod-2`,
      removed: false,
      statsOfRemoved: 0,
      // The tmpfs and pod-2.
      mounts: 2,
    });
  });

  it("opens sockets inside a namespace for Node to use", async () => {
    lab = new TestLab(user);
    expect(await lab.start("sockets")).toMatchObject({
      tcp: "from the pod",
      udp: "question",
      address: { address: "10.0.1.1", port: 53 },
    });
  });

  it("runs containers, restarts them by their policy, logs what they say and stops them", async () => {
    lab = new TestLab(user);
    const report = await lab.start("containers");
    const running = (restarts: number) => ({ status: "running", restarts });
    const exited = (code: number, restarts: number, again: boolean) => ({ status: "exited", code, restarts, again });
    expect(report).toMatchObject({
      fails: { states: [running(0), exited(3, 0, false)], log: expect.stringContaining("oops\n") },
      missing: { states: [running(0), exited(127, 0, true), running(1), exited(127, 1, true)] },
      succeeds: { states: [running(0), exited(0, 0, false)] },
      always: { states: [running(0), exited(0, 0, true), running(1), exited(0, 1, true)] },
      polite: { states: [running(0), exited(5, 0, false)] },
      stubborn: { states: [running(0), exited(128 + 9, 0, false)] },
      left: "",
    });
    const { log } = report.inside as { log: string };
    expect(log.split("\n")).toEqual([
      "mount: /etc/no-such-file: mount point does not exist.",
      expect.stringContaining("dmesg"),
      "podplane: /etc/no-such-file is the host's",
      "web-1",
      "nameserver 172.20.0.10",
      "eth0",
      "lo",
      "hello pod web-1",
      "0",
      ...(report.descriptors as string[]).slice(0, -1),
      // No TUN, no socket among the descriptors, and nothing of ours in the environment.
      "0",
      "0",
      "",
    ]);
  });

  it("is entered from outside by exec", async () => {
    lab = new TestLab(user);
    const { hostPid, file } = await lab.start("exec");
    const exec = (script: string) => lab.exec(Number(hostPid), String(file), ["sh", "-c", script]);
    const inside = exec(
      "hostname; ip -4 -o address show dev eth0; cat /etc/resolv.conf; cat; cat /proc/self/comm /proc/1/cmdline; exit 12",
    );
    expect(inside.status).toBe(12);
    expect(inside.stdout.split("\n")).toEqual([
      "web-1",
      expect.stringContaining("inet 10.0.1.1/32"),
      "nameserver 172.20.0.10",
      "typed",
      // /proc is the lab's, and this process is one of its.
      "cat",
      expect.stringMatching(/^sh\0-c\0"\$@"/),
    ]);
    expect(exec("kill -TERM $$").status).toBe(128 + 15);
    expect(lab.exec(Number(hostPid), String(file), ["/no/such/command"]).status).toBe(127);
  });
});

describe("a lab that cannot be had", () => {
  it("says in one sentence what to do", async () => {
    lab = new TestLab("nobody", { tunMode: "600" });
    await expect(lab.start("many", "1")).rejects.toThrow("the lab ended");
    const { code, stderr } = await lab.exited();
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^PrivilegeError: \/dev\/net\/tun cannot be used \(.*Permission denied\): .*chmod 666 \/dev\/net\/tun.*\.\n$/,
    );
  });
});
