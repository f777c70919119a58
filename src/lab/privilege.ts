import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Namespaces of its own for a lab: how to get them, tried and found to work. */
export interface Privileges {
  /** Whether a user namespace is part of it: then one user id exists, and root inside is the user outside. */
  rootless: boolean;
  /** Command that runs the command after it as (a child of) PID 1 of the new namespaces, until the caller dies. */
  command: string[];
}

/** Nothing that was tried gives a lab its namespaces. The message is one sentence that says what to do. */
export class PrivilegeError extends Error {
  override name = "PrivilegeError";
}

/**
 * `setpriv --pdeathsig` ends the chain when podplane's outer process dies, `--kill-child` when unshare does, and the
 * kernel when PID 1 does. The signal survives the change of credentials: a new user namespace belongs to the same user
 * (kernel/cred.c, commit_creds and cred_cap_issubset).
 */
const CHAIN = ["setpriv", "--pdeathsig", "KILL", "--", "unshare"];
const NAMESPACES = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"];
const USER_NAMESPACE = ["--user", "--map-root-user"];

/** Does what a lab does, and says how far it came. */
const PROBE = `
  echo namespaces
  mount -t tmpfs podplane /tmp && echo mount &&
  unshare --net sh -c 'echo network; : <>/dev/net/tun && echo device && ip tuntap add mode tun name probe && echo tun'`;

/** It takes about 30 ms. */
const PROBE_WITHIN_MS = 20_000;

const STAGES = ["nothing", "namespaces", "mount", "network", "device", "tun"] as const;
type Stage = (typeof STAGES)[number];

interface Attempt {
  privileges: Privileges;
  reached: Stage;
  stderr: string;
}

/**
 * Finds out, by doing it, how to get a lab's namespaces: as root directly, otherwise (or where root lacks
 * CAP_SYS_ADMIN, as in a container) inside a user namespace. Takes about 30 ms.
 * @throws PrivilegeError
 */
export function findPrivileges(): Privileges {
  const attempts: Attempt[] = [];
  for (const rootless of process.getuid?.() === 0 ? [false, true] : [true]) {
    const attempt = probe(rootless);
    if (attempt.reached === "tun") return attempt.privileges;
    attempts.push(attempt);
  }
  // The attempt that came further says more about what is missing; the first one, where they came equally far.
  const furthest = attempts.reduce((a, b) => (STAGES.indexOf(b.reached) > STAGES.indexOf(a.reached) ? b : a));
  throw new PrivilegeError(advice(furthest));
}

function probe(rootless: boolean): Attempt {
  const command = [...CHAIN, ...(rootless ? USER_NAMESPACE : []), ...NAMESPACES];
  const run = spawnSync(command[0], [...command.slice(1), "sh", "-c", PROBE], {
    encoding: "utf8",
    timeout: PROBE_WITHIN_MS,
    killSignal: "SIGKILL",
  });
  // Somebody ended it, or nothing moved: that says nothing about rights.
  if (run.signal !== null) throw new PrivilegeError(`Trying to make namespaces was ended by ${run.signal}: try again.`);
  const reached = STAGES.findLast((stage) => run.stdout?.split("\n").includes(stage)) ?? "nothing";
  const stderr = run.error ? run.error.message : (run.stderr.trim().split("\n").at(-1) ?? "");
  return { privileges: { rootless, command }, reached, stderr };
}

function advice({ privileges, reached, stderr }: Attempt): string {
  const because = stderr === "" ? "" : ` (${stderr})`;
  const container = "in a container, start it with --privileged, or as root on a machine of its own";
  switch (reached) {
    case "nothing":
      if (/ENOENT|not found|invalid option|unrecognized option/.test(stderr)) {
        return `podplane needs setpriv, unshare and nsenter of util-linux 2.33 or later and ip of iproute2${because}: install them.`;
      }
      return privileges.rootless
        ? `Unprivileged user namespaces are not allowed here${because}: run podplane as root, or allow them (${userNamespaceSetting()}); ${container}.`
        : `Mount and PID namespaces are not allowed here${because}: ${container}.`;
    case "namespaces":
      return `The namespaces were made, but mounting in them is not allowed${because}: run podplane as root, or allow it (${userNamespaceSetting()}); ${container}.`;
    case "mount":
      return `Network namespaces are not allowed here${because}: ${container}.`;
    default:
      return `/dev/net/tun cannot be used${because}: load the module (modprobe tun), let this user open it (chmod 666 /dev/net/tun), and give it to a container with --device /dev/net/tun.`;
  }
}

/** The setting that forbids unprivileged user namespaces on this machine, as a command that changes it. */
function userNamespaceSetting(): string {
  const settings = [
    { path: "kernel/apparmor_restrict_unprivileged_userns", forbids: "1", allow: "0" },
    { path: "kernel/unprivileged_userns_clone", forbids: "0", allow: "1" },
    { path: "user/max_user_namespaces", forbids: "0", allow: "10000" },
  ];
  const guilty = settings.find(({ path, forbids }) => {
    try {
      return readFileSync(`/proc/sys/${path}`, "utf8").trim() === forbids;
    } catch {
      return false;
    }
  });
  return guilty
    ? `sysctl -w ${guilty.path.replaceAll("/", ".")}=${guilty.allow}`
    : "sysctl user.max_user_namespaces, AppArmor, SELinux or seccomp forbids it";
}
