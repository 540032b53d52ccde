import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { program } from '../src/main.ts';

const DIR = fileURLToPath(new URL('../../../deploy/kubernetes/', import.meta.url));

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly volumeMounts?: readonly { readonly name: string }[];
}

interface PodSpec {
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly { readonly name: string }[];
}

interface Manifest {
  readonly kind?: string;
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly template?: { readonly spec: PodSpec } };
}

function manifestsIn(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(`${DIR}${file}`, 'utf8')).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Manifest;
  });
}

const podsIn = (file: string): PodSpec[] =>
  manifestsIn(file).flatMap(({ spec }) => (spec.template ? [spec.template.spec] : []));

/** The `tidemark` commands of a shell script, with what the shell would put in. */
function commandsIn(script: string): string[][] {
  const whole = script
    .replaceAll('\\\n', ' ')
    .replaceAll('$JOB_COMPLETION_INDEX', '0')
    .replaceAll('$TIDEMARK_REGION', 'eu-west')
    .replaceAll('$resume', '--resume')
    .replaceAll('$state', '/state/warm.json')
    .replaceAll('"', '');
  return [...whole.matchAll(/npx tidemark ([^;\n]+)/g)].map(([, args]) => args!.trim().split(/\s+/));
}

/** Parses a command and does not run it; the names of what it was. */
async function parsed(args: readonly string[]): Promise<string> {
  const root = program();
  let ran = '';
  const disarm = (command: Command): void => {
    command.action(() => void (ran = command.name()));
    command.commands.forEach(disarm);
  };
  root.commands.forEach(disarm);
  await root.parseAsync(args, { from: 'user' });
  return ran;
}

it.each(readdirSync(DIR))('deploy/kubernetes/%s says what this release takes', async (file) => {
  const pods = podsIn(file);
  expect(pods.length).toBeGreaterThan(0);
  const commands: string[] = [];
  for (const { containers = [], initContainers = [], volumes = [] } of pods) {
    const known = new Set(volumes.map(({ name }) => name));
    for (const { args, volumeMounts = [] } of [...containers, ...initContainers]) {
      for (const { name } of volumeMounts) expect(known).toContain(name);
      for (const command of args.flatMap(commandsIn)) commands.push(await parsed(command));
    }
  }
  expect(commands.length).toBeGreaterThan(0);
});

it('there is a Job that is a hook of Helm and Argo CD, an init container, and an exporting agent', async () => {
  const [job] = manifestsIn('warm-job.yaml');
  expect(job).toMatchObject({
    kind: 'Job',
    metadata: {
      annotations: {
        'helm.sh/hook': 'pre-install,pre-upgrade',
        'argocd.argoproj.io/hook': 'PreSync',
      },
    },
  });
  const scripts = (file: string, of: 'containers' | 'initContainers'): string[] =>
    podsIn(file).flatMap((pod) => pod[of]?.flatMap(({ args }) => args) ?? []);
  const [warm] = scripts('warm-job.yaml', 'containers').flatMap(commandsIn);
  expect(await parsed(warm!)).toBe('warm');
  expect(warm).toEqual(expect.arrayContaining(['--resume', '--shard', '0/4', '--until', '--deadline']));
  const [ready] = scripts('readiness.yaml', 'initContainers').flatMap(commandsIn);
  expect(await parsed(ready!)).toBe('ready');
  const [agent] = scripts('export-agent.yaml', 'containers').flatMap(commandsIn);
  expect(await parsed(agent!)).toBe('agent');
  await expect(parsed(['warm', '--nothing'])).rejects.toThrow();
});
