import { readFile } from 'node:fs/promises';
import { ConfigurationError, type Duration, type Telemetry } from '@tidemark/core';
import { openMesh } from '@tidemark/inspect';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type AgentOptions, runAgent } from './agent.ts';
import { eventLine, isNews } from './event-lines.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { exportToken } from './export-token.ts';
import { loadContents } from './load-keyspaces.ts';
import { metricsPortOption, otlpOption, type TelemetryFlags, withTelemetry } from './telemetry-flags.ts';
import { type PlaceFlags, placeOf, say, withPlace } from './place-flags.ts';
import { follow, STATE_DEFAULT } from './verify-run.ts';
import { reportText } from './verify-text.ts';

const ROLES = ['relay', 'applier', 'verifier'] as const;
type Role = (typeof ROLES)[number];
const ROLES_DEFAULT: readonly Role[] = ['relay', 'applier'];

/** Takes `relay,applier` as well as `--roles relay applier` and `--roles relay --roles applier`. */
function collectRoles(text: string, before: readonly Role[] = []): readonly Role[] {
  const roles = text.split(',').map((name) => {
    const role = ROLES.find((each) => each === name.trim());
    if (!role) throw new InvalidArgumentError(`Allowed choices are ${ROLES.join(', ')}.`);
    return role;
  });
  return [...new Set([...before, ...roles])];
}

interface AgentFlags extends PlaceFlags, TelemetryFlags {
  readonly roles?: readonly Role[];
  readonly pingInterval?: Duration;
  readonly keyspaces?: string;
  readonly export?: { readonly host: string; readonly port: number };
  readonly exportCert?: string;
  readonly exportKey?: string;
}

/** Takes `8443`, `0.0.0.0:8443` and `[::]:8443`. */
function hostAndPort(text: string): { host: string; port: number } {
  const [, host, port] = /^(?:(\[[0-9a-fA-F:]+\]|[\w.-]+):)?(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) {
    throw new InvalidArgumentError('Give a port, or a host and a port such as 0.0.0.0:8443.');
  }
  return { host: host?.replace(/^\[|\]$/g, '') ?? '127.0.0.1', port: Number(port) };
}

async function exportingOf(flags: AgentFlags): Promise<Pick<AgentOptions, 'exporting'>> {
  const { export: place, exportCert, exportKey } = flags;
  if ((exportCert === undefined) !== (exportKey === undefined) || (exportCert !== undefined && !place)) {
    throw new ConfigurationError('--export-cert and --export-key belong together, and to --export');
  }
  if (!place) return {};
  const pem = (path: string): Promise<string> =>
    readFile(path, 'utf8').catch((cause: unknown) => {
      throw new ConfigurationError(`${path} can't be read`, { cause });
    });
  const tls =
    exportCert !== undefined && exportKey !== undefined
      ? { tls: { cert: await pem(exportCert), key: await pem(exportKey) } }
      : {};
  return { exporting: { ...place, ...tls, token: exportToken('--export') } };
}

async function agent(flags: AgentFlags): Promise<void> {
  const { roles = ROLES_DEFAULT, pingInterval } = flags;
  const offered = roles.filter((role) => role !== 'verifier');
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const exporting = await exportingOf(flags);
  const runRoles = (telemetry: Telemetry): Promise<void> =>
    runAgent({
      ...placeOf(flags),
      relay: offered.includes('relay'),
      applier: offered.includes('applier'),
      ...(pingInterval !== undefined && { pingInterval }),
      ...exporting,
      telemetry,
      signal: stopping.signal,
      onReady: (exported) =>
        say(
          flags,
          { type: 'ready', region: flags.region, roles: offered, ...(exported && { export: exported.url }) },
          `ready: offers ${offered.join(' and ') || 'no role'} in ${flags.region}${exported ? `, exports at ${exported.url}` : ''}`,
        ),
      onEvent(event) {
        if (isNews(event)) say(flags, event, eventLine(event));
      },
    });
  await withTelemetry(flags, 'tidemark-agent', async (telemetry) => {
    const work = [
      ...(offered.length > 0 || exporting.exporting ? [runRoles(telemetry)] : []),
      ...(roles.includes('verifier') ? [runVerifier(flags, telemetry, stopping.signal)] : []),
    ];
    // One that can't go on ends the others: whoever started them starts all of them again.
    for (const each of work) each.catch(() => stopping.abort());
    const failed = (await Promise.allSettled(work)).find((each) => each.status === 'rejected');
    if (failed) throw failed.reason;
  });
}

/** Over all regions; the others' verifiers wait for this one's end. */
async function runVerifier(flags: AgentFlags, telemetry: Telemetry, signal: AbortSignal): Promise<void> {
  const { dir, source, namespace } = placeOf(flags);
  const contents = flags.keyspaces === undefined ? null : await loadContents(flags.keyspaces);
  const mesh = await openMesh({ dir, source, ...(namespace !== undefined && { namespace }) });
  try {
    const json = flags.json && { json: flags.json };
    const report = await follow({ mesh, contents, telemetry, signal, state: STATE_DEFAULT, ...json });
    say(flags, { type: 'report', final: true, ...report }, reportText(report));
  } finally {
    await mesh.close();
  }
}

/** Adds `agent`. */
export function addAgentCommand(root: Command): void {
  withPlace(root.command('agent'))
    .description("runs a region's roles without a service")
    .addOption(
      new Option(
        '--roles <roles...>',
        'what to offer: relay, applier, verifier (default: relay and applier)',
      ).argParser(collectRoles),
    )
    .option('--keyspaces <module>', "for the verifier: module that exports the services' keyspaces")
    .option('--ping-interval <duration>', 'how often freshness is proven anew (default: 500ms)')
    .option(
      '--export <host:port>',
      'serve what the region may serve, for warm-ups from outside; the token is in TIDEMARK_EXPORT_TOKEN (host: 127.0.0.1)',
      hostAndPort,
    )
    .option('--export-cert <file>', 'certificate (PEM), for https')
    .option('--export-key <file>', 'its key (PEM)')
    .addOption(otlpOption())
    .addOption(metricsPortOption())
    .addHelpText(
      'after',
      `${EXIT_CODES}\nExamples:\n  tidemark agent --regions regions/local --region eu-west --source shop\n  tidemark agent --regions /etc/tidemark/regions --region eu-west --source shop --roles applier --ping-interval 1s --json\n  tidemark agent --regions regions/local --region eu-west --source shop --metrics-port 9464
  tidemark agent --regions regions/local --region us-east --source shop --roles verifier --keyspaces dist/keyspaces.js
  TIDEMARK_EXPORT_TOKEN=… tidemark agent --regions regions/local --region us-east --source shop --export 0.0.0.0:8443 --export-cert cert.pem --export-key key.pem`,
    )
    .action(agent);
}
