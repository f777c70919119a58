import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Passed to the inner process, which may look like root without being it. */
export const STATE_VARIABLE = "PODPLANE_STATE";
const SOCKET_SUFFIX = ".sock";
const PRIVATE = 0o700;

/**
 * Directory of the control sockets, one for each running lab: `$PODPLANE_STATE`, /run/podplane for root,
 * `$XDG_RUNTIME_DIR/podplane` or /tmp/podplane-UID otherwise. Made if need be, for its owner alone.
 *
 * @throws Error when it belongs to somebody else.
 */
export function stateDirectory(): string {
  const uid = process.getuid?.() ?? 0;
  const runtime = process.env.XDG_RUNTIME_DIR;
  const own = runtime === undefined || runtime === "" ? `/tmp/podplane-${uid}` : join(runtime, "podplane");
  const directory = process.env[STATE_VARIABLE] ?? (uid === 0 ? "/run/podplane" : own);
  mkdirSync(directory, { recursive: true, mode: PRIVATE });
  if (statSync(directory).uid !== uid)
    throw new Error(
      `${directory} belongs to another user: remove it, or set ${STATE_VARIABLE} to a directory of your own`,
    );
  return directory;
}

/** Path of a lab's control socket. */
export function socketPath(lab: string): string {
  return join(stateDirectory(), lab + SOCKET_SUFFIX);
}

/** Names of the labs that have a control socket, running or stale. */
export function labNames(): string[] {
  return readdirSync(stateDirectory())
    .filter((name) => name.endsWith(SOCKET_SUFFIX))
    .map((name) => name.slice(0, -SOCKET_SUFFIX.length))
    .sort();
}
