/** Cells of a line by name, with or without quotes, as in RFC 4180; no cell spans lines. */
export type CsvRow = Readonly<Record<string, string>>;

/** Rows of a CSV text whose first line names the columns. */
export function csvRows(text: string): CsvRow[] {
  const [head, ...lines] = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const names = cells(head ?? '');
  return lines.map((line) => {
    const values = cells(line);
    return Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']));
  });
}

function cells(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
}
