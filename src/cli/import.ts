import { type Command, Option } from "commander";
import { importFiles, importText, STANDARD_INPUT, writeImport } from "../lab/files/importFiles.ts";
import { print, printError } from "./output.ts";

interface ImportOptions {
  kubectl: string[];
  ec2: string[];
  output: string;
  name?: string;
  commands: "stand-in" | "keep";
}

const EXAMPLE = `
Files may hold several answers' objects, in any order; "-" is standard input:
  kubectl get nodes,pods,services,endpointslices,deployments,daemonsets,configmaps,\\
    namespaces,networkpolicies,eniconfigs,securitygrouppolicies -A -o json > k.json
  for what in vpcs subnets route-tables security-groups network-acls instances \\
    network-interfaces nat-gateways vpc-peering-connections transit-gateways \\
    transit-gateway-attachments transit-gateway-vpc-attachments \\
    transit-gateway-route-tables; do aws ec2 describe-$what > e-$what.json; done
  podplane import --kubectl k.json --ec2 e-*.json -o my-cluster`;

export function importCommand(program: Command): void {
  program
    .command("import")
    .description("make a lab of a cluster, by what kubectl and the AWS CLI say of it; says what it left out")
    .requiredOption("--kubectl <file...>", "answers of kubectl get ... -o json or yaml")
    .requiredOption("--ec2 <file...>", "answers of aws ec2 describe-... as JSON")
    .option("-o, --output <directory>", `where the lab goes; ${STANDARD_INPUT}: standard output`, "imported")
    .option("-n, --name <name>", "name of the lab (default: the cluster's)")
    .addOption(
      new Option("--commands <which>", "what pods run: a server on their ports that says who it is, or their own")
        .choices(["stand-in", "keep"])
        .default("stand-in"),
    )
    .addHelpText("after", EXAMPLE)
    .action((options: ImportOptions) => {
      const oneStream = options.output === STANDARD_INPUT;
      const keepCommands = options.commands === "keep";
      const { kubectl, ec2, name = null } = options;
      const done = importFiles({ kubectl, ec2, keepCommands, name, oneStream });
      if (oneStream) print(importText(done).trimEnd());
      else for (const file of writeImport(options.output, done, keepCommands)) print(file);
      for (const line of done.notes.lines()) printError(`note: ${line}`);
    });
}
