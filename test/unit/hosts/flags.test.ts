import { expect, it } from 'vitest';
import { flagsOf } from '../../hosts/flags.ts';

it('writes options as the traffic programs take them', () => {
  expect(flagsOf({ address: 'fd77::1', perConnection: true, fastOpen: false, seconds: undefined })).toEqual([
    '--address',
    'fd77::1',
    '--per-connection',
  ]);
  expect(flagsOf({ request: [16, 3000], bind: ['10.0.0.1', '10.0.0.2'], count: 0 })).toEqual([
    '--request',
    '16-3000',
    '--bind',
    '10.0.0.1,10.0.0.2',
    '--count',
    '0',
  ]);
});
