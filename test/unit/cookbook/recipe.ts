/** A problem that users have met, and how podplane answers for it. */
export interface Recipe {
  /** Heading: the question as somebody asks it. */
  readonly title: string;
  /** Where users told of it: `aws/amazon-vpc-cni-k8s#75`. */
  readonly issues: readonly string[];
  /** What is seen, and why it happens, in a few sentences. */
  readonly text: string;
  readonly steps: readonly RecipeStep[];
}

export interface RecipeStep {
  /** Before the command: what it asks. */
  readonly text: string;
  /** As typed behind `podplane`, relative to the project's directory; quoted words as in a shell. */
  readonly command: string;
  /** What the output has to say, each at least once: the right answer. */
  readonly says: readonly (string | RegExp)[];
  /** What it must not say. */
  readonly saysNot?: readonly (string | RegExp)[];
}

/** Recipes of one part of docs/cookbook.md. */
export interface RecipePart {
  readonly title: string;
  readonly text: string;
  readonly recipes: readonly Recipe[];
}
