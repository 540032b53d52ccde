import { type Attributes, type Exception, type Span, SpanStatusCode } from '@opentelemetry/api';
import { hashKey, type KeyDisplay } from './key-display.ts';

const CAUSES_MAX = 5;

/** Ends a span's work badly: `error.type`, the exception and the status, with keys shown no plainer than elsewhere. */
export function fail(span: Span, error: unknown, key: unknown, display: KeyDisplay): void {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const veil = veilOf([key, ...keysIn(error)], display);
  const code = (error as { code?: unknown } | null | undefined)?.code;
  const type = typeof code === 'string' ? code : name;
  const exception: Exception = {
    name: type,
    message: veil(message),
    ...(stack !== undefined && { stack: veil(stack) }),
  };
  const about: Attributes = { 'error.type': type };
  span.setAttributes(about);
  span.recordException(exception);
  span.setStatus({ code: SpanStatusCode.ERROR, message: veil(message) });
}

/** Keys that an error, or what caused it, is about: coded errors name theirs. */
function keysIn(error: unknown): unknown[] {
  const keys: unknown[] = [];
  let at = error as { readonly key?: unknown; readonly cause?: unknown } | null | undefined;
  for (let depth = 0; at && depth < CAUSES_MAX; depth += 1) {
    keys.push(at.key);
    at = at.cause as typeof at;
  }
  return keys;
}

function veilOf(keys: readonly unknown[], display: KeyDisplay): (text: string) => string {
  const known = keys.filter((key): key is string => typeof key === 'string' && key !== '');
  if (display === 'plain') return (text) => text;
  return (text) =>
    known.reduce(
      (veiled, key) => veiled.replaceAll(key, () => (display === 'hash' ? `#${hashKey(key)}` : 'a key')),
      text,
    );
}
