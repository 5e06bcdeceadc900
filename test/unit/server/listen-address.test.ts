import { describe, expect, test } from 'vitest';
import { formatListen, isLoopback, parseListen } from '../../../src/server/listen-address.ts';

describe('--listen', () => {
  test.each([
    ['127.0.0.1:9655', '127.0.0.1', 9655],
    ['0.0.0.0:80', '0.0.0.0', 80],
    ['[::1]:9655', '::1', 9655],
    ['[::]:0', '::', 0],
    ['[::1]', '::1', 9655],
    [':9655', '', 9655],
    ['9656', '127.0.0.1', 9656],
    ['localhost:1', 'localhost', 1],
    ['node-1.example.com', 'node-1.example.com', 9655],
    ['10.0.0.1', '10.0.0.1', 9655],
    ['[fe80::1%eth0]:9655', 'fe80::1%eth0', 9655],
  ])('%s is host "%s", port %i', (text, host, port) => {
    expect(parseListen(text)).toEqual({ host, port });
  });

  test.each([
    ['', 'it is no address with a port'],
    ['::1', 'an IPv6 address stands in brackets'],
    ['::1:9655', 'an IPv6 address stands in brackets'],
    ['[127.0.0.1]:80', 'the brackets hold no IPv6 address'],
    ['[::1:80', 'the brackets hold no IPv6 address'],
    ['[::1]80', 'the brackets hold no IPv6 address'],
    ['a:b:1', 'it is no address with a port'],
    ['127.0.0.1:', '"" is not a port from 0 to 65535'],
    ['127.0.0.1:65536', '"65536" is not a port from 0 to 65535'],
    ['127.0.0.1:-1', '"-1" is not a port from 0 to 65535'],
    ['127.0.0.1:80x', '"80x" is not a port from 0 to 65535'],
    ['99999', '"99999" is not a port from 0 to 65535'],
    ['bad host:80', '"bad host" is no host name and no address'],
    ['http://localhost:80', 'it is no address with a port'],
  ])('"%s" is refused: %s', (text, why) => {
    expect(() => parseListen(text)).toThrow(
      expect.objectContaining({
        code: 'E_USAGE',
        exitCode: 2,
        message: `--listen cannot be "${text}": ${why}`,
      }),
    );
  });
});

test('is shown as it is written', () => {
  expect(['127.0.0.1:9655', '[::1]:80'].map((text) => formatListen(parseListen(text)))).toEqual([
    '127.0.0.1:9655',
    '[::1]:80',
  ]);
  expect(formatListen({ host: '', port: 9655 })).toBe('*:9655');
});

test('loopback is what no other machine reaches', () => {
  const loopback = ['127.0.0.1', '127.8.9.1', '::1', 'localhost'];
  const open = ['', '0.0.0.0', '::', '10.0.0.1', '127.example.com', 'example.com'];
  expect(loopback.map((host) => isLoopback({ host, port: 1 }))).toEqual(loopback.map(() => true));
  expect(open.map((host) => isLoopback({ host, port: 1 }))).toEqual(open.map(() => false));
});
