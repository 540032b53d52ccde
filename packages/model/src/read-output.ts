/** What a search printed, in figures. */
export interface Figures {
  readonly errors: number;
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  /** Why not everything was searched; null when it was. */
  readonly cutShort: string | null;
  /** Texts of the actions and answers of the specification that never happened. */
  readonly unreached: readonly string[];
}

/** Signs that a search left something out, as Spin words them. */
const CUT_SHORT = [
  'max search depth too small',
  'out of memory',
  'Search not completed',
  'memory limit',
  'aborted',
  'Bitstate',
  'VECTORSZ',
];

/** Reads the output of a verifier that Spin made. Null when it is none: it broke down. */
export function readOutput(output: string): Figures | null {
  const errors = number(output, /errors: (\d+)/);
  const states = number(output, /(\d+) states, stored/);
  if (errors === null || states === null) return null;
  const sign = CUT_SHORT.find((each) => output.includes(each));
  const full = output.includes('Full statespace search');
  return {
    errors,
    states,
    transitions: number(output, /(\d+) transitions/) ?? 0,
    depth: number(output, /depth reached (\d+)/) ?? 0,
    cutShort: sign ?? (full ? null : 'no full search'),
    unreached: [...output.matchAll(/^\t\S+, state \d+, "printf\('(.*)'[,)]/gm)].map(([, text]) =>
      wording(text!),
    ),
  };
}

/** Latest number of states in what a verifier printed so far; it says so once per million. */
export function readProgress(output: string): number | null {
  const found = [...output.matchAll(/States=\s*([\d.e+]+)/g)].at(-1);
  return found ? Number(found[1]) : null;
}

function number(output: string, pattern: RegExp): number | null {
  const found = pattern.exec(output);
  return found ? Number(found[1]) : null;
}

function wording(text: string): string {
  return text.replaceAll('\\n', '').trim();
}
