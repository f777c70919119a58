import type { LabelSelector } from "../objects/deployment.ts";

type Labels = Readonly<Record<string, string>>;

/** Whether all labels of an equality selector (a Service's, a nodeSelector) are there. */
export function matchesLabels(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** Whether labels meet a selector of matchLabels and matchExpressions (Kubernetes LabelSelector). */
export function matchesSelector(selector: LabelSelector, labels: Labels): boolean {
  if (!matchesLabels(selector.matchLabels, labels)) return false;
  return selector.matchExpressions.every((expression) => meets(expression, labels));
}

function meets({ key, operator, values }: LabelSelector["matchExpressions"][number], labels: Labels): boolean {
  const value: string | undefined = labels[key];
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}
