import { InvalidArgumentError } from 'commander';
import type { EdgeLabel } from '../collector/edge-labels.ts';
import { type Cidr, masked, type NamedNetwork } from '../collector/networks.ts';
import { SCOPES } from '../collector/scope.ts';
import { EDGE_LABELS } from '../expose/metrics.ts';
import { parseAddress } from '../util/address.ts';

/** What nobody can do without: both ends of a connection may report it, and their sum would be twice what there is. */
const ALWAYS: readonly EdgeLabel[] = ['reporter'];
const MAX_NETWORKS = 64; // values of a label
const MAX_CIDRS = 1_024; // looked through for each new flow
const NAME = /^[a-zA-Z0-9]([-_.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;

/** "scope,protocol": these alone; "-destination_port,-source_kind": all but these. @returns the labels to drop */
export function edgeLabels(text: string): ReadonlySet<EdgeLabel> {
  const words = text.split(',').map((word) => word.trim());
  const drops = words.filter((word) => word.startsWith('-')).map((word) => word.slice(1));
  if (drops.length > 0 && drops.length < words.length) {
    throw new InvalidArgumentError('It must name labels to keep, or labels to drop with - before each.');
  }
  const named = (drops.length > 0 ? drops : words).map(labelOf);
  const dropped = drops.length > 0 ? named : EDGE_LABELS.filter((label) => !named.includes(label));
  if (drops.includes('reporter')) throw new InvalidArgumentError('The label reporter cannot be dropped.');
  return new Set(dropped.filter((label) => !ALWAYS.includes(label)));
}

function labelOf(word: string): EdgeLabel {
  const label = EDGE_LABELS.find((name) => name === word);
  if (label === undefined) {
    throw new InvalidArgumentError(`"${word}" is no label of edges; these are ${EDGE_LABELS.join(', ')}.`);
  }
  return label;
}

/** "office=10.1.0.0/16,2001:db8::/32"; several, with spaces between, in the environment. Adds to those before. */
export function networks(text: string, before: readonly NamedNetwork[] = []): readonly NamedNetwork[] {
  const named = text.split(/[\s;]+/).filter((part) => part !== '');
  if (named.length === 0) throw new InvalidArgumentError('It must be name=cidr[,cidr...].');
  const all = [...before, ...named.map(networkOf)];
  checkAll(all);
  return all;
}

function networkOf(text: string): NamedNetwork {
  const at = text.indexOf('=');
  const [name, cidrs] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)];
  if (at < 0 || cidrs === '') throw new InvalidArgumentError(`"${text}" is not name=cidr[,cidr...].`);
  if (!NAME.test(name)) {
    throw new InvalidArgumentError(
      `"${name}" is no name: letters, digits, and - _ . between them, 63 characters at most.`,
    );
  }
  if ([...SCOPES, 'other'].some((scope) => scope === name)) {
    throw new InvalidArgumentError(`"${name}" is a scope already; the name must be another one.`);
  }
  return { name, cidrs: cidrs.split(',').map(cidrOf) };
}

/** Errors: InvalidArgumentError for what is no CIDR, and for one whose address has bits beyond its prefix. */
function cidrOf(text: string): Cidr {
  const [address = '', length, ...more] = text.split('/');
  const words = parseAddress(address);
  const isV4 = !address.includes(':');
  const bits = isV4 ? 32 : 128;
  const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : NaN;
  if (words === null || more.length > 0 || !(prefix <= bits)) {
    throw new InvalidArgumentError(`"${text}" is no CIDR such as 10.0.0.0/8 or fd00::/8.`);
  }
  const cidr = { words, prefix: isV4 ? prefix + 96 : prefix };
  if (cidr.words.some((word, i) => masked(word, cidr.prefix - 32 * i) !== word)) {
    throw new InvalidArgumentError(`"${text}" has bits of its address beyond its prefix.`);
  }
  return cidr;
}

function checkAll(all: readonly NamedNetwork[]): void {
  const owners = new Map<string, string>();
  for (const { name, cidrs } of all) {
    for (const { words, prefix } of cidrs) {
      const key = `${words.join()}/${prefix}`;
      if (owners.has(key)) {
        throw new InvalidArgumentError(`"${name}" has a CIDR that "${owners.get(key)}" has already.`);
      }
      owners.set(key, name);
    }
  }
  const names = new Set(all.map(({ name }) => name));
  if (names.size > MAX_NETWORKS || owners.size > MAX_CIDRS) {
    throw new InvalidArgumentError(`It may have ${MAX_NETWORKS} names and ${MAX_CIDRS} CIDRs in all.`);
  }
}
