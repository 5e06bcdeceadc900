import { Excused } from './excuse.ts';

/** What the guest says on the serial line, for tools/vm/verdict.ts: a line a check. */
export class Report {
  failed = 0;
  #beganMs = performance.now();

  /** Runs a check; it has failed when `body` throws. What it returns is shown beside its name. */
  async check(name: string, body: () => Promise<string | void> | string | void): Promise<void> {
    try {
      const seen = await body();
      this.#line('CHECK ok', name, seen ?? '');
    } catch (error) {
      if (error instanceof Excused) {
        this.#line('CHECK excused', name, error.message);
        return;
      }
      this.failed++;
      this.#line('CHECK failed', name, error instanceof Error ? error.message : String(error));
    }
  }

  /** Shows what took how long since the last check. */
  time(what: string): void {
    this.#line('TIME', what, '');
  }

  #line(verdict: string, name: string, text: string): void {
    const nowMs = performance.now();
    const took = ((nowMs - this.#beganMs) / 1000).toFixed(1);
    this.#beganMs = nowMs;
    console.log(`${verdict} ${name} (${took} s)${text === '' ? '' : `: ${oneLine(text)}`}`);
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' | ').slice(0, 1500);
}
