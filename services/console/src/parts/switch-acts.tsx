import { useState } from "preact/hooks";
import { useDeed } from "../ask";
import { mayChange } from "../caller";
import { switches } from "../client";
import { clock, durationOf } from "../format";
import { SwitchState, type Switch } from "../generated/switchover/catalog/v1/switches_pb";
import { t } from "../language";
import { cancellable } from "../steps";
import { Ask } from "./dialog";
import { Text, wrongWith } from "./fields";
import { Reason } from "./reason";

type Doing = "cancel" | "extend" | "cut";

/** What can be done about a switch while it goes on. */
export function SwitchActs({ of }: { readonly of: Switch }) {
  const [doing, setDoing] = useState<Doing | undefined>(undefined);
  const draining = of.state === SwitchState.DRAINING;
  if (!mayChange() || (!draining && !cancellable(of)))
    return doing === undefined ? null : <Act doing={doing} of={of} onClose={() => setDoing(undefined)} />;
  return (
    <>
      {draining && of.drainDeadline !== undefined && (
        <p class="soft drain">{t.switch.drainUntil(clock(of.drainDeadline))}</p>
      )}
      {draining && (
        <button type="button" class="button" onClick={() => setDoing("extend")}>
          {t.switch.extend}
        </button>
      )}
      {draining && (
        <button type="button" class="button button-danger" onClick={() => setDoing("cut")}>
          {t.switch.cutNow}
        </button>
      )}
      {cancellable(of) && (
        <button type="button" class="button button-danger" onClick={() => setDoing("cancel")}>
          {t.switch.cancel}
        </button>
      )}
      {doing !== undefined && <Act doing={doing} of={of} onClose={() => setDoing(undefined)} />}
    </>
  );
}

function Act({ doing, of, onClose }: { readonly doing: Doing; readonly of: Switch; readonly onClose: () => void }) {
  const [reason, setReason] = useState("");
  const [minutes, setMinutes] = useState("5");
  const deed = useDeed();
  const run = async (act: () => Promise<unknown>): Promise<void> => {
    const done = await deed.run(async () => {
      await act();
    });
    if (done) onClose();
  };
  const why = <Reason value={reason} onValue={setReason} fault={deed.fault} />;
  switch (doing) {
    case "cancel":
      return (
        <Ask
          title={t.switch.cancel}
          text={t.switch.cancelAsk}
          yes={t.switch.cancel}
          danger
          deed={deed}
          onClose={onClose}
          onYes={() => void run(() => switches.cancelSwitch({ name: of.name, reason }))}
        >
          {why}
        </Ask>
      );
    case "cut": {
      const open = of.gateways.reduce((sum, gateway) => sum + gateway.openRequests, 0n);
      return (
        <Ask
          title={t.switch.cutNow}
          text={t.switch.cutAsk(open)}
          yes={t.switch.cutNow}
          danger
          deed={deed}
          onClose={onClose}
          onYes={() => void run(() => switches.cutDrain({ name: of.name, reason }))}
        >
          {why}
        </Ask>
      );
    }
    case "extend": {
      const by = Number(minutes.replace(",", ".")) * 60_000;
      return (
        <Ask
          title={t.switch.extend}
          text={t.switch.extendAsk}
          yes={t.switch.extend}
          deed={deed}
          onClose={onClose}
          onYes={() =>
            void run(() =>
              switches.extendDrain({ name: of.name, by: durationOf(Number.isFinite(by) ? by : 0), reason }),
            )
          }
        >
          <Text
            label={t.switch.extendBy}
            unit="min"
            keys="decimal"
            value={minutes}
            onValue={setMinutes}
            wrong={wrongWith(deed.fault, "by")}
          />
          {why}
        </Ask>
      );
    }
  }
}
