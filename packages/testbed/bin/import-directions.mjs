// Which of our packages may import which. Development dependencies (tests) are free.

/** @type {Readonly<Record<string, readonly string[] | 'anything'>>} */
const DIRECTIONS = {
  core: [],
  memory: ['core'],
  redis: ['core'],
  nats: ['core'],
  postgres: ['core'],
  codecs: ['core'],
  otel: ['core'],
  'otel-sdk': [],
  http: ['core'],
  warmup: ['core'],
  inspect: ['core', 'nats', 'postgres', 'redis', 'regions'],
  advisor: ['core'],
  verifier: ['core', 'inspect', 'postgres', 'redis'],
  conformance: ['core'],
  console: ['core', 'inspect', 'verifier', 'warmup'],
  // Independent of the engine: it judges what the engine did.
  checkers: [],
  simulator: ['checkers', 'core', 'memory'],
  model: [],
  testbed: [],
  regions: [],
  cli: 'anything',
  demo: 'anything',
  bench: 'anything',
  chaos: 'anything',
};

/** Names of the packages that the table knows. */
export const KNOWN_PACKAGES = Object.keys(DIRECTIONS);

/**
 * Whether the sources of package `from` may import package `to`; both without scope.
 * @param {string} from
 * @param {string} to
 */
export function mayImport(from, to) {
  const allowed = DIRECTIONS[from] ?? [];
  return from === to || allowed === 'anything' || allowed.includes(to);
}
