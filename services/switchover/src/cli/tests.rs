use super::*;

fn parsed(line: &str) -> Result<Cli, clap::Error> {
    let words = std::iter::once("switchover").chain(line.split_whitespace());
    Cli::grammar()
        .try_get_matches_from(words)
        .map(|matches| Cli::of(&matches))
}

/// Returns the help of a command, without what the environment or the terminal adds.
fn help(line: &str) -> String {
    let error = parsed(&format!("{line} --help")).unwrap_err();
    assert_eq!(error.kind(), clap::error::ErrorKind::DisplayHelp);
    error.render().to_string()
}

#[test]
fn the_grammar_holds_together() {
    Cli::grammar().debug_assert();
}

#[test]
fn every_command_parses_as_people_type_it() {
    let id = "0199a000-0000-7000-8000-000000000001";
    for line in [
        "apps create shop --display-name Shop --abstract x --icon a.png --hold-timeout 2s --tenant-failures go-on",
        "apps get shop",
        "apps ls --all",
        "app update shop --drain-timeout 1m --etag r3",
        "apps delete shop",
        "apps settings shop",
        "apps history shop --page-size 5",
        "versions create shop 2.0 --upstream http://127.0.0.1:9002 --health-status 200-299 --health-status 304 \
         --role buyer=May --role clerk=Helps --app-credentials-scope orders.read",
        "versions get applications/shop/versions/2.0",
        "versions list",
        "version list shop",
        "versions update shop 2.0 --no-app-credentials",
        "versions delete shop 2.0",
        "versions register-to-test shop 2.0 --reason x",
        "versions cancel-test shop 2.0",
        "versions rotate-tester-token shop 2.0",
        "versions confirm-update shop 2.0 --yes --wait --etag r1",
        "versions confirm-reactivate shop 1.0 -yw",
        "switches list --open",
        "switches get shop",
        "switches watch shop",
        "switch wait shop --timeout 30s",
        "switches cancel shop --reason x --wait",
        "tenants create anna --display-name Anna --contact anna@example.org",
        "tenants get anna",
        "tenants list",
        "tenants update anna --no-contacts",
        "tenants delete anna",
        "provisionings create anna shop 1.0 --on-record contract-17",
        "provisionings get anna shop 1.0",
        "provisionings list --tenant anna --application shop",
        "provisionings remove anna shop --reason x",
        "provisionings deny anna shop 2.0",
        "provisionings accept anna shop 2.0",
        "provisionings ask-again anna shop 2.0",
        "credentials create shop 2.0",
        "credentials create shop 2.0 --expires 2027-12-31T23:00:00Z",
        "credentials list shop 2.0",
        "tokens issue anna bert --app-version 2.0 --client-id x --secret-file - --scope orders.read",
        "tokens tenants --client-id x --secret-file secret --all",
        "tokens keys",
        "inbox show",
        "inbox list --tenant anna --tab events --unread",
        "inbox watch --after x",
        "deliveries list --state queued",
        "mail preview",
        "mail bounce --json",
        "mail bounce --message-id <x@y> --reason full",
        "inbox subscriptions --tenant anna",
        "inbox unsubscribe switches --channel mail --address olga@example.com",
        "inbox subscribe switches --channel inbox",
        "deliveries list --state bounced",
        "deliveries retry 0199a000-0000-7000-8000-000000000001",
        "whoami",
        "whoami --service gateway --token-file token --as tenant-admin:bert",
        "keys generate --role operator-viewer --subject people/bot --expires-in 90d \
         --methods switchover.catalog.v1.SwitchService/* --applications crm,applications/erp",
        "deliveries retry --all dead",
        "mail preview deny_offered --mail-language de --mail-colour #aa0000 --out previews",
        "mail dkim-record --dkim-key 2026=dkim.pem --mail-from ops@example.com --json",
        "gateways list",
        "gateways status --tenants --application shop",
        "gateways evict gateway-1 --reason gone",
        "gateways drain gateway-1 --reason kernel",
        "gateways resume gateways/gateway-1",
        "apps create shop --fleet-mode fenced --lease 30s",
        "catalog restore --database sqlite:catalog.db",
        "catalog recovery",
        "catalog adopt --version shop/2.0 --version applications/crm/versions/1 --reason x",
        "keys create --role gateway --subject gateways/g-1",
        "keys dev --catalog http://127.0.0.1:9 --json",
        "verify-history requests.txt --show 3 --json",
        "completions zsh",
        "serve catalog --provisioning http://127.0.0.1:7102",
        "serve provisioning --catalog http://127.0.0.1:7101 --key-file k --drain-seconds 5",
        "serve gateway --operator acme --gateway gateway-1 --catalog http://a:1,http://b:1",
        "dev --fresh --free-ports --data-dir d --ready-file r --smtp smtp://127.0.0.1:1025",
        "dev --login-issuer https://id.example --login-client-id shop",
    ] {
        if let Err(error) = parsed(line) {
            panic!("{line}: {error}");
        }
    }
    for line in [
        format!("inbox read {id}"),
        format!("inbox archive {id} {id} --undo"),
        format!("deliveries get {id}"),
        format!("deliveries retry deliveries/{id}"),
        format!("credentials rotate applications/shop/versions/2.0/credentials/{id} --overlap 1h"),
        format!("credentials revoke applications/shop/versions/2.0/credentials/{id}"),
    ] {
        if let Err(error) = parsed(&line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for line in [
        "",
        "apps",
        "apps create Shop",
        "apps list --page-size 0",
        "tenants create Anna",
        "tenants create a",
        "tenants create anna --contact nobody",
        "versions create shop 2.0",
        "versions update shop 2.0 --no-app-credentials --needs-app-credentials",
        "apps list --catalog ftp://x",
        "apps list --as king",
        "keys create --role king --subject x",
        "inbox list --tab none",
        "inbox unsubscribe switches",
        "deliveries retry",
        "deliveries retry 0199a000-0000-7000-8000-000000000001 --all dead",
        "deliveries retry --all sent",
        "mail bounce --reason full",
        "mail dkim-record --mail-from ops@example.com --dkim-key dkim.pem",
        "mail preview --mail-language fr",
    ] {
        let error = parsed(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn options_may_stand_before_the_noun_or_behind_it() {
    for line in ["--json apps list", "apps --json list", "apps list --json"] {
        let cli = parsed(line).unwrap();
        let Command::Apps(noun) = cli.command else {
            panic!("{line}");
        };
        assert!(noun.options.or(cli.before).json, "{line}");
    }
}

#[test]
fn help_says_what_there_is() {
    insta::assert_snapshot!("help", help(""));
    insta::assert_snapshot!("help_versions", help("versions"));
    insta::assert_snapshot!("help_confirm_update", help("versions confirm-update"));
    insta::assert_snapshot!("help_apps_create", help("apps create"));
    insta::assert_snapshot!("help_serve", help("serve"));
    insta::assert_snapshot!("help_dev", help("dev"));
    insta::assert_snapshot!("help_verify_history", help("verify-history"));
}

#[test]
fn a_service_keeps_its_own_flags_whatever_the_client_calls_alike() {
    let line = "--catalog http://client:1 serve gateway --operator acme --catalog http://service:1";
    let cli = parsed(line).unwrap();
    let Command::Serve(service) = cli.command else {
        panic!("{line}");
    };
    let serve::Command::Gateway(gateway) = *service else {
        panic!("{line}");
    };
    assert_eq!(gateway.config.catalog[0].to_string(), "http://service:1");
}

#[test]
fn what_services_are_told_wrongly_is_said_in_one_sentence() {
    for (line, said) in [
        (
            "serve catalog --listen nowhere",
            "invalid value 'nowhere' for '--listen <ADDRESS:PORT>': invalid socket address syntax",
        ),
        (
            "serve gateway --state-dir x",
            "the following required arguments were not provided: --operator <NAME>",
        ),
        (
            "--json dev --apps-port 70000",
            "invalid value '70000' for '--apps-port <PORT>': 70000 is not in 0..=65535",
        ),
    ] {
        let words: Vec<_> = std::iter::once("switchover")
            .chain(line.split(' '))
            .map(OsString::from)
            .collect();
        assert!(starts_services(&Cli::grammar(), &words), "{line}");
        assert_eq!(sentence(&parsed(line).unwrap_err()), said);
    }
    let words = ["switchover", "apps", "get", "dev"].map(OsString::from);
    assert!(!starts_services(&Cli::grammar(), &words));
}

#[test]
fn completions_know_the_verbs() {
    for shell in [
        clap_complete::Shell::Bash,
        clap_complete::Shell::Zsh,
        clap_complete::Shell::Fish,
    ] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::grammar(), "switchover", &mut script);
        let script = String::from_utf8(script).unwrap();
        assert!(script.contains("confirm-reactivate"), "{shell}");
    }
}
