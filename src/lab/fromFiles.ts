/**
 * What answers from lab files alone, in one module, so that commands can load it when files are asked about: reading them takes
 * the schemas of all kinds, three quarters of the time that a question to a running lab takes.
 */
export { clusterRules } from "../control/kube/rules/clusterRules.ts";
export { clusterWith } from "./clusterWith.ts";
export { loadLab } from "./files/load.ts";
export { offlineView } from "./labViews.ts";
export { askOffline } from "./question.ts";
export { askSeen } from "./seen.ts";
