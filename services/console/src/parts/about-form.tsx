import { useId, useRef, useState } from "preact/hooks";
import { applications } from "../client";
import { useDraft } from "../drafting";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import { t } from "../language";
import { addressOf, pictureOf, readPicture } from "../picture";
import { say } from "./announce";
import { Changes } from "./changes";
import { Buttons, Form, Text, wrongWith } from "./fields";

type Field = "name" | "abstract" | "picture";

/** What an application is called, what it is for, and its picture. */
export function AboutForm({ application }: { readonly application: Application }) {
  const draft = useDraft<Application, Field>({
    first: application,
    read: ({ displayName, abstract, icon }) => ({ name: displayName, abstract, picture: addressOf(icon) }),
    ask: async () => (await applications.getApplication({ name: application.name })).application,
  });
  const { name, abstract, picture } = draft.typed;
  const send = async (): Promise<void> => {
    const saved = await draft.save(async (of, now) => {
      const icon = pictureOf(now.picture);
      const answer = await applications.updateApplication({
        application: {
          name: of.name,
          displayName: now.name,
          abstract: now.abstract,
          ...(icon === undefined ? {} : { icon }),
        },
        updateMask: { paths: ["display_name", "abstract", "icon"] },
        etag: of.etag,
      });
      return answer.application;
    });
    if (saved) say(t.act.saved);
  };
  const names = { name: t.applications.displayName, abstract: t.applications.abstract, picture: t.settings.picture };
  return (
    <section class="section" aria-labelledby="about-title">
      <h2 id="about-title">{t.settings.about}</h2>
      <div class="sheet sheet-padded">
        <Form
          onSend={() => void send()}
          fault={draft.fault}
          told={
            <Changes
              fault={draft.fault}
              of={draft.changes}
              names={names}
              say={(field, value) => (field === "picture" && value !== "" ? t.settings.pictureThere : undefined)}
            />
          }
          foot={<Buttons send={t.act.save} busy={draft.busy} />}
        >
          <Text
            label={names.name}
            hint={t.applications.displayNameHint}
            value={name}
            onValue={(value) => draft.set({ name: value })}
            max={50}
            wrong={wrongWith(draft.fault, "display_name")}
          />
          <Text
            label={names.abstract}
            hint={t.applications.abstractHint}
            value={abstract}
            onValue={(value) => draft.set({ abstract: value })}
            rows={3}
            max={500}
            wrong={wrongWith(draft.fault, "abstract")}
          />
          <Picture
            value={picture}
            onValue={(value) => draft.set({ picture: value })}
            wrong={wrongWith(draft.fault, "icon", "data", "media_type")}
          />
        </Form>
      </div>
    </section>
  );
}

interface PictureProps {
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly wrong: string | undefined;
}

/** A picture of one's own choice. */
function Picture({ value, onValue, wrong }: PictureProps) {
  const id = useId();
  const file = useRef<HTMLInputElement>(null);
  const [refused, setRefused] = useState<"kind" | "large" | undefined>(undefined);
  const texts = t.settings;
  const choose = async (chosen: File | undefined): Promise<void> => {
    if (chosen === undefined) return;
    const read = await readPicture(chosen);
    setRefused("wrong" in read ? read.wrong : undefined);
    if ("address" in read) onValue(read.address);
  };
  const remove = (): void => {
    if (file.current !== null) file.current.value = "";
    setRefused(undefined);
    onValue("");
  };
  const faulty = refused === undefined ? wrong : refused === "large" ? texts.pictureLarge : texts.pictureKind;
  return (
    <div class="field">
      <label for={id}>{texts.picture}</label>
      <div class="picture">
        {value !== "" && <img src={value} alt="" />}
        <input
          ref={file}
          id={id}
          type="file"
          accept="image/png,image/svg+xml,.png,.svg"
          aria-invalid={faulty === undefined ? undefined : true}
          aria-describedby={`${id}-hint${faulty === undefined ? "" : ` ${id}-wrong`}`}
          onChange={(event) => void choose(event.currentTarget.files?.[0])}
        />
        {value !== "" && (
          <button
            type="button"
            class="button button-small"
            aria-label={`${t.act.remove}: ${texts.picture}`}
            onClick={remove}
          >
            {t.act.remove}
          </button>
        )}
      </div>
      <p class="hint" id={`${id}-hint`}>
        {texts.pictureHint}
      </p>
      {faulty !== undefined && (
        <p class="wrong" id={`${id}-wrong`} role="alert">
          {faulty}
        </p>
      )}
    </div>
  );
}
