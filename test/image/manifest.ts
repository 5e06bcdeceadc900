import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { TREE } from '../hosts/find-tool.ts';

/** What config/install.yaml asks of a node for the agent's container. */
export interface ManifestContainer {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly securityContext: SecurityContext;
  readonly mounts: readonly HostMount[];
  readonly hostPid: boolean;
}

export interface SecurityContext {
  readonly privileged: boolean;
  readonly allowPrivilegeEscalation: boolean;
  readonly readOnlyRootFilesystem: boolean;
  readonly runAsUser: number;
  readonly runAsGroup: number;
  readonly capabilities: { readonly drop: readonly string[]; readonly add: readonly string[] };
  readonly seccompProfile: { readonly type: string };
}

/** A folder of the node in the container. */
export interface HostMount {
  readonly hostPath: string;
  readonly mountPath: string;
  readonly readOnly: boolean;
}

interface PodSpec {
  readonly hostPID?: boolean;
  readonly containers: readonly {
    readonly args: readonly string[];
    readonly env?: ManifestContainer['env'];
    readonly resources: ManifestContainer['resources'];
    readonly securityContext: SecurityContext;
    readonly volumeMounts?: readonly {
      readonly name: string;
      readonly mountPath: string;
      readonly readOnly?: boolean;
    }[];
  }[];
  readonly volumes?: readonly { readonly name: string; readonly hostPath?: { readonly path: string } }[];
}

/** Reads the DaemonSet of config/install.yaml. Throws when there is none. */
export function manifestContainer(): ManifestContainer {
  const documents = parseAllDocuments(readFileSync(join(TREE, 'config/install.yaml'), 'utf8'));
  const objects = documents.map(
    (each) => each.toJS() as { kind: string; spec: { template: { spec: PodSpec } } },
  );
  const pod = objects.find((each) => each?.kind === 'DaemonSet')?.spec.template.spec;
  const container = pod?.containers[0];
  if (!pod || !container) throw new Error('config/install.yaml has no DaemonSet');
  const mounts = (container.volumeMounts ?? []).flatMap(({ name, mountPath, readOnly = false }) => {
    const hostPath = pod.volumes?.find((each) => each.name === name)?.hostPath?.path;
    return hostPath === undefined ? [] : [{ hostPath, mountPath, readOnly }];
  });
  const { args, env = [], resources, securityContext } = container;
  return { args, env, resources, securityContext, mounts, hostPid: pod.hostPID === true };
}
