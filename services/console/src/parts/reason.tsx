import type { Fault } from "../fault";
import { t } from "../language";
import { Text, wrongWith } from "./fields";

interface Props {
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly fault?: Fault | undefined;
}

/** Why something is done, for the history. */
export function Reason({ value, onValue, fault }: Props) {
  return (
    <Text
      label={t.act.reason}
      hint={t.act.reasonHint}
      value={value}
      onValue={onValue}
      max={500}
      wrong={wrongWith(fault, "reason")}
    />
  );
}
