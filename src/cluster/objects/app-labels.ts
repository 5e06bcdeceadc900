import type { Interner } from './interner.ts';
import type { JsonReader } from './json-reader.ts';
import type { AppLabels } from './records.ts';

const PREFIX = 'app.kubernetes.io/';

/**
 * The app labels among an object's labels: the recommended keys of Kubernetes first, then the same words without the
 * prefix ("part-of", "managed-by"), which the first kube-netc read. An empty value counts as none.
 */
export function appLabels(value: unknown, reader: JsonReader, interner: Interner): AppLabels {
  const labels = reader.object(value);
  const of = (key: string): string =>
    interner.text(reader.text(labels[PREFIX + key]) || reader.text(labels[key]));
  return interner.labels({
    name: of('name'),
    component: of('component'),
    instance: of('instance'),
    version: of('version'),
    partOf: of('part-of'),
    managedBy: of('managed-by'),
  });
}
