import { readdirSync } from 'node:fs';
import { run } from './run.ts';

/**
 * Packs a folder as a layer: the same bytes for the same files, whoever packs them and when. Names are sorted, everything
 * is root's and from one moment, and nothing is writable for others but folders that have the sticky bit.
 * @param epochSeconds the moment
 */
export function packLayer(folder: string, file: string, epochSeconds: number): void {
  const same = ['--sort=name', `--mtime=@${epochSeconds}`, '--owner=0', '--group=0', '--numeric-owner'];
  const names = readdirSync(folder).sort();
  run('tar', [...same, '--format=gnu', '-cf', file, '-C', folder, '--', ...names], { LC_ALL: 'C' });
}
