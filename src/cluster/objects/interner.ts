import type { AppLabels } from './records.ts';

/** Texts and label sets of each kind that are remembered: a few MB. Over it all are forgotten, and sharing begins anew. */
const MAX_SHARED = 32_768;

/**
 * Makes equal texts one text: thousands of pods name the same namespace, node, image and labels, and the API server
 * tells each of them with texts of its own.
 */
export class Interner {
  readonly #texts = new Map<string, string>();
  readonly #labels = new Map<string, AppLabels>();

  get size(): number {
    return this.#texts.size + this.#labels.size;
  }

  text(text: string): string {
    if (text === '') return '';
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size >= MAX_SHARED) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }

  labels(labels: AppLabels): AppLabels {
    const { name, component, instance, version, partOf, managedBy } = labels;
    const key = JSON.stringify([name, component, instance, version, partOf, managedBy]);
    const known = this.#labels.get(key);
    if (known !== undefined) return known;
    if (this.#labels.size >= MAX_SHARED) this.#labels.clear();
    this.#labels.set(key, labels);
    return labels;
  }
}
