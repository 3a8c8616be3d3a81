// Waiting for something to become true, with a deadline and never by a fixed sleep.

/** Asks again and again until the answer is truthy, and answers it; throws with what was asked for after `ms`. */
export async function eventually<T>(what: string, ask: () => T | Promise<T>, ms = 15_000): Promise<NonNullable<T>> {
  const deadline = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer as NonNullable<T>;
    if (Date.now() > deadline) throw new Error(`did not happen within ${ms} ms: ${what}`);
    await Bun.sleep(10);
  }
}
