import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { formatVersion } from '@tidemark/core';
import { readMesh } from '@tidemark/inspect';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ensurePage } from '../bin/build-page.mjs';
import {
  type Cuts,
  type RunningConsole,
  startConsole,
  type VerifierBeside,
  verifyBeside,
} from '../src/index.ts';
import { openPage, type Opened, startBrowser } from './browser.ts';
import { type Id, IDS, items, type Regions, startRegions, WAIT } from './regions.ts';
import { takeScreenshots } from './screenshots.ts';

let regions: Regions;
let console_: RunningConsole;
let verifier: VerifierBeside;
let browser: Browser;
let shown: Opened;
let page: Page;

const card = (id: Id): string => `[data-region="${id}"]`;
const fact = async (id: Id, name: string): Promise<string> =>
  (await page.locator(`${card(id)} [data-fact="${name}"]`).textContent()) ?? '';
const headline = (): Promise<string | null> => page.locator('#headline').textContent();

beforeAll(async () => {
  const [started] = await Promise.all([startRegions(), ensurePage()]);
  regions = started;
  verifier = verifyBeside(regions.mesh, null);
  const open = new Set<string>();
  const cuts: Cuts = {
    get cut() {
      return [...open];
    },
    setCut(region, cut) {
      if (cut) regions.cut(region as Id);
      else regions.heal(region as Id);
      open[cut ? 'add' : 'delete'](region);
    },
  };
  [console_, browser] = await Promise.all([
    startConsole({
      mesh: regions.mesh,
      allowActions: true,
      cuts,
      verifier: { report: () => ({ ...verifier.report(), findings: 1, latest: [FOUND] }) },
    }),
    startBrowser(),
  ]);
  shown = await openPage(browser, console_.url);
  page = shown.page;
});

afterAll(async () => {
  await browser?.close();
  await console_?.close();
  await verifier?.stop();
  await regions?.close();
});

/** A finding that nobody has to plant: of long ago, so that it is shown and needs nobody. */
const FOUND = {
  atMs: 0,
  kind: 'stale',
  severity: 'error' as const,
  region: 'eu-west',
  key: 'item:9',
  text: 'served below its version',
  mend: 'invalidate the key',
};

describe('the page', { timeout: 60_000 }, () => {
  it('opens with the token, which then leaves the address bar', async () => {
    await page.locator(card('eu-west')).waitFor();
    expect(page.url()).toBe(`http://127.0.0.1:${console_.port}/`);
    expect(await page.context().cookies()).toMatchObject([{ httpOnly: true, sameSite: 'Strict' }]);
  });

  it("has the mesh's own numbers", async () => {
    for (let id = 1; id <= 5; id += 1) await regions.write(id, 'first');
    for (const id of IDS) {
      for (let i = 0; i < 40; i += 1) await regions.nodes[id].get(items, { id: 1 + ((i * i) % 5) });
    }
    await vi.waitFor(async () => {
      expect(await headline()).toMatch(/^Coherent: every region proven within \d/);
      for (const id of IDS) {
        const { reads, l1Hits, l2Hits, loads } = regions.nodes[id].stats();
        expect(await fact(id, 'reads')).toBe(String(reads));
        expect(await fact(id, 'loads')).toBe(String(loads));
        expect(await fact(id, 'hits')).toBe(`${((100 * (l1Hits + l2Hits)) / reads).toFixed(1)} %`);
        expect(await fact(id, 'backlog')).toBe('0');
        expect(await fact(id, 'dead-letters')).toBe('0');
      }
    }, WAIT);
    const hottest = IDS.map((id) => regions.nodes[id].hotKeys(1)[0]!);
    const row = page.locator('.hot tbody tr').first();
    expect(await row.locator('th').textContent()).toBe(hottest[0]!.key);
    expect(await row.locator('td').first().textContent()).toBe(
      String(hottest.reduce((sum, { reads }) => sum + reads, 0)),
    );
    const { pairs } = await readMesh(regions.mesh);
    for (const { from, to, messages, roundTripMs } of pairs.filter((each) => each.from !== each.to)) {
      const cells = await page.locator(`[data-way="${from} ${to}"] td`).allTextContents();
      expect(cells).toEqual([to, 'followed', expect.any(String), String(messages), `${roundTripMs} ms`]);
    }
    await vi.waitFor(async () => {
      const bounds = regions.mesh.regions.map(({ freshness }) => freshness.boundMs());
      const said = await page.locator('[data-fact="bound"]').allTextContents();
      said.forEach((text, i) => expect(Math.abs(msOf(text) - bounds[i]!)).toBeLessThan(1_500));
    }, WAIT);
  });

  it('shows the nines of a verifier, and what it found', async () => {
    await vi.waitFor(async () => {
      const [first] = verifier.report().ages;
      expect(first!.checked).toBeGreaterThanOrEqual(5);
      const shownNines = `≥ ${(Math.floor(Math.log10(first!.checked) * 10) / 10).toFixed(1)}`;
      const cells = await page.locator('.trust tbody tr').first().locator('th, td').allTextContents();
      expect(cells).toEqual(['1 s', shownNines, '100 %', String(first!.checked)]);
    }, WAIT);
    expect(await page.locator('.finding').textContent()).toBe(
      'stale eu-west item:9 served below its version',
    );
  });

  it('shows how the write of a key was applied and reloaded', async () => {
    await regions.write(7, 'before');
    for (const id of IDS) await regions.nodes[id].get(items, { id: 7 });
    await regions.write(7, 'after');
    await page.getByLabel('Key', { exact: true }).fill('item:7');
    await page.getByRole('button', { name: 'Show' }).click();
    const label = await versionOf('item:7');
    await vi.waitFor(async () => {
      expect((await regions.nodes['eu-west'].get(items, { id: 7 }))?.value).toBe('after');
      const rows = await history();
      const mine = rows.filter(({ version }) => version === label);
      const steps = mine.filter(({ at }) => at === 'source' || at === 'eu-west').map(({ kind }) => kind);
      // The list has the latest first.
      expect(steps.toReversed().filter((kind) => ['written', 'applied', 'cached'].includes(kind))).toEqual([
        'written',
        'applied',
        'cached',
      ]);
      expect(await page.locator('[data-key-region="eu-west"] [data-fact="tidemark"]').textContent()).toBe(
        label,
      );
      expect(await page.locator('[data-key-region="eu-west"] [data-fact="l1"]').textContent()).toBe('1 of 1');
    }, WAIT);
    const lanes = page.locator('.lanes svg');
    expect(await lanes.getAttribute('aria-label')).toMatch(
      /source: written.*eu-west: applied.*eu-west: reloaded/,
    );
  });

  it('invalidates a key when that is allowed', async () => {
    const before = await versionOf('item:7');
    await page.getByRole('button', { name: 'Invalidate everywhere' }).click();
    await page.locator('.ask [role=status]', { hasText: 'eu-west after' }).waitFor();
    expect(await versionOf('item:7')).not.toBe(before);
  });

  it('says of a key that can not be one why', async () => {
    await page.getByLabel('Key', { exact: true }).fill('nonsense');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.locator('[role=alert]', { hasText: 'write it as keyspace:part:part' }).waitFor();
    await page.getByLabel('Key', { exact: true }).fill('item:7');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.locator('.lanes').waitFor();
  });

  it.each(['light', 'dark'] as const)('has no serious accessibility violation in %s', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    expect(await violations(page)).toEqual([]);
    await takeScreenshots(page, `healthy-${colorScheme}`);
  });

  it('shows a region that is cut off in red, in dashes and in words, since when, and what to do', async () => {
    const beganMs = Date.now();
    await page.getByRole('button', { name: 'Cut eu-west off' }).click();
    await page.locator(`${card('eu-west')}[data-health="cut"]`).waitFor();
    await vi.waitFor(async () => {
      expect(await headline()).toBe("Not proven: eu-west can't be reached; the others are proven");
    }, WAIT);
    expect(await page.locator('#verdict [role=status]').textContent()).toMatch(/eu-west can't be reached/);
    const red = await styleOf(page, ':root', '--cut');
    for (const ends of ['eu-west us-east', 'ap-south eu-west']) {
      const link = `[data-link="${ends}"]`;
      expect(await page.locator(link).getAttribute('data-health')).toBe('cut');
      expect(await styleOf(page, link, 'stroke')).toBe(rgb(red));
      expect(await styleOf(page, link, 'stroke-dasharray')).not.toBe('none');
    }
    expect(await page.locator('.way-label.way-cut').allTextContents()).toEqual(['CUT', 'CUT']);
    expect(await page.locator('.map svg').getAttribute('aria-label')).toContain('eu-west CUT');
    const problem = page.locator('.problem', { hasText: 'NATS of eu-west' });
    expect(await problem.locator('.mend').textContent()).toMatch(/^Do: check that the server runs/);
    const [since] = /\d\d:\d\d:\d\d/.exec((await problem.locator('.since').textContent()) ?? '')!;
    expect(secondsBetween(since, beganMs)).toBeLessThan(12);
    // What is not known is not shown as a number of before.
    await vi.waitFor(async () => expect(await fact('eu-west', 'reads')).toBe('?'), WAIT);
    expect(await fact('us-east', 'reads')).toBe(String(regions.nodes['us-east'].stats().reads));
  });

  it.each(['light', 'dark'] as const)(
    'has none in %s while a region is cut off either',
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      expect(await violations(page)).toEqual([]);
      await takeScreenshots(page, `cut-${colorScheme}`);
    },
  );

  it('shows it green again when it is healed, and remembers what was', async () => {
    await page.getByRole('button', { name: 'Heal eu-west' }).click();
    await page.locator(`${card('eu-west')}[data-health="good"]`).waitFor();
    await vi.waitFor(async () => expect(await headline()).toMatch(/^Coherent/), WAIT);
    // Who follows whom is looked at less often than what is proven.
    await vi.waitFor(async () => expect(await page.locator('[data-health="cut"]').count()).toBe(0), WAIT);
    await page.getByText(/^Earlier: \d+ that are over/).click();
    expect(await page.locator('.past li').first().textContent()).toContain('eu-west');
  });

  it('shows the past after a reload', async () => {
    const legend = (): Promise<string | null> =>
      page.getByRole('img', { name: /^Staleness bound/ }).getAttribute('aria-label');
    await page.reload();
    await page.locator(card('eu-west')).waitFor();
    // While it was cut off the bound of eu-west grew beyond what it is in peace.
    expect(await legend()).toMatch(/eu-west: [\d.]+ m?s now, between [\d.]+ m?s and [\d.]+ s/);
    expect(page.url()).not.toContain('token');
  });

  it('fits a phone', async () => {
    const context = await sameCookies(browser, page);
    const phone = await context.newPage();
    await phone.setViewportSize({ width: 380, height: 800 });
    await phone.goto(page.url());
    await phone.locator(card('eu-west')).waitFor();
    expect(await phone.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(380);
    await context.close();
  });

  it('asked nobody but the console, and its policy keeps it from doing so', async () => {
    const own = `http://127.0.0.1:${console_.port}/`;
    expect(shown.asked.filter((url) => !url.startsWith(own) && !url.startsWith('data:'))).toEqual([]);
    // The key that can't be one.
    expect(shown.complaints.filter((text) => !text.includes('400 (Bad Request)'))).toEqual([]);
    const blocked = `fetch('http://127.0.0.1:${console_.port + 1}/').then(() => 'went', (error) => error.name)`;
    expect(await page.evaluate(blocked)).toBe('TypeError');
    await vi.waitFor(() => expect(shown.complaints.join()).toMatch(/Content Security Policy/), WAIT);
  });

  it('has no buttons that act when it was started to look only', async () => {
    const looking = await startConsole({ mesh: regions.mesh });
    const opened = await openPage(browser, looking.url);
    await opened.page.locator(card('eu-west')).waitFor();
    await opened.page.getByLabel('Key', { exact: true }).fill('item:7');
    await opened.page.getByRole('button', { name: 'Show' }).click();
    await opened.page.locator('.lanes').waitFor();
    expect(await opened.page.getByText('read-only').count()).toBe(1);
    expect(await opened.page.getByRole('button', { name: /Cut|Heal|Invalidate/ }).count()).toBe(0);
    await opened.page.context().close();
    await looking.close();
  });

  it('is never green while the console is gone', async () => {
    await console_.close();
    await vi.waitFor(
      async () => expect(await headline()).toBe('Not connected: nothing is known any more'),
      WAIT,
    );
    expect(await page.locator('.verdict.mood-good').count()).toBe(0);
  });
});

async function versionOf(key: string): Promise<string> {
  const { answer } = await regions.mesh.truth(({ source }) => source.labels([key]));
  return formatVersion(answer.versions[0]!);
}

async function history(): Promise<
  { readonly kind: string; readonly at: string; readonly version: string }[]
> {
  const rows = await page.evaluate(
    `[...document.querySelectorAll('.events tr[data-kind]')].map((row) => ({ ...row.dataset, version: row.cells[4].textContent }))`,
  );
  return rows as { kind: string; at: string; version: string }[];
}

async function violations(of: Page): Promise<unknown[]> {
  await of.evaluate(axe.source);
  const { violations: found } = (await of.evaluate(
    "axe.run({ resultTypes: ['violations'] })",
  )) as axe.AxeResults;
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => [html, failureSummary]) }));
}

function styleOf(of: Page, selector: string, property: string): Promise<string> {
  return of.evaluate(
    `getComputedStyle(document.querySelector('${selector}')).getPropertyValue('${property}')`,
  ) as Promise<string>;
}

/** `#ff7882` as browsers say it. */
function rgb(hex: string): string {
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(hex.trim().slice(at, at + 2), 16));
  return `rgb(${r}, ${g}, ${b})`;
}

/** `450 ms` or `1.2 s`. */
function msOf(text: string): number {
  const [value, unit] = text.split(' ');
  return Number(value) * (unit === 's' ? 1_000 : 1);
}

function secondsBetween(clock: string, sinceMs: number): number {
  const [hours, minutes, seconds] = clock.split(':').map(Number) as [number, number, number];
  const began = new Date(sinceMs);
  const of = (h: number, m: number, s: number): number => (h * 60 + m) * 60 + s;
  const day = of(24, 0, 0);
  return (
    (of(hours, minutes, seconds) - of(began.getHours(), began.getMinutes(), began.getSeconds()) + day) % day
  );
}

async function sameCookies(of: Browser, from: Page): Promise<BrowserContext> {
  return of.newContext({ reducedMotion: 'reduce', storageState: await from.context().storageState() });
}
