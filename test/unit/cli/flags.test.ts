import { Command, type Option } from 'commander';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { defaultSlots, powerOfTwo } from '../../../src/cli/agent-options.ts';
import { duration, FLAGS, ipAddress, wholeNumber } from '../../../src/cli/flags.ts';

afterEach(() => vi.unstubAllEnvs());

/** What commander makes of a command line with this one flag. */
function parse(option: Option, ...args: string[]): unknown {
  const command = new Command().addOption(option).exitOverride();
  command.configureOutput({ writeErr: () => {} }).parse(args, { from: 'user' });
  return command.opts()[option.attributeName()];
}

describe('a time', () => {
  const parseTime = duration(100, 3_600_000);

  test.each([
    ['500ms', 500],
    ['15s', 15_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['2', 2_000],
    ['1.5s', 1_500],
    ['0.1', 100],
    ['100ms', 100],
  ])('%s is %d ms', (text, ms) => {
    expect(parseTime(text)).toBe(ms);
  });

  test.each([
    '',
    '0',
    '99ms',
    '61m',
    '1h1m',
    '-1s',
    '1e3',
    ' 1s',
    '1 s',
    '1S',
    '1d',
    'Infinity',
    'NaN',
    '0x10',
    '.5',
    '1.',
    '9'.repeat(400),
    '1,5',
  ])('"%s" is none', (text) => {
    expect(() => parseTime(text)).toThrow('It must be a time from 100 ms to 3600 s');
  });

  test('of any text is within its bounds or refused', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{0,12}\.?\d{0,4}(ms|s|m|h|d)?$/)), (text) => {
        let ms = 100;
        try {
          ms = parseTime(text);
        } catch (error) {
          expect(String(error)).toContain('It must be a time');
        }
        expect(ms >= 100 && ms <= 3_600_000).toBe(true);
      }),
    );
  });
});

test.each(['', '0', '11', '-1', '1.5', '1e1', '0x5', ' 5', '5 ', 'five', '9'.repeat(20), '٥'])(
  'a number from 1 to 10 is not "%s"',
  (text) => {
    expect(wholeNumber(1, 10)('10')).toBe(10);
    expect(wholeNumber(1, 10)('007')).toBe(7);
    expect(() => wholeNumber(1, 10)(text)).toThrow('It must be a whole number from 1 to 10.');
  },
);

describe('an address', () => {
  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::1', '::1'],
    ['2001:0DB8:0:0::1', '2001:db8::1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:a00:1', '10.0.0.1'],
  ])('%s is looked for as %s', (text, address) => {
    expect(ipAddress(text)).toBe(address);
  });

  test.each(['', 'localhost', '10.0.0', '10.0.0.256', '[::1]', '10.0.0.1:80', 'fe80::1%eth0', '10.0.0.0/8'])(
    '"%s" is none',
    (text) => {
      expect(() => ipAddress(text)).toThrow('It must be an IP address.');
    },
  );
});

describe('the flags of the agent', () => {
  test('have what the agent does without them', () => {
    const defaults = Object.fromEntries(Object.entries(FLAGS).map(([name, make]) => [name, parse(make())]));
    expect(defaults).toEqual({
      verbosity: 'info',
      listen: { host: '127.0.0.1', port: 9655 },
      interval: 1_000,
      udp: 'auto',
      series: 2_000,
      edges: 2_000,
      edgeLevel: 'workload',
      edgeLabels: undefined,
      network: undefined,
      seriesTtl: 300_000,
      maxSockets: undefined,
      maxFlows: 16_384,
      processes: 'on',
      kubernetes: 'auto',
      kubeconfig: undefined,
      nodeName: undefined,
      cgroupRoot: undefined,
      programStats: 'off',
    });
  });

  test.each<[keyof typeof FLAGS, string[], unknown]>([
    ['verbosity', ['-v', 'debug'], 'debug'],
    ['listen', ['--listen', '[::1]:80'], { host: '::1', port: 80 }],
    ['interval', ['--interval', '250ms'], 250],
    ['interval', ['--interval=60'], 60_000],
    ['udp', ['--udp=off'], 'off'],
    ['series', ['--series', '1'], 1],
    ['seriesTtl', ['--series-ttl', '24h'], 86_400_000],
    ['maxSockets', ['--max-sockets', '100000'], 131_072],
    ['maxSockets', ['--max-sockets', '65536'], 65_536],
    ['maxFlows', ['--max-flows', '64'], 64],
    ['maxFlows', ['--max-flows', '65'], 128],
    ['processes', ['--processes', 'off'], 'off'],
    ['programStats', ['--program-stats'], 'on'],
    ['programStats', ['--program-stats=off'], 'off'],
  ])('%s: %o is %o', (name, args, value) => {
    expect(parse(FLAGS[name](), ...args)).toEqual(value);
  });

  test.each<[keyof typeof FLAGS, string]>([
    ['verbosity', 'loud'],
    ['listen', '::1:80'],
    ['interval', '99ms'],
    ['interval', '61s'],
    ['udp', 'on'],
    ['series', '0'],
    ['series', '1000001'],
    ['seriesTtl', '9s'],
    ['maxSockets', '63'],
    ['maxSockets', '4194305'],
    ['maxFlows', '1048577'],
    ['processes', 'yes'],
    ['programStats', 'yes'],
  ])('%s is not "%s", given by flag or by environment', (name, value) => {
    const option = FLAGS[name]();
    expect(() => parse(option, `${option.long}=${value}`)).toThrow('is invalid');
    vi.stubEnv(option.envVar ?? '', value);
    expect(() => parse(FLAGS[name]())).toThrow(`from env '${option.envVar}' is invalid`);
  });

  test('have twins in the environment, which the command line overrules', () => {
    const { nodeName, ...others } = FLAGS;
    expect(nodeName().envVar).toBe('NODE_NAME');
    expect(Object.values(others).map((make) => make().envVar)).toEqual(
      Object.values(others).map(
        (make) => `KUBE_NETC_${make().long?.slice(2).replaceAll('-', '_').toUpperCase()}`,
      ),
    );
    vi.stubEnv('KUBE_NETC_SERIES_TTL', '10m');
    vi.stubEnv('KUBE_NETC_PROGRAM_STATS', 'off');
    expect(parse(FLAGS.seriesTtl())).toBe(600_000);
    expect(parse(FLAGS.seriesTtl(), '--series-ttl', '20m')).toBe(1_200_000);
    expect(parse(FLAGS.programStats())).toBe('off');
  });
});

describe('sizes of tables', () => {
  test('are powers of two at or above what is asked for', () => {
    expect([1, 63, 64, 65, 1000].map(powerOfTwo)).toEqual([64, 64, 64, 128, 1024]);
    for (let bit = 6; bit < 23; bit++) {
      const power = 2 ** bit;
      expect([powerOfTwo(power - 1), powerOfTwo(power), powerOfTwo(power + 1)]).toEqual([
        Math.max(64, power),
        power,
        2 * power,
      ]);
    }
  });

  test('take a thousandth of the memory, within limits', () => {
    const GIB = 2 ** 30;
    expect(defaultSlots(GIB / 2)).toBe(16_384);
    expect(defaultSlots(8 * GIB)).toBe(65_536);
    expect(defaultSlots(1024 * GIB)).toBe(1_048_576);
    expect(defaultSlots(0)).toBe(16_384);
    fc.assert(
      fc.property(fc.integer({ min: 2 * GIB, max: 64 * GIB }), (memory) => {
        const slots = defaultSlots(memory);
        expect(slots * 104).toBeLessThanOrEqual(memory / 1000);
        expect(slots * 104 * 2).toBeGreaterThan(memory / 1000);
        expect(Math.log2(slots) % 1).toBe(0);
      }),
    );
    expect(defaultSlots()).toBeGreaterThanOrEqual(16_384);
  });
});
