/** Where in an object: field names and list positions from its root. */
export type ObjectPath = readonly (string | number)[];

/** A problem or a note about one object, before anybody knows which line of which file it stands on. */
export interface Finding {
  readonly path: ObjectPath;
  readonly message: string;
}

/** What checking an object found: problems stop it, notes do not. */
export interface Findings {
  readonly problems: Finding[];
  readonly notes: Finding[];
}

/** `spec.vpc.subnets[1].cidrBlock`; keys that are no plain words are quoted, the root is empty. */
export function pathText(path: ObjectPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** The same path for every item of a list: `spec.containers[].resources`. */
export function fieldText(path: ObjectPath): string {
  return pathText(path).replaceAll(/\[\d+\]/g, "[]");
}
