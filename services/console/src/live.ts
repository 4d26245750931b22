/** Where a stream stands. */
export type Link = "connecting" | "live" | "waiting";

/** What a stream needs of the world, so that tests can be the world. */
export interface Surroundings {
  /** Calls back after so many milliseconds; the returned function takes it back. */
  after(milliseconds: number, call: () => void): () => void;
  /** From 0 to 1. */
  random(): number;
  /** Whether anybody can see the page. */
  visible(): boolean;
  /** Hears that the network is back, or that the page is looked at or left. */
  onChange(call: () => void): () => void;
}

/** How one stream is followed. */
export interface Followed<T> {
  /** Opens it, after what was received last. */
  open(signal: AbortSignal): AsyncIterable<T>;
  receive(message: T): void;
  /** Hears where it stands. */
  stand(link: Link, thrown?: unknown): void;
  /** Whether the stream is over for good when it ends, or when this was thrown. */
  over?(thrown: unknown): boolean;
}

/** The first pause before a stream is opened again, and the longest. */
export const PAUSE_MS = { first: 400, longest: 15_000 } as const;
/** How long a page that nobody looks at keeps its streams: a browser has few connections for all its pages. */
export const UNSEEN_MS = 20_000;

/** Follows a stream over interruptions until the returned function is called. */
export function follow<T>(stream: Followed<T>, world: Surroundings): () => void {
  let stopped = false;
  let over = false;
  let failures = 0;
  let running: AbortController | undefined;
  let takeBack = (): void => {};

  const wait = (milliseconds: number, call: () => void): void => {
    takeBack();
    takeBack = world.after(milliseconds, call);
  };

  const run = async (): Promise<void> => {
    takeBack();
    const controller = new AbortController();
    running = controller;
    let thrown: unknown;
    stream.stand("connecting");
    try {
      for await (const message of stream.open(controller.signal)) {
        if (running !== controller) return;
        failures = 0;
        stream.stand("live");
        stream.receive(message);
      }
    } catch (caught) {
      thrown = caught;
    }
    if (running !== controller) return;
    running = undefined;
    if (stream.over?.(thrown) ?? false) {
      over = true;
      return;
    }
    stream.stand("waiting", thrown);
    wait(pause(failures, world.random()), again);
    failures += 1;
  };

  const again = (): void => {
    if (stopped || over || running !== undefined) return;
    if (world.visible()) void run();
  };

  const release = (): void => {
    if (world.visible() || running === undefined) return;
    const controller = running;
    running = undefined;
    controller.abort();
  };

  const forget = world.onChange(() => {
    if (!world.visible()) {
      if (running !== undefined) wait(UNSEEN_MS, release);
      return;
    }
    if (running !== undefined) takeBack();
    else {
      failures = 0;
      again();
    }
  });

  void run();
  return () => {
    stopped = true;
    forget();
    takeBack();
    const controller = running;
    running = undefined;
    controller?.abort();
  };
}

/** Returns the pause after so many failures in a row: it doubles, and no two pages wait alike. */
export function pause(failures: number, random: number): number {
  const longest = Math.min(PAUSE_MS.first * 2 ** failures, PAUSE_MS.longest);
  return Math.round(longest * (0.5 + random / 2));
}

/** The browser. */
export const browser: Surroundings = {
  after(milliseconds, call) {
    const timer = setTimeout(call, milliseconds);
    return () => clearTimeout(timer);
  },
  random: Math.random,
  visible: () => document.visibilityState !== "hidden",
  onChange(call) {
    document.addEventListener("visibilitychange", call);
    window.addEventListener("online", call);
    return () => {
      document.removeEventListener("visibilitychange", call);
      window.removeEventListener("online", call);
    };
  },
};
