import pc from 'picocolors';

/** Colours on a terminal only; `NO_COLOR` and `TERM=dumb` are respected. */
export const paint = pc.createColors(process.stdout.isTTY === true && pc.isColorSupported);

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** `2m 3s`, `450 ms`: the two largest units. */
export function span(ms: number): string {
  const rounded = Math.round(ms);
  if (Math.abs(rounded) < 1_000) return `${rounded} ms`;
  if (rounded < 0) return `-${span(-ms)}`;
  if (rounded < 10_000) return `${(rounded / 1_000).toFixed(1)} s`;
  let left = Math.round(rounded / 1_000) * 1_000;
  const parts: string[] = [];
  for (const [name, length] of UNITS) {
    const count = Math.floor(left / length);
    left -= count * length;
    if (count > 0 && parts.length < 2) parts.push(`${count}${name}`);
  }
  return parts.join(' ');
}

/** `1.5 MiB`. */
export function size(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1_024;
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]!}`;
}

/** What a terminal shows of a text. */
function width(text: string): number {
  // oxlint-disable-next-line no-control-regex -- escape sequences of colours
  return text.replaceAll(/\u001B\[\d+m/g, '').length;
}

/** Lines of cells, each column as wide as its widest cell. */
export function columns(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, width(cell))));
  return rows
    .map((row) => {
      const cells = row.map((cell, i) =>
        i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! - width(cell)),
      );
      return (indent + cells.join('  ')).trimEnd();
    })
    .join('\n');
}

/** Text from elsewhere, safe to show: no control characters, and not too long. */
export function shown(text: string, max = 200): string {
  // oxlint-disable-next-line no-control-regex -- terminals obey them
  const clean = text.replaceAll(/[\u0000-\u001F\u007F-\u009F]/g, '\uFFFD');
  return clean.length > max ? `${clean.slice(0, max)}…` : clean;
}
