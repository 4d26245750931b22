import { useAsk, useDeed } from "../ask";
import { caller, inboxName } from "../caller";
import { subscriptions } from "../client";
import { Channel, type Subscription } from "../generated/switchover/notification/v1/subscriptions_pb";
import { t } from "../language";
import { Badge } from "../parts/badge";
import { Command, FaultNote, Skeleton } from "../parts/notes";
import { Table } from "../parts/table";
import { Title } from "../parts/title";
import { useWish } from "../wish";

/** What an inbox's owner is told of, and how. */
export function Notices() {
  const parent = inboxName();
  const { answer, fault, again } = useAsk(
    `${parent} subscriptions`,
    async (signal) => (await subscriptions.listSubscriptions({ parent }, { signal })).subscriptions,
  );
  const deed = useDeed();
  const may = caller().role !== "operator-viewer";
  const toggle = (subscription: Subscription, channel: Channel, on: boolean, name: string) =>
    subscription.required ? (
      <Badge>{t.notices.required}</Badge>
    ) : (
      <Toggle
        name={`${name}: ${t.notices.categories[subscription.category]}`}
        on={on}
        disabled={!may}
        turn={(wanted) =>
          deed.run(async () => {
            await subscriptions.setSubscription({ parent, category: subscription.category, channel, on: wanted });
          })
        }
      />
    );
  return (
    <>
      <Title title={t.notices.title} intro={t.notices.intro} />
      <FaultNote fault={fault ?? deed.fault} again={again} />
      {answer === undefined && fault === undefined && <Skeleton />}
      {answer !== undefined && (
        <Table
          caption={t.notices.title}
          rows={answer}
          keyOf={({ category }) => String(category)}
          columns={[
            {
              title: t.notices.about,
              heads: true,
              cell: ({ category, unsubscribed }) => (
                <>
                  {t.notices.categories[category]}
                  {unsubscribed.length > 0 && (
                    <span class="cell-under">{t.notices.unsubscribed(unsubscribed.length)}</span>
                  )}
                </>
              ),
            },
            {
              title: t.notices.inbox,
              cell: (subscription) => toggle(subscription, Channel.INBOX, subscription.inbox, t.notices.inbox),
            },
            {
              title: t.notices.mail,
              cell: (subscription) => toggle(subscription, Channel.MAIL, subscription.mail, t.notices.mail),
            },
          ]}
        />
      )}
      <Command text="switchover inbox subscriptions" />
    </>
  );
}

interface ToggleProps {
  readonly name: string;
  readonly on: boolean;
  readonly disabled: boolean;
  /** Turns it; answers whether that was done. */
  readonly turn: (on: boolean) => Promise<boolean>;
}

function Toggle({ name, on, disabled, turn }: ToggleProps) {
  const [shown, wish] = useWish(on);
  const change = async (wanted: boolean): Promise<void> => {
    wish(wanted);
    if (!(await turn(wanted))) wish(undefined);
  };
  return (
    <input
      type="checkbox"
      checked={shown}
      disabled={disabled}
      aria-label={name}
      onChange={(event) => void change(event.currentTarget.checked)}
    />
  );
}
