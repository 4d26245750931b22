// The main job of an operator, by whatever client is handed in: two versions are tested and switched to, and
// the first is switched back to. Messages are read from the descriptors that `proto/` compiles to.
import { createFileRegistry, fromBinary, fromJson, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { readFileSync } from "node:fs";

/** Reads `node PROGRAM EDGE DESCRIPTORS APPLICATION URL URL`. */
export function told() {
  const [edge, descriptors, application, ...urls] = process.argv.slice(2);
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
  return { edge, registry, application, urls };
}

/** Plays it by `call(service, method, request)` and `watch(…)`, which gives messages as they come. */
export async function play({ registry, application, urls }, { call, watch }) {
  const service = (name) => registry.getService(`switchover.catalog.v1.${name}`);
  const [applications, switches] = [service("ApplicationService"), service("SwitchService")];
  const ask = async (of, method, json) => {
    const { input, output } = of.method[method];
    return toJson(output, await call(of, of.method[method], fromJson(input, json)));
  };
  const parent = `applications/${application}`;
  await ask(applications, "createApplication", { applicationId: application, application: { displayName: application } });
  const roles = [{ name: "user", description: "May use it." }];
  const ends = [];
  const confirm = async (method, version) => {
    const { switch: begun } = await ask(switches, method, { version, reason: "Somebody else's client asks." });
    const watched = switches.method.watchSwitch;
    for await (const message of watch(switches, watched, fromJson(watched.input, { name: begun.name }))) {
      const { state } = toJson(watched.output, message).switch;
      if (!/SUCCEEDED|FAILED|CANCELLED/.test(state)) continue;
      ends.push(state);
      return;
    }
    throw new Error("the watch ended before the switch did");
  };
  for (const [index, upstream] of urls.entries()) {
    const versionId = `${index + 1}.0`;
    await ask(applications, "createVersion", { parent, versionId, version: { upstream, roles } });
    const version = `${parent}/versions/${versionId}`;
    await ask(switches, "registerToTest", { version, reason: "Somebody else's client asks." });
    await confirm("confirmUpdate", version);
  }
  await confirm("confirmReactivate", `${parent}/versions/1.0`);
  return { ends, refuse: () => ask(applications, "getApplication", { name: "applications/nothing" }) };
}

/** Returns the reason in the bytes of error details: a word in capitals. */
export function reasonIn(bytes) {
  return Buffer.from(bytes).toString("latin1").match(/[A-Z]+_[A-Z_]+/)?.[0] ?? "";
}
