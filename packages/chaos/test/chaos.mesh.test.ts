import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const BIN = fileURLToPath(new URL('../bin/chaos.mjs', import.meta.url));
const TIMEOUT_MS = 120_000;

/** What `npm run chaos` runs; it builds first, which is quick when that was done. */
function chaos(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [BIN, '--json', ...args], { maxBuffer: 2 ** 28 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

describe('a short run', () => {
  it(
    'keeps every promise under faults',
    async () => {
      const faults = 'redis-emptied,stream-deleted,relay-moved';
      const { code, stdout, stderr } = await chaos('--minutes', '0.12', '--seed', '4', '--faults', faults);
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      const report = JSON.parse(stdout) as {
        violations: unknown[];
        faults: object;
        convergedAfterMs: number;
      };
      expect(report.violations).toEqual([]);
      expect(Object.keys(report.faults).length).toBeGreaterThan(0);
      expect(report.convergedAfterMs).toBeGreaterThanOrEqual(0);
    },
    TIMEOUT_MS,
  );

  it(
    'without a rule shows which promise is broken, and how',
    async () => {
      const broken = ['--break', 'feed', '--faults', 'redis-emptied', '--verify', '1s,2s'];
      const { code, stdout, stderr } = await chaos('--minutes', '0.1', '--seed', '4', ...broken);
      expect(code).toBe(1);
      const { violations, verifier } = JSON.parse(stdout) as {
        violations: { invariant: string }[];
        verifier: { findings: { kind: string; tier: string }[] };
      };
      expect(violations.map(({ invariant }) => invariant)).toContain('I6');
      // The verifier beside the run, which knows nothing of the rule, sees it too.
      expect(verifier.findings).toContainEqual(expect.objectContaining({ kind: 'stale', tier: 'l1' }));
      expect(stderr).toMatch(/What happened to item:\d+, seen from /);
    },
    TIMEOUT_MS,
  );
});
