import { checkImpairments } from "../impair/checkImpairments.ts";
import type { Findings } from "../objects/finding.ts";
import type { Lab } from "../objects/lab.ts";
import { Checker } from "./checker.ts";
import { checkGateways } from "./checkGateways.ts";
import { checkMachines } from "./checkMachines.ts";
import { checkNetworks } from "./checkNetworks.ts";
import { checkPeerings } from "./checkPeerings.ts";
import { checkPublicRoutes } from "./checkPublicRoutes.ts";
import { checkRoutes } from "./checkRoutes.ts";
import { checkSecurity } from "./checkSecurity.ts";
import { checkTransit } from "./checkTransit.ts";
import { checkVpc } from "./checkVpc.ts";

/**
 * Everything about a Lab document that its schema cannot say.
 *
 * @param gone targets that the lab had once while it ran (goneTarget() of routes.ts).
 */
export function checkLab(lab: Lab, gone: ReadonlySet<string> = new Set()): Findings {
  const check = new Checker();
  checkVpc(check, lab);
  checkNetworks(check, lab);
  checkGateways(check, lab);
  checkPeerings(check, lab);
  checkTransit(check, lab);
  checkRoutes(check, lab, gone);
  checkMachines(check, lab);
  checkPublicRoutes(check, lab);
  checkSecurity(check, lab);
  checkImpairments(check, lab);
  return check;
}
