import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

// Without `module`: bundlers' builds, such as OpenTelemetry's, are not what Node itself loads.
const conditions = [
  '@tidemark/source',
  ...defaultServerConditions.filter((condition) => condition !== 'module'),
];
const SERVER_TESTS = 'packages/*/{src,test}/**/*.{redis,nats,pg,mesh}.test.ts';

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // Two cores: tests on real servers wait more than they work.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', './packages/testbed/src/summary-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/{src,test}/**/*.test.ts'],
          exclude: [SERVER_TESTS, '**/node_modules/**'],
        },
      },
      { extends: true, test: { name: 'servers', include: [SERVER_TESTS] } },
    ],
  },
});
