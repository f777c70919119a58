import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Podplane, QUICKSTART } from "./podplane.ts";

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

/** Takes a lab of labs/ up, with texts of its lab.yaml changed as its README says. @returns its directory */
async function up(name: string, changes: Readonly<Record<string, string>> = {}): Promise<string> {
  const labs = join(podplane.directory, "labs");
  cpSync(join(QUICKSTART, ".."), labs, { recursive: true });
  const file = join(labs, name, "lab.yaml");
  let text = readFileSync(file, "utf8");
  for (const [from, to] of Object.entries(changes)) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  writeFileSync(file, text);
  await podplane.up(join(labs, name));
  return join(labs, name);
}

/** curl that waits for a server to listen. */
const ask = (object: string, url: string) =>
  podplane.sh(object, `curl -sS --retry 20 --retry-delay 1 --retry-connrefused --max-time 30 ${url}`);

const drops = async () => (await podplane.get("reasons")).filter((r) => r.count > 0).map((r) => r.code);

describe("on-premises-sees-node", () => {
  it("erp sees the node, and reaches the pod by its address", async () => {
    await up("on-premises-sees-node");
    const [{ address }] = await podplane.get("pods");
    const [{ address: node }] = await podplane.get("nodes");
    expect(await ask("pod/web", "http://192.168.0.10/")).toBe(`you are ${node}`);
    expect(await ask("host/erp", `http://${address}/`)).toBe("you are 192.168.0.10");
    await podplane.finish();
  });

  it.each([
    ["# AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS"],
    ['AWS_VPC_K8S_CNI_EXTERNALSNAT: "false"', 'AWS_VPC_K8S_CNI_EXTERNALSNAT: "true"'],
  ])("with %s changed it sees the pod", async (from, to) => {
    await up("on-premises-sees-node", { [from]: to });
    const [{ address }] = await podplane.get("pods");
    expect(await ask("pod/web", "http://192.168.0.10/")).toBe(`you are ${address}`);
    await podplane.finish();
  });
});

describe("random-ports-nacl", () => {
  const FIRST = 32_768;
  const LAST = 61_000;

  /** Connects often at once. @returns how many connections got an answer, and whether each should by its port */
  async function connect(times: number) {
    await podplane.serving("host/web");
    const one = "curl -s -o /dev/null -w '%{http_code} ' --max-time 2 http://203.0.113.10/ &";
    const codes = await podplane.sh("pod/client", `for i in $(seq ${times}); do ${one} done; wait`);
    const entries = (await podplane.get("conntrack")).filter((c) => c.protocol === "tcp");
    expect(entries).toHaveLength(times);
    const inside = entries.filter((c) => c.reply.destinationPort >= FIRST && c.reply.destinationPort <= LAST);
    expect(entries.filter((c) => c.state !== "SYN_SENT")).toEqual(inside);
    const answered = codes.split(" ").filter((code) => code === "200").length;
    expect(answered).toBe(inside.length);
    return { answered, reasons: await drops() };
  }

  it("answers come in by the number of the port that source NAT drew", async () => {
    await up("random-ports-nacl");
    const { answered, reasons } = await connect(20);
    expect(answered).toBeGreaterThan(0);
    expect(answered).toBeLessThan(20);
    expect(reasons).toEqual(["NETWORK_ACL_INGRESS"]);
    await podplane.finish();
  });

  it.each([
    ["fromPort: 32768, toPort: 61000", "fromPort: 1024, toPort: 65535"],
    ["RANDOMIZESNAT: prng", "RANDOMIZESNAT: none"],
  ])("with %s changed all of them do", async (from, to) => {
    await up("random-ports-nacl", { [from]: to });
    await podplane.serving("host/web");
    const one = "curl -sS -o /dev/null --max-time 30 http://203.0.113.10/ || echo failed; ";
    expect(await podplane.sh("pod/client", `for i in $(seq 10); do ${one} done`)).toBe("");
    expect(await drops()).toEqual([]);
    await podplane.finish();
  });
});

describe("nlb-hairpin", () => {
  it("a pod that is its own target gets packets from itself, which its kernel drops", async () => {
    await up("nlb-hairpin");
    const { status } = await podplane.run(
      "exec",
      "pod/web",
      "--",
      "curl",
      "-sS",
      "--max-time",
      "2",
      "http://10.0.1.200/",
    );
    // curl's exit status for a timeout.
    expect(status).toBe(28);
    expect(await drops()).toEqual([]);
    const [{ address }] = await podplane.get("pods");
    const seen = (await podplane.get("conntrack")).filter((c) => c.protocol === "tcp");
    expect(seen.map((c) => `${c.original.source} ${c.original.destination}`)).toContain(`${address} ${address}`);
    await podplane.finish();
  });

  it("does not where the load balancer translates the client's address", async () => {
    await up("nlb-hairpin", { "10.0.1.5, preserve": "10.0.1.5, translate" });
    expect(await ask("pod/web", "http://10.0.1.200/")).toBe("you are 10.0.1.200");
    await podplane.finish();
  });
});

describe("default-deny-dns", () => {
  it("a policy for DNS pods does not allow the node's own DNS; one for its address does", async () => {
    const directory = await up("default-deny-dns");
    await podplane.serving("pod/api");
    const curl = ["exec", "pod/client", "--", "curl", "-sS", "--max-time", "2", "http://api:8080/"];
    expect((await podplane.run(...curl)).stderr).toContain("Resolving timed out");
    expect(await drops()).toEqual(["POLICY_DENY_EGRESS"]);
    expect(await podplane.must("logs", "node/node-1", "--policy")).toContain(
      "Dest IP: 172.20.0.10 Dest Port: 53 Proto UDP Verdict DENY Direction egress",
    );
    await podplane.must("apply", "-f", join(directory, "later/dns.yaml"));
    expect(await podplane.must(...curl)).toContain('"name":"api"');
    await podplane.finish();
  });
});
