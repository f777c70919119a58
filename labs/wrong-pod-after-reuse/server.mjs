// Says which pod answered: node server.mjs PORT
import { createServer } from "node:http";

const name = process.env.POD_NAME ?? "server";
createServer((_, response) => response.end(`${name} answers\n`)).listen(Number(process.argv[2]), "0.0.0.0");
process.once("SIGTERM", () => process.exit(0));
