// Makes the folders that the image of one architecture is made of, and no image: deploy/image/Dockerfile copies them.
// Usage: node tools/image/folders.ts amd64|arm64 FOLDER
import { resolve } from 'node:path';
import { ARCHITECTURES } from './architecture.ts';
import { makeParts } from './parts.ts';
import { makeProduct } from './product.ts';

const [wanted, folder] = process.argv.slice(2);
const architecture = ARCHITECTURES.find(({ name }) => name === wanted);
if (architecture === undefined || folder === undefined)
  throw new Error('usage: node tools/image/folders.ts amd64|arm64 FOLDER');
const output = resolve(folder);
await makeParts(architecture, await makeProduct(`${output}/work`), output, false);
