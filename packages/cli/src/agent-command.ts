import type { Duration } from '@tidemark/core';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { runAgent } from './agent.ts';
import { eventLine, isNews } from './event-lines.ts';
import { EXIT_CODES } from './exit-codes.ts';
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
}

async function agent(flags: AgentFlags): Promise<void> {
  const { roles = ROLES, pingInterval } = flags;
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  await withTelemetry(flags, 'tidemark-agent', (telemetry) =>
    runAgent({
      ...placeOf(flags),
      relay: roles.includes('relay'),
      applier: roles.includes('applier'),
      ...(pingInterval !== undefined && { pingInterval }),
      telemetry,
      signal: stopping.signal,
      onReady: () =>
        say(
          flags,
          { type: 'ready', region: flags.region, roles },
          `ready: offers ${roles.join(' and ')} in ${flags.region}`,
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
    .addOption(otlpOption())
    .addOption(metricsPortOption())
    .addHelpText(
      'after',
      `${EXIT_CODES}\nExamples:\n  tidemark agent --regions regions/local --region eu-west --source shop\n  tidemark agent --regions /etc/tidemark/regions --region eu-west --source shop --roles applier --ping-interval 1s --json\n  tidemark agent --regions regions/local --region eu-west --source shop --metrics-port 9464`,
    )
    .action(agent);
}
