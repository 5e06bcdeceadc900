import { describe, expect, it } from 'vitest';
import { isAbandoned, labIdOf, newLabId } from '../../hosts/lab-id.ts';

describe('the name of a lab', () => {
  it('is found in the names of its hosts, and in no others', () => {
    const id = newLabId();
    expect(labIdOf(`${id}-client`)).toBe(id);
    expect(labIdOf(id)).toBe(id);
    expect(labIdOf('kube-netc-test-client')).toBeNull();
    expect(labIdOf(`other-${id}`)).toBeNull();
  });

  it('is another one each time, and not abandoned while its maker lives', () => {
    const [a, b] = [newLabId(), newLabId()];
    expect(a).not.toBe(b);
    expect(isAbandoned(a)).toBe(false);
  });

  it('is abandoned when its pid is gone or belongs to a process that started at another time', () => {
    const id = newLabId();
    const [, pid = ''] = /-(\d+)-\d+-[0-9a-f]{4}$/.exec(id) ?? [];
    expect(isAbandoned(id.replace(`-${pid}-`, '-4194305-'))).toBe(true);
    expect(isAbandoned(id.replace(/\d+(-[0-9a-f]{4})$/, '1$1'))).toBe(true);
  });

  it('tells nothing of another pid namespace', () => {
    expect(isAbandoned('kube-netc-test-zzzzzz-4194305-1-0000')).toBe(false);
  });
});
