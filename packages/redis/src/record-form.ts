import { isOrdinal } from '@tidemark/core';
import { RECORD, readRecord } from './record-bytes.ts';
import type { BodyPointer } from './value-body.ts';

/**
 * What lies under a record's name in Redis:
 *
 * - `none`: nothing. `record`: what a release of this library may have written, also in its bytes.
 * - `later`: a record of a later release, which this one can't judge.
 * - `foreign`: something that this library never writes there. `corrupt`: a record whose bytes were damaged.
 */
export type RecordForm = 'none' | 'record' | 'later' | 'foreign' | 'corrupt';

export interface JudgedForm {
  readonly form: RecordForm;
  /** For people; empty when nothing is wrong. */
  readonly why: string;
  /** Where the value is, when it is not in the record. */
  readonly body: BodyPointer | null;
}

/** Later formats are one byte from 1. */
const FORMATS_KNOWN_MAX = 3;
const LIFE_AT = 84;

/** Judges bytes by themselves, whatever life of the store they belong to. */
export function judgeForm(bytes: Buffer): JudgedForm {
  const is = (form: RecordForm, why: string): JudgedForm => ({ form, why, body: null });
  if (bytes[0] !== RECORD.magic) {
    return is('foreign', `${bytes.length} bytes that are no record: they begin with ${begin(bytes)}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 20 || !isOrdinal(view.getFloat64(4)) || !isOrdinal(view.getFloat64(12))) {
    return is('corrupt', 'a record whose tidemark is no version');
  }
  if (bytes[1]! > FORMATS_KNOWN_MAX) return is('later', '');
  const life = bytes.length >= RECORD.headerLength ? view.getUint32(LIFE_AT) : 0;
  const { unreadable, body } = readRecord(bytes, life);
  if (unreadable) return is('corrupt', 'a record with a sound tidemark, and a value that no fill writes');
  return { form: 'record', why: '', body };
}

function begin(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1', 0, 12).replaceAll(/[^ -~]/g, '.'));
}
