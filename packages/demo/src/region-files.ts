import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RegionSet } from '@tidemark/regions';
import { makeTempDir, removeTempDir } from '@tidemark/testbed';
import type { Infrastructure } from './infrastructure.ts';

/** A folder of region files that describes a mesh while it runs. */
export interface RegionFiles {
  readonly dir: string;
  close(): Promise<void>;
}

/**
 * Writes the regions of a running mesh for the `tidemark` command, as somebody in the home region finds them.
 * Null: the mesh lives in one process, where no other can look.
 */
export async function writeRegionFiles(
  set: RegionSet,
  infrastructure: Pick<Infrastructure, 'endpoints'>,
): Promise<RegionFiles | null> {
  const files = set.regions.map((region) => ({ ...region, endpoints: infrastructure.endpoints(region.id) }));
  if (files.some(({ endpoints }) => endpoints === null)) return null;
  const dir = await makeTempDir('regions');
  for (const file of files)
    await writeFile(join(dir, `${file.id}.json`), `${JSON.stringify(file, null, 2)}\n`);
  return { dir, close: () => removeTempDir(dir) };
}
