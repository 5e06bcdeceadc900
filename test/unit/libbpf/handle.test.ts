import { describe, expect, it } from 'vitest';
import { Handle } from '../../../src/libbpf/handle.ts';

const closed: string[] = [];

class Thing extends Handle {
  readonly #name: string;

  constructor(name: string, owner: Handle | null = null) {
    super(`thing ${name}`, owner);
    this.#name = name;
  }

  forgetChildren(): void {
    this.closeChildren();
  }

  protected release(): void {
    closed.push(this.#name);
  }
}

function make(name: string, owner: Handle | null = null): Thing {
  return new Thing(name, owner);
}

function closing(run: () => void): string[] {
  closed.length = 0;
  run();
  return [...closed];
}

describe('a handle', () => {
  it('is given back once, whoever closes it and how often', () => {
    const thing = make('a');
    expect(closing(() => [thing.close(), thing.close(), thing[Symbol.dispose]()])).toEqual(['a']);
    expect(thing.closed).toBe(true);
    expect(() => thing.assertOpen()).toThrow('use of thing a failed: it is closed');
  });

  it('closes what was made from it first, newest first, through all generations', () => {
    const top = make('top');
    const first = make('first', top);
    make('of first', first);
    make('second', top);
    expect(closing(() => top.close())).toEqual(['second', 'of first', 'first', 'top']);
  });

  it('forgets a child that was closed before', () => {
    const top = make('top');
    const child = make('child', top);
    child.close();
    expect(closing(() => top.close())).toEqual(['top']);
  });

  it('can close its children and live on', () => {
    const top = make('top');
    make('child', top);
    expect(closing(() => top.forgetChildren())).toEqual(['child']);
    expect(top.closed).toBe(false);
  });
});
