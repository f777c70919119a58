/** The API server's ways to refuse a value (k8s.io/apimachinery, pkg/util/validation/field/errors.go), without the path. */

export const invalidText = (value: unknown, detail: string): string =>
  `Invalid value: ${JSON.stringify(value)}: ${detail}`;

export const requiredText = (detail: string): string =>
  detail === "" ? "Required value" : `Required value: ${detail}`;

export const forbiddenText = (detail: string): string => `Forbidden: ${detail}`;

/** How the text of a value begins that is none of a closed list's. */
export const UNSUPPORTED = "Unsupported value: ";

/** A value that is none of a closed list's. */
export const unsupportedText = (value: unknown, supported: readonly string[]): string =>
  `${UNSUPPORTED}${JSON.stringify(value)}: supported values: ${supported.map((s) => JSON.stringify(s)).join(", ")}`;
