/** Deeper than this, a list goes on instead of the call stack. */
const CALLS_DEEP_MAX = 64;

const MAP_CHANGES = ['set', 'delete', 'clear'] as const;
const SET_CHANGES = ['add', 'delete', 'clear'] as const;
const DATE_CHANGES = Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith('set'));

/** What `Object.freeze` leaves changeable, and the prototype that takes the changing methods away. */
const FROZEN_KINDS = [
  [Map.prototype, withoutChanges(Map.prototype, MAP_CHANGES), MAP_CHANGES],
  [Set.prototype, withoutChanges(Set.prototype, SET_CHANGES), SET_CHANGES],
  [Date.prototype, withoutChanges(Date.prototype, DATE_CHANGES), DATE_CHANGES],
] as const;

/**
 * Freezes a value all the way down, so that no caller can change what others will read: also Map, Set and Date,
 * whose changing methods throw a TypeError. Typed arrays and buffers can't be frozen; who changes one, changes
 * what others of this process read.
 */
export function deepFreeze<T>(value: T): T {
  // A list instead of recursion: how deep a value is nested must not decide whether it can be read.
  const open: unknown[] = [value];
  // Somebody else's freeze may have been shallow, so that being frozen does not tell that a part was met.
  let met: Set<object> | null = null;
  while (open.length > 0) {
    const each = open.pop();
    if (!isObject(each) || ArrayBuffer.isView(each)) continue;
    if (Object.isFrozen(each)) {
      met ??= new Set();
      if (met.has(each)) continue;
      met.add(each);
    }
    freezeOne(each);
    for (const child of Object.values(each)) open.push(child);
    if (each instanceof Map) for (const [key, child] of each) open.push(key, child);
    else if (each instanceof Set) for (const child of each) open.push(child);
  }
  return value;
}

/**
 * The same for a value without cycles, such as one that was decoded a moment ago. Children first: V8 lists the
 * properties of what is not frozen yet four times as fast.
 */
export function freezeTree<T>(value: T): T {
  return isObject(value) ? freezeBelow(value, 0) : value;
}

function freezeBelow<T extends object>(value: T, depth: number): T {
  if (Array.isArray(value)) {
    if (depth === CALLS_DEEP_MAX || Object.isFrozen(value)) return deepFreeze(value);
    for (const child of value as unknown[]) if (isObject(child)) freezeBelow(child, depth + 1);
    return Object.freeze(value);
  }
  // A schema may have made anything, and frozen it as it liked.
  if (depth === CALLS_DEEP_MAX || !isPlain(value) || Object.isFrozen(value)) return deepFreeze(value);
  // What is decoded inherits nothing that could be listed; and own properties are all that is frozen.
  for (const name in value) {
    const child: unknown = value[name];
    if (isObject(child)) freezeBelow(child, depth + 1);
  }
  return Object.freeze(value);
}

function freezeOne(value: object): void {
  const kind = isPlain(value) || Array.isArray(value) ? undefined : kindOf(value);
  if (!kind || Object.isFrozen(value)) {
    Object.freeze(value);
    return;
  }
  const [usual, frozen, changes] = kind;
  if (!Object.isExtensible(value)) return;
  if (Object.getPrototypeOf(value) === usual) Object.setPrototypeOf(value, frozen);
  // A subclass keeps its own prototype.
  else Object.defineProperties(value, refusals(changes));
  Object.freeze(value);
}

function kindOf(value: object): (typeof FROZEN_KINDS)[number] | undefined {
  return FROZEN_KINDS.find(([usual]) => Object.prototype.isPrototypeOf.call(usual, value));
}

function withoutChanges<T extends object>(prototype: T, changes: readonly string[]): T {
  return Object.freeze(Object.create(prototype, refusals(changes)) as T);
}

function refusals(changes: readonly string[]): PropertyDescriptorMap {
  return Object.fromEntries(changes.map((name) => [name, { value: refuse }]));
}

function refuse(): never {
  throw new TypeError(
    'a cached value is frozen, since all readers share it; change a copy (structuredClone)',
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
