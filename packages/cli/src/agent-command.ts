import { readFile } from 'node:fs/promises';
import { ConfigurationError, type Duration } from '@tidemark/core';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type AgentOptions, runAgent } from './agent.ts';
import { eventLine, isNews } from './event-lines.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { exportToken } from './export-token.ts';
import { metricsPortOption, otlpOption, type TelemetryFlags, withTelemetry } from './telemetry-flags.ts';
import { type PlaceFlags, placeOf, say, withPlace } from './place-flags.ts';

const ROLES = ['relay', 'applier'] as const;
type Role = (typeof ROLES)[number];

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
  const { roles = ROLES, pingInterval } = flags;
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const exporting = await exportingOf(flags);
  await withTelemetry(flags, 'tidemark-agent', (telemetry) =>
    runAgent({
      ...placeOf(flags),
      relay: roles.includes('relay'),
      applier: roles.includes('applier'),
      ...(pingInterval !== undefined && { pingInterval }),
      ...exporting,
      telemetry,
      signal: stopping.signal,
      onReady: (exported) =>
        say(
          flags,
          { type: 'ready', region: flags.region, roles, ...(exported && { export: exported.url }) },
          `ready: offers ${roles.join(' and ')} in ${flags.region}${exported ? `, exports at ${exported.url}` : ''}`,
        ),
      onEvent(event) {
        if (isNews(event)) say(flags, event, eventLine(event));
      },
    }),
  );
}

/** Adds `agent`. */
export function addAgentCommand(root: Command): void {
  withPlace(root.command('agent'))
    .description("runs a region's roles without a service")
    .addOption(
      new Option('--roles <roles...>', 'what to offer: relay, applier, or both (default)').argParser(
        collectRoles,
      ),
    )
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
  TIDEMARK_EXPORT_TOKEN=… tidemark agent --regions regions/local --region us-east --source shop --export 0.0.0.0:8443 --export-cert cert.pem --export-key key.pem`,
    )
    .action(agent);
}
