import type { ComponentChildren } from "preact";
import { list, span, took } from "../format";
import type { PreviewSwitchResponse } from "../generated/switchover/catalog/v1/switches_pb";
import { t } from "../language";
import { idIn } from "../router";

/** What a switch would do, as of now. */
export function Impact({ of }: { readonly of: PreviewSwitchResponse }) {
  const texts = t.preview;
  const tenants = of.tenants;
  const counts: readonly (readonly [bigint, (count: bigint) => string])[] =
    tenants === undefined
      ? []
      : [
          [tenants.admitted, texts.admitted],
          [tenants.asked, texts.asked],
          [tenants.denied, texts.denied],
          [tenants.failing, texts.failing],
        ];
  const moved = [
    texts.moved(tenants?.total ?? 0n),
    ...counts.filter(([count]) => count > 0n).map(([count, text]) => text(count)),
  ];
  const mailed = tenants?.mailed ?? 0n;
  const open = of.longLived?.connections ?? 0n;
  const roles = (keep: (before: string | undefined, after: string | undefined) => boolean): string[] =>
    of.roles.filter(({ before, after }) => keep(before, after)).map(({ name }) => name);
  const rows: (readonly [string, ComponentChildren])[] = [
    [texts.from, of.sourceVersion === "" ? t.act.none : idIn(of.sourceVersion, "versions")],
    [texts.to, <b key="to">{idIn(of.targetVersion, "versions")}</b>],
    [
      texts.health,
      of.unhealthy === "" ? (
        <span class="is-good">{texts.healthy}</span>
      ) : (
        <span class="is-bad" lang="en">
          {of.unhealthy}
        </span>
      ),
    ],
    [texts.tenants, <Lines key="tenants" of={moved} />],
    [texts.mails, mailed === 0n ? texts.noMails : texts.mailed(mailed)],
    [texts.newRoles, named(roles((before) => before === undefined))],
    [texts.goneRoles, named(roles((_, after) => after === undefined))],
    [texts.rewordedRoles, named(roles((before, after) => before !== undefined && after !== undefined))],
    [texts.newScopes, named(of.scopesAdded)],
    [texts.goneScopes, named(of.scopesRemoved)],
    [texts.connections, open === 0n ? texts.connectionsNone : texts.connectionsOpen(open)],
    ...(span(of.notice) > 0 ? [[texts.notice, texts.noticeText(took(span(of.notice)))] as const] : []),
    [texts.users, texts.usersText],
  ];
  return (
    <dl class="facts facts-rows">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function named(names: readonly string[]): ComponentChildren {
  return names.length === 0 ? <span class="soft">{t.act.none}</span> : <span translate={false}>{list(names)}</span>;
}

function Lines({ of }: { readonly of: readonly string[] }) {
  return (
    <>
      {of.map((line, place) => (
        <span key={place} class="line-text">
          {line}
        </span>
      ))}
    </>
  );
}
