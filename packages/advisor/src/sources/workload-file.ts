import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { parse, YAMLParseError } from 'yaml';
import { WorkloadError } from '../errors.ts';
import { clusterWorkload, findCluster } from './cluster-workload.ts';

const BYTES_MAX = 1_000_000;

/**
 * What a file says of traffic: YAML or JSON with the fields of a workload, or a CSV table of clusters of which one is meant.
 * It may be incomplete: what else is known comes on top.
 */
export async function readWorkloadFile(path: string, cluster?: string): Promise<Record<string, unknown>> {
  const text = await readText(path);
  if (extname(path).toLowerCase() === '.csv') return { ...clusterWorkload(findCluster(text, cluster)) };
  if (cluster !== undefined)
    throw new WorkloadError('cluster', `only a table (.csv) has clusters, and ${path} is none`);
  const content = parseText(path, text);
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return { ...content };
  throw new WorkloadError(
    null,
    `${path}: write one field a line, such as reads: 5000/s; see docs/reference/advisor.md`,
  );
}

async function readText(path: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    if (bytes.byteLength > BYTES_MAX)
      throw new WorkloadError(null, `${path}: has ${bytes.byteLength} bytes; a workload takes a few hundred`);
    return bytes.toString('utf8');
  } catch (error) {
    if (error instanceof WorkloadError) throw error;
    throw new WorkloadError(
      null,
      `${path}: can't be read (${String((error as NodeJS.ErrnoException).code)})`,
      { cause: error },
    );
  }
}

/** JSON is YAML too. */
function parseText(path: string, text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch (error) {
    if (!(error instanceof YAMLParseError) && !(error instanceof ReferenceError)) throw error;
    throw new WorkloadError(null, `${path}: is neither YAML nor JSON: ${error.message.split('\n', 1)[0]!}`, {
      cause: error,
    });
  }
}
