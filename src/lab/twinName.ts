const SUFFIX = "-peer";

/** The name that a lab's kernel twin has beside it, for `--name`. */
export function twinName(lab: string): string {
  return lab + SUFFIX;
}

/** Whether `name` is the twin of one of `labs`. */
export function isTwinOf(name: string, labs: readonly string[]): boolean {
  return labs.some((lab) => name === twinName(lab));
}

/** Whether `name` may be a twin's. */
export function looksLikeTwin(name: string): boolean {
  return name.endsWith(SUFFIX);
}
