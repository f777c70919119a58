// UDP echo.
//
//   node udp.mjs echo PORT                         answers every datagram with itself; says "ready" first
//   node udp.mjs ask ADDRESS PORT COUNT SIZE...    sends COUNT datagrams of each size, one after the other, and waits for
//                                                  each to come back; prints how many did, and from where
import { createSocket } from "node:dgram";
import { once } from "node:events";

const ANSWER_MS = 5000;
const [mode, ...rest] = process.argv.slice(2);

async function open(port) {
  const socket = createSocket("udp4");
  socket.bind(port);
  await once(socket, "listening");
  return socket;
}

async function echo(port) {
  const socket = await open(Number(port));
  socket.on("message", (data, from) => socket.send(data, from.port, from.address));
  console.log("ready");
}

async function ask(address, port, count, ...sizes) {
  const socket = await open(0);
  const timer = setTimeout(() => {
    console.error(`no answer within ${ANSWER_MS} ms`);
    process.exit(1);
  }, ANSWER_MS);
  const origins = new Set();
  let answered = 0;
  for (const size of sizes.map(Number)) {
    for (let i = 0; i < Number(count); i++) {
      const data = Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + i) % 251));
      socket.send(data, Number(port), address);
      const [answer, from] = await once(socket, "message");
      if (!answer.equals(data)) throw new Error(`datagram of ${size} bytes came back as another one`);
      origins.add(`${from.address}:${from.port}`);
      answered++;
      timer.refresh();
    }
  }
  console.log(JSON.stringify({ answered, origins: [...origins] }));
  process.exit(0);
}

await { echo, ask }[mode](...rest);
