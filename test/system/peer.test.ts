import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Podplane, QUICKSTART } from "./podplane.ts";

// A lab's kernel twin as a user has it: beside the lab, asked the same way, and gone without a trace.

let podplane: Podplane;

beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => {
  return podplane.dispose();
});

const TWIN = ["--name", "quickstart-peer"];

describe.each(["iptables", "nftables"])("a kernel twin in %s mode", (mode) => {
  it("answers as the lab does, with its addresses, and leaves nothing behind", async () => {
    await podplane.must("peer", "up", QUICKSTART, "--mode", mode, "--detach");
    await podplane.up(QUICKSTART);
    const address = "ip -4 -o address show dev eth0 | awk '{ print $4 }'";
    const inTwin = (script: string) => podplane.must("exec", ...TWIN, "pod/client", "--", "sh", "-c", script);
    expect((await inTwin(address)).trim()).toBe(await podplane.sh("pod/client", address));
    const servers = new Set<string>();
    for (let i = 0; i < 40 && servers.size < 3; i++)
      servers.add(JSON.parse(await inTwin("curl -sS --retry 10 --retry-connrefused --retry-delay 1 api")).name);
    expect([...servers].sort()).toEqual(["api-1", "api-2", "api-3"]);
    const rules = await podplane.must("exec", ...TWIN, "node/node-1", "--", "nft", "list", "ruleset");
    expect(rules).toContain(mode === "nftables" ? "service-nodeports" : "KUBE-MARK-MASQ");
    // The lab is meant where no name says otherwise.
    expect(await podplane.must("down")).toBe("lab quickstart is down\n");
    expect(await podplane.must("peer", "down")).toContain("quickstart-peer is down");
    await podplane.expectNothingLeft();
  });
});

it("a twin that is killed takes all of it along", async () => {
  const twin = podplane.spawn("peer", "up", QUICKSTART, "--mode", "nftables");
  await twin.says(/ is up in /);
  await twin.stop("SIGKILL");
  await podplane.expectNothingLeft(["quickstart-peer.sock"]);
});

it("rules are those of a lab that runs and of its files alike", async () => {
  await podplane.up(QUICKSTART);
  const live = await podplane.must("get", "rules", "--mode", "nftables", "--node", "node-1");
  expect(live).toContain("chain ip kube-proxy services");
  expect(await podplane.must("get", "rules", "--mode", "nftables", "--node", "node-1", "--lab", QUICKSTART)).toBe(live);
  const { status, stderr } = await podplane.run("get", "rules", "--node", "nod-1");
  expect(status).toBe(1);
  expect(stderr).toContain("there is no node nod-1");
  await podplane.must("down");
});
