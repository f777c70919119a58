/**
 * What runs in the pods of an imported lab in place of their images: a server on every port that it is given, TCP as HTTP
 * and UDP, which says who it is and whom it sees. A program of its own, so a text here: it is written beside the lab.
 */
export const STAND_IN_PROGRAM = `// Stands for a container's image: listens on the ports that it is given and says who it is.
//
//   node stand-in.mjs 8080/tcp 53/udp ...
//   any HTTP request    {"name":"web-1","port":8080,"client":"10.0.1.16:40000","path":"/"}
//   any UDP datagram    the same without a path
import { createSocket } from "node:dgram";
import { createServer } from "node:http";

const name = process.env.POD_NAME ?? process.env.HOST_NAME ?? "stand-in";
const line = (port, { address, port: from }, more) =>
  JSON.stringify({ name, port, client: address + ":" + from, ...more }) + "\\n";
const failed = (port) => (error) => console.error("port " + port + ": " + error.message);

for (const [port, protocol] of process.argv.filter((a) => /^\\d+\\//.test(a)).map((a) => [parseInt(a, 10), a.split("/")[1]]))
  if (protocol === "udp") {
    const socket = createSocket("udp4");
    socket.on("error", failed(port));
    socket.on("message", (_, from) => socket.send(line(port, from), from.port, from.address));
    socket.bind(port, "0.0.0.0");
  } else {
    const server = createServer((request, response) => {
      const { remoteAddress: address, remotePort } = request.socket;
      response.writeHead(200, { "content-type": "application/json" });
      response.end(line(port, { address, port: remotePort }, { path: request.url }));
    });
    server.on("error", failed(port));
    server.listen(port, "0.0.0.0");
  }
process.once("SIGTERM", () => process.exit(0));
`;
