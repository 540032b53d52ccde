import type { Mesh } from '@tidemark/inspect';
import { type Contents, Verifier, type VerifierFinding } from '@tidemark/verifier';
import type { VerifiedFinding } from './api.ts';
import type { RunningVerifier } from './lookout.ts';
import { Ring } from './ring.ts';

/** Findings that a page shows. */
const SHOWN_MAX = 5;

/** A verifier that lives as long as the console, and keeps nothing. */
export interface VerifierBeside extends RunningVerifier {
  stop(): Promise<void>;
}

/** Starts a verifier whose counts and findings the console shows. `contents`: what cached values are compared by. */
export function verifyBeside(mesh: Mesh, contents: Contents | null): VerifierBeside {
  const latest = new Ring<VerifiedFinding>(SHOWN_MAX);
  const verifier = new Verifier({
    mesh,
    contents,
    onFinding: (finding) => latest.add(shownOf(finding)),
  });
  // It follows what it can reach, and the rest when that is back.
  const starting = verifier.start();
  starting.catch(() => {});
  return {
    report() {
      const { ages, findings } = verifier.report();
      return {
        ages: ages.map(({ ageMs, checked, inconsistent, notAsked }) => ({
          ageMs,
          checked,
          consistent: checked - inconsistent,
          notAsked,
        })),
        findings: Object.values(findings).reduce((sum, count) => sum + count, 0),
        latest: latest.all().toReversed(),
      };
    },
    stop: () => verifier.stop(),
  };
}

function shownOf(finding: VerifierFinding): VerifiedFinding {
  const { atMs, kind, severity, region, key, text, mend } = finding;
  return { atMs, kind, severity, region, key, text, mend };
}
