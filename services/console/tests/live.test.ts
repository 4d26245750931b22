import { describe, expect, test } from "vitest";
import { follow, pause, PAUSE_MS, UNSEEN_MS, type Followed, type Link, type Surroundings } from "../src/live";

/** A world whose clock goes on when it is told to. */
class World implements Surroundings {
  now = 0;
  seen = true;
  #timers: { at: number; call: () => void }[] = [];
  #changes = new Set<() => void>();

  after(milliseconds: number, call: () => void): () => void {
    const timer = { at: this.now + milliseconds, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  random(): number {
    return 1;
  }

  visible(): boolean {
    return this.seen;
  }

  onChange(call: () => void): () => void {
    this.#changes.add(call);
    return () => this.#changes.delete(call);
  }

  look(seen: boolean): void {
    this.seen = seen;
    for (const call of [...this.#changes]) call();
  }

  async pass(milliseconds: number): Promise<void> {
    this.now += milliseconds;
    const due = this.#timers.filter(({ at }) => at <= this.now);
    this.#timers = this.#timers.filter(({ at }) => at > this.now);
    for (const { call } of due) call();
    await settle();
  }
}

/** Lets everything that waits for nothing come about. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

/** A stream that says what it is told to, and notes how it was opened. */
class Source {
  opened = 0;
  received: string[] = [];
  stands: Link[] = [];
  aborted = 0;
  script: (string | Error)[][] = [];

  followed(over?: (thrown: unknown) => boolean): Followed<string> {
    const source = this;
    return {
      open(signal) {
        const says = source.script[source.opened] ?? [];
        source.opened += 1;
        signal.addEventListener("abort", () => (source.aborted += 1));
        return (async function* () {
          for (const said of says) {
            if (said instanceof Error) throw said;
            yield said;
          }
          // Stays open until somebody goes.
          await new Promise<void>((_, fail) => signal.addEventListener("abort", () => fail(new Error("gone"))));
        })();
      },
      receive: (message) => source.received.push(message),
      stand: (link) => source.stands.push(link),
      ...(over === undefined ? {} : { over }),
    };
  }
}

describe("a stream", () => {
  test("that breaks is opened again after a pause that doubles", async () => {
    const [world, source] = [new World(), new Source()];
    source.script = [[new Error("1")], [new Error("2")], ["here"]];
    follow(source.followed(), world);
    await settle();
    expect(source.opened).toBe(1);
    await world.pass(PAUSE_MS.first - 1);
    expect(source.opened).toBe(1);
    await world.pass(1);
    expect(source.opened).toBe(2);
    await world.pass(PAUSE_MS.first * 2 - 1);
    expect(source.opened).toBe(2);
    await world.pass(1);
    expect(source.received).toEqual(["here"]);
    expect(source.stands.at(-1)).toBe("live");
  });

  test("that has brought something waits a short time once more", async () => {
    const [world, source] = [new World(), new Source()];
    source.script = [[new Error("1")], ["a", new Error("2")], ["b"]];
    follow(source.followed(), world);
    await settle();
    await world.pass(PAUSE_MS.first);
    expect(source.received).toEqual(["a"]);
    await world.pass(PAUSE_MS.first);
    expect(source.received).toEqual(["a", "b"]);
  });

  test("is let go when nobody looks for a while, and taken up when somebody does", async () => {
    const [world, source] = [new World(), new Source()];
    source.script = [["a"], ["b"]];
    follow(source.followed(), world);
    await settle();
    world.look(false);
    await world.pass(UNSEEN_MS - 1);
    expect(source.aborted).toBe(0);
    await world.pass(1);
    expect(source.aborted).toBe(1);
    await world.pass(10 * UNSEEN_MS);
    expect(source.opened).toBe(1);
    world.look(true);
    await settle();
    expect(source.received).toEqual(["a", "b"]);
  });

  test("is kept when somebody looks again soon", async () => {
    const [world, source] = [new World(), new Source()];
    source.script = [["a"]];
    follow(source.followed(), world);
    await settle();
    world.look(false);
    await world.pass(UNSEEN_MS - 1);
    world.look(true);
    await world.pass(UNSEEN_MS);
    expect([source.opened, source.aborted]).toEqual([1, 0]);
  });

  test("that is over is not opened again", async () => {
    const [world, source] = [new World(), new Source()];
    source.script = [[new Error("gone for good")]];
    follow(
      source.followed(() => true),
      world,
    );
    await settle();
    await world.pass(PAUSE_MS.longest);
    world.look(true);
    await settle();
    expect(source.opened).toBe(1);
  });

  test("that nobody follows any more is closed and stays so", async () => {
    const [world, source] = [new World(), new Source()];
    source.script = [["a"]];
    const stop = follow(source.followed(), world);
    await settle();
    stop();
    await settle();
    await world.pass(PAUSE_MS.longest);
    world.look(true);
    await settle();
    expect([source.opened, source.aborted]).toEqual([1, 1]);
  });
});

test("a pause is never longer than the longest, and never nothing", () => {
  for (let failures = 0; failures < 40; failures += 1)
    for (const random of [0, 0.5, 1]) {
      expect(pause(failures, random)).toBeLessThanOrEqual(PAUSE_MS.longest);
      expect(pause(failures, random)).toBeGreaterThanOrEqual(PAUSE_MS.first / 2);
    }
});
