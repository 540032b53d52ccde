import type { Coverage } from '../run/coverage.ts';
import type { Chance, Luck } from './chance.ts';
import type { EventLoop } from './event-loop.ts';
import type { Life } from './life.ts';

/** How messages travel; drawn for each run. */
export interface NetworkKnobs {
  readonly lanMs: readonly [least: number, most: number];
  readonly wanMs: readonly [least: number, most: number];
  /** How often a message takes up to `tailMs` longer. */
  readonly tail: number;
  readonly tailMs: number;
  /** How often a message is lost. */
  readonly loss: number;
  /** How often a request that may be repeated arrives twice. */
  readonly repeat: number;
}

/** A server: where it is, and whether it answers. */
export interface Server {
  readonly name: string;
  readonly region: string;
  /** `refuses`: connections are refused at once; `silent`: nothing comes back. */
  state: 'up' | 'refuses' | 'silent';
}

/** The luck of messages that go one way. */
interface Way {
  readonly ms: Luck;
  readonly lost: Luck;
  readonly late: Luck;
  readonly tail: Luck;
}

interface CallLuck {
  readonly there: Way;
  readonly back: Way;
  readonly repeated: Luck;
  readonly again: Luck;
}

interface Call<T> {
  readonly server: Server;
  /** Names the operation: part of the name of its luck. */
  readonly operation: string;
  /** On the caller's clock. */
  readonly timeoutMs: number;
  readonly unavailable: (why: string) => Error;
  /** Whether a client library may send it twice. */
  readonly repeatable?: boolean;
  /** At the server, in one step or more. */
  readonly execute: () => T | Promise<T>;
}

/**
 * Requests and replies between regions. A request and its reply are two events; each may be late, lost, or
 * outlived by the caller's timeout, and a request that comes late is executed all the same.
 */
export class Network {
  readonly #loop: EventLoop;
  readonly #chance: Chance;
  readonly #knobs: NetworkKnobs;
  readonly #coverage: Coverage;
  /** Directed: `from>to`, of regions and servers. */
  readonly #cuts = new Map<string, number>();
  /** Extra delay of links, ms. */
  readonly #slow = new Map<string, number>();
  readonly #ways = new Map<string, Way>();
  readonly #calls = new Map<Life, Map<Server, Map<string, CallLuck>>>();
  /** No loss, no tails and no cuts from here on. */
  healed = false;

  constructor(loop: EventLoop, chance: Chance, knobs: NetworkKnobs, coverage: Coverage) {
    this.#loop = loop;
    this.#chance = chance;
    this.#knobs = knobs;
    this.#coverage = coverage;
  }

  cut(from: string, to: string): void {
    this.#cuts.set(`${from}>${to}`, (this.#cuts.get(`${from}>${to}`) ?? 0) + 1);
  }

  mend(from: string, to: string): void {
    const left = (this.#cuts.get(`${from}>${to}`) ?? 0) - 1;
    if (left > 0) this.#cuts.set(`${from}>${to}`, left);
    else this.#cuts.delete(`${from}>${to}`);
  }

  slowDown(from: string, to: string, ms: number): void {
    this.#slow.set(`${from}>${to}`, ms);
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(`${from}>${to}`);
  }

  /** How long a message takes, ms; null when it never arrives. Ends are regions, servers are named besides. */
  delayMs(from: string, to: string, name: string): number | null {
    let luck = this.#ways.get(name);
    if (!luck) this.#ways.set(name, (luck = this.#wayOf(name)));
    return this.#travel(from, to, luck);
  }

  /** Asks a server. Rejects at the timeout at the latest, and never settles in a dead process. */
  call<T>(life: Life, call: Call<T>): Promise<T> {
    const { server, operation, timeoutMs, unavailable, repeatable, execute } = call;
    const luck = this.#luckOf(life, server, operation);
    this.#coverage.calls += 1;
    return new Promise<T>((resolve, reject) => {
      if (!life.isAlive) return;
      const fate = life.atCall();
      if (fate === 'dies-before') return life.kill();
      let settled = false;
      let answered = false;
      const timer = life.runtime.timer(timeoutMs, () => {
        settled = true;
        this.#coverage.note('call-timed-out');
        reject(unavailable(`${operation} got no answer from ${server.name} in ${timeoutMs} ms`));
      });
      const reply = (task: () => void): void => {
        if (this.isCut(server.name, life.region) || this.isCut(server.region, life.region)) return;
        const back = this.#travel(server.region, life.region, luck.back);
        if (back === null) return;
        this.#loop.after(back, () =>
          life.deliver(() => {
            answered = true;
            timer.cancel();
            if (settled) return;
            settled = true;
            task();
          }),
        );
      };
      const arrive = (): void => {
        if (server.state === 'silent' || this.isCut(life.region, server.name)) return;
        if (this.isCut(life.region, server.region)) return;
        if (server.state === 'refuses') return reply(() => reject(unavailable(`${server.name} is down`)));
        if (settled || !life.isAlive) this.#coverage.note('late-request-executed');
        new Promise<T>((done) => done(execute())).then(
          (value) => reply(() => resolve(value)),
          (error: unknown) => reply(() => reject(error)),
        );
      };
      const there = this.#travel(life.region, server.region, luck.there);
      if (there !== null) this.#loop.after(there, arrive);
      if (repeatable && !this.healed && luck.repeated.happens(this.#knobs.repeat)) {
        // Clients send again, on a new connection, what was not answered.
        this.#loop.after((there ?? 0) + luck.again.between(1, 60), () => {
          if (answered) return;
          this.#coverage.note('request-repeated');
          arrive();
        });
      }
      if (fate === 'dies-after') life.kill();
    });
  }

  #travel(from: string, to: string, luck: Way): number | null {
    const { lanMs, wanMs, tail, tailMs, loss } = this.#knobs;
    const [least, most] = from === to ? lanMs : wanMs;
    let ms = luck.ms.between(least, most);
    if (this.healed) return ms;
    if (luck.lost.happens(loss)) {
      this.#coverage.note('message-lost');
      return null;
    }
    if (luck.late.happens(tail)) {
      this.#coverage.note('message-late');
      ms += luck.tail.between(0, tailMs);
    }
    if (this.#slow.size > 0) ms += this.#slow.get(`${from}>${to}`) ?? 0;
    return ms;
  }

  #luckOf(life: Life, server: Server, operation: string): CallLuck {
    let ofLife = this.#calls.get(life);
    if (!ofLife) this.#calls.set(life, (ofLife = new Map()));
    let ofServer = ofLife.get(server);
    if (!ofServer) ofLife.set(server, (ofServer = new Map()));
    let luck = ofServer.get(operation);
    if (!luck) {
      const name = `${life.name}>${server.name} ${operation}`;
      luck = {
        there: this.#wayOf(name),
        back: this.#wayOf(`${name} reply`),
        repeated: this.#chance.luck(`${name} repeated`),
        again: this.#chance.luck(`${name} again`),
      };
      ofServer.set(operation, luck);
    }
    return luck;
  }

  #wayOf(name: string): Way {
    const luck = (what: string): Luck => this.#chance.luck(`${name} ${what}`);
    return { ms: luck('takes'), lost: luck('lost'), late: luck('late'), tail: luck('tail') };
  }
}
