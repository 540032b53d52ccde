import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Mesh } from '@tidemark/inspect';
import { invalidate, waitApplied } from '@tidemark/inspect';
import type { Done, Hello, KeyStory } from './api.ts';
import type { Clients } from './clients.ts';
import { ConsoleError } from './console-error.ts';
import type { Guard } from './guard.ts';
import { keyStory } from './key-story.ts';
import type { Page } from './page.ts';
import { bad, readFields } from './requests.ts';
import type { Slots } from './slots.ts';

const APPLIED_WAIT_MS = 5_000;

/** Cuts regions off and heals them; the demo has it. */
export interface Cuts {
  readonly cut: readonly string[];
  setCut(region: string, cut: boolean): void | Promise<void>;
}

export interface Served {
  readonly guard: Guard;
  readonly page: Page;
  readonly clients: Clients;
  readonly mesh: Mesh;
  readonly hello: () => Hello;
  readonly questions: Slots;
  readonly actions: boolean;
  readonly cuts: Cuts | null;
}

type Route = (served: Served, request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>;

/** Every address that is answered. */
export const ROUTES: Readonly<Record<string, Route>> = {
  'GET /': async ({ page }, _, response) => {
    response.setHeader('content-security-policy', page.policy);
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(page.html);
  },
  'POST /api/session': async ({ guard }, { headers }, response) => {
    guard.checkSite(headers, { acting: true });
    response.setHeader('set-cookie', guard.open(headers));
    response.writeHead(204).end();
  },
  'GET /api/stream': async ({ guard, clients, hello }, { headers }, response) => {
    guard.checkSite(headers, { acting: false });
    guard.checkCookie(headers);
    clients.add(response, hello());
  },
  'GET /api/key': async ({ guard, mesh, questions }, { headers }, response, url) => {
    guard.checkSite(headers, { acting: false });
    guard.checkCookie(headers);
    const key = url.searchParams.get('key') ?? '';
    json(response, await questions.run((): Promise<KeyStory> => keyStory(mesh, key)));
  },
  'POST /api/invalidate': async (served, request, response) => {
    const { mesh, actions, questions } = served;
    allow(served, request, actions, 'invalidates nothing; start it with --allow-actions');
    const { key } = await readFields(request, ['key']);
    const done = await questions.run(async (): Promise<Done> => {
      const invalidations = await invalidate(mesh, [key]);
      const applied = await waitApplied(mesh, invalidations, APPLIED_WAIT_MS);
      return { text: `${key} has a new version; nothing older is served where it is applied`, applied };
    });
    json(response, done);
  },
  'POST /api/cut': (served, request, response) => setCut(served, request, response, true),
  'POST /api/heal': (served, request, response) => setCut(served, request, response, false),
};

async function setCut(
  served: Served,
  request: IncomingMessage,
  response: ServerResponse,
  cut: boolean,
): Promise<void> {
  const { cuts, mesh } = served;
  allow(served, request, cuts !== null, 'cuts nothing: it is not of a demo');
  const { region } = await readFields(request, ['region']);
  if (!mesh.regions.some((each) => each.region.id === region)) throw bad(`there is no region ${region}`);
  await cuts!.setCut(region, cut);
  const done: Done = { text: `${region} is ${cut ? 'cut off' : 'healed'}`, applied: [] };
  json(response, done);
}

/** Who asks is checked before what it may: a stranger learns nothing. */
function allow({ guard }: Served, { headers }: IncomingMessage, allowed: boolean, why: string): void {
  guard.checkSite(headers, { acting: true });
  guard.checkCookie(headers);
  if (!allowed) throw new ConsoleError('E_CONSOLE_READ_ONLY', 403, `this console ${why}`);
}

function json(response: ServerResponse, body: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(body));
}
