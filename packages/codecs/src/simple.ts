/** Levels of objects in objects. */
export const DEPTH_MAX = 500;

/** Whether MessagePack carries it without extensions: the fast half of the question, asked of every value. */
export function isSimple(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return isWellFormed(value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return true;
  if (typeof value !== 'object' || depth > DEPTH_MAX) return false;
  if (Array.isArray(value)) {
    for (const each of value as unknown[]) if (!isSimple(each, depth + 1)) return false;
    return true;
  }
  if (!isPlain(value)) return false;
  for (const name in value) {
    if (!isSimpleName(name) || !isSimple(value[name as keyof typeof value], depth + 1)) return false;
  }
  return true;
}

/** What the library writes as the name of a property, and reads back as one. */
export function isSimpleName(name: string): boolean {
  return name !== '__proto__' && isWellFormed(name);
}

/** Of this or another realm, whose Object.prototype is another object. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** UTF-8 has no form for lone surrogates. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}
