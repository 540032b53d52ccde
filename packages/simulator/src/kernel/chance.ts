/**
 * Chance by name. The nth number under a name depends on the seed, the name and n, and on nothing else: what
 * one part of a run draws leaves all others' luck alone, which is what lets a schedule be made smaller.
 */
export class Chance {
  readonly #seed: number;
  readonly #streams = new Map<string, Luck>();

  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /** The luck under a name; keep it where it is asked often. */
  luck(name: string): Luck {
    let luck = this.#streams.get(name);
    if (!luck) this.#streams.set(name, (luck = new Luck(mix(this.#seed ^ hashOf(name)))));
    return luck;
  }

  /** Uniform in [0, 1). */
  unit(name: string): number {
    return this.luck(name).unit();
  }

  happens(name: string, probability: number): boolean {
    return probability > 0 && this.luck(name).unit() < probability;
  }

  /** Uniform in [from, to]. */
  between(name: string, from: number, to: number): number {
    return this.luck(name).between(from, to);
  }
}

/** One stream of numbers. */
export class Luck {
  readonly #base: number;
  #drawn = 0;

  constructor(base: number) {
    this.#base = base;
  }

  unit(): number {
    this.#drawn += 1;
    return mix(this.#base + Math.imul(this.#drawn, 0x9e3779b9)) / 4_294_967_296;
  }

  happens(probability: number): boolean {
    return probability > 0 && this.unit() < probability;
  }

  between(from: number, to: number): number {
    return from + this.unit() * (to - from);
  }
}

/** FNV-1a, 32 bits. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** Finaliser of MurmurHash3, 32 bits: neighbours become strangers. */
export function mix(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
