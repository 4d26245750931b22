import { useState } from "preact/hooks";
import { useDeed } from "../ask";
import { applications } from "../client";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import { t } from "../language";
import { say } from "./announce";
import { Buttons, Form, Text, wrongWith } from "./fields";

/** What an application is called, and what it is for. */
export function AboutForm({ application }: { readonly application: Application }) {
  const [name, setName] = useState(application.displayName);
  const [abstract, setAbstract] = useState(application.abstract);
  const [etag, setEtag] = useState(application.etag);
  const deed = useDeed();
  const send = async (): Promise<void> => {
    const done = await deed.run(async () => {
      const answer = await applications.updateApplication({
        application: { name: application.name, displayName: name, abstract },
        updateMask: { paths: ["display_name", "abstract"] },
        etag,
      });
      setEtag(answer.application?.etag ?? "");
    });
    if (done) say(t.act.saved);
    // What was typed stays; saving once more is for what is there now.
    else setEtag(application.etag);
  };
  return (
    <section class="section" aria-labelledby="about-title">
      <h2 id="about-title">{t.settings.about}</h2>
      <div class="sheet sheet-padded">
        <Form onSend={() => void send()} fault={deed.fault} foot={<Buttons send={t.act.save} busy={deed.busy} />}>
          <Text
            label={t.applications.displayName}
            hint={t.applications.displayNameHint}
            value={name}
            onValue={setName}
            max={50}
            wrong={wrongWith(deed.fault, "display_name")}
          />
          <Text
            label={t.applications.abstract}
            hint={t.applications.abstractHint}
            value={abstract}
            onValue={setAbstract}
            rows={3}
            max={500}
            wrong={wrongWith(deed.fault, "abstract")}
          />
        </Form>
      </div>
    </section>
  );
}
