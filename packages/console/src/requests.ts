import type { IncomingMessage } from 'node:http';
import { ConsoleError } from './console-error.ts';

const BODY_MAX = 4_096;

/** The fields of a JSON object in a request's body, all text. @throws ConsoleError */
export async function readFields<Name extends string>(
  request: IncomingMessage,
  names: readonly Name[],
): Promise<Record<Name, string>> {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
    throw bad('the body must be JSON, with content-type application/json');
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > BODY_MAX) throw bad(`the body may have ${BODY_MAX} bytes`);
    chunks.push(chunk);
  }
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw bad('the body is not JSON');
  }
  const fields: Readonly<Record<string, unknown>> =
    typeof body === 'object' && body !== null ? { ...body } : {};
  const found = names.map((name) => {
    const value = fields[name];
    if (typeof value !== 'string' || value === '') throw bad(`${name} is missing; give a text`);
    return [name, value] as const;
  });
  if (Object.keys(fields).length > names.length) throw bad(`the body may have ${names.join(', ')} only`);
  return Object.fromEntries(found) as Record<Name, string>;
}

export function bad(message: string): ConsoleError {
  return new ConsoleError('E_CONSOLE_REQUEST', 400, message);
}
