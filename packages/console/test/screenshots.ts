import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';

/** Of README and docs; written when this is set, so that a test run leaves the tree as it is. */
const WANTED = process.env['TIDEMARK_SCREENSHOTS'] !== undefined;
/** The verdict, what is wrong, and the regions. */
const SIZE = { width: 1280, height: 1096 };
const DIR = new URL('../../../docs/images/', import.meta.url);

export async function takeScreenshots(page: Page, name: string): Promise<void> {
  if (!WANTED) return;
  const before = page.viewportSize()!;
  await page.setViewportSize(SIZE);
  await page.evaluate('window.scrollTo(0, 0)');
  await page.screenshot({ path: fileURLToPath(new URL(`console-${name}.png`, DIR)) });
  await page.setViewportSize(before);
}
