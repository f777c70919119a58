// Answers HTTP at port 80 with the address that it sees.
import { createServer } from "node:http";

createServer((request, response) => response.end(`you are ${request.socket.remoteAddress}\n`)).listen(80, "0.0.0.0");
