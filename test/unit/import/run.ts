import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type Import, importFiles } from "../../../src/lab/files/importFiles.ts";

const FIXTURES = new URL("./fixtures/", import.meta.url).pathname;
/** Files of kubectl's; the others are the AWS CLI's. */
const KUBECTL = ["nodes.json", "workloads.json", "services.json", "objects.json"];

export interface FixtureFiles {
  readonly kubectl: string[];
  readonly ec2: string[];
}

export function fixtureFiles(name: string): FixtureFiles {
  const files = readdirSync(join(FIXTURES, name)).sort();
  const path = (file: string) => join(FIXTURES, name, file);
  return {
    kubectl: files.filter((f) => KUBECTL.includes(f)).map(path),
    ec2: files.filter((f) => !KUBECTL.includes(f)).map(path),
  };
}

/** The lab that a fixture comes to. */
export function importFixture(name: string, options: { keepCommands?: boolean; oneStream?: boolean } = {}): Import {
  const { keepCommands = false, oneStream = false } = options;
  return importFiles({ ...fixtureFiles(name), keepCommands, oneStream, name: null });
}
