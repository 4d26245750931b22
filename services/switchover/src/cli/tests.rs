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
        "credentials list shop 2.0",
        "inbox show",
        "inbox list --tenant anna --tab events --unread",
        "inbox watch --after x",
        "deliveries list --state queued",
        "gateways list",
        "gateways status --tenants --application shop",
        "gateways evict gateway-1 --reason gone",
        "keys create --role gateway --subject gateways/g-1",
        "completions zsh",
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
