import { useState } from "preact/hooks";
import { versionsOf } from "../applications";
import { useAsk, useDeed } from "../ask";
import { fleet } from "../client";
import { list, number } from "../format";
import type { GetRecoveryResponse, RoutePosition } from "../generated/switchover/catalog/v1/fleet_pb";
import { t } from "../language";
import { idOf } from "../router";
import { say } from "./announce";
import { Dialog } from "./dialog";
import { Buttons, Form, Select, wrongWith } from "./fields";
import { Command, FaultNote, Note } from "./notes";
import { Reason } from "./reason";

interface Props {
  readonly recovery: GetRecoveryResponse;
  readonly onClose: () => void;
}

/** After a backup was put back: says what is to be true, and lets switches go on. */
export function Adopt({ recovery, onClose }: Props) {
  const known = useAsk("every version", (signal) => versionsOf("applications/-", signal));
  const [chosen, setChosen] = useState<Readonly<Record<string, string>>>({});
  const [reason, setReason] = useState("");
  const deed = useDeed();
  const texts = t.gateways;
  const missing = recovery.missingGateways;
  const adopt = async (): Promise<void> => {
    const versions = Object.values(chosen).filter((version) => version !== "");
    const done = await deed.run(async () => {
      await fleet.adoptRecovery({ versions, reason });
    });
    if (!done) return;
    onClose();
    say(texts.adopted);
  };
  return (
    <Dialog title={texts.adopt} onClose={onClose} wide>
      <Form
        onSend={() => void adopt()}
        fault={deed.fault}
        foot={<Buttons send={texts.adopt} busy={deed.busy} danger onCancel={onClose} />}
      >
        <p>{texts.adoptText}</p>
        {missing.length > 0 && (
          <Note tone="warn">
            <p>{texts.adoptMissing(list(missing.map(idOf)))}</p>
          </Note>
        )}
        <FaultNote fault={known.fault} again={known.again} />
        {recovery.applications.map(({ application, restored, reported }) => (
          <Select
            key={application}
            label={texts.adoptOf(idOf(application))}
            hint={texts.adoptKnown(standing(restored), standing(reported))}
            value={chosen[application] ?? ""}
            onValue={(version) => setChosen({ ...chosen, [application]: version })}
            options={[
              ["", texts.adoptServed],
              ...(known.answer ?? [])
                .filter(({ name }) => name.startsWith(`${application}/`))
                .map(({ name }): [string, string] => [name, idOf(name)]),
            ]}
          />
        ))}
        {wrongWith(deed.fault, "versions") !== undefined && (
          <p class="wrong" lang="en">
            {wrongWith(deed.fault, "versions")}
          </p>
        )}
        <Reason value={reason} onValue={setReason} fault={deed.fault} />
        <Command text="switchover catalog adopt --help" />
      </Form>
    </Dialog>
  );
}

function standing(of: RoutePosition | undefined): string {
  if (of === undefined) return t.act.none;
  const version = of.version === "" ? t.act.none : of.version;
  return t.gateways.standing(version, number(of.generation));
}
