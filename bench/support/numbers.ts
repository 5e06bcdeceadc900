/** The value that a share of the sorted values is below. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
