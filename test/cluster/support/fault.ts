import { Transform, type Readable } from 'node:stream';

/** How the answer to one request is spoiled. */
export type Fault =
  /** The proxy answers itself, and asks nobody. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** The answer begins so much later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** There is never an answer. */
  | { readonly kind: 'hang' }
  /** The answer begins, and after so many bytes of its body nothing comes any more. */
  | { readonly kind: 'silence'; readonly afterBytes: number }
  /** After so many bytes of the body the connection is reset. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** After so many bytes the body ends, as if that were all. */
  | { readonly kind: 'end'; readonly afterBytes: number }
  /** One bit of each byte is turned over from there on. */
  | { readonly kind: 'garble'; readonly afterBytes: number }
  /** The body comes in pieces of so many bytes, wherever these split a line or a character. */
  | { readonly kind: 'trickle'; readonly bytes: number; readonly everyMs: number }
  /** This text stands before the body: an ERROR event, for one. */
  | { readonly kind: 'insert'; readonly text: string };

/** The body as the client gets it. `reset` ends its connection. */
export function spoil(fault: Fault | null, body: Readable, reset: () => void): Readable {
  switch (fault?.kind) {
    case 'silence':
      return body.pipe(upTo(fault.afterBytes, () => {}));
    case 'end':
      return body.pipe(upTo(fault.afterBytes, (stream) => stream.push(null)));
    case 'cut':
      // What is before the cut is to arrive: a reset right now would overtake it.
      return body.pipe(upTo(fault.afterBytes, () => setTimeout(reset, 20)));
    case 'garble':
      return body.pipe(garbled(fault.afterBytes));
    case 'trickle':
      return body.pipe(trickled(fault.bytes, fault.everyMs));
    case 'insert':
      return body.pipe(inserted(fault.text));
    case 'status':
    case 'delay':
    case 'hang':
    case undefined:
      break;
  }
  return body;
}

/** Passes so many bytes, calls `then` once, and swallows the rest: also the end. */
function upTo(limit: number, then: (stream: Transform) => void): Transform {
  let left = limit;
  let over = false;
  const stop = (stream: Transform): void => {
    if (over) return;
    over = true;
    then(stream);
  };
  return new Transform({
    construct(done) {
      if (left === 0) stop(this);
      done();
    },
    transform(part: Buffer, _encoding, done) {
      if (left > 0) this.push(part.subarray(0, left));
      left = Math.max(0, left - part.length);
      if (left === 0) stop(this);
      done();
    },
    flush(done) {
      // Shorter than the limit: it ends as it is.
      if (!over) done();
    },
  });
}

function garbled(afterBytes: number): Transform {
  let at = 0;
  return new Transform({
    transform(part: Buffer, _encoding, done) {
      const from = Math.max(0, afterBytes - at);
      at += part.length;
      for (let i = from; i < part.length; i++) part[i] = (part[i] ?? 0) ^ 0x10;
      done(null, part);
    },
  });
}

function trickled(bytes: number, everyMs: number): Transform {
  return new Transform({
    transform(part: Buffer, _encoding, done) {
      let at = 0;
      const next = (): void => {
        if (at >= part.length) {
          done();
          return;
        }
        this.push(part.subarray(at, at + bytes));
        at += bytes;
        setTimeout(next, everyMs);
      };
      next();
    },
  });
}

function inserted(text: string): Transform {
  let first = true;
  return new Transform({
    transform(part: Buffer, _encoding, done) {
      if (first) this.push(text);
      first = false;
      done(null, part);
    },
    flush(done) {
      if (first) this.push(text);
      done();
    },
  });
}
