/** What a page says and what the programs counted, of one kind of traffic. */
export interface Difference {
  readonly of: string;
  readonly page: object;
  readonly programs: object;
  /** Changes of state that the kernel told no program of: each may hide one connection (docs/decisions/009). */
  readonly untold: number;
  readonly isEqual: boolean;
}

/** What may be missing on a page, and nothing else may be otherwise: so many connections of at most so many bytes. */
export interface Untellable {
  readonly untold: number;
  readonly bytesMax: number;
}

const NOTHING: Untellable = { untold: 0, bytesMax: 0 };

export function difference<T extends object>(
  of: string,
  page: T,
  programs: T,
  { untold, bytesMax }: Untellable = NOTHING,
): Difference {
  const told = page as Readonly<Record<string, number>>;
  const isEqual = Object.entries(programs).every(([name, counted]) => {
    const missing = counted - (told[name] ?? NaN);
    return missing === 0 || (name.endsWith('Bytes') && missing > 0 && missing <= untold * bytesMax);
  });
  return { of, page, programs, untold, isEqual };
}
