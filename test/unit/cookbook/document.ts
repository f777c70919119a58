import type { Recipe, RecipePart } from "./recipe.ts";

const GITHUB = "https://github.com";

/** `aws/amazon-vpc-cni-k8s#75` as a link. */
function link(issue: string): string {
  const [repository, number] = issue.split("#");
  return `[${issue}](${GITHUB}/${repository}/issues/${number})`;
}

/** GitHub's anchor of a heading. */
function anchor(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w\- ]/g, "")
    .replace(/ /g, "-");
}

function recipeText(recipe: Recipe, outputs: ReadonlyMap<string, string>): string {
  const issues = recipe.issues.length === 0 ? "" : `\n\nMet as ${recipe.issues.map(link).join(", ")}.`;
  const steps = recipe.steps.map(
    ({ command, text }) => `${text}\n\n\`\`\`console\n$ podplane ${command}\n${outputs.get(command) ?? ""}\n\`\`\``,
  );
  return [`### ${recipe.title}`, recipe.text + issues, ...steps].join("\n\n");
}

/**
 * docs/cookbook.md.
 *
 * @param outputs by command
 */
export function cookbookDocument(parts: readonly RecipePart[], outputs: ReadonlyMap<string, string>): string {
  const contents = parts.flatMap((part) => [
    `- ${part.title}`,
    ...part.recipes.map(({ title }) => `  - [${title}](#${anchor(title)})`),
  ]);
  const body = parts.flatMap((part) => [
    `## ${part.title}`,
    part.text,
    ...part.recipes.map((recipe) => recipeText(recipe, outputs)),
  ]);
  return `${[
    "# Cookbook",
    "Problems that users of EKS and Kubernetes services have met, each with the command that answers for it and what it prints. " +
      "All of it is asked of lab files, and of captures that lie beside them: nothing runs, and no rights are needed. " +
      "The outputs are made and checked by `test/unit/cookbook`; `UPDATE_COOKBOOK=1 npx vitest run --project unit test/unit/cookbook` writes this page anew.",
    "Run them in podplane's directory. `why` asks about one packet: its stages in the order in which it passes them, then what became " +
      "of it (`verdict`), and for one that is lost what to change, and what almost let it through (`near miss`). `replay` sends " +
      "the packets of a capture through a lab once more: one line each, with what an address was translated to behind `=>`, what " +
      "a sender was translated to behind `as`, and the summary last.",
    contents.join("\n"),
    ...body,
  ].join("\n\n")}\n`;
}
