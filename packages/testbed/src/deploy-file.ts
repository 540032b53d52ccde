import { fileURLToPath } from 'node:url';

/** A configuration file that operators run with; the test bed starts its servers from the same. */
export function deployFile(path: string): string {
  return fileURLToPath(new URL(`../../../deploy/${path}`, import.meta.url));
}
