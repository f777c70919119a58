import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Cluster, type ClusterOptions } from "../../control/cluster.ts";
import { podSubnetNotes } from "../../control/ipam/podSubnets.ts";
import { compareText } from "../../control/near.ts";
import { LAB_API_VERSION } from "../../control/objects/lab.ts";
import { ObjectError } from "../../control/objects/objectError.ts";
import { LabError } from "./labError.ts";
import { type FileText, type LabFiles, readObjectFiles } from "./readObjects.ts";

/** A lab that can run: what is left of its files once they have been read. */
export interface RunnableLab {
  readonly cluster: Cluster;
  /** Where commands start, absolute: the lab's directory. */
  readonly directory: string;
}

export interface LoadedLab extends LabFiles, RunnableLab {}

function wholeFile(file: string, message: string): LabError {
  return new LabError([{ file, line: 0, column: 0, path: "", message }]);
}

/** Texts of a file, or of all *.yaml, *.yml and *.json of a directory in the order of their names, as kubectl does. */
function readTexts(path: string): FileText[] {
  try {
    if (!statSync(path).isDirectory()) return [{ file: path, text: readFileSync(path, "utf8") }];
    const names = readdirSync(path).filter((name) => /\.(ya?ml|json)$/.test(name));
    if (names.length === 0) throw wholeFile(path, "expected *.yaml files in the directory, got none; add lab.yaml");
    return names.sort(compareText).map((name) => {
      const file = join(path, name);
      return { file, text: readFileSync(file, "utf8") };
    });
  } catch (error) {
    if (error instanceof LabError) throw error;
    throw wholeFile(path, `expected a file or a directory that can be read, got ${(error as Error).message}`);
  }
}

/**
 * Reads objects to apply to a running lab, or to remove from it.
 *
 * @throws LabError with all problems of the files.
 */
export function loadObjects(path: string): LabFiles {
  return readObjectFiles(readTexts(path), true);
}

/**
 * Reads a lab and makes its cluster, so that everything that could be wrong with it has been found.
 *
 * @param path a directory or a file.
 * @param options of the cluster.
 * @throws LabError with all problems.
 */
export function loadLab(path: string, options: ClusterOptions = {}): LoadedLab {
  const texts = readTexts(path);
  const files = readObjectFiles(texts);
  const directory = resolve(statSync(path).isDirectory() ? path : dirname(path));
  if (!files.objects.some((o) => o.kind === "Lab"))
    throw wholeFile(path, `expected one document of kind Lab (${LAB_API_VERSION}), got none; add it`);
  try {
    const cluster = new Cluster(files.objects, options);
    const notes = files.located(new ObjectError(podSubnetNotes(cluster.lab, files.objects))).problems;
    return { ...files, notes: [...files.notes, ...notes], cluster, directory };
  } catch (error) {
    if (error instanceof ObjectError) throw files.located(error);
    throw error;
  }
}
