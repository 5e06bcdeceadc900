import type { TestContext } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { findHelm } from '../../tools/gen-manifests.ts';

/** An object of Kubernetes as YAML has it. */
// oxlint-disable-next-line typescript/no-explicit-any -- manifests have no types here
export type Manifest = any;

/** The objects of a stream of documents; empty documents are none. */
export function parseManifests(text: string): Manifest[] {
  const objects: Manifest[] = parseAllDocuments(text).map((document) => document.toJS());
  return objects.filter((object) => object !== null);
}

let helm: string | null | undefined;

/** The path of Helm; skips the test where it is not. */
export function helmOf(context: TestContext): string {
  if (helm === undefined) helm = findHelm();
  return helm ?? context.skip('Helm is not here: sh tools/k8s/build.sh helm builds it');
}
