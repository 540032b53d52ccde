import { RegionError } from './errors.ts';

/** One region, as its file says, with endpoints taken from the environment. */
export interface Region {
  readonly id: string;
  /** The home region has the primary of the source of truth. */
  readonly role: 'home' | 'replica';
  /** URLs. */
  readonly endpoints: { readonly redis: string; readonly nats: string; readonly postgres: string };
  readonly peers: readonly { readonly id: string; readonly roundTripMs: number }[];
  /** Where it is, in degrees; for maps only. */
  readonly location?: { readonly latitude: number; readonly longitude: number };
}

/** A region and the file that it was read from. */
export interface RegionFile {
  readonly path: string;
  readonly region: Region;
}

/** Regions that belong together, checked against each other. */
export class RegionSet {
  /** The home region first, then in the order of their ids. */
  readonly regions: readonly Region[];
  readonly home: Region;
  readonly #dir: string;
  readonly #roundTrips = new Map<string, number>();

  /** @throws RegionError naming the file, the field and what to change */
  constructor(dir: string, files: readonly RegionFile[]) {
    this.#dir = dir;
    checkIds(files);
    this.home = theHome(dir, files);
    this.regions = files
      .map(({ region }) => region)
      .toSorted((a, b) => Number(b === this.home) - Number(a === this.home) || (a.id < b.id ? -1 : 1));
    for (const file of files) this.#addPeers(file);
    for (const file of files) this.#checkRoundTrips(file);
  }

  /** The region of this id. @throws RegionError (`E_REGION_UNKNOWN`) */
  get(id: string): Region {
    const region = this.regions.find((one) => one.id === id);
    if (region) return region;
    throw new RegionError(
      'E_REGION_UNKNOWN',
      this.#dir,
      null,
      `there is no region ${id}, only ${this.#ids()}`,
    );
  }

  /** Expected round trip between two regions, ms; 0 within one. @throws RegionError (`E_REGION_UNKNOWN`) */
  roundTripMs(a: string, b: string): number {
    const [from, to] = [this.get(a).id, this.get(b).id];
    return from === to ? 0 : this.#roundTrips.get(`${from} ${to}`)!;
  }

  #ids(): string {
    return this.regions.map(({ id }) => id).join(', ');
  }

  #addPeers({ path, region }: RegionFile): void {
    for (const [i, peer] of region.peers.entries()) {
      const fail = (message: string): RegionError =>
        new RegionError('E_REGION_PEER', path, `peers.${i}.id`, message);
      if (peer.id === region.id) throw fail(`${peer.id} is the region itself`);
      if (!this.regions.some(({ id }) => id === peer.id)) {
        throw fail(`${peer.id} is not a region of this set (${this.#ids()})`);
      }
      const pair = `${region.id} ${peer.id}`;
      if (this.#roundTrips.has(pair)) throw fail(`${peer.id} is listed twice`);
      this.#roundTrips.set(pair, peer.roundTripMs);
    }
    for (const { id } of this.regions) {
      if (id !== region.id && !this.#roundTrips.has(`${region.id} ${id}`)) {
        throw new RegionError(
          'E_REGION_PEER',
          path,
          'peers',
          `${id} is missing; every region lists all others`,
        );
      }
    }
  }

  #checkRoundTrips({ path, region }: RegionFile): void {
    for (const [i, { id, roundTripMs }] of region.peers.entries()) {
      const back = this.#roundTrips.get(`${id} ${region.id}`);
      if (back === roundTripMs) continue;
      const message = `the round trip to ${id} is ${roundTripMs} ms here and ${back} ms there; make them equal`;
      throw new RegionError('E_REGION_ROUND_TRIP', path, `peers.${i}.roundTripMs`, message);
    }
  }
}

function checkIds(files: readonly RegionFile[]): void {
  const seen = new Map<string, string>();
  for (const { path, region } of files) {
    const other = seen.get(region.id);
    if (other !== undefined) {
      throw new RegionError('E_REGION_DUPLICATE', path, 'id', `${region.id} is already used in ${other}`);
    }
    seen.set(region.id, path);
  }
}

function theHome(dir: string, files: readonly RegionFile[]): Region {
  const [home, second] = files.filter(({ region }) => region.role === 'home');
  if (!home) throw new RegionError('E_REGION_HOME', dir, 'role', 'no region of this set has the role home');
  if (second) {
    throw new RegionError(
      'E_REGION_HOME',
      second.path,
      'role',
      `the home region is already ${home.region.id} (${home.path})`,
    );
  }
  return home.region;
}
