import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Format } from '../../../src/expose/page.ts';
import { negotiateEncoding, negotiateFormat } from '../../../src/expose/negotiate.ts';

const OM = 'application/openmetrics-text';
const PROTO = 'application/vnd.google.protobuf';
const FAMILY = `${PROTO};proto=io.prometheus.client.MetricFamily;encoding=delimited`;
const UTF8 = 'escaping=allow-utf-8';

describe('the format', () => {
  test.each<[string | undefined, Format, string]>([
    [undefined, 'text', 'no header'],
    ['', 'text', 'an empty header'],
    ['*/*', 'text', 'curl'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text', 'a browser'],
    [OM, 'openmetrics', 'OpenMetrics alone'],
    [`${OM}; version=1.0.0; charset=utf-8`, 'openmetrics', 'OpenMetrics with its version'],
    [`${OM}; version="1.0.0"`, 'openmetrics', 'a quoted version'],
    [
      `${OM};version=1.0.0,${OM};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`,
      'openmetrics',
      'Prometheus 2',
    ],
    [
      `${OM};version=1.0.0;escaping=allow-utf-8;q=0.6,${OM};version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2`,
      'openmetrics',
      'Prometheus 3',
    ],
    [
      `${FAMILY},${OM};version=1.0.0;q=0.8,${OM};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`,
      'protobuf',
      'Prometheus 2.40 to 2.48 with native histograms',
    ],
    [
      `${FAMILY};q=0.5,${OM};version=1.0.0;q=0.4,${OM};version=0.0.1;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1`,
      'protobuf',
      'Prometheus 2.49 and later with native histograms',
    ],
    [
      `${FAMILY};${UTF8};q=0.6,${OM};version=1.0.0;${UTF8};q=0.5,${OM};version=0.0.1;${UTF8};q=0.4,text/plain;version=1.0.0;${UTF8};q=0.3,text/plain;version=0.0.4;${UTF8};q=0.2,*/*;q=0.1`,
      'protobuf',
      'Prometheus 3.0 with native histograms',
    ],
    [
      `${FAMILY};q=0.6,${OM};version=1.0.0;${UTF8};q=0.5,${OM};version=0.0.1;q=0.4,text/plain;version=1.0.0;${UTF8};q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1`,
      'protobuf',
      'Prometheus 3.14 with native histograms',
    ],
    [
      `${OM};version=1.0.0;q=0.6,${FAMILY};q=0.5,text/plain;version=0.0.4;q=0.4`,
      'openmetrics',
      'protobuf, but not first',
    ],
    [FAMILY.toUpperCase(), 'protobuf', 'protobuf alone, in upper case'],
    [`${PROTO};proto="io.prometheus.client.MetricFamily";encoding="delimited"`, 'protobuf', 'quoted'],
    [PROTO, 'protobuf', 'protobuf, whatever messages'],
    [`${PROTO};proto=io.prometheus.client.MetricFamily;encoding=text,text/plain;q=0.1`, 'text', 'as text'],
    [`${PROTO};proto=other.Message;encoding=delimited,${OM};q=0.1`, 'openmetrics', 'messages of others'],
    [`${FAMILY};q=0,*/*`, 'text', 'protobuf refused'],
    [`${OM};version=0.0.1,text/plain;q=0.1`, 'text', 'an OpenMetrics version that is not ours'],
    [`${OM};q=0.5,text/plain;q=0.9`, 'text', 'text preferred'],
    [`text/plain;q=0.1,${OM};q=0.2`, 'openmetrics', 'the order does not count'],
    [`${OM},text/plain`, 'text', 'both as welcome'],
    [`${OM};q=0,*/*`, 'text', 'OpenMetrics refused'],
    ['text/plain;q=0,*/*', 'openmetrics', 'text refused, anything else welcome'],
    ['text/plain;q=0.2,*/*;q=0.5', 'openmetrics', 'the specific q beats that of the range'],
    ['application/*', 'openmetrics', 'a range that holds OpenMetrics and protobuf'],
    ['text/*', 'text', 'a range that holds only text'],
    ['application/json', 'text', 'nothing that we have'],
    [`${OM};q=nonsense,text/plain;q=0.1`, 'text', 'a broken q'],
    [OM.toUpperCase(), 'openmetrics', 'upper case'],
  ])('%s -> %s (%s)', (accept, expected) => {
    expect(negotiateFormat(accept)).toBe(expected);
  });

  test('is one of ours for any header', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        expect(['text', 'openmetrics', 'protobuf']).toContain(negotiateFormat(header));
        expect(['gzip', 'identity']).toContain(negotiateEncoding(header));
      }),
    );
  });
});

describe('the encoding', () => {
  test.each([
    [null, 'identity'],
    ['', 'identity'],
    ['gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['gzip;q=0', 'identity'],
    ['gzip;q=0.000', 'identity'],
    ['gzip;q=0.001', 'gzip'],
    ['deflate, br', 'identity'],
    ['deflate, gzip;q=1.0, *;q=0.5', 'gzip'],
    ['*', 'gzip'],
    ['*;q=0', 'identity'],
    ['gzip;q=0,*', 'identity'],
    ['identity', 'identity'],
    ['identity;q=0.5, gzip;q=0.4', 'identity'],
    ['identity;q=0.4, gzip;q=0.5', 'gzip'],
    ['identity;q=0, gzip', 'gzip'],
    ['gzip ; q=0', 'identity'],
    ['gzip;q=2', 'identity'],
  ] as const)('%s -> %s', (header, expected) => {
    expect(negotiateEncoding(header)).toBe(expected);
  });
});
