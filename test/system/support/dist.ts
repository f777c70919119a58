import { pathToFileURL } from "node:url";

/** The compiled tree that system tests run: Node 20 cannot start a worker from TypeScript. */
export const DIST = process.env.PODPLANE_DIST
  ? pathToFileURL(`${process.env.PODPLANE_DIST}/`)
  : new URL("../../../dist/", import.meta.url);
