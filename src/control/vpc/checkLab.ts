import type { Findings } from "../objects/finding.ts";
import type { Lab } from "../objects/lab.ts";
import { Checker } from "./checker.ts";
import { checkMachines } from "./checkMachines.ts";
import { checkVpc } from "./checkVpc.ts";

/** Everything about a Lab document that its schema cannot say. */
export function checkLab(lab: Lab): Findings {
  const check = new Checker();
  checkVpc(check, lab);
  checkMachines(check, lab);
  return check;
}
