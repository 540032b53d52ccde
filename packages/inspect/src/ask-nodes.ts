import type { NodeAnswer, NodeQuestion } from '@tidemark/core';
import type { Mesh } from './mesh.ts';

const WAIT_MS = 1_000;

export interface AskNodesOptions {
  /** How long answers are waited for, ms. Default 1,000. */
  readonly waitMs?: number;
  /** Does not wait longer once so many nodes answered. Default: waits for all that come. */
  readonly expected?: number;
}

/**
 * Asks the nodes of a region what their L1s hold. How many nodes there are nobody knows: who does not answer in time is
 * left out.
 *
 * @throws BusUnavailableError when the region's NATS can't be reached: then nothing is known, not even that there are none
 */
export async function askNodes(
  mesh: Mesh,
  region: string,
  question: NodeQuestion,
  { waitMs = WAIT_MS, expected }: AskNodesOptions = {},
): Promise<NodeAnswer[]> {
  const { id } = mesh.set.get(region);
  await mesh.nats.server(id, mesh.answerMs);
  const { asker } = mesh.regions.find((each) => each.region.id === id)!;
  return asker.ask(question, expected === undefined ? { waitMs } : { waitMs, expected });
}
