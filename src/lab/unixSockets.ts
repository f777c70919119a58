import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/**
 * The process that listens at a path.
 *
 * @returns null where there is none, or it is another user's or in another network namespace.
 */
export function socketOwner(path: string): number | null {
  const inodes = listening(readFileSync("/proc/net/unix", "utf8"), path);
  if (inodes.length === 0) return null;
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  const owner = readdirSync("/proc").find(
    (entry) => /^\d+$/.test(entry) && descriptors(entry).some((d) => wanted.has(d)),
  );
  return owner === undefined ? null : Number(owner);
}

/** Inodes of the sockets bound to a path (proc(5), /proc/net/unix: Num RefCount Protocol Flags Type St Inode Path). */
export function listening(table: string, path: string): string[] {
  return table.split("\n").flatMap((line) => {
    const [, , , flags, , , inode, ...rest] = line.trim().split(/ +/);
    return rest.join(" ") === path && (Number.parseInt(flags, 16) & SO_ACCEPTCON) !== 0 ? [inode] : [];
  });
}

/** include/linux/net.h (UAPI): the socket listens. */
const SO_ACCEPTCON = 1 << 16;

/** What a process has open; nothing of another user's. */
function descriptors(pid: string): string[] {
  const directory = `/proc/${pid}/fd`;
  return orNothing(() => readdirSync(directory)).flatMap((fd) => orNothing(() => [readlinkSync(join(directory, fd))]));
}

/** A process may end, and a descriptor be closed, while they are looked at. */
function orNothing(look: () => string[]): string[] {
  try {
    return look();
  } catch {
    return [];
  }
}
