import { findObject } from "../objectNames.ts";
import { pathText } from "../objects/finding.ts";
import { type LabObject, objectKey } from "../objects/kinds.ts";
import { readObjects } from "../objects/read.ts";

/** A setting that cannot be: what is wrong with it, in one sentence. */
export class SettingError extends Error {
  override readonly name = "SettingError";
}

/** Where a setting is, and what it is to be. */
interface Setting {
  /** As it was written. */
  readonly text: string;
  /** Key of the object it is in; null: the Lab. */
  readonly object: string | null;
  readonly path: readonly string[];
  readonly value: unknown;
}

const ENV = ["spec", "cluster", "cni", "env"];
/** A variable of the CNI: AWS_VPC_K8S_CNI_EXTERNALSNAT, ENABLE_IPv4. */
const VARIABLE = /^[A-Z][A-Za-z0-9_]*$/;
const FORMS =
  "write VARIABLE=VALUE for a variable of the CNI, spec.PATH=VALUE for the lab, or KIND/NAME:PATH=VALUE for another object";

/** YAML's reading of a plain word, as far as settings need it: true, 4, [a], {}; anything else is text. */
function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function parseSetting(text: string): Setting {
  const end = text.indexOf("=");
  const key = text.slice(0, end);
  const value = text.slice(end + 1);
  if (end < 1) throw new SettingError(`"${text}" is no setting: ${FORMS}`);
  if (VARIABLE.test(key)) return { text, object: null, path: [...ENV, key], value };
  const colon = key.indexOf(":");
  const object = colon < 0 ? null : key.slice(0, colon);
  const path = key.slice(colon + 1).split(".");
  if (path.includes("") || (object === null && !["spec", "metadata"].includes(path[0])))
    throw new SettingError(`"${text}" is no setting: ${FORMS}`);
  return { text, object, path, value: readValue(value) };
}

const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Place of an element of a list: its number, or that of the element with this name. */
function placeIn(list: readonly unknown[], step: string, setting: Setting): number {
  const place = /^\d+$/.test(step) ? Number(step) : list.findIndex((e) => isFields(e) && e.name === step);
  if (place < 0 || place >= list.length) {
    const names = list.map((e, i) => (isFields(e) && typeof e.name === "string" ? e.name : String(i)));
    throw new SettingError(`${setting.text}: there is no "${step}"; there is ${names.join(", ") || "nothing"}`);
  }
  return place;
}

/** The value with another one at a path; what lies on the way is copied. */
function withValue(value: unknown, path: readonly string[], setting: Setting): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return setting.value;
  if (Array.isArray(value)) {
    const place = placeIn(value, step, setting);
    return value.with(place, withValue(value[place], rest, setting));
  }
  const fields = isFields(value) ? value : {};
  return { ...fields, [step]: withValue(fields[step], rest, setting) };
}

function withSetting(objects: readonly LabObject[], text: string): LabObject[] {
  const setting = parseSetting(text);
  const key = setting.object === null ? null : findObject(setting.object, objects.map(objectKey));
  return objects.map((object) => {
    if (key === null ? object.kind !== "Lab" : objectKey(object) !== key) return object;
    const read = readObjects(withValue(object, setting.path, setting));
    const [problem] = read.problems;
    if (problem !== undefined) throw new SettingError(`${text}: ${pathText(problem.path)}: ${problem.message}`);
    return read.objects[0].object;
  });
}

/**
 * A lab's objects with settings changed, one after the other: `AWS_VPC_K8S_CNI_EXTERNALSNAT=true`,
 * `spec.cluster.kubeProxy.mode=nftables`, `spec.nodes.node-1.sourceDestCheck=false`, `nodeclass/default:spec.snatPolicy=Disabled`.
 *
 * @throws SettingError, or NameError for an object that there is not.
 */
export function withSettings(objects: readonly LabObject[], settings: readonly string[]): readonly LabObject[] {
  return settings.reduce<readonly LabObject[]>(withSetting, objects);
}
