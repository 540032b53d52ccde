import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadlines } from './deadlines.ts';

const coded = (cause: unknown): Error => new Error(`coded: ${(cause as Error).message}`);

let deadlines: Deadlines;
let silences: number;

beforeEach(() => {
  vi.useFakeTimers();
  silences = 0;
  const onSilence = (): void => void (silences += 1);
  deadlines = new Deadlines({ commandTimeoutMs: 250, silenceMaxMs: 1_000, onSilence });
});
afterEach(() => void vi.useRealTimers());

/** A command whose answer comes when the test says so. */
function command(): { readonly answered: Promise<string>; answer(): void; fail(): void; settled: string } {
  let answer!: (text: string) => void;
  let fail!: (error: Error) => void;
  const sent = new Promise<string>((resolve, reject) => {
    answer = resolve;
    fail = reject;
  });
  const answered = deadlines.run(sent, coded);
  const result = {
    answered,
    answer: () => answer('yes'),
    fail: () => fail(new Error('NOPERM')),
    settled: '',
  };
  answered.then(
    (text) => (result.settled = text),
    (error: Error) => (result.settled = error.message),
  );
  return result;
}

describe('a command', () => {
  it('comes to its answer, or to a coded error', async () => {
    const [first, second] = [command(), command()];
    second.fail();
    first.answer();
    await vi.advanceTimersByTimeAsync(0);
    expect([first.settled, second.settled]).toEqual(['yes', 'coded: NOPERM']);
  });

  it('that is late is rejected, each at its own time; the others go on', async () => {
    const first = command();
    await vi.advanceTimersByTimeAsync(100);
    const second = command();
    const third = command();
    await vi.advanceTimersByTimeAsync(149);
    expect(first.settled).toBe('');
    await vi.advanceTimersByTimeAsync(2);
    expect([first.settled, second.settled]).toEqual(['coded: no answer within 250 ms', '']);
    third.answer();
    await vi.advanceTimersByTimeAsync(97);
    expect([second.settled, third.settled]).toEqual(['', 'yes']);
    await vi.advanceTimersByTimeAsync(3);
    expect(second.settled).toBe('coded: no answer within 250 ms');
  });

  it('that is sent during a silence is late at its own time', async () => {
    const first = command();
    await vi.advanceTimersByTimeAsync(400);
    const second = command();
    await vi.advanceTimersByTimeAsync(251);
    expect([first.settled, second.settled]).toEqual([
      'coded: no answer within 250 ms',
      'coded: no answer within 250 ms',
    ]);
    await vi.advanceTimersByTimeAsync(400);
    expect(silences).toBe(1);
  });

  it('whose answer comes too late changes nothing, whether it is one or an error', async () => {
    const [first, second, third] = [command(), command(), command()];
    await vi.advanceTimersByTimeAsync(251);
    const fourth = command();
    second.answer();
    third.fail();
    first.answer();
    await vi.advanceTimersByTimeAsync(1);
    fourth.answer();
    await vi.advanceTimersByTimeAsync(0);
    expect([first.settled, third.settled, fourth.settled]).toEqual([
      'coded: no answer within 250 ms',
      'coded: no answer within 250 ms',
      'yes',
    ]);
  });

  it('leaves no timer behind', async () => {
    for (let n = 0; n < 10; n += 1) command().answer();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(vi.getTimerCount()).toBe(0);
    command();
    deadlines.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a silence', () => {
  it('is told once, although nobody asks any more', async () => {
    command();
    await vi.advanceTimersByTimeAsync(999);
    expect(silences).toBe(0);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(silences).toBe(1);
    command();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(silences).toBe(2);
  });

  it('is none while late answers, or refusals, come', async () => {
    for (let round = 0; round < 5; round += 1) {
      const late = command();
      await vi.advanceTimersByTimeAsync(900);
      if (round % 2 === 0) late.answer();
      else late.fail();
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(silences).toBe(0);
  });

  it('counts from the first command that got no answer, whatever was answered before', async () => {
    const [first] = [command(), command()];
    first.answer();
    await vi.advanceTimersByTimeAsync(1_100);
    expect(silences).toBe(1);
  });

  it('is none where nothing is due', async () => {
    command().answer();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(silences).toBe(0);
  });
});
