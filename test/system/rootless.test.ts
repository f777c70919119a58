import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Podplane, QUICKSTART } from "./podplane.ts";
import { DIST } from "./support/dist.ts";

const NOBODY = 65_534;
const AS_NOBODY = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
/**
 * A private mount namespace in which /dev/net/tun is a node that everybody may open, as on most distributions, whatever
 * this machine's own is.
 */
const OPEN_TUN = [
  "unshare",
  "--mount",
  "sh",
  "-c",
  'mount -t tmpfs tun /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec "$@"',
  "open-tun",
];
const CLI = fileURLToPath(new URL("cli/main.js", DIST));

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane([...OPEN_TUN, ...AS_NOBODY]);
  chownSync(podplane.directory, NOBODY, NOBODY);
  chownSync(podplane.state, NOBODY, NOBODY);
});
afterEach(() => podplane.dispose());

/** A copy of the quickstart lab that nobody may read. */
function quickstart(): string {
  const copy = join(podplane.directory, "quickstart");
  cpSync(QUICKSTART, copy, { recursive: true });
  chmodSync(copy, 0o755);
  return copy;
}

describe("without root", () => {
  it("the quickstart comes up in a user namespace, forwards HTTP and leaves nothing", async () => {
    await podplane.up(quickstart());
    const { rootless } = await podplane.ask("status", null);
    expect(rootless).toBe(true);
    await podplane.serving("pod/api-1", "pod/api-2", "pod/api-3", "host/web");
    const { client } = JSON.parse(await podplane.sh("pod/client", "curl -sS -m 5 http://api/")) as { client: string };
    expect(client).toMatch(/^10\.0\.1\.16:/);
    expect(JSON.parse(await podplane.sh("pod/client", "curl -sS -m 5 http://web/"))).toMatchObject({ name: "web" });
    await podplane.finish();
  });

  it("says in one sentence what to do where user namespaces are not allowed", async () => {
    // A user namespace whose own limit is 0 forbids further ones, and changes nothing for the machine.
    const forbid = 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"';
    const run = spawnSync(
      "setpriv",
      [
        ...AS_NOBODY.slice(1),
        ...["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "forbid"],
        // Root of that namespace without its capabilities: neither way of getting a lab's namespaces is left.
        ...["setpriv", "--bounding-set=-all", "--inh-caps=-all", process.execPath, CLI, "up", quickstart()],
      ],
      { encoding: "utf8", env: podplane.env },
    );
    expect(run.status, run.stderr).toBe(1);
    expect(run.stderr.trim().split("\n")).toHaveLength(1);
    expect(run.stderr).toMatch(/not allowed here.*(run podplane as root|start it with)/);
    await podplane.expectNothingLeft();
  });
});

describe("why --lab", () => {
  it("needs no privileges at all", () => {
    const run = spawnSync(
      "setpriv",
      [
        ...AS_NOBODY.slice(1),
        ...["--no-new-privs", "--bounding-set=-all", process.execPath, CLI],
        ...["why", "tcp", "pod/client", "svc/api:80", "--lab", quickstart(), "-o", "json"],
      ],
      { encoding: "utf8", env: { ...podplane.env, PODPLANE_STATE: "/nonexistent" } },
    );
    expect(run.status, run.stderr).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({
      verdict: "DELIVERED",
      flow: { destination: { name: "svc/default/api:80" } },
      seen: { source: { address: "10.0.1.16" }, destination: { port: 8080 } },
    });
  });
});
