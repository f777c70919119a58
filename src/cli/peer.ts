import type { Command } from "commander";
import type { RuleMode } from "../control/kube/rules/nodeRules.ts";
import { ControlError } from "../lab/controlClient.ts";
import { problemText } from "../lab/files/labError.ts";
import { loadLab } from "../lab/files/load.ts";
import { isInner } from "../lab/innerChannel.ts";
import { runInnerTwin } from "../lab/peer/innerTwin.ts";
import { checkPrograms } from "../lab/peer/twinNetwork.ts";
import { twinOf } from "../lab/peer/twinOf.ts";
import { labNames } from "../lab/stateDirectory.ts";
import { looksLikeTwin, twinName } from "../lab/twinName.ts";
import { takeDown } from "./down.ts";
import { Progress, print, printError } from "./output.ts";
import { modeOption } from "./rules.ts";
import { detach, supervise } from "./start.ts";

interface PeerUpOptions {
  mode?: RuleMode;
  detach?: boolean;
}

/** `podplane peer`: the lab as Linux itself would have it, with kube-proxy's rules, to compare with. */
export function peerCommand(program: Command): void {
  const peer = program
    .command("peer")
    .description("the lab made of kernel namespaces, veth pairs and kube-proxy's rules, to compare with");
  peer
    .command("up")
    .description(
      "bring a lab's kernel twin up, beside the lab or without it; `podplane exec --name LAB-peer` enters it. Names of services, nodes and hosts are in its /etc/hosts: it has no name server",
    )
    .argument("[lab]", "lab directory or file", ".")
    .addOption(modeOption("rules of kube-proxy's iptables or nftables mode; without it, of the lab's mode"))
    .option("-d, --detach", "run in the background; `podplane peer down` takes it down")
    .action(peerUp);
  peer
    .command("down")
    .description("take a kernel twin down, with nothing left behind")
    .argument("[name]", "name of the lab; without it, the only twin that runs")
    .action(async (name: string | undefined) => {
      const twins = name === undefined ? labNames().filter(looksLikeTwin) : [twinName(name)];
      if (twins.length === 0)
        throw new ControlError("no kernel twin is running: start one with `podplane peer up LAB`");
      if (twins.length > 1)
        throw new ControlError(`several kernel twins are running (${twins.join(", ")}): name one's lab`);
      await takeDown(twins[0]);
    });
}

async function peerUp(lab: string, options: PeerUpOptions): Promise<void> {
  const loaded = loadLab(lab);
  const mode = options.mode ?? null;
  if (isInner()) {
    const progress = new Progress();
    process.exitCode = await runInnerTwin(loaded, {
      mode,
      onProgress: (what, done, total) => {
        progress.show(what, done, total);
        if (done === total) progress.end();
      },
      print,
      printError,
    });
    return;
  }
  for (const note of loaded.notes) printError(`note: ${problemText(note)}`);
  // Whatever cannot be built is said before anything is.
  twinOf(loaded.cluster, mode);
  checkPrograms();
  const args = ["peer", "up", lab, ...(mode === null ? [] : ["--mode", mode])];
  process.exitCode = options.detach === true ? await detach(args) : await supervise(args);
}
