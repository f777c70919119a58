// A small HTTP server that says who answered and which client address it saw.
//
//   node server.mjs PORT
//   GET /           {"name":"api-1","client":"10.0.1.16:40000"}
//   GET /bytes/N    N bytes; byte i is i modulo 251
//   PUT or POST /   {"name":"api-1","client":"...","length":N,"sha256":"..."} of the body
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { Readable } from "node:stream";

const PATTERN_PERIOD = 251; // a prime, so that a piece that is lost or out of place shows
const CHUNK = PATTERN_PERIOD * 256;

const port = Number(process.argv[2]);
const name = process.env.POD_NAME ?? process.env.HOST_NAME ?? "server";
const pattern = Buffer.from(Array.from({ length: CHUNK }, (_, i) => i % PATTERN_PERIOD));

function* bytes(count) {
  // Every chunk starts at a multiple of the period.
  for (let left = count; left > 0; left -= CHUNK) yield left >= CHUNK ? pattern : pattern.subarray(0, left);
}

function answer(response, fields, status = 200) {
  const body = `${JSON.stringify({ name, ...fields })}\n`;
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

const server = createServer((request, response) => {
  const client = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
  if (request.method === "PUT" || request.method === "POST") {
    const hash = createHash("sha256");
    let length = 0;
    request.on("data", (chunk) => {
      hash.update(chunk);
      length += chunk.length;
    });
    request.on("end", () => answer(response, { client, length, sha256: hash.digest("hex") }));
    return;
  }
  const match = /^\/bytes\/(\d{1,15})$/.exec(request.url ?? "");
  if (match !== null) {
    const count = Number(match[1]);
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": count });
    Readable.from(bytes(count), { objectMode: false }).pipe(response);
  } else if (request.url === "/") answer(response, { client });
  else answer(response, { client, error: `no such path: ${request.url}` }, 404);
});

server.listen(port, "0.0.0.0", () => console.log(`${name} listens on port ${server.address().port}`));
process.once("SIGTERM", () => process.exit(0));
