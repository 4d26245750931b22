import { useState } from "preact/hooks";
import { useAsk, useDeed } from "../ask";
import { provisionings, tenants } from "../client";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import { t } from "../language";
import { idOf } from "../router";
import { say } from "./announce";
import { Dialog } from "./dialog";
import { Buttons, Choices, Form, Select, Text, wrongWith } from "./fields";
import { Command } from "./notes";

const NEW = "";
type Consent = "ask" | "record";

/** Lets a tenant use an application: one that is there, or one that is created for it. */
export function AddToCustomer({
  application,
  onClose,
}: {
  readonly application: Application;
  readonly onClose: () => void;
}) {
  const known = useAsk(
    "all tenants",
    async (signal) => (await tenants.listTenants({ pageSize: 1000 }, { signal })).tenants,
  ).answer;
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const [id, setId] = useState("");
  const [name, setName] = useState("");
  const [contact, setContact] = useState("");
  const [consent, setConsent] = useState<Consent>("ask");
  const [reference, setReference] = useState("");
  const deed = useDeed();
  const texts = t.provisioning;
  const tenant = chosen ?? known?.[0]?.name ?? NEW;
  const version = application.activeVersion === "" ? application.testVersion : application.activeVersion;

  const send = async (): Promise<void> => {
    const named = tenant === NEW ? `tenants/${id}` : tenant;
    const done = await deed.run(async () => {
      if (tenant === NEW) {
        const contacts = contact === "" ? [] : [{ email: contact }];
        await tenants.createTenant({ tenantId: id, tenant: { displayName: name, contacts } });
        // It is there from now on, whatever becomes of the rest.
        setChosen(named);
      }
      await provisionings.createProvisioning({
        tenant: named,
        version,
        consent: consent === "ask" ? { case: "ask", value: {} } : { case: "onRecord", value: { reference } },
      });
    });
    if (!done) return;
    onClose();
    say(texts.added(idOf(named)));
  };

  const options: [string, string][] = [
    ...(known ?? []).map((one): [string, string] => [one.name, `${one.displayName} (${idOf(one.name)})`]),
    [NEW, texts.newTenant],
  ];
  if (chosen !== undefined && !options.some(([value]) => value === chosen)) options.unshift([chosen, idOf(chosen)]);
  return (
    <Dialog title={texts.addToCustomer} onClose={onClose}>
      <Form
        onSend={() => void send()}
        fault={deed.fault}
        foot={<Buttons send={t.act.add} busy={deed.busy} onCancel={onClose} />}
      >
        <Select
          label={texts.chooseTenant}
          value={tenant}
          onValue={setChosen}
          options={options}
          wrong={tenant === NEW ? undefined : wrongWith(deed.fault, "tenant")}
        />
        {tenant === NEW && (
          <>
            <Text
              label={texts.tenantName}
              hint={t.tenants.displayNameHint}
              value={name}
              onValue={setName}
              max={100}
              wrong={wrongWith(deed.fault, "display_name")}
            />
            <Text
              label={texts.tenantId}
              hint={texts.tenantIdHint}
              value={id}
              onValue={setId}
              max={8}
              code
              wrong={wrongWith(deed.fault, "tenant_id")}
            />
            <Text
              label={texts.contact}
              hint={texts.contactHint}
              value={contact}
              onValue={setContact}
              max={254}
              keys="email"
              code
              wrong={wrongWith(deed.fault, "email", "contacts")}
            />
          </>
        )}
        <Choices
          legend={texts.consent}
          value={consent}
          onValue={setConsent}
          options={[
            { value: "ask", label: texts.askByMail, hint: texts.askByMailHint },
            { value: "record", label: texts.onRecord, hint: texts.onRecordHint },
          ]}
        />
        {consent === "record" && (
          <Text
            label={texts.reference}
            value={reference}
            onValue={setReference}
            max={500}
            wrong={wrongWith(deed.fault, "reference")}
          />
        )}
        <Command
          text={`switchover provisionings create ${tenant === NEW ? id || "acme" : idOf(tenant)} ${idOf(application.name)} ${idOf(version)}`}
        />
      </Form>
    </Dialog>
  );
}
