// Answers every request on port 80 with whom it sees: "server sees 10.0.1.17:40000".
import { createServer } from "node:http";

const PORT = 80;
const name = process.env.POD_NAME ?? process.env.HOST_NAME;

createServer(({ socket }, response) => {
  response.end(`${name} sees ${socket.remoteAddress}:${socket.remotePort}\n`);
}).listen(PORT, "0.0.0.0", () => console.log(`listening on port ${PORT}`));
