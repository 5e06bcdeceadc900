/** A value of an option: a range is written `[16, 3000]`, a list of texts likewise; false is as good as not given. */
export type FlagValue = string | number | boolean | readonly (string | number)[] | undefined;

/** Options as the traffic programs take them: `{ perConnection: true, request: [16, 99] }` is --per-connection --request 16-99. */
export function flagsOf(options: object): string[] {
  const entries: [string, FlagValue][] = Object.entries(options);
  return entries.flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? [flag] : [flag, textOf(value)];
  });
}

function textOf(value: Exclude<FlagValue, undefined | boolean>): string {
  if (typeof value !== 'object') return String(value);
  return value.join(typeof value[0] === 'number' ? '-' : ',');
}
