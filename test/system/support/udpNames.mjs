// UDP servers that say who they are, and a client that never stops asking.
//
//   node udpNames.mjs serve PORT                       answers every datagram with its pod's name; says "ready" first
//   node udpNames.mjs ask FROM PORT ADDRESS...         asks each address at a port every 10 ms, from one source port (0: any);
//                                                      prints ADDRESS NAME TIME (milliseconds since 1970) when another one
//                                                      answers
import { createSocket } from "node:dgram";
import { once } from "node:events";

const ASK_MS = 10;
const [mode, ...rest] = process.argv.slice(2);

async function open(port) {
  const socket = createSocket("udp4");
  // Errors are ICMP's: nobody answers at the moment.
  socket.on("error", () => {});
  socket.bind(port);
  await once(socket, "listening");
  return socket;
}

async function serve(port) {
  const socket = await open(Number(port));
  const name = process.env.POD_NAME;
  socket.on("message", (_, from) => socket.send(name, from.port, from.address));
  console.log("ready");
}

async function ask(from, port, ...addresses) {
  const socket = await open(Number(from));
  const last = new Map();
  socket.on("message", (data, { address }) => {
    const name = data.toString();
    if (last.get(address) !== name) console.log(`${address} ${name} ${Date.now()}`);
    last.set(address, name);
  });
  setInterval(() => {
    for (const address of addresses) socket.send("who", Number(port), address, () => {});
  }, ASK_MS);
}

await { serve, ask }[mode](...rest);
