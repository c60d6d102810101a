/** Holds back what is to be done, in its order. */
export interface HoldBack {
  /** `size`: bytes that are kept for it. */
  readonly add: (act: () => void, size?: number) => void;
  /** Does at once all that is held. */
  readonly flush: () => void;
}

/** Who is so far behind reads what is old already, and waits for nothing. Bytes. */
const MAX_HELD = 4_194_304;

/** Does what it is given `delay` ms later. */
export const holdBack = (delay: number): HoldBack => {
  const held: { readonly act: () => void; readonly size: number; readonly due: number }[] = [];
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;

  const release = (now: number): void => {
    for (let next = held[0]; next !== undefined && (next.due <= now || bytes > MAX_HELD); next = held[0]) {
      held.shift();
      bytes -= next.size;
      next.act();
    }
    const [first] = held;
    timer ??= first && setTimeout(() => {
      timer = undefined;
      release(performance.now());
    }, Math.max(1, first.due - now));
  };

  return {
    add(act, size = 0) {
      const now = performance.now();
      held.push({ act, size, due: now + delay });
      bytes += size;
      release(now);
    },
    flush() {
      clearTimeout(timer);
      timer = undefined;
      release(Infinity);
    },
  };
};
