/** Something that an imported lab has not, or has otherwise than it was observed. */
export interface ImportNote {
  /** `subnet-0a1b`, `pod/default/web-1`; empty: the lab as a whole. */
  readonly object: string;
  readonly text: string;
}

/** Most objects that one line of the report names. */
const MOST_NAMED = 6;

/** What an import left out or changed, each object once for each reason. */
export class ImportNotes {
  readonly #notes = new Map<string, Set<string>>();

  add(object: string, text: string): void {
    const objects = this.#notes.get(text) ?? new Set<string>();
    this.#notes.set(text, objects.add(object));
  }

  list(): ImportNote[] {
    return [...this.#notes].flatMap(([text, objects]) => [...objects].map((object) => ({ object, text })));
  }

  /** One line for each reason, with the objects that it is true of. */
  lines(): string[] {
    return [...this.#notes].map(([text, all]) => {
      const objects = [...all].filter((object) => object !== "");
      if (objects.length === 0) return text;
      const more = objects.length - MOST_NAMED;
      const named = objects.slice(0, MOST_NAMED).join(", ");
      return `${named}${more > 0 ? ` and ${more} more` : ""}: ${text}`;
    });
  }

  /** The same for a file: every object is named. */
  markdown(title: string): string {
    const lines = [...this.#notes].map(([text, all]) => {
      const objects = [...all].filter((object) => object !== "");
      return objects.length === 0 ? `- ${text}` : `- ${text}\n${objects.map((o) => `  - ${o}`).join("\n")}`;
    });
    return `# ${title}\n\n${lines.length === 0 ? "Nothing was left out or changed." : lines.join("\n")}\n`;
  }
}
