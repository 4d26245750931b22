// Google's own client for browsers, in a page of the edge: `node call-grpc-web.mjs EDGE DESCRIPTORS APPLICATION URL URL`.
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import grpcWeb from "grpc-web";
import { JSDOM } from "jsdom";
import { play, reasonIn, told } from "./story.mjs";

const given = told();
const { window } = new JSDOM("", { url: given.edge });
globalThis.XMLHttpRequest = window.XMLHttpRequest;
const client = new grpcWeb.GrpcWebClientBase({ format: "text" });

const described = (service, method, kind) => {
  const path = `/${service.typeName}/${method.name}`;
  const write = (message) => toBinary(method.input, message);
  const read = (bytes) => fromBinary(method.output, bytes);
  return [given.edge + path, new grpcWeb.MethodDescriptor(path, kind, Object, Object, write, read)];
};
const { ends, refuse } = await play(given, {
  call: (service, method, request) => {
    const [place, descriptor] = described(service, method, grpcWeb.MethodType.UNARY);
    return client.unaryCall(place, request, {}, descriptor);
  },
  async *watch(service, method, request) {
    const [place, descriptor] = described(service, method, grpcWeb.MethodType.SERVER_STREAMING);
    const stream = client.serverStreaming(place, request, {}, descriptor);
    const [heard, wake] = [[], { up: () => {} }];
    const say = (what) => {
      heard.push(what);
      wake.up();
    };
    stream.on("data", (message) => say({ message }));
    stream.on("error", (error) => say({ error }));
    stream.on("end", () => say({ end: true }));
    for (;;) {
      while (heard.length === 0) await new Promise((up) => (wake.up = up));
      const { message, error, end } = heard.shift();
      if (error) throw error;
      if (end) return;
      yield message;
    }
  },
});
const error = await refuse().then(() => undefined, (thrown) => thrown);
const details = Buffer.from(error.metadata["grpc-status-details-bin"], "base64");
const code = Object.keys(grpcWeb.StatusCode).find((name) => grpcWeb.StatusCode[name] === error.code);
console.log(JSON.stringify({ ends, code, message: error.message, reason: reasonIn(details) }));
window.close();
process.exit(0);
