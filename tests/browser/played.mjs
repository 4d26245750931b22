// Services that a browser test plays: what a page asks over gRPC-web is answered here.
import { createRequire } from "node:module";

const require = createRequire(new URL("../tools/package.json", import.meta.url));
const { BinaryReader, BinaryWriter } = require("@bufbuild/protobuf/wire");

const FRAME_HEAD = 5;
const TRAILERS = 0x80;

/** Answers calls of a method: `answer` gets the request's bytes and gives an answer's, or `{ status, message }`. */
export async function play(page, method, answer) {
  await page.route(`**/${method}`, async (route) => {
    const asked = route.request().postDataBuffer() ?? Buffer.alloc(FRAME_HEAD);
    const given = answer(asked.subarray(FRAME_HEAD));
    const fine = given instanceof Uint8Array;
    const trailers = fine
      ? "grpc-status: 0\r\n"
      : `grpc-status: ${given.status}\r\ngrpc-message: ${encodeURIComponent(given.message)}\r\n`;
    const frames = [...(fine ? [frame(0, given)] : []), frame(TRAILERS, Buffer.from(trailers))];
    await route.fulfill({ contentType: "application/grpc-web+proto", body: Buffer.concat(frames) });
  });
}

function frame(kind, bytes) {
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUInt8(kind, 0);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** Reads what `ListTraffic` is asked: from and until when, and how long a step is, all in milliseconds. */
export function readTrafficRequest(bytes) {
  const reader = new BinaryReader(bytes);
  const asked = { from: 0, to: undefined, step: 1000 };
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 2) asked.from = readSeconds(reader.bytes());
    else if (field === 3) asked.to = readSeconds(reader.bytes());
    else if (field === 4) asked.step = readSeconds(reader.bytes());
    else reader.skip(wire);
  }
  return asked;
}

function readSeconds(bytes) {
  const reader = new BinaryReader(bytes);
  let milliseconds = 0;
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1) milliseconds += Number(reader.int64()) * 1000;
    else if (field === 2) milliseconds += reader.int32() / 1e6;
    else reader.skip(wire);
  }
  return milliseconds;
}

/** Writes an answer of `ListTraffic`: points are `{ at, generation, version, requests, failed }`. */
export function writeTraffic({ points, complete, keptSince }) {
  const writer = new BinaryWriter();
  for (const { at, generation, version, requests, failed } of points) {
    const point = new BinaryWriter();
    point.tag(1, 2).bytes(time(at));
    point.tag(2, 0).uint64(generation);
    point.tag(3, 2).string(version);
    point.tag(4, 0).int64(requests);
    if (failed > 0) point.tag(5, 0).int64(failed);
    writer.tag(1, 2).bytes(point.finish());
  }
  writer.tag(2, 2).bytes(time(complete));
  writer.tag(3, 2).bytes(time(keptSince));
  return writer.finish();
}

function time(milliseconds) {
  const writer = new BinaryWriter();
  writer.tag(1, 0).int64(Math.floor(milliseconds / 1000));
  const nanos = Math.round((milliseconds % 1000) * 1e6);
  if (nanos > 0) writer.tag(2, 0).int32(nanos);
  return writer.finish();
}

/** Writes an answer of `GetRecovery`: of a recovery of one application, or of none. */
export function writeRecovery(recovery) {
  const writer = new BinaryWriter();
  if (recovery === undefined) return writer.finish();
  const position = ({ version, generation }) =>
    new BinaryWriter()
      .tag(1, 2)
      .string(recovery.application)
      .tag(4, 0)
      .uint64(generation)
      .tag(5, 2)
      .string(version)
      .finish();
  const one = new BinaryWriter().tag(1, 2).string(recovery.application);
  one.tag(2, 2).bytes(position(recovery.restored));
  one.tag(3, 2).bytes(position(recovery.reported));
  writer.tag(1, 0).bool(true);
  writer.tag(3, 2).string(recovery.message);
  writer.tag(4, 2).bytes(one.finish());
  writer.tag(5, 2).string(recovery.missing);
  return writer.finish();
}
