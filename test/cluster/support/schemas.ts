import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AdminClient } from './admin-client.ts';

/** What kubeconform is to be told of the schemas in a folder. */
export const SCHEMA_NAME = '{{.ResourceKind}}{{.KindSuffix}}.json';

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[];
}

/**
 * Writes a JSON schema for each kind of these API versions, of what the server itself says it takes. Fields that it does
 * not know are refused.
 */
export async function writeSchemas(
  admin: AdminClient,
  folder: string,
  apiVersions: Iterable<string>,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const { paths } = await admin.get<{ paths: Record<string, { serverRelativeURL: string }> }>('/openapi/v3');
  for (const apiVersion of new Set(apiVersions)) {
    const path = apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`;
    const url = paths[path]?.serverRelativeURL;
    if (url === undefined) throw new Error(`the API server does not serve ${apiVersion}`);
    const { components } = await admin.get<{ components: { schemas: Record<string, Schema> } }>(url);
    for (const schema of Object.values(components.schemas)) close(schema);
    for (const schema of Object.values(components.schemas)) {
      for (const { group, version, kind } of schema['x-kubernetes-group-version-kind'] ?? []) {
        if ((group === '' ? version : `${group}/${version}`) !== apiVersion) continue;
        const suffix = group === '' ? version : `${group.split('.')[0]}-${version}`;
        const file = join(folder, `${kind.toLowerCase()}-${suffix}.json`);
        writeFileSync(file, JSON.stringify({ ...schema, components }));
      }
    }
  }
}

function close(schema: Schema): void {
  if (schema.type !== 'object' || schema.properties === undefined) return;
  if (schema['x-kubernetes-preserve-unknown-fields'] !== true) schema.additionalProperties ??= false;
}
