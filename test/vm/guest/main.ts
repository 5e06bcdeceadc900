// Runs in the virtual machine, as its only program: main.js works WALK, main.js without-ipv6, or main.js too-old. Exit code 0: every check passed.
import { Report } from './report.ts';
import { checkTooOld } from './too-old.ts';
import { checkWithoutIpv6 } from './without-ipv6.ts';
import { checkWorks } from './works.ts';

const report = new Report();
const [expectation, walk = ''] = process.argv.slice(2);
try {
  if (expectation === 'too-old') await checkTooOld(report);
  else if (expectation === 'without-ipv6') await checkWithoutIpv6(report);
  else await checkWorks(report, walk);
} catch (error) {
  await report.check('the test itself', () => {
    throw error;
  });
}
process.exit(report.failed === 0 ? 0 : 1);
