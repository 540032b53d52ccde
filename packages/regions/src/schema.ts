const endpoint = {
  type: 'string',
  minLength: 1,
  description: 'A URL, ${VARIABLE} or ${VARIABLE:-default}; the default also stands in for an empty variable',
};

/** JSON Schema of one region file. `regions/schema.json` is the same text for editors; a test compares them. */
export const regionSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'A Tidemark region',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'role', 'endpoints', 'peers'],
  properties: {
    $schema: { type: 'string' },
    id: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,62}$', description: 'Part of NATS subjects' },
    role: {
      enum: ['home', 'replica'],
      description: 'The home region has the primary of the source of truth; exactly one per set',
    },
    location: {
      type: 'object',
      additionalProperties: false,
      required: ['latitude', 'longitude'],
      description: 'Where it is, in degrees; for maps only',
      properties: {
        latitude: { type: 'number', minimum: -90, maximum: 90 },
        longitude: { type: 'number', minimum: -180, maximum: 180 },
      },
    },
    endpoints: {
      type: 'object',
      additionalProperties: false,
      required: ['redis', 'nats', 'postgres'],
      properties: { redis: endpoint, nats: endpoint, postgres: endpoint },
    },
    peers: {
      type: 'array',
      maxItems: 64,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['id', 'roundTripMs'],
        properties: {
          id: { type: 'string' },
          roundTripMs: {
            type: 'number',
            minimum: 0,
            maximum: 10_000,
            description: 'Expected round trip, ms; tests and demos emulate it',
          },
        },
      },
    },
  },
} as const;
