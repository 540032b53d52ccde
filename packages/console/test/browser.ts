import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** As TOOLCHAIN says: no sandbox for root, and nothing of its own on the network. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['TIDEMARK_CHROMIUM'] ?? '/usr/bin/chromium',
    args: ARGS,
  });
}

/** A page of its own. */
export interface Opened {
  readonly page: Page;
  /** Every address that it asked. */
  readonly asked: readonly string[];
  /** Errors and warnings of the browser. */
  readonly complaints: readonly string[];
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const context = await browser.newContext({
    viewport: { width: 1360, height: 900 },
    // Colours that are on their way to others have contrasts that nobody chose.
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await context.newPage();
  const asked: string[] = [];
  const complaints: string[] = [];
  context.on('request', (request) => asked.push(request.url()));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(url);
  return { page, asked, complaints };
}
