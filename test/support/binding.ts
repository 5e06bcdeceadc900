import { afterEach } from 'vitest';
import { BpfObject } from '../../src/libbpf/object.ts';
import { compileFixture, whyNoBpf } from '../fixtures/bpf/fixture.ts';
import { setUp } from './set-up.ts';

/** Objects of test/fixtures/bpf/binding.bpf.c, for the tests of a file: they are skipped where programs cannot be loaded. */
export class Binding {
  readonly #opened: BpfObject[] = [];
  #bytes: Uint8Array = new Uint8Array();

  constructor() {
    setUp(whyNoBpf(), async () => {
      this.#bytes = compileFixture('binding');
    });
    afterEach(() => {
      for (const object of this.#opened.splice(0)) object.close();
    });
  }

  /** One that is not loaded. It is closed after the test, if not before. */
  open(): BpfObject {
    const object = BpfObject.open(this.#bytes, { name: 'kube_netc' });
    this.#opened.push(object);
    return object;
  }
}
