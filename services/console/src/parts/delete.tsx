import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { changed, useDeed } from "../ask";
import { faultOf, type Fault } from "../fault";
import { t } from "../language";
import { Dialog } from "./dialog";
import { Facts } from "./facts";
import { Buttons, Form, Text } from "./fields";
import { FaultNote, Note, Skeleton } from "./notes";

/** What is to be deleted, as it stands. */
export interface Doomed {
  readonly etag: string;
  readonly facts: readonly (readonly [string, ComponentChildren])[];
  /** Why it cannot be deleted now; nothing if it can. */
  readonly hindered?: string;
}

interface Props {
  readonly title: string;
  readonly text: string;
  /** What is typed so that nothing is deleted by a slip. */
  readonly word: string;
  readonly look: () => Promise<Doomed>;
  readonly act: (etag: string) => Promise<unknown>;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

/** Shows what is to be deleted, has its name typed, and deletes exactly what was shown. */
export function Delete({ title, text, word, look, act, onDone, onClose }: Props) {
  const [shown, setShown] = useState<Doomed | undefined>(undefined);
  const [fault, setFault] = useState<Fault | undefined>(undefined);
  const [stale, setStale] = useState(false);
  const [typed, setTyped] = useState("");
  const [tried, setTried] = useState(false);
  const deed = useDeed();
  const right = typed.trim().toLocaleLowerCase() === word.toLocaleLowerCase();

  const ask = async (): Promise<void> => {
    setFault(undefined);
    try {
      setShown(await look());
    } catch (thrown) {
      setFault(faultOf(thrown));
    }
  };
  useEffect(() => void ask(), [title]);

  const send = async (of: Doomed): Promise<void> => {
    setTried(true);
    if (!right) return;
    let outdated = false;
    const done = await deed.run(async () => {
      try {
        await act(of.etag);
      } catch (thrown) {
        outdated = faultOf(thrown).kind === "changed";
        throw thrown;
      }
    });
    if (done) {
      onClose();
      onDone();
    } else if (outdated) {
      // Nobody deletes what they have not seen: it is shown as it is now, and asked again.
      deed.clear();
      changed();
      await ask();
      setStale(true);
    }
  };

  const hindered = shown?.hindered;
  return (
    <Dialog title={title} onClose={onClose}>
      <FaultNote fault={fault} again={() => void ask()} />
      {shown === undefined && fault === undefined && <Skeleton />}
      {stale && (
        <Note tone="warn">
          <p role="alert">{t.act.looked}</p>
        </Note>
      )}
      {shown !== undefined && (
        <Form
          onSend={() => (hindered === undefined ? void send(shown) : onClose())}
          fault={deed.fault}
          foot={
            hindered === undefined ? (
              <Buttons send={t.versions.remove} busy={deed.busy} danger onCancel={onClose} />
            ) : (
              <Buttons send={t.act.close} busy={false} />
            )
          }
        >
          <p>{text}</p>
          <Facts of={shown.facts} />
          {hindered === undefined ? (
            <Text
              label={t.act.typeWord(word)}
              value={typed}
              onValue={setTyped}
              code
              wrong={tried && !right ? t.act.typeWrong(word) : undefined}
            />
          ) : (
            <Note tone="warn">
              <p>{hindered}</p>
            </Note>
          )}
        </Form>
      )}
    </Dialog>
  );
}
