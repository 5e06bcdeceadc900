import { Config } from '../abi/records.gen.ts';
import { NetcError } from '../util/errors.ts';
import type { Finding } from './features.ts';
import { BpfObject } from './object.ts';

const SMALL = 64; // entries of the tables that the agent sizes: enough to load

/** Names and sections of the programs of an object. Throws E_OBJECT_MISSING, E_BPF. */
export function programsOf(object: Uint8Array | string): { name: string; section: string }[] {
  using opened = BpfObject.open(object, { name: 'kube_netc' });
  return opened.programs().map(({ name, section }) => ({ name, section }));
}

/** Loads one program of an object alone, with small tables, and takes it out again. Throws E_OBJECT_MISSING. */
export function tryProgram(object: Uint8Array | string, name: string): Finding {
  using opened = BpfObject.open(object, { name: 'kube_netc' });
  for (const program of opened.programs()) program.setAutoload(program.name === name);
  for (const map of ['slots', 'owners', 'books', 'free_books', 'flows']) opened.map(map).setMaxEntries(SMALL);
  const config = new DataView(opened.rodata().initialValue());
  config.setUint32(Config.slotMask, SMALL - 1, true);
  config.setUint32(Config.bookCapacity, SMALL, true);
  config.setUint32(Config.trackProcess, 1, true);
  try {
    opened.load();
    return { answer: 'yes', reason: 'loads' };
  } catch (error) {
    if (!(error instanceof NetcError)) throw error;
    return { answer: 'no', reason: error.message };
  }
}
