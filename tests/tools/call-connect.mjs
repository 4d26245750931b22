// The console's own kind of client, without the console: `node call-connect.mjs EDGE DESCRIPTORS APPLICATION URL URL`.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { play, reasonIn, told } from "./story.mjs";

const given = told();
const transport = createGrpcWebTransport({ baseUrl: given.edge });
const { ends, refuse } = await play(given, {
  call: (service, method, request) => createClient(service, transport)[method.localName](request),
  watch: (service, method, request) => createClient(service, transport)[method.localName](request),
});
const error = await refuse().then(() => undefined, (thrown) => ConnectError.from(thrown));
const details = error.details
  .filter((detail) => detail.type === "google.rpc.ErrorInfo")
  .map((detail) => reasonIn(detail.value));
console.log(JSON.stringify({ ends, code: Code[error.code], message: error.rawMessage, reason: details.join() }));
