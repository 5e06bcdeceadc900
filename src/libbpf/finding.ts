/** 'cannot tell': the question could not be asked (a capability, a file is missing), so the answer may change. */
export type Answer = 'yes' | 'no' | 'cannot tell';
export interface Finding {
  readonly answer: Answer;
  /** One line: what was seen. */
  readonly reason: string;
}

export function yes(reason: string): Finding {
  return { answer: 'yes', reason };
}

export function no(reason: string): Finding {
  return { answer: 'no', reason };
}

export function cannotTell(reason: string): Finding {
  return { answer: 'cannot tell', reason };
}

/** ENOENT and the like of an error that Node threw. */
export function nodeErrno(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}
