import type { CampaignReport } from './campaign.ts';

const LISTED_MAX = 10;

export function formatProgress({
  schedules,
  schedulesPerSecond,
  violations,
  virtualSeconds,
}: CampaignReport): string {
  return `${schedules} schedules, ${schedulesPerSecond}/s, ${virtualSeconds} virtual seconds, ${violations.length} bad   `;
}

export function formatCampaign(report: CampaignReport): string {
  const { firstSeed, schedules, seconds, faults, states, missing, violations } = report;
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ');
  return [
    `schedules   ${schedules} from seed ${firstSeed} in ${seconds} s, ${report.schedulesPerSecond}/s`,
    `operations  ${report.operations}, ${report.operationsPerSecond}/s; ${report.calls} requests to servers, ${report.events} events (${report.eventsPerSecond}/s), ${report.virtualSeconds} virtual seconds`,
    `faults      ${list(faults) || 'none'}`,
    `seen        ${list(states)}`,
    ...(missing.length > 0 ? [`never seen  ${missing.join(', ')}`] : []),
    `violations  ${violations.length}`,
    ...violations
      .slice(0, LISTED_MAX)
      .map(({ seed, verdict, what }) => `  seed ${seed}: ${verdict}; ${what}`),
    '',
  ].join('\n');
}
