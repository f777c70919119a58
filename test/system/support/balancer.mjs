// What a load balancer does with a service of node ports: requests go to nodes in turn that answer their health check.
//
//   node balancer.mjs PORT HEALTH_PORT HEALTH_PATH ADDRESS...
//
// Prints `answered NODE BODY` or `lost NODE WHY` for every request, and `none` when no node is healthy; ends with a SIGTERM.
const [port, healthPort, path, ...nodes] = process.argv.slice(2);
const PATIENCE_MS = 5000;

const get = async (url) => {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(PATIENCE_MS),
    // Every request is a connection of its own.
    headers: { connection: "close" },
  });
  return { status: response.status, body: (await response.text()).trim() };
};

let ended = false;
process.once("SIGTERM", () => {
  ended = true;
});
while (!ended) {
  let healthy = 0;
  for (const node of nodes) {
    try {
      if ((await get(`http://${node}:${healthPort}${path}`)).status !== 200) continue;
      healthy++;
      console.log(`answered ${node} ${(await get(`http://${node}:${port}/`)).body}`);
    } catch (error) {
      console.log(`lost ${node} ${error.cause?.code ?? error.message}`);
    }
  }
  if (healthy === 0) console.log("none");
}
