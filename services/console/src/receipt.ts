/** What users noticed, over all gateways or at one. */
export interface ReceiptRequests {
  readonly held: number;
  readonly longest_hold_us: number;
  readonly failed: number;
  readonly finished: number;
  readonly closed: number;
  readonly cut: number;
}

/** A receipt as it was signed, as far as it is shown. */
export interface Receipt {
  readonly number: number;
  readonly previous_sha256: string;
  readonly confirmed_at: string;
  readonly tenants: {
    readonly total: number;
    readonly moved: number;
    readonly mailed: number;
    readonly denied: number;
    readonly failed: number;
  };
  readonly requests: ReceiptRequests;
  readonly gateways: readonly {
    readonly gateway: string;
    readonly ready_at: string | null;
    readonly held_at: string | null;
    readonly released_at: string | null;
    readonly drained_at: string | null;
    readonly requests: ReceiptRequests;
  }[];
}

const FORM = "switchover-receipt-1";

/** Reads a receipt; none if it has a form that this console does not know. */
export function readReceipt(json: string): Receipt | undefined {
  try {
    const said = JSON.parse(json) as Receipt & { form?: string };
    return said.form === FORM ? said : undefined;
  } catch {
    return undefined;
  }
}

/** Returns how many milliseconds after the confirm something was; none if it never was. */
export function after(receipt: Receipt, moment: string | null): number | undefined {
  return moment === null ? undefined : precise(moment) - precise(receipt.confirmed_at);
}

/** Reads a moment with all the digits that it has: a Date keeps milliseconds alone. */
function precise(moment: string): number {
  const fraction = /\.(\d+)/.exec(moment)?.[1] ?? "";
  const whole = Date.parse(moment.replace(/\.\d+/, ""));
  return whole + Number(`0.${fraction === "" ? "0" : fraction}`) * 1000;
}
