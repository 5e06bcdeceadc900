// hot

/**
 * The value that the `count` largest of `values[0..length)` reach: at most `count` of them are greater, at least
 * `count` are greater or equal. Quickselect, in place on a scratch copy; 0 <= count < length.
 */
export function threshold(
  values: Float64Array,
  length: number,
  count: number,
  scratch: Float64Array,
): number {
  const a = scratch.subarray(0, length);
  a.set(values.subarray(0, length));
  const want = length - count; // index of the answer in ascending order
  let low = 0;
  let high = length - 1;
  while (low < high) {
    const pivot = a[(low + high) >>> 1] ?? 0;
    let i = low;
    let j = high;
    while (i <= j) {
      while ((a[i] ?? 0) < pivot) i++;
      while ((a[j] ?? 0) > pivot) j--;
      if (i <= j) {
        const t = a[i] ?? 0;
        a[i] = a[j] ?? 0;
        a[j] = t;
        i++;
        j--;
      }
    }
    if (want <= j) high = j;
    else if (want >= i) low = i;
    else break;
  }
  return a[want] ?? 0;
}
