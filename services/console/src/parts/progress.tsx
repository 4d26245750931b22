import { number, span, took } from "../format";
import { GatewayAnswer, type GatewayProgress, type Switch } from "../generated/switchover/catalog/v1/switches_pb";
import { t } from "../language";
import { idOf } from "../router";
import { stepsOf, type Step } from "../steps";
import { Badge, type Tone } from "./badge";
import { Icon } from "./icon";
import { Table } from "./table";

/** The steps of a switch: those behind it, the one that it is at, and those ahead. */
export function Steps({ of }: { readonly of: Switch }) {
  const stands: Readonly<Record<Step["stand"], string>> = {
    done: t.switch.stepDone,
    now: t.switch.now,
    ahead: t.switch.stepAhead,
  };
  return (
    <ol class="steps">
      {stepsOf(of).map((step) => (
        <li key={step.state} class={`step step-${step.stand}`} aria-current={step.stand === "now" ? "step" : undefined}>
          <span class="step-mark" aria-hidden="true">
            {step.stand === "done" && <Icon of="check" />}
          </span>
          <span class="step-name">{t.switch.states[step.state]}</span>
          <span class="hidden">{stands[step.stand]}</span>
          <span class="step-time soft">
            {step.took !== undefined
              ? took(step.took)
              : step.began !== undefined
                ? step.stand === "now"
                  ? t.switch.now
                  : took(step.began)
                : ""}
          </span>
        </li>
      ))}
    </ol>
  );
}

/** The tenants' side of a switch. */
export function Moves({ of }: { readonly of: Switch }) {
  const tenants = of.tenants;
  const total = Number(tenants?.total ?? 0n);
  const moved = Number(tenants?.moved ?? 0n);
  return (
    <>
      <div class="measure">
        <progress class="progress" max={Math.max(total, 1)} value={moved} aria-label={t.switch.tenants} />
        <p>{t.switch.tenantsMoved(number(moved), number(total))}</p>
      </div>
      <p class="badges">
        <Badge>{t.switch.tenantsMailed(tenants?.mailed ?? 0n)}</Badge>
        <Badge tone={tenants !== undefined && tenants.denied > 0n ? "warn" : "plain"}>
          {t.switch.tenantsDenied(tenants?.denied ?? 0n)}
        </Badge>
        <Badge tone={tenants !== undefined && tenants.failed > 0n ? "bad" : "plain"}>
          {t.switch.tenantsFailed(tenants?.failed ?? 0n)}
        </Badge>
      </p>
      {tenants !== undefined && tenants.failures.length > 0 && (
        <ul class="plain-list">
          {tenants.failures.map(({ tenant, message }) => (
            <li key={tenant}>
              <b>{idOf(tenant)}</b> <span lang="en">{message}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

const TONES: Readonly<Record<GatewayAnswer, Tone>> = {
  [GatewayAnswer.UNSPECIFIED]: "plain",
  [GatewayAnswer.READY]: "accent",
  [GatewayAnswer.NOT_READY]: "bad",
  [GatewayAnswer.HELD]: "warn",
  [GatewayAnswer.RELEASED]: "accent",
  [GatewayAnswer.DRAINED]: "good",
  [GatewayAnswer.FENCED]: "warn",
};

/** The gateways' side of a switch, one by one. */
export function Fleet({ of }: { readonly of: Switch }) {
  if (of.gateways.length === 0) return <p class="soft">{t.switch.noGateways}</p>;
  const texts = t.switch;
  const count = (title: string, value: (gateway: GatewayProgress) => bigint) => ({
    title,
    numeric: true,
    cell: (gateway: GatewayProgress) => number(value(gateway)),
  });
  return (
    <Table
      caption={texts.gateways}
      rows={of.gateways}
      keyOf={({ gateway }) => gateway}
      columns={[
        { title: texts.gateway, heads: true, cell: ({ gateway }) => idOf(gateway) },
        {
          title: texts.answer,
          cell: ({ answer, message }) => (
            <>
              <Badge tone={TONES[answer]}>{texts.answers[answer]}</Badge>
              {message !== "" && (
                <span class="cell-under" lang="en">
                  {message}
                </span>
              )}
            </>
          ),
        },
        count(texts.held, (gateway) => gateway.heldRequests),
        {
          title: texts.longestHold,
          numeric: true,
          cell: ({ longestHold, heldRequests }) => (heldRequests === 0n ? t.act.none : took(span(longestHold))),
        },
        count(texts.open, (gateway) => gateway.openRequests),
        count(texts.finished, (gateway) => gateway.drainedRequests),
        count(texts.closed, (gateway) => gateway.closedConnections),
        count(texts.cut, (gateway) => gateway.cutRequests),
        count(texts.failedRequests, (gateway) => gateway.failedRequests),
      ]}
    />
  );
}
