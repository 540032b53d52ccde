/** About 200 bytes as JSON, like a small row. */
export function valueOf(id: number): Record<string, unknown> {
  return {
    id,
    name: `product number ${id}`,
    price: 1_999 + (id % 1_000),
    currency: 'EUR',
    stock: id % 250,
    tags: ['new', 'garden', 'outdoor'],
    description: 'a thing for the garden, in green and in blue, weatherproof',
    active: true,
  };
}
