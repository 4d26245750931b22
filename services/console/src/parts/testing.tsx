import { useState } from "preact/hooks";
import { useDeed } from "../ask";
import { switches } from "../client";
import type { Version } from "../generated/switchover/catalog/v1/applications_pb";
import type { RegisterToTestResponse } from "../generated/switchover/catalog/v1/switches_pb";
import { t } from "../language";
import { idOf } from "../router";
import { Ask, Dialog } from "./dialog";
import { Note } from "./notes";
import { Reason } from "./reason";
import { Copyable } from "./secret";

interface Props {
  readonly version: Version;
  readonly onClose: () => void;
}

/** Puts a version in test, and shows once what testers and the backend need. */
export function RegisterToTest({ version, onClose }: Props) {
  const [reason, setReason] = useState("");
  const [answer, setAnswer] = useState<RegisterToTestResponse | undefined>(undefined);
  const deed = useDeed();
  const id = idOf(version.name);
  if (answer !== undefined) {
    const pair = answer.appCredential;
    const secrets: [string, string][] = [
      [t.versions.testAddress, answer.testAddress],
      [t.versions.testerToken, answer.testerToken],
      ...(pair === undefined
        ? []
        : ([
            [t.versions.clientId, pair.clientId],
            [t.versions.clientSecret, pair.clientSecret],
          ] as [string, string][])),
    ];
    return <ShownOnce title={t.versions.inTestNow(id)} secrets={secrets} onClose={onClose} />;
  }
  const register = (): void =>
    void deed.run(async () => setAnswer(await switches.registerToTest({ version: version.name, reason })));
  return (
    <Ask
      title={`${t.versions.registerToTest}: ${id}`}
      text={t.versions.registerAsk(id)}
      yes={t.versions.registerToTest}
      deed={deed}
      onYes={register}
      onClose={onClose}
    >
      <Reason value={reason} onValue={setReason} fault={deed.fault} />
    </Ask>
  );
}

/** Ends a test. */
export function CancelTest({ version, onClose }: Props) {
  const [reason, setReason] = useState("");
  const deed = useDeed();
  const id = idOf(version.name);
  const cancel = async (): Promise<void> => {
    const done = await deed.run(async () => {
      await switches.cancelTest({ version: version.name, reason });
    });
    if (done) onClose();
  };
  return (
    <Ask
      title={`${t.versions.cancelTest}: ${id}`}
      text={t.versions.cancelTestAsk(id)}
      yes={t.versions.cancelTest}
      danger
      deed={deed}
      onYes={() => void cancel()}
      onClose={onClose}
    >
      <Reason value={reason} onValue={setReason} fault={deed.fault} />
    </Ask>
  );
}

/** Makes a new tester token and shows it once. */
export function NewTesterToken({ version, testAddress, onClose }: Props & { readonly testAddress: string }) {
  const [token, setToken] = useState<string | undefined>(undefined);
  const deed = useDeed();
  if (token !== undefined) {
    const secrets: [string, string][] = [
      [t.versions.testAddress, testAddress],
      [t.versions.testerToken, token],
    ];
    return <ShownOnce title={t.versions.newToken} secrets={secrets} onClose={onClose} />;
  }
  const rotate = (): void =>
    void deed.run(async () => setToken((await switches.rotateTesterToken({ version: version.name })).testerToken));
  return (
    <Ask
      title={t.versions.newToken}
      text={t.versions.newTokenAsk}
      yes={t.versions.newToken}
      deed={deed}
      onYes={rotate}
      onClose={onClose}
    />
  );
}

/** Shows secrets that nobody can ask for again. */
export function ShownOnce({
  title,
  secrets,
  onClose,
}: {
  readonly title: string;
  readonly secrets: readonly (readonly [string, string])[];
  readonly onClose: () => void;
}) {
  return (
    <Dialog title={title} onClose={onClose} stubborn>
      <Note tone="warn">
        <p>{t.versions.shownOnce}</p>
      </Note>
      <div class="section">
        {secrets.map(([name, value]) => (
          <Copyable key={name} name={name} value={value} />
        ))}
      </div>
      <div class="dialog-foot">
        <button type="button" class="button button-main" onClick={onClose}>
          {t.versions.kept}
        </button>
      </div>
    </Dialog>
  );
}
