// The server of pages that bench/scrape.ts has scraped, in a process of its own: so many lines of text, half of them of
// histograms. Tells its port, then how long each page took, in ms.
import { startServer } from '../../src/server/http-server.ts';
import { connectionBlocks, histogramBlocks } from './page-series.ts';

const lines = Number(process.argv[2]);
const blocks = [...connectionBlocks(lines / 2), ...histogramBlocks(lines / 2)];
const server = await startServer(
  {
    blocks: async () => blocks,
    health: () => ({ ready: true, problems: [], snapshotAgeMs: 0 }),
  },
  { host: '127.0.0.1', port: 0 },
  { onPage: ({ seconds }) => process.send?.({ pageMs: seconds * 1_000 }) },
);
process.send?.({ port: server.address.port });
process.once('SIGTERM', () => process.exit(0));
