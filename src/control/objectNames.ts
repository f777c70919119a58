import { suggestion } from "./near.ts";
import { KINDS } from "./objects/kinds.ts";
import { NameError } from "./resolve.ts";

/** What kubectl also takes for a kind. */
const ALIASES: Readonly<Record<string, string>> = {
  ns: "namespace",
  po: "pod",
  deploy: "deployment",
  service: "svc",
};

/**
 * The key of an object that a person names as `pod/web-1`, `deployment/default/api`, `svc/api`, `namespace/shop`.
 *
 * @param keys keys that there are.
 * @throws NameError for a name that none of them is.
 */
export function findObject(text: string, keys: readonly string[]): string {
  const [first, ...rest] = text.split("/");
  const prefixes = Object.values(KINDS).map((row) => row.prefix);
  const singular = first.toLowerCase().replace(/s$/, "");
  const prefix = [first, singular, ALIASES[first], ALIASES[singular]].find(
    (p) => p !== undefined && prefixes.includes(p),
  );
  if (prefix === undefined || rest.length === 0 || rest.length > 2 || rest.includes(""))
    throw new NameError(`"${text}" is no object: write KIND/[NAMESPACE/]NAME with ${prefixes.slice(1).join(", ")}`);
  const inCluster = prefix === KINDS.Namespace.prefix || prefix === KINDS.Lab.prefix;
  const key = [prefix, ...(inCluster || rest.length === 2 ? rest : ["default", ...rest])].join("/");
  if (keys.includes(key)) return key;
  throw new NameError(`there is no ${key}; ${suggestion(key, keys)}`);
}
