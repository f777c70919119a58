import { suggestion } from "./near.ts";
import { KINDS } from "./objects/kinds.ts";
import { NameError } from "./resolve.ts";

/** What kubectl also takes for a kind. */
const ALIASES: Readonly<Record<string, string>> = {
  ns: "namespace",
  po: "pod",
  deploy: "deployment",
  rs: "replicaset",
  sts: "statefulset",
  ds: "daemonset",
  service: "svc",
  sa: "serviceaccount",
  sgp: "securitygrouppolicy",
  netpol: "networkpolicy",
  cnp: "clusternetworkpolicy",
};

/** A kind's name and what its plural may be of: pods, policies, classes. */
function singulars(word: string): string[] {
  return [word, word.replace(/s$/, ""), word.replace(/ies$/, "y"), word.replace(/es$/, "")];
}

/**
 * The key of an object that a person names as `pod/web-1`, `deployment/default/api`, `svc/api`, `namespace/shop`.
 *
 * @param keys keys that there are.
 * @throws NameError for a name that none of them is.
 */
export function findObject(text: string, keys: readonly string[]): string {
  const [first, ...rest] = text.split("/");
  const rows = Object.values(KINDS);
  const words = singulars(first.toLowerCase()).flatMap((word) => [word, ALIASES[word]]);
  const row = rows.find(({ prefix }) => words.includes(prefix));
  if (row === undefined || rest.length === 0 || rest.length > 2 || rest.includes(""))
    throw new NameError(
      `"${text}" is no object: write KIND/[NAMESPACE/]NAME with ${rows
        .slice(1)
        .map((r) => r.prefix)
        .join(", ")}`,
    );
  const key = [row.prefix, ...(!row.namespaced || rest.length === 2 ? rest : ["default", ...rest])].join("/");
  if (keys.includes(key)) return key;
  throw new NameError(`there is no ${key}; ${suggestion(key, keys)}`);
}
