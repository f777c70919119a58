import { suggestion } from "../near.ts";
import { valueText } from "../objects/explain.ts";
import { isOff } from "../objects/impairmentText.ts";
import type { Lab } from "../objects/lab.ts";
import { IMPAIRMENT_SETTINGS, type ImpairmentSetting, impairmentSettings } from "../objects/labImpairment.ts";
import { type Direction, type OneWay, oneWays } from "./points.ts";

/** A change of what is done to a point's packets while a lab runs. */
export interface ImpairmentChange {
  readonly directions: readonly Direction[];
  /** `loss=1%`, `delay=50ms`; `loss=0` ends loss. */
  readonly settings: readonly string[];
  /** Ends all that is not in the settings. */
  readonly clear: boolean;
}

/** A setting that is no setting. */
export class SettingError extends Error {
  override name = "SettingError";
}

const EXAMPLE = "such as loss=1% or delay=50ms";
const NUMBERS: ReadonlySet<ImpairmentSetting> = new Set(["limit", "gap"]);

const isSetting = (name: string): name is ImpairmentSetting => IMPAIRMENT_SETTINGS.some((s) => s === name);

/** @returns the setting and its value; undefined: it ends. */
function parseSetting(text: string): [ImpairmentSetting, unknown] {
  const at = text.indexOf("=");
  if (at < 0) throw new SettingError(`expected NAME=VALUE ${EXAMPLE}, got "${text}"`);
  const name = text.slice(0, at);
  const value = text.slice(at + 1).replaceAll(",", " ");
  if (!isSetting(name))
    throw new SettingError(`expected a setting ${EXAMPLE}, got "${name}"; ${suggestion(name, IMPAIRMENT_SETTINGS)}`);
  if (isOff(value)) return [name, undefined];
  const parsed = impairmentSettings[name].safeParse(NUMBERS.has(name) ? Number(value) : value);
  if (parsed.success) return [name, parsed.data];
  const [{ message }] = parsed.error.issues;
  const expected = message.startsWith("expected ") ? message : "expected uniform or normal";
  throw new SettingError(`${name}: ${expected}, got ${valueText(value)}`);
}

const isEmpty = (entry: OneWay): boolean => IMPAIRMENT_SETTINGS.every((name) => entry[name] === undefined);

/**
 * The lab with a point's settings changed; what the change does not name stays as it is.
 *
 * @param at whole name of the point
 * @throws SettingError
 */
export function withImpairment(lab: Lab, at: string, { directions, settings, clear }: ImpairmentChange): Lab {
  const named = Object.fromEntries(settings.map(parseSetting));
  const list = oneWays(lab);
  for (const direction of directions) {
    const i = list.findIndex((e) => e.at === at && e.direction === direction);
    const before: OneWay = i < 0 || clear ? { at, direction } : list[i];
    // Fields in one order, so that equal impairments are equal as text.
    const merged = { ...before, ...named };
    const kept = IMPAIRMENT_SETTINGS.filter((name) => merged[name] !== undefined).map((name) => [name, merged[name]]);
    const next: OneWay = { at, direction, ...Object.fromEntries(kept) };
    if (i < 0) list.push(next);
    else list[i] = next;
  }
  return { ...lab, spec: { ...lab.spec, impairments: list.filter((entry) => !isEmpty(entry)) } };
}
