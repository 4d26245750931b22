import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { draw, roundUp, rowsOf } from "../src/chart";
import { millis, span } from "../src/format";
import { SwitchSchema, SwitchState } from "../src/generated/switchover/catalog/v1/switches_pb";
import {
  ListTrafficResponseSchema,
  TrafficService,
  type ListTrafficRequest,
} from "../src/generated/switchover/catalog/v1/traffic_pb";
import {
  askTraffic,
  everyOf,
  goesOn,
  marksOf,
  readTraffic,
  recentWindow,
  stepOf,
  windowOf,
  type Counted,
} from "../src/traffic";

const MINUTE = 60_000;
const T = Date.UTC(2026, 10, 28, 12);

/** A service that answers so; it keeps what it was asked. */
function serving(answer: () => object) {
  const asked: ListTrafficRequest[] = [];
  const transport = createRouterTransport(({ service }) =>
    service(TrafficService, {
      listTraffic: (request) => {
        asked.push(request);
        return answer();
      },
    }),
  );
  return { client: createClient(TrafficService, transport), asked };
}

const never = new AbortController().signal;

/** What was counted at seconds after T: version, requests, failed. */
function point(second: number, version: string, requests: number, failed = 0, generation = 1) {
  return {
    time: timestampFromMs(T + second * 1000),
    generation: BigInt(generation),
    version,
    requests: BigInt(requests),
    failed: BigInt(failed),
  };
}

function counted(points: object[], seconds: number, more: object = {}): Counted {
  const answer = create(ListTrafficResponseSchema, {
    points,
    completeTime: timestampFromMs(T + seconds * 1000),
    ...more,
  });
  return readTraffic(answer, { from: T, to: T + seconds * 1000, open: false }, 1000);
}

describe("what is asked for", () => {
  test("a switch is shown from a minute before its confirm to a minute after its end", () => {
    const over = create(SwitchSchema, { createTime: timestampFromMs(T), endTime: timestampFromMs(T + 5000) });
    expect(windowOf(over, T + 10 * MINUTE)).toEqual({ from: T - MINUTE, to: T + 5000 + MINUTE, open: false });
    expect(goesOn(over, T + 10 * MINUTE)).toBe(false);
    expect(everyOf(over, T + 10 * MINUTE)).toBe(0);
    // Until that minute is over, it goes on to whatever is now.
    expect(windowOf(over, T + 20_000)).toEqual({ from: T - MINUTE, to: T + 20_000, open: true });
    expect(goesOn(over, T + 20_000)).toBe(true);
  });

  test("one that runs is asked for every second, and its end is left to the catalog's clock", async () => {
    const runs = create(SwitchSchema, { createTime: timestampFromMs(T), state: SwitchState.PREPARING });
    expect(everyOf(runs, T + 7000)).toBe(1000);
    const { client, asked } = serving(() => ({}));
    await askTraffic(client, "applications/shop", windowOf(runs, T + 7000), never);
    expect(asked[0]?.parent).toBe("applications/shop");
    expect(asked[0]?.endTime).toBeUndefined();
    expect(asked[0]?.startTime && millis(asked[0].startTime)).toBe(T - MINUTE);
    expect(span(asked[0]?.step)).toBe(1000);
  });

  test("no chart has more than 300 steps, however long its switch took", () => {
    for (const minutes of [1, 5, 15, 60, 24 * 60, 40 * 24 * 60]) {
      const of = create(SwitchSchema, {
        createTime: timestampFromMs(T - minutes * MINUTE),
        endTime: timestampFromMs(T),
      });
      const window = windowOf(of, T + MINUTE * 10);
      const steps = (window.to - window.from) / stepOf(window);
      expect(steps, `${minutes} minutes`).toBeLessThanOrEqual(300);
    }
    expect(stepOf(recentWindow(T))).toBe(5000);
  });

  test("who may not see it, or has a service that counts nothing, is told so; other faults are faults", async () => {
    const failing = (code: Code) =>
      serving(() => {
        throw new ConnectError("no", code);
      }).client;
    const ask = (code: Code) => askTraffic(failing(code), "applications/shop", recentWindow(T), never);
    expect(await ask(Code.Unimplemented)).toEqual({ kind: "uncounted" });
    expect(await ask(Code.PermissionDenied)).toEqual({ kind: "hidden" });
    await expect(ask(Code.Unavailable)).rejects.toThrow("no");
  });
});

describe("what was counted", () => {
  test("is summed by version, over generations, and has no gaps", () => {
    const { samples } = counted([point(1, "1.0", 5, 1), point(1, "1.0", 7, 0, 3), point(3, "2.0", 2)], 4);
    expect(samples.map(({ at, counts }) => [(at - T) / 1000, Object.fromEntries(counts)])).toEqual([
      [0, {}],
      [1, { "1.0": { requests: 12, failed: 1 } }],
      [2, {}],
      [3, { "2.0": { requests: 2, failed: 0 } }],
    ]);
  });

  test("is not shown where it is not whole yet, or no longer kept", () => {
    const open = readTraffic(
      create(ListTrafficResponseSchema, { completeTime: timestampFromMs(T + 2500) }),
      { from: T, to: T + 9000, open: true },
      1000,
    );
    expect([open.samples.length, open.window.to - T]).toEqual([2, 2500]);
    const cut = counted([], 5, { keptSinceTime: timestampFromMs(T + 3500) });
    expect(cut.samples.map(({ at }) => at - T)).toEqual([3000, 4000]);
    expect(cut.keptSince).toBe(T + 3500);
    expect(counted([], 5, { keptSinceTime: timestampFromMs(T - 1) }).keptSince).toBeUndefined();
    expect(counted([], 5, { keptSinceTime: timestampFromMs(T + 9000) }).samples).toEqual([]);
  });
});

describe("a chart", () => {
  const across = counted([point(0, "10.0", 100), point(1, "10.0", 50, 2), point(1, "9.0", 45), point(2, "9.0", 90)], 4);

  test("has a line for each version, in their order, that ends where the version does", () => {
    const drawn = draw(across, 100, 50);
    expect(drawn.top).toBe(100);
    expect(drawn.lines.map(({ version, path, total }) => [version, path, total])).toEqual([
      ["10.0", "M12.5 0.0L37.5 25.0L62.5 50.0", 150],
      ["9.0", "M12.5 50.0L37.5 27.5L62.5 5.0L87.5 50.0", 135],
    ]);
    expect([drawn.x(T + 2000), drawn.x(T + 4001)]).toEqual([50, undefined]);
  });

  test("shows a single failure among many requests high enough to be seen", () => {
    const drawn = draw(across, 100, 50);
    expect([drawn.requests, drawn.failed]).toEqual([285, 2]);
    expect(drawn.failures).toEqual([{ x: 37.5, y: 46 }]);
  });

  test("of nothing is nothing", () => {
    expect(draw(counted([], 0), 100, 50)).toMatchObject({ lines: [], failures: [], requests: 0, failed: 0 });
    expect([roundUp(1), roundUp(3), roundUp(700)]).toEqual([1, 5, 1000]);
  });

  test("is a table in which nothing is left out", () => {
    const rows = rowsOf(across, 2);
    expect(rows.map(({ at, seconds }) => [at - T, seconds])).toEqual([
      [0, 2],
      [2000, 2],
    ]);
    expect(Object.fromEntries(rows[0]?.counts ?? [])).toEqual({
      "10.0": { requests: 150, failed: 2 },
      "9.0": { requests: 45, failed: 0 },
    });
  });

  test("marks when requests were held, also in vain, and when it was committed", () => {
    const at = (seconds: number) => timestampFromMs(T + seconds * 1000);
    const of = create(SwitchSchema, {
      commitTime: at(9),
      steps: [
        { state: SwitchState.PREPARING, startTime: at(1) },
        { state: SwitchState.HOLDING, startTime: at(8) },
        { state: SwitchState.RELEASING, startTime: at(9) },
      ],
    });
    expect(marksOf(of)).toEqual({ holds: [{ from: T + 8000, until: T + 9000 }], commit: T + 9000 });
    expect(marksOf(create(SwitchSchema, {}))).toEqual({ holds: [], commit: undefined });
  });
});
