import type { Problem, RegionNow, Verdict } from './api.ts';
import { VERIFIER_PREFIX } from './problems.ts';

/** The first line, of what is known now. `before` is the verdict until now: it says since when. */
export function verdictOf(
  regions: readonly RegionNow[],
  problems: readonly Problem[],
  looked: boolean,
  nowMs: number,
  before: Verdict | null,
): Verdict {
  const said = looked ? say(regions, problems) : STARTING;
  const sinceMs = before?.state === said.state ? before.sinceMs : (earliest(said.state, problems) ?? nowMs);
  return { ...said, sinceMs };
}

type Said = Omit<Verdict, 'sinceMs'>;

const STARTING: Said = {
  state: 'starting',
  headline: 'Asking every server for the first time …',
  announcement: 'Asking every server for the first time.',
  boundMs: null,
};

function say(regions: readonly RegionNow[], problems: readonly Problem[]): Said {
  const bad = regions.filter(({ health }) => health !== 'good');
  const error = problems.find(({ severity }) => severity === 'error');
  if (bad.length === 0 && !error) {
    const boundMs = Math.max(...regions.map((each) => each.boundMs ?? 0));
    return {
      state: 'coherent',
      headline: `Coherent: every region proven within ${shownBound(boundMs)}`,
      announcement: 'Coherent: every region is proven.',
      boundMs,
    };
  }
  const found = problems.find(
    ({ severity, code }) => severity === 'error' && code.startsWith(VERIFIER_PREFIX),
  );
  const headline = found
    ? `Not coherent: in ${found.region} the verifier found ${found.text}`
    : `Not proven: ${whatIsWrong(regions, bad, error)}`;
  return { state: 'unproven', headline, announcement: `${headline}.`, boundMs: null };
}

function whatIsWrong(
  regions: readonly RegionNow[],
  bad: readonly RegionNow[],
  error: Problem | undefined,
): string {
  const cut = bad.filter(({ health }) => health === 'cut');
  if (cut.length === regions.length)
    return 'no region can be reached from here; this machine may be the one that is cut off';
  const rest = bad.length - cut.length;
  if (cut.length > 0 && rest > 0)
    return `${names(cut)} can't be reached, ${rest === 1 ? 'one other region proves' : `${rest} others prove`} nothing fresh`;
  if (cut.length > 0) return `${names(cut)} can't be reached; the others are proven`;
  if (bad.length > 0) return `${names(bad)} ${bad.length === 1 ? 'proves' : 'prove'} nothing fresh`;
  return error!.region === null ? error!.text : `${error!.region}: ${error!.text}`;
}

const NAMES_MAX = 3;

function names(regions: readonly RegionNow[]): string {
  const shown = regions.slice(0, NAMES_MAX).map(({ region }) => region);
  const more = regions.length - shown.length;
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** Rounded up: a bound that is shown smaller than it is would be a lie. */
function shownBound(ms: number): string {
  return ms < 1_000 ? `${Math.ceil(ms)} ms` : `${(Math.ceil(ms / 100) / 10).toFixed(1)} s`;
}

function earliest(state: Verdict['state'], problems: readonly Problem[]): number | null {
  if (state !== 'unproven') return null;
  const errors = problems.filter(({ severity }) => severity === 'error');
  return errors.length === 0 ? null : Math.min(...errors.map(({ sinceMs }) => sinceMs));
}
