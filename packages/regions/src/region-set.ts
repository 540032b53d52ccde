import { RegionError } from './errors.ts';

export interface Region {
  readonly id: string;
  /** The home region has the primary of the source of truth. */
  readonly role: 'home' | 'replica';
  readonly endpoints: { readonly redis: string; readonly nats: string; readonly postgres: string };
  readonly peers: readonly { readonly id: string; readonly roundTripMs: number }[];
}

/** Regions that belong together, checked against each other. */
export class RegionSet {
  readonly regions: readonly Region[];
  readonly home: Region;
  readonly #roundTrips = new Map<string, number>();

  /** @throws RegionError naming the file and what to change */
  constructor(dir: string, files: readonly { readonly path: string; readonly region: Region }[]) {
    this.regions = files.map(({ region }) => region);
    const ids = new Map<string, string>();
    for (const { path, region } of files) {
      const other = ids.get(region.id);
      if (other !== undefined) throw new RegionError(path, `id ${region.id} is already used in ${other}`);
      ids.set(region.id, path);
    }
    const [home, second] = this.regions.filter(({ role }) => role === 'home');
    if (!home || second) throw new RegionError(dir, 'exactly one region must have the role home');
    this.home = home;
    for (const { path, region } of files) this.#addPeers(path, region, ids);
    this.#checkMesh(files);
  }

  /** Expected round trip between two regions, ms; 0 within one. */
  roundTripMs(a: string, b: string): number {
    return a === b ? 0 : (this.#roundTrips.get(`${a} ${b}`) ?? 0);
  }

  #addPeers(path: string, { id, peers }: Region, known: ReadonlyMap<string, string>): void {
    for (const peer of peers) {
      if (!known.has(peer.id) || peer.id === id) {
        throw new RegionError(path, `peers: ${peer.id} is not another region of this set (${[...known.keys()].join(', ')})`);
      }
      this.#roundTrips.set(`${id} ${peer.id}`, peer.roundTripMs);
    }
  }

  #checkMesh(files: readonly { readonly path: string; readonly region: Region }[]): void {
    for (const { path, region } of files) {
      for (const { id } of this.regions) {
        if (id === region.id) continue;
        const there = this.#roundTrips.get(`${region.id} ${id}`);
        const back = this.#roundTrips.get(`${id} ${region.id}`);
        if (there === undefined) throw new RegionError(path, `peers: ${id} is missing`);
        if (there !== back) {
          throw new RegionError(path, `peers: round trip to ${id} is ${there} ms here and ${back ?? 'missing'} there`);
        }
      }
    }
  }
}
