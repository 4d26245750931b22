import { useState } from "preact/hooks";
import { useDeed } from "../ask";
import { applications, newRequestId } from "../client";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import { t } from "../language";
import { idOf } from "../router";
import { rolesOf } from "../roles";
import { say } from "./announce";
import { Dialog } from "./dialog";
import { Buttons, Check, Form, Text, wrongWith } from "./fields";

/** Registers a release of an application. */
export function CreateVersion({
  application,
  onClose,
}: {
  readonly application: Application;
  readonly onClose: () => void;
}) {
  const [id, setId] = useState("");
  const [upstream, setUpstream] = useState("");
  const [path, setPath] = useState("/health");
  const [roles, setRoles] = useState("");
  const [needs, setNeeds] = useState(false);
  const [scopes, setScopes] = useState("");
  const [requestId] = useState(newRequestId);
  const deed = useDeed();
  const texts = t.versions;
  const send = async (): Promise<void> => {
    const done = await deed.run(async () => {
      const appCredentials = needs
        ? { appCredentials: { scopes: scopes.split(/\s+/).filter((scope) => scope !== "") } }
        : {};
      await applications.createVersion({
        parent: application.name,
        versionId: id,
        version: { upstream, health: { path }, roles: rolesOf(roles), ...appCredentials },
        requestId,
      });
    });
    if (!done) return;
    onClose();
    say(texts.created(id));
  };
  return (
    <Dialog title={`${texts.create}: ${application.displayName || idOf(application.name)}`} onClose={onClose}>
      <Form
        onSend={() => void send()}
        fault={deed.fault}
        foot={<Buttons send={t.act.create} busy={deed.busy} onCancel={onClose} />}
      >
        <Text
          label={texts.id}
          hint={texts.idHint}
          value={id}
          onValue={setId}
          required
          max={30}
          code
          wrong={wrongWith(deed.fault, "version_id")}
        />
        <Text
          label={texts.upstream}
          hint={texts.upstreamHint}
          value={upstream}
          onValue={setUpstream}
          required
          max={300}
          code
          keys="url"
          wrong={wrongWith(deed.fault, "upstream")}
        />
        <Text
          label={texts.healthPath}
          hint={texts.healthHint}
          value={path}
          onValue={setPath}
          max={300}
          code
          wrong={wrongWith(deed.fault, "path", "health")}
        />
        <Text
          label={texts.roles}
          hint={texts.rolesHint}
          sample={texts.rolesSample}
          value={roles}
          onValue={setRoles}
          rows={3}
          wrong={wrongWith(deed.fault, "roles")}
        />
        <Check label={texts.needs} checked={needs} onValue={setNeeds} />
        {needs && (
          <Text
            label={texts.scopes}
            hint={texts.scopesHint}
            value={scopes}
            onValue={setScopes}
            code
            wrong={wrongWith(deed.fault, "scopes")}
          />
        )}
      </Form>
    </Dialog>
  );
}
