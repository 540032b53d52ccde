import type { Finding } from './finding.ts';
import type { MeshView, RegionView } from './mesh-view.ts';

const FULL = 0.9;
const SKEW_MAX_MS = 2_000;
const VERSION_LEAST = 7;

/** What is wrong with the regions' stores. */
export function findInRedis({ regions, namespace }: MeshView): readonly Finding[] {
  return [...regions.flatMap(findInOne), ...findShared(regions, namespace)];
}

function findInOne({ region, redis }: RegionView): Finding[] {
  if (!redis.reachable) return [];
  const { version, usedBytes, maxBytes, policy, evictedKeys, role, skewMs, roundTripMs } = redis.server;
  const found: Finding[] = [];
  const add = (code: string, severity: Finding['severity'], text: string, mend: string): void =>
    void found.push({ code, severity, region, text, mend });
  if (role === 'slave') {
    add(
      'redis-replica',
      'error',
      'its Redis is a replica, which takes no writes',
      'give the address of the primary',
    );
  }
  if (policy?.startsWith('allkeys-')) {
    add(
      'redis-policy',
      'error',
      `maxmemory-policy ${policy} may evict the store's own state, which empties the store`,
      'config set maxmemory-policy volatile-lru',
    );
  } else if (policy !== null && policy !== 'volatile-lru' && policy !== 'noeviction') {
    add(
      'redis-policy',
      'warning',
      `maxmemory-policy ${policy} may evict fresh tidemarks before values`,
      'config set maxmemory-policy volatile-lru',
    );
  }
  if (evictedKeys !== null && evictedKeys > 0) {
    add(
      'redis-evicts',
      'warning',
      `it has evicted ${evictedKeys} keys since it started, and tidemarks may be among them`,
      'give it more memory, or shorter TTLs; then config resetstat, which begins to count anew',
    );
  }
  if (usedBytes !== null && maxBytes && usedBytes / maxBytes > FULL) {
    add(
      'redis-full',
      'warning',
      `${Math.round((100 * usedBytes) / maxBytes)} % of its memory is used`,
      'give it more memory',
    );
  }
  if (maxBytes === 0) {
    add(
      'redis-no-limit',
      'note',
      'maxmemory is not set: it grows until the machine is full',
      'config set maxmemory, as in deploy/redis',
    );
  }
  if (version !== null && Number.parseInt(version, 10) < VERSION_LEAST) {
    add(
      'redis-version',
      'warning',
      `Redis ${version} is older than what this was tested with (7.0)`,
      'upgrade Redis',
    );
  }
  if (version === null) {
    add(
      'redis-forbidden',
      'note',
      'this login may not run INFO: memory and policy are unknown',
      'allow +info for it',
    );
  }
  if (Math.abs(skewMs) > SKEW_MAX_MS + roundTripMs) {
    add(
      'clock-skew',
      'warning',
      `its clock is ${Math.round(skewMs)} ms from the one here; times in traces can not be compared`,
      'run NTP on both machines, slewing',
    );
  }
  return found;
}

/** Two regions in one store would undo each other's state. */
function findShared(regions: readonly RegionView[], namespace: string): Finding[] {
  const first = new Map<string, string>();
  const found: Finding[] = [];
  for (const { region, redis } of regions) {
    const life = redis.reachable ? redis.meta?.incarnation : undefined;
    if (life === undefined) continue;
    const other = first.get(life);
    if (other === undefined) first.set(life, region);
    else {
      found.push({
        code: 'redis-shared',
        severity: 'error',
        region,
        text: `it has the same store as ${other} (namespace ${namespace})`,
        mend: 'give each region a Redis of its own',
      });
    }
  }
  return found;
}
