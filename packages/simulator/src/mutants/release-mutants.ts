import type { Mutant } from './mutant.ts';

const RECORD = 'packages/core/src/protocol/record.ts';

/** Rules that keep releases apart which share a store, each with a schema version of its own. */
export const RELEASE_MUTANTS: readonly Mutant[] = [
  {
    name: 'beside-whatever-its-schema',
    without: 'a reader takes what is beside a record only when its own release encoded it',
    edits: [
      {
        file: RECORD,
        from: 'value: beside.schema === schema && value?.schema !== schema ? beside : value }',
        to: 'value: schema !== undefined && value?.schema !== schema ? beside : value }',
      },
      { file: RECORD, from: "if (value.schema !== schema) return 'schema';", to: 'void schema;' },
    ],
    schedules: 500,
  },
  {
    name: 'schema-unjudged',
    without: 'a value that another release encoded is not served',
    edits: [{ file: RECORD, from: "if (value.schema !== schema) return 'schema';", to: 'void schema;' }],
    schedules: 500,
  },
  {
    name: 'fill-beside-below-tidemark',
    without: 'a fill of another release than the value’s obeys the tidemark',
    edits: [
      {
        file: RECORD,
        from: 'if (compareVersions(fill.version, tidemark) < 0) return',
        to: 'if (compareVersions(fill.version, tidemark) < 0 && (record?.value?.schema ?? fill.schema) === fill.schema) return',
      },
    ],
    schedules: 5_000,
  },
  {
    name: 'refilled-beside-by-a-late-fill',
    without: 'a fill replaces no value of its version that came beside the record since its miss',
    edits: [
      {
        file: RECORD,
        from: 'const known = recordFor(record, fill.schema)?.value;',
        to: 'const known = record?.value;',
      },
    ],
    test: 'packages/memory/src/memory-store.test.ts',
  },
];
