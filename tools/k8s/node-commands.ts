import { join } from 'node:path';
import { SERVICE_NETWORKS, type ControlPlane } from './control-plane.ts';
import { NODE, POD_NETWORKS, type NodeFiles } from './node-files.ts';

/** The commands of all that runs beside etcd and the API server, in the order to start them in. */
export function nodeCommands(plane: ControlPlane, files: NodeFiles): string[][] {
  const program = (name: string): string => join(plane.programs, name);
  const asUser = (kubeconfigFile: string): string[] => [
    `--kubeconfig=${kubeconfigFile}`,
    `--authentication-kubeconfig=${kubeconfigFile}`,
    `--authorization-kubeconfig=${kubeconfigFile}`,
    '--bind-address=127.0.0.1',
    '--leader-elect=false',
  ];
  return [
    [
      program('kube-controller-manager'),
      ...asUser(files.controllers),
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${plane.signingKeyFile}`,
      `--root-ca-file=${plane.authority.certFile}`,
      `--cluster-signing-cert-file=${plane.authority.certFile}`,
      `--cluster-signing-key-file=${plane.authority.keyFile}`,
      '--allocate-node-cidrs=true',
      `--cluster-cidr=${POD_NETWORKS}`,
      `--service-cluster-ip-range=${SERVICE_NETWORKS}`,
    ],
    [program('kube-scheduler'), ...asUser(files.scheduler)],
    [
      program('kubelet'),
      `--config=${files.kubelet}`,
      `--kubeconfig=${files.kubeletKubeconfig}`,
      `--hostname-override=${NODE.name}`,
      `--node-ip=${NODE.v4},${NODE.v6}`,
      `--node-labels=topology.kubernetes.io/zone=${NODE.zone},topology.kubernetes.io/region=${NODE.region}`,
    ],
    [program('kube-proxy'), `--config=${files.proxy}`],
  ];
}
