import { formatVersion, type KeyMoment, type NodeAnswer } from '@tidemark/core';
import type { StoryEvent } from './api.ts';

/**
 * What the nodes of a region saw of a key, as events of its history; `atMs` is when they answered. A node hears of a
 * version several times, from the writer and from the relay: the first time counts.
 */
export function momentEvents(
  region: string,
  answers: readonly NodeAnswer[],
  key: string,
  atMs: number,
): readonly StoryEvent[] {
  return answers.flatMap(({ node, moments }) =>
    moments
      .filter((moment) => moment.key === key && moment.version !== null)
      .filter(({ type, version }, i, all) => {
        if (type !== 'invalidated') return true;
        const same = (each: KeyMoment): boolean =>
          each.type === type && formatVersion(each.version!) === formatVersion(version!);
        return all.findIndex(same) === i;
      })
      .map((moment): StoryEvent => ({
        atMs: atMs - moment.ageMs,
        region,
        kind: KINDS[moment.type],
        text: textOf(moment),
        version: formatVersion(moment.version!),
        node,
        traceId: null,
      })),
  );
}

const KINDS: Readonly<Record<KeyMoment['type'], string>> = {
  invalidated: 'applied',
  dropped: 'dropped',
  'load-began': 'loading',
  'load-ended': 'loaded',
  filled: 'filled',
  cached: 'l1',
};

function textOf({ type, outcome }: KeyMoment): string {
  switch (type) {
    case 'invalidated':
      return 'applied: serves nothing older';
    case 'dropped':
      return 'dropped from L1';
    case 'load-began':
      return 'begins to load';
    case 'load-ended':
      return 'loaded from the source';
    case 'filled':
      return `offered to the store: ${outcome ?? 'no answer'}`;
    case 'cached':
      return 'taken into L1';
  }
}
