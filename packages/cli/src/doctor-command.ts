import { examineMesh, type Finding } from '@tidemark/inspect';
import type { Command } from 'commander';
import { ExitError } from './failure.ts';
import { type MeshFlags, withMesh, withOpenMesh } from './mesh-flags.ts';
import { paint } from './paint.ts';
import { say } from './place-flags.ts';

const EXIT_FINDINGS = 1;

async function doctor(flags: MeshFlags): Promise<void> {
  const { findings } = await withOpenMesh(flags, examineMesh);
  const bad = findings.filter(({ severity }) => severity !== 'note');
  say(flags, { clean: bad.length === 0, findings }, findingsText(findings));
  if (bad.length > 0) throw new ExitError(EXIT_FINDINGS);
}

export function findingsText(findings: readonly Finding[]): string {
  if (findings.length === 0) return paint.green('nothing is wrong');
  const colours = { error: paint.red, warning: paint.yellow, note: paint.dim };
  const counts = (['error', 'warning', 'note'] as const)
    .map((severity) => `${findings.filter((each) => each.severity === severity).length} ${severity}s`)
    .join(', ');
  return [
    ...findings.map(
      ({ severity, code, region, text, mend }) =>
        `${colours[severity](severity)} ${paint.bold(code)} ${region ?? 'mesh'}: ${text}\n  mend: ${mend}`,
    ),
    counts,
  ].join('\n');
}

/** Adds `doctor`. */
export function addDoctorCommand(root: Command): void {
  withMesh(root.command('doctor'))
    .description(
      'looks for what is wrong with configuration, servers, roles and tracked tables, and how to mend it',
    )
    .addHelpText(
      'after',
      `
Exit codes: 0 clean (notes do not count), 1 findings, or failed, 2 wrong usage or configuration.

Examples:
  tidemark doctor --regions regions/local --source shop
  tidemark doctor --regions /etc/tidemark/regions --source shop --json`,
    )
    .action(doctor);
}
