/** How a command gets into a pod: its network namespace, and mount and UTS namespaces made for it. */
export interface PodEntry {
  /** File that the network namespace is bound to (namespaces.ts). */
  netFile: string;
  hostname: string;
  /** Files to show in place of the host's: `/etc/resolv.conf`, `/etc/hosts`, `/etc/nsswitch.conf`. */
  files: { source: string; target: string }[];
  /** Working directory of the command. */
  directory: string;
  env: Record<string, string>;
}

/**
 * Runs in the new namespaces: `sh -c SCRIPT podplane HOSTNAME DIRECTORY N (SOURCE TARGET)*N COMMAND...`. A fresh sysfs
 * shows the pod's devices in /sys/class/net, as `ip netns exec` does it. A target that does not exist (a dangling
 * /etc/resolv.conf) cannot be mounted over; that is said, and the command still runs.
 */
const SCRIPT = `
  hostname "$1"
  mount -t sysfs podplane /sys 2>/dev/null
  directory=$2 files=$3
  shift 3
  while [ "$files" -gt 0 ]; do
    mount --bind "$1" "$2" || echo "podplane: $2 is the host's" >&2
    shift 2
    files=$((files - 1))
  done
  cd "$directory" && exec "$@"`;

/** The argv that runs `command` in the pod, for a process of the lab. No process stays between the two. */
export function podCommand(pod: PodEntry, command: string[]): string[] {
  return [
    ...["nsenter", `--net=${pod.netFile}`, "--"],
    ...["unshare", "--mount", "--uts", "--"],
    ...["sh", "-c", SCRIPT, "podplane", pod.hostname, pod.directory, String(pod.files.length)],
    ...pod.files.flatMap(({ source, target }) => [source, target]),
    ...command,
  ];
}

/** Variables of ours that a pod's processes have, where podplane itself has them; the rest of its environment stays out. */
const KEPT = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TERM"];

/** The environment of a pod's process: a few variables of ours, HOSTNAME, then the pod's own. */
export function podEnvironment(pod: PodEntry): Record<string, string> {
  const kept = KEPT.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(kept), HOSTNAME: pod.hostname, ...pod.env };
}
